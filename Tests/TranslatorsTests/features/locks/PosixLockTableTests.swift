import Testing
import TranslatorCore

@testable import Translators

@Suite struct PosixLockTableTests {
    private final class OpenFile {}

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `every byte is held by whom fcntl would have it`(seed: UInt64) {
        // Method: the same random sets and unlocks on the table and on an array with one set of holders per byte.
        var random = SeededGenerator(seed: seed)
        let file = OpenFile()
        let last = 20
        var table = PosixLockTable()
        var elsewhere = NoPosixLocksElsewhere()
        var bytes = [[UInt64: PosixLock.Kind]](repeating: [:], count: last + 1)
        for step in 1...100 as ClosedRange<UInt64> {
            let owner = random.next() % 3 + 1
            let start = Int.random(in: 0...last, using: &random)
            // The last byte stands for all behind it.
            let end = Bool.random(using: &random) ? last + 1 : Int.random(in: (start + 1)...(last + 1), using: &random)
            let range = LockRange(start: UInt64(start), length: end == last + 1 ? 0 : UInt64(end - start))
            let kind = [PosixLock.Kind.read, .write, .unlock].randomElement(using: &random)!
            let isFree = (start..<end).allSatisfy { byte in
                bytes[byte].allSatisfy {
                    $0.key == owner || kind == .unlock || (kind == .read && $0.value == .read)
                }
            }
            let answer = table.set(
                PosixLock(kind: kind, range: range, pid: Int32(owner)), owner: LockOwner(rawValue: owner),
                fd: ObjectIdentifier(file), id: step, canWait: false, elsewhere: &elsewhere)
            #expect(answer == (isFree ? .granted : .refused), "seed \(seed) step \(step)")
            if isFree { for byte in start..<end { bytes[byte][owner] = kind == .unlock ? nil : kind } }
            var seen = [[UInt64: PosixLock.Kind]](repeating: [:], count: last + 1)
            for held in table.held {
                for byte in Int(held.start)..<(held.end == .max ? last + 1 : Int(held.end)) {
                    #expect(seen[byte][held.owner.rawValue] == nil, "one owner's locks do not overlap")
                    seen[byte][held.owner.rawValue] = held.isWrite ? .write : .read
                }
                let isSplit = table.held.contains {
                    $0.owner == held.owner && $0.isWrite == held.isWrite && $0.start == held.end
                }
                #expect(!isSplit, "neighbours of one kind merge; seed \(seed) step \(step)")
            }
            #expect(seen == bytes, "seed \(seed) step \(step)")
        }
        withExtendedLifetime(file) {}
    }

    @Test func `the wait that closes a circle is found, however long the circle`() {
        var graph = WaitGraph()
        let owners = (1...4).map { LockOwner(rawValue: $0) }
        let isFree1 = graph.wait(1, of: owners[0], for: [owners[1]])
        #expect(isFree1)
        let isFree2 = graph.wait(2, of: owners[1], for: [owners[2], LockOwner(rawValue: 9)])
        #expect(isFree2)
        let isFree3 = graph.wait(3, of: owners[2], for: [owners[3]])
        #expect(isFree3)
        let isFree4 = graph.wait(4, of: owners[3], for: [owners[0]])
        #expect(!isFree4)
        graph.end(2)
        let isFree5 = graph.wait(4, of: owners[3], for: [owners[0]])
        #expect(isFree5)
        let isFree6 = graph.wait(5, of: owners[1], for: [owners[2]])
        #expect(!isFree6)
    }
}
