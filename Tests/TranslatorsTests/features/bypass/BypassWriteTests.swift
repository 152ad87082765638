import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassWriteTests {
        @Test func `a write reaches the target alone, under one mark`() async throws {
            let stack = try await BypassStack(3)
            let fd = try await stack.create("file")
            stack.clearRecords()
            try await stack.write("hello", to: fd)
            try await stack.write("world", to: fd, at: 5)

            #expect(stack.text(0, "file") == "helloworld")
            #expect(stack.text(1, "file") == "" && stack.text(2, "file") == "")
            for sink in 1...2 {
                #expect(stack.counts(0, about: sink, "file") == PendingCounts(data: 65_536))
                #expect(stack.epochs(0, about: sink, "file") == BypassCounts(opened: 1, healed: 0))
                #expect(stack.changes(sink) == [])
                #expect(stack.isIndexed(sink, fd.inode.gfid) == false)
            }
            #expect(stack.counts(0, about: 0, "file").isZero && stack.dirty(0, "file").isZero)
            #expect(stack.isIndexed(0, fd.inode.gfid))
            #expect(
                stack.observer.events == [
                    .opening, .opened(1), .began(1, offset: 0, bytes: 5), .ended(1, offset: 0, bytes: 5),
                    .began(1, offset: 5, bytes: 5), .ended(1, offset: 5, bytes: 5),
                ])
            try await stack.close(fd)
            #expect(stack.observer.events.last == .closed(1, records: 2, isExact: true))
            #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
            await stack.stop()
        }

        @Test func `the mark is on disk before the journal says opened, and that before the data`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.lengthen("file", to: 1)
            stack.clearRecords()
            try await stack.write("hello", to: fd)
            let steps = stack.recording[0].steps
            func end(_ fop: Fop) -> UInt64 { steps.first { $0.fop == fop && $0.ended != nil }!.number }
            func start(_ fop: Fop) -> UInt64 { steps.first { $0.fop == fop && $0.ended == nil }!.number }
            func told(_ event: RecordingObserver.Event) -> UInt64 {
                stack.observer.steps.first { $0.event == event }!.number
            }
            let order = [
                told(.opening), start(.fxattrop), end(.fxattrop), start(.fsync), end(.fsync), told(.opened(1)),
                told(.began(1, offset: 0, bytes: 5)), start(.writev), end(.writev),
                told(.ended(1, offset: 0, bytes: 5)),
            ]
            #expect(order == order.sorted())
            try await stack.close(fd)
            await stack.stop()
        }
    }
}
