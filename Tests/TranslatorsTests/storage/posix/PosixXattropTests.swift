import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixXattropTests {
    static let key = "trusted.afr.vol-client-1", bypassKey = "trusted.afr.bypass.vol-client-1"

    static func counts(_ data: Int32, _ metadata: Int32 = 0, _ entry: Int32 = 0) -> [UInt8] {
        var bytes = ByteWriter()
        bytes.int32s(data, metadata, entry)
        return bytes.bytes
    }

    @Test func `additions add up, name by name, and the reply has the sums`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        let first = try await brick.xattrop(.fd(fd), [Self.key: Self.counts(65_536), Self.bypassKey: Self.counts(1)])
        #expect(first == [Self.key: Self.counts(65_536), Self.bypassKey: Self.counts(1)])
        let second = try await brick.xattrop(
            .inode(fd.inode), [Self.key: Self.counts(65_536, 2, -3), Self.bypassKey: Self.counts(1)])
        #expect(second == [Self.key: Self.counts(131_072, 2, -3), Self.bypassKey: Self.counts(2)])
        #expect(XattrReading.value(of: Self.key, at: brick.path("file")) == Self.counts(131_072, 2, -3))
        await brick.stop()
    }

    @Test func `all-zero deltas read: nothing is written, no xattr is made`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        _ = try await brick.xattrop(.fd(fd), [Self.key: Self.counts(3)])
        let before = ScratchBrick.status(brick.path("file"))!.st_ctim
        let read = try await brick.xattrop(.fd(fd), [Self.key: Self.counts(0), "trusted.afr.dirty": Self.counts(0)])
        #expect(read == [Self.key: Self.counts(3), "trusted.afr.dirty": Self.counts(0)])
        #expect(XattrReading.value(of: "trusted.afr.dirty", at: brick.path("file")) == nil)
        let after = ScratchBrick.status(brick.path("file"))!.st_ctim
        #expect((after.tv_sec, after.tv_nsec) == (before.tv_sec, before.tv_nsec))
        await brick.stop()
    }

    @Test func `every kind of object takes xattrops`() async throws {
        let brick = try await ScratchBrick()
        let link = brick.entry("link", .symlink), null = brick.entry("null", .characterDevice)
        _ = try await brick.posix.symlink(SymlinkRequest(entry: link, target: [120]), in: brick.frame)
        let device = MknodRequest(
            entry: null, mode: FileType.characterDevice.rawValue | 0o666, device: cposix_makedev(1, 3))
        _ = try await brick.posix.mknod(device, in: brick.frame)
        for inode in [link.inode, null.inode, try await brick.mkdir("d"), brick.root] {
            #expect(
                try await brick.xattrop(.inode(inode), [Self.key: Self.counts(0, 1)])[Self.key] == Self.counts(0, 1))
            #expect(
                try await brick.xattrop(.inode(inode), [Self.key: Self.counts(0, 1)])[Self.key] == Self.counts(0, 2))
        }
        await brick.stop()
    }

    @Test func `the arithmetic is that of each operation`() throws {
        func apply(_ operation: XattropRequest.Operation, _ delta: [UInt8], _ old: [UInt8]?) throws -> [UInt8] {
            try XattropArithmetic.apply(operation, delta, to: old)
        }
        #expect(
            try apply(.addArray, [0, 0, 0, 1, 255, 255, 255, 255], [0, 0, 0, 255, 0, 0, 1, 0]) == [
                0, 0, 1, 0, 0, 0, 0, 255,
            ])
        #expect(try apply(.addArray, [0, 0, 0, 1], [0x7F, 255, 255, 255]) == [0x80, 0, 0, 0])
        #expect(try apply(.addArray, [0, 0, 0, 1], [0, 0, 0, 1, 9, 9, 9, 9]) == [0, 0, 0, 2, 9, 9, 9, 9])
        #expect(try apply(.addArray, [0, 0, 0, 1, 0, 0, 0, 2], [0, 0, 0, 1]) == [0, 0, 0, 2, 0, 0, 0, 2])
        #expect(
            try apply(.addArray64, [0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 255, 255, 255, 255]) == [
                0, 0, 0, 1, 0, 0, 0, 0,
            ])
        #expect(try apply(.getAndSet, [7], [1, 2]) == [7])
        #expect(try apply(.addArrayWithDefault, [0, 0, 0, 1, 0, 0, 0, 10], nil) == [0, 0, 0, 11])
        #expect(try apply(.addArrayWithDefault, [0, 0, 0, 1, 0, 0, 0, 10], [0, 0, 0, 5]) == [0, 0, 0, 6])
        #expect(
            try apply(
                .addArray64WithDefault, [UInt8](repeating: 0, count: 7) + [1] + [UInt8](repeating: 0, count: 7) + [2],
                nil) == [UInt8](repeating: 0, count: 7) + [3])
        for (operation, delta) in [
            (XattropRequest.Operation.addArray, [UInt8]([1, 2, 3])), (.addArray, []), (.addArray64, [0, 0, 0, 1]),
            (.addArrayWithDefault, [0, 0, 0, 1]),
        ] {
            #expect(throws: FopError.invalid) { try apply(operation, delta, nil) }
        }
    }

    @Test func `get and set answers the old value, zeros where there was none`() async throws {
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        #expect(try await brick.xattrop(.fd(fd), ["user.x": [1, 2]], .getAndSet) == ["user.x": [0, 0]])
        #expect(try await brick.xattrop(.fd(fd), ["user.x": [0]], .getAndSet) == ["user.x": [1, 2]])
        #expect(XattrReading.value(of: "user.x", at: brick.path("file")) == [0])
        await brick.stop()
    }

    @Test func `an xattrop that fails half way leaves what was before`() async throws {
        // Goal: all names or none. Method: a value that does not fit an ext4 inode, after one that does.
        let brick = try await ScratchBrick()
        let fd = try await brick.create("file")
        _ = try await brick.xattrop(.fd(fd), [Self.key: Self.counts(5)])
        let tooLong = [UInt8](repeating: 1, count: 64_000)
        let values: Xattrs = [
            Self.key: Self.counts(1), "trusted.aaa": Self.counts(1), "trusted.afr.bypass.zzz": tooLong,
        ]
        #expect(await failure { _ = try await brick.xattrop(.fd(fd), values) } != nil)
        #expect(XattrReading.value(of: Self.key, at: brick.path("file")) == Self.counts(5))
        #expect(XattrReading.value(of: "trusted.aaa", at: brick.path("file")) == nil)
        await brick.stop()
    }

    /// Two translators on one directory have a lock file description each, so the kernel excludes them from each other
    /// just as it does two processes.
    @Test func `no addition is lost among tasks and processes`() async throws {
        let brick = try await ScratchBrick()
        let other = try await ScratchBrick(at: brick)
        let fd = try await brick.create("file")
        // Several names, so that there is time between reading the first and writing the last; and threads of our own,
        // so that they do run at once.
        let keys = (0..<8).map { "trusted.afr.vol-client-\($0)" }
        let delta = Dictionary(uniqueKeysWithValues: keys.map { ($0, Self.counts(65_536)) })
        let executor = IOExecutor(name: "xattrops", threads: 4)
        let rounds = 250
        try await withThrowingTaskGroup { group in
            for brick in [brick, other, brick, other] {
                group.addTask(executorPreference: executor) {
                    for _ in 0..<rounds { _ = try await brick.xattrop(.inode(fd.inode), delta) }
                }
            }
            try await group.waitForAll()
        }
        for key in keys {
            let sum = Int32(4 * rounds) &* 65_536
            #expect(XattrReading.value(of: key, at: brick.path("file")) == Self.counts(sum), "\(key)")
        }
        await other.stop()
        await brick.stop()
    }

    /// Whether a thread of this process waits in the kernel for another process's lock.
    private static var isWaiting: Bool {
        guard let tasks = opendir("/proc/self/task") else { return false }
        defer { closedir(tasks) }
        while let entry = readdir(tasks) {
            let thread = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            let number = cposix_open("/proc/self/task/\(thread)/comm", O_RDONLY, 0)
            var name = [UInt8](repeating: 0, count: 16)
            let count = read(number, &name, name.count)
            close(number)
            if count > 0, String(decoding: name.prefix(count), as: UTF8.self).hasPrefix("xattrop-wait") { return true }
        }
        return false
    }

    @Test func `a lock that is held keeps xattrops out, here and in other processes, but not its holder's`()
        async throws
    {
        let brick = try await ScratchBrick()
        let other = try await ScratchBrick(at: brick)
        let fd = try await brick.create("file")
        let neighbour = try await brick.create("neighbour")
        let lock = try await brick.posix.lockXattrops(on: fd.inode.gfid)
        let waiters = [brick, other].map { brick in
            Task { try await brick.xattrop(.inode(fd.inode), [Self.key: Self.counts(1)]) }
        }
        #expect(await eventually(within: .seconds(60)) { Self.isWaiting })
        var request = XattropRequest(.fd(fd), values: [Self.key: Self.counts(10)])
        request.lock = lock
        #expect(try await brick.posix.xattrop(request, in: brick.frame).values == [Self.key: Self.counts(10)])
        // Another file's xattrops do not wait.
        #expect(
            try await other.xattrop(.inode(neighbour.inode), [Self.key: Self.counts(1)]) == [Self.key: Self.counts(1)])
        #expect(XattrReading.value(of: Self.key, at: brick.path("file")) == Self.counts(10))
        brick.posix.unlock(lock)
        let results = try await [waiters[0].value, waiters[1].value]
        #expect(Set(results.map { $0[Self.key]! }) == [Self.counts(11), Self.counts(12)])
        await other.stop()
        await brick.stop()
    }
}
