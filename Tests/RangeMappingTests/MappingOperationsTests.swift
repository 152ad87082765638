import RangeMapping
import Synchronization
import Testing

/// A file whose mappings are listed.
private final class ListedMappings: MappingOperations {
    enum Failure: Error, Equatable { case beyond, work }
    let access = MappingAccess.read
    let list: [Mapping]
    let open = Mutex(0), ended = Mutex<[UInt64]>([])

    init(_ list: [Mapping]) { self.list = list }

    func begin(_ range: ByteRange) async throws(Failure) -> Mapping {
        guard let found = list.first(where: { $0.offset <= range.start && range.start < $0.end }) else { throw .beyond }
        open.withLock { $0 += 1 }
        return found
    }
    func end(_ range: ByteRange, processed: UInt64, mapping: Mapping) async throws(Failure) {
        open.withLock { $0 -= 1 }
        ended.withLock { $0.append(processed) }
    }
}

@Suite struct MappingOperationsTests {
    private let file = ListedMappings([
        Mapping(offset: 0, length: 100, kind: .mapped), Mapping(offset: 100, length: 50, kind: .mapped),
        Mapping(offset: 150, length: 50, kind: .hole), Mapping(offset: 200, length: 10, kind: .unwritten, flags: .last),
    ])

    @Test func `a walk sees every byte of the range once, clipped`() async throws {
        var seen: [ByteRange] = []
        let done = try await file.walk(ByteRange(start: 20, end: 205)) { piece throws(ListedMappings.Failure) in
            seen.append(piece.range)
            return piece.length
        }
        #expect(done == 185)
        #expect(
            seen == [
                ByteRange(start: 20, end: 100), ByteRange(start: 100, end: 150), ByteRange(start: 150, end: 200),
                ByteRange(start: 200, end: 205),
            ])
    }

    @Test func `work that stops short ends the walk there`() async throws {
        let done = try await file.walk(ByteRange(start: 0, end: 200)) { piece throws(ListedMappings.Failure) in
            piece.offset == 100 ? 7 : piece.length
        }
        #expect(done == 107)
        #expect(file.ended.withLock { $0 } == [100, 7])
    }

    @Test func `end follows begin when the work fails too`() async {
        await #expect(throws: ListedMappings.Failure.work) {
            try await file.walk(ByteRange(start: 0, end: 200)) { piece throws(ListedMappings.Failure) -> UInt64 in
                if piece.kind == .hole { throw .work }
                return piece.length
            }
        }
        #expect(file.open.withLock { $0 } == 0)
        #expect(file.ended.withLock { $0 } == [100, 50, 0])
    }

    @Test func `neighbours of one kind are one mapping`() async throws {
        let found = try await file.mappings(in: ByteRange(start: 50, end: 210))
        #expect(found.map(\.kind) == [.mapped, .hole, .unwritten])
        #expect(found.map(\.length) == [100, 50, 10])
        #expect(found.last?.flags == .last)
    }

    @Test func `clipping keeps "last" only with the end`() {
        let mapping = Mapping(offset: 10, length: 10, kind: .mapped, flags: [.last, .shared])
        #expect(mapping.clipped(to: ByteRange(start: 0, end: 15))?.flags == .shared)
        #expect(mapping.clipped(to: ByteRange(start: 15, end: 90))?.flags == [.last, .shared])
        #expect(mapping.clipped(to: ByteRange(start: 20, end: 21)) == nil)
    }
}
