import Testing
import TranslatorCore

@testable import FuseMount

/// What a request's header lacks: see `CallerGroups`.
@Suite("Groups of callers") struct CallerGroupsTests {
    private let start = MonotonicTime(nanoseconds: 0)

    private static func status(
        uid: String = "1000\t1000\t1000\t1000", gid: String = "100\t100\t100\t100", groups: String
    ) -> [UInt8] {
        Array(
            "Name:\tGroups: 7\nUmask:\t0022\nUid:\t\(uid)\nGid:\t\(gid)\nFDSize:\t64\nGroups:\t\(groups) \nNStgid:\t5\n"
                .utf8)
    }

    @Test("they are those of the thread, and believed for as long as it says") func theyAreBelievedForAWhile() {
        let known = CallerGroups(timeout: .seconds(2))
        func groups(after time: Duration, _ groups: String) -> [UInt32] {
            known.of(pid: 5, uid: 1000, gid: 100, at: start + time) { $0 == 5 ? Self.status(groups: groups) : nil }
        }
        #expect(groups(after: .zero, "4 100 4294967294") == [4, 100, 4_294_967_294])
        #expect(groups(after: .milliseconds(1999), "9") == [4, 100, 4_294_967_294])
        #expect(groups(after: .seconds(2), "9") == [9])
    }

    @Test("a thread that calls as somebody else is another caller at once") func anotherIdentity() {
        let known = CallerGroups(timeout: .seconds(2))
        #expect(known.of(pid: 5, uid: 1000, gid: 100, at: start) { _ in Self.status(groups: "4") } == [4])
        let other = known.of(pid: 5, uid: 1000, gid: 50, at: start) { _ in
            Self.status(gid: "100 100 100 50", groups: "8")
        }
        #expect(other == [8])
        #expect(known.of(pid: 6, uid: 1000, gid: 100, at: start) { _ in Self.status(groups: "3") } == [3])
    }

    @Test("with a timeout of 0 they are read every time") func noTimeout() {
        let known = CallerGroups(timeout: .zero)
        for group in ["4", "5"] {
            #expect(
                known.of(pid: 5, uid: 1000, gid: 100, at: start) { _ in Self.status(groups: group) } == [UInt32(group)!]
            )
        }
    }

    @Test("root's are not read, and a thread that is gone or is somebody else has none") func noneAreInvented() {
        let known = CallerGroups(timeout: .zero)
        #expect(known.of(pid: 5, uid: 0, gid: 0, at: start) { _ in Self.status(groups: "4") } == [])
        #expect(known.of(pid: 5, uid: 1000, gid: 100, at: start) { _ in nil } == [])
        // The kernel's NFS server: its thread calls as a user of another machine, and is root in /proc.
        let server = Self.status(uid: "0\t0\t0\t0", gid: "0\t0\t0\t0", groups: "4")
        #expect(known.of(pid: 5, uid: 1000, gid: 100, at: start) { _ in server } == [])
        // The file system's identity counts, which is the last: servers change nothing else.
        let served = Self.status(uid: "0\t0\t0\t1000", gid: "0\t0\t0\t100", groups: "4")
        #expect(known.of(pid: 5, uid: 1000, gid: 100, at: start) { _ in served } == [4])
    }
}
