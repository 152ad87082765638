import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: root on ext4 or xfs"))
struct IndexAcrossProcessesTests {
    private let scratch = TemporaryDirectory()
    private let key = "trusted.afr.vol-client-1"
    private var brick: String { scratch.subdirectory("brick") }
    private var isListed: Bool {
        access(brick + "/.glusterfs/indices/xattrop/\(Gfid.root)", F_OK) == 0
    }

    @Test func `processes that mark and unmark one file at once lose no count, and list it as long as one is left`()
        async throws
    {
        var each: [ExerciserProcess] = []
        for _ in 0..<3 { each.append(try await ExerciserProcess(brick: brick)) }
        for (number, process) in each.enumerated() { process.tell("mark m\(number) 200") }
        for (number, process) in each.enumerated() {
            #expect(await process.says("marked m\(number)", within: .seconds(60)))
        }
        #expect(XattrReading.counts(of: key, at: brick) == .zero)
        #expect(!isListed)
    }

    @Test func `whenever a process is killed, a count that is not zero is listed`() async throws {
        let survivor = try await ExerciserProcess(brick: brick)
        for round in 0..<12 {
            let victim = try await ExerciserProcess(brick: brick)
            victim.tell("mark v 1000000")
            survivor.tell("mark s\(round) 20")
            #expect(await survivor.says("marked s\(round)", within: .seconds(60)))
            victim.signal(SIGKILL)
            waitpid(victim.pid, nil, 0)
            // One more of the survivor's, so that the last word is not the victim's.
            #expect(await survivor.ask("mark l\(round) 1") == ["marked"])
            let left = XattrReading.counts(of: key, at: brick)
            #expect(left.data % 65_536 == 0 && (0...65_536 * Int32(round + 1)).contains(left.data))
            #expect(isListed || left == .zero, "round \(round): \(left)")
        }
    }
}
