import ReplicaState
import Testing
import TranslatorCore

@Suite struct AheadMarkTests {
    private let mount = Gfid("0f0e0d0c-0b0a-4908-8706-050403020100")!

    @Test func `key and value are those of the protocol, and are read back`() {
        let mark = AheadMark(mount: mount, since: 0x0102_0304, target: "vm-client-0")
        #expect(mark.key == "trusted.bypass.ahead.0f0e0d0c-0b0a-4908-8706-050403020100")
        #expect(mark.value == [1, 0, 0, 0, 0, 1, 2, 3, 4] + Array("vm-client-0".utf8))
        #expect(AheadMark(key: mark.key, value: mark.value) == mark)
    }

    @Test func `other xattrs are none, and one that nobody can read still says that something is ahead`() {
        for key in ["trusted.bypass.ahead.", "trusted.bypass.ahead.x", "trusted.bypass.direct", "trusted.afr.a"] {
            #expect(AheadMark(key: key, value: [1]) == nil)
        }
        for value in [[], [1], [2, 0, 0, 0, 0, 0, 0, 0, 1, 97]] as [[UInt8]] {
            let mark = AheadMark(key: AheadMark.key(of: mount), value: value)
            #expect(mark?.target == "")
            #expect(AheadMark.missing([mark!], names: ["a", "b"], up: [true, true], own: []).count == 1)
        }
    }

    @Test func `missing is who is away, but for what a mount knows itself, each mount once`() {
        let marks = ["a", "a", "b"].map { AheadMark(mount: .random(), since: 1, target: $0) }
        func missing(_ up: [Bool], own: Set<Gfid> = []) -> [Gfid] {
            AheadMark.missing(marks + marks, names: ["a", "b"], up: up, own: own).map(\.mount)
        }
        #expect(missing([true, true]) == [])
        #expect(missing([false, true]) == [marks[0].mount, marks[1].mount])
        #expect(missing([true, false]) == [marks[2].mount])
        #expect(missing([false, true], own: [marks[0].mount]) == [marks[1].mount])
    }
}
