import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// gluster-disk-format.md §3, row "data".
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateDataTests {
    @Test func `a write reaches all replicas, and is marked dirty only while the lock is held`() async throws {
        let stack = try await ReplicaStack()
        let fd = try await stack.create("f")
        try await stack.write("hello", to: fd)
        #expect(stack.text(0, "f") == "hello")
        #expect(stack.text(1, "f") == "hello")
        for replica in 0..<2 { #expect(stack.dirty(replica, "f") == PendingCounts(data: 1)) }
        #expect(await stack.passPostOpDelay())
        #expect(stack.isClean("f"))
        await stack.stop()
    }
}
