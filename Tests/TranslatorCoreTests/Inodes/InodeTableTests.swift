import Testing
import TranslatorCore

/// One inode per gfid, held weakly, and found or gone whatever several threads do.
@Suite struct InodeTableTests {
    @Test func `everybody gets the same inode of a gfid, and a new one after the last let go`() {
        let table = InodeTable()
        var inode: Inode? = table.inode(.root, type: .directory)
        #expect(table.inode(.root, type: .directory) === inode)
        #expect(table.find(.root) === inode)
        inode = nil
        #expect(table.find(.root) == nil)
        #expect(table.living.isEmpty)
    }

    @Test func `inodes may die on any thread while others ask for them`() async {
        // Seen where it is not so: "Recursive call to lock Mutex". A dying inode looked at its entry by loading its
        // successor, whose last holder let go just then.
        await #expect(processExitsWith: .success) {
            let table = InodeTable()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask(executorPreference: IOExecutor.shared) {
                        for _ in 0..<20_000 {
                            let inode = table.inode(.root, type: .directory)
                            precondition(table.find(.root) === inode, "it is held, so there is no other")
                        }
                    }
                }
            }
            precondition(table.living.isEmpty)
        }
    }

    @Test func `what a context held may ask its inode when it is replaced`() async {
        await #expect(processExitsWith: .success) {
            let inode = Inode(gfid: .root, type: .directory)
            inode.contexts.set(LastWords { precondition(inode.contexts[0] == nil) }, at: 0)
            inode.contexts.set(nil, at: 0)
        }
    }
}

/// Does something when its last reference goes.
private final class LastWords: Sendable {
    private let said: @Sendable () -> Void
    init(_ said: @escaping @Sendable () -> Void) { self.said = said }
    deinit { said() }
}
