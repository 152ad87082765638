import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

/// gluster-disk-format.md §3, row "metadata".
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct ReplicateMetadataTests {
    enum Change: String, CaseIterable, Sendable {
        case setattr, setxattr, removexattr, xattrop

        func perform(_ stack: ReplicaStack, _ target: FopTarget) async throws {
            let (replicate, frame) = (stack.replicate, stack.frame)
            switch self {
            case .setattr:
                var iatt = Iatt()
                iatt.mode = 0o600
                _ = try await replicate.setattr(SetattrRequest(target, iatt: iatt, valid: .mode), in: frame)
            case .setxattr:
                _ = try await replicate.setxattr(SetxattrRequest(target, xattrs: ["user.new": [1]]), in: frame)
            case .removexattr:
                _ = try await replicate.removexattr(RemovexattrRequest(target, names: ["user.old"]), in: frame)
            case .xattrop:
                let one: [UInt8] = [0, 0, 0, 1]
                _ = try await replicate.xattrop(XattropRequest(target, values: ["trusted.count": one]), in: frame)
            }
        }
        func isDone(_ stack: ReplicaStack, on replica: Int) -> Bool {
            let path = stack.path(replica, "f")
            return switch self {
            case .setattr: stack.status(replica, "f").st_mode & 0o777 == 0o600
            case .setxattr: XattrReading.value(of: "user.new", at: path) != nil
            case .removexattr: XattrReading.value(of: "user.old", at: path) == nil
            case .xattrop: XattrReading.value(of: "trusted.count", at: path) == [0, 0, 0, 1]
            }
        }
        var fop: Fop {
            switch self {
            case .setattr: .setattr
            case .setxattr: .setxattr
            case .removexattr: .removexattr
            case .xattrop: .xattrop
            }
        }
    }

    private func scene(_ count: Int = 2) async throws -> (ReplicaStack, Fd) {
        let stack = try await ReplicaStack(count)
        let fd = try await stack.create("f")
        _ = try await stack.replicate.setxattr(
            SetxattrRequest(.inode(fd.inode), xattrs: ["user.old": [1]]), in: stack.frame)
        stack.clearRecords()
        return (stack, fd)
    }

    @Test(arguments: Change.allCases, [false, true])
    func `while all is well the metadata is locked and nothing is marked`(change: Change, byFd: Bool) async throws {
        let (stack, fd) = try await scene()
        try await change.perform(stack, byFd ? .fd(fd) : .inode(fd.inode))
        for replica in 0..<2 {
            #expect(change.isDone(stack, on: replica))
            let trace = stack.trace(replica)
            #expect(trace.first == "inodelk tryAcquire metadata" && trace.last == "inodelk release metadata")
            #expect(trace.count == 3)
        }
        #expect(stack.isClean("f"))
        await stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `with a replica down the others are dirty before and count it after`(change: Change) async throws {
        let (stack, fd) = try await scene()
        stack.faulty[1].goDown()
        try await change.perform(stack, .inode(fd.inode))
        #expect(change.isDone(stack, on: 0))
        #expect(stack.counts(0, about: 1, "f") == PendingCounts(metadata: 1))
        #expect(stack.dirty(0, "f").isZero)
        let marks = stack.trace(0).filter { $0.hasPrefix("xattrop") && $0 != "xattrop -" }
        #expect(marks.first == "xattrop dirty=0,1,0")
        #expect(marks.last == "xattrop 1=0,1,0 dirty=0,-1,0")
        await stack.stop()
    }

    @Test(arguments: [Change.setattr, .setxattr, .removexattr])
    func `a replica that fails in the op is counted after it`(change: Change) async throws {
        let (stack, fd) = try await scene(3)
        stack.faulty[0].fail(change.fop, with: .io)
        try await change.perform(stack, .inode(fd.inode))
        for good in 1..<3 {
            #expect(change.isDone(stack, on: good))
            #expect(stack.counts(good, about: 0, "f") == PendingCounts(metadata: 1))
            #expect(stack.dirty(good, "f").isZero)
        }
        await stack.stop()
    }

    @Test(arguments: [Change.setattr, .setxattr, .removexattr])
    func `a refusal by all marks nothing; with too few successes whoever did it is dirty`(change: Change) async throws {
        let (stack, fd) = try await scene(3)
        for faulty in stack.faulty { faulty.fail(change.fop, with: .notPermitted) }
        await #expect(throws: FopError.notPermitted) { try await change.perform(stack, .inode(fd.inode)) }
        #expect(stack.isClean("f"))
        stack.faulty[1].mend()
        await #expect(throws: FopError.notPermitted) { try await change.perform(stack, .inode(fd.inode)) }
        #expect(stack.dirty(1, "f") == PendingCounts(metadata: 1))
        for i in 0..<3 { for j in 0..<3 { #expect(stack.counts(i, about: j, "f").isZero) } }
        await stack.stop()
    }

    @Test(arguments: [Change.setattr, .setxattr, .xattrop])
    func `a change of a file whose last name goes meanwhile is refused as stale, and nothing is lost by it`(
        change: Change
    ) async throws {
        // Goal: times that the kernel sends for a removed file are no I/O error. Method: the name goes after the first
        // replica has changed and before the second does.
        let (stack, fd) = try await scene()
        try await stack.close(fd)
        let gate = stack.faulty[1].hold(change.fop)
        let changing = Task { await failure { try await change.perform(stack, .inode(fd.inode)) } }
        #expect(await gate.holds())
        try await stack.unlink("f")
        gate.open()
        #expect(await changing.value == .stale)
        for replica in 0..<2 { #expect(!stack.isIndexed(replica, fd.inode.gfid)) }
        await stack.stop()
    }

    @Test(arguments: Change.allCases)
    func `with a replica down, too, a file without a name is stale`(change: Change) async throws {
        let (stack, fd) = try await scene()
        try await stack.close(fd)
        try await stack.unlink("f")
        stack.faulty[1].goDown()
        await #expect(throws: FopError.stale) { try await change.perform(stack, .inode(fd.inode)) }
        await stack.stop()
    }

    @Test func `what replicas hold against each other can neither be set, removed nor seen`() async throws {
        let (stack, fd) = try await scene()
        let (replicate, frame) = (stack.replicate, stack.frame)
        stack.accuse(0, 1, PendingCounts(data: 1), "f")
        let key = stack.keys[1]
        await #expect(throws: FopError.notPermitted) {
            try await replicate.setxattr(SetxattrRequest(.fd(fd), xattrs: [key: [0]]), in: frame)
        }
        await #expect(throws: FopError.notPermitted) {
            try await replicate.removexattr(RemovexattrRequest(.fd(fd), names: [key]), in: frame)
        }
        await #expect(throws: FopError.notPermitted) {
            try await replicate.xattrop(XattropRequest(.fd(fd), values: [key: [0, 0, 0, 1]]), in: frame)
        }
        await #expect(throws: FopError.noData) {
            try await replicate.getxattr(GetxattrRequest(.fd(fd), name: key), in: frame)
        }
        let all = try await replicate.getxattr(GetxattrRequest(.fd(fd)), in: frame).xattrs
        #expect(all["user.old"] == [1])
        #expect(!all.keys.contains { $0.hasPrefix("trusted.afr.") })
        await stack.stop()
    }

    @Test func `metadata and data of one file change side by side`() async throws {
        let (stack, fd) = try await scene()
        let gate = stack.faulty[0].hold(.writev)
        async let writing = stack.write("hello", to: fd)
        #expect(await gate.holds())
        try await stack.chmod(fd.inode, 0o640)
        #expect(stack.status(1, "f").st_mode & 0o777 == 0o640)
        gate.open()
        _ = try await writing
        await stack.stop()
    }

    @Test func `many changes of one file's metadata at once leave equal replicas`() async throws {
        let (stack, fd) = try await scene(3)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<5 { try await stack.chmod(fd.inode, UInt32(0o600 + task * 8 + round)) }
                }
            }
            try await group.waitForAll()
        }
        #expect(Set((0..<3).map { stack.status($0, "f").st_mode }).count == 1)
        #expect(stack.isClean("f"))
        await stack.stop()
    }
}
