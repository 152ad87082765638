import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: root on ext4 or xfs"))
struct IndexTranslatorTests {
    private let one = PendingCounts(data: 1), epoch = PendingCounts(data: 65_536)

    @Test func `a file is listed while any of its counts is not zero`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        #expect(try await brick.list(.xattrop) == [])
        try await brick.xattrop(file, .zero, epoch)
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
        try await brick.xattrop(file, one, .zero)
        try await brick.xattrop(file, .zero, epoch.negated)
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
        try await brick.xattrop(file, one.negated, .zero)
        #expect(try await brick.list(.xattrop) == [])
    }

    @Test func `dirty has an index of its own`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        try await brick.xattrop(file, .zero, .zero, dirty: one)
        #expect(try await brick.list(.dirty) == [file.gfid.description])
        #expect(try await brick.list(.xattrop) == [])
        try await brick.xattrop(file, .zero, one, dirty: one.negated)
        #expect(try await brick.list(.dirty) == [])
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
    }

    @Test func `an all-zero xattrop takes off a stale entry and reads like any other`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        // As a crash between entry and count leaves it.
        _ = try IndexFolder(path: brick.indices).insert(file.gfid, into: .xattrop)
        let reply = try await brick.xattrop(file, .zero, .zero)
        #expect(
            reply.values == Dictionary(uniqueKeysWithValues: IndexedBrick.keys.map { ($0, PendingCounts.zero.xattr) }))
        #expect(try await brick.list(.xattrop) == [])
    }

    @Test(arguments: [
        ("trusted.afr.old-client-1", PendingCounts(data: 65_536).xattr, true),
        ("trusted.afr.old-client-1", PendingCounts.zero.xattr, false),
        ("trusted.afr.bypass.old-client-1", BypassCounts(opened: 3, healed: 2).xattr, true),
        ("trusted.afr.bypass.old-client-1", BypassCounts(opened: 3, healed: 3).xattr, false),
        ("trusted.afr.bypass.vol-client-1", BypassCounts(opened: 3, healed: 2).xattr, false),
        ("trusted.afr.dirty", PendingCounts(data: 1).xattr, false), ("user.old-client-1", [1], false),
    ])
    func `a file stays listed while it has counts that are of no replica`(
        name: String, value: [UInt8], stays: Bool
    ) async throws {
        // Goal: the marks of a volume that was renamed are never forgotten because those of today are zero.
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        try await brick.xattrop(file, .zero, epoch)
        _ = try await brick.top.setxattr(SetxattrRequest(.inode(file), xattrs: [name: value]), in: brick.frame)
        try await brick.xattrop(file, .zero, epoch.negated)
        try await brick.xattrop(file, .zero, .zero)
        #expect(try await brick.list(.xattrop).isEmpty == !stays)
        _ = try await brick.top.removexattr(RemovexattrRequest(.inode(file), names: [name]), in: brick.frame)
        try await brick.xattrop(file, .zero, .zero)
        #expect(try await brick.list(.xattrop) == [])
    }

    @Test func `the counts of bypass neither list a file nor keep it listed`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        let bypass = BypassCounts.key(for: IndexedBrick.keys[1])
        func add(_ pending: PendingCounts, _ counts: BypassCounts) async throws {
            let values = [
                IndexedBrick.keys[0]: PendingCounts.zero.xattr, IndexedBrick.keys[1]: pending.xattr,
                bypass: counts.xattr,
            ]
            _ = try await brick.top.xattrop(XattropRequest(.inode(file), values: values), in: brick.frame)
        }
        try await add(.zero, BypassCounts(opened: 1, healed: 1))
        #expect(try await brick.list(.xattrop) == [])
        try await add(epoch, BypassCounts(opened: 1))
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
        try await add(epoch.negated, BypassCounts(healed: 1))
        #expect(try await brick.list(.xattrop) == [])
        #expect(
            try BypassCounts(xattr: XattrReading.value(of: bypass, at: brick.scratch.appending("brick/file"))).opened
                == 2)
    }

    @Test(arguments: [
        "trusted.afr.", "trusted.afr.bypass", "trusted.afr.bypass.vol-client-1", "trusted.afr.vol-,trusted",
    ])
    func `a watch list that matches the counts of bypass is refused in a sentence`(list: String) async {
        await #expect(throws: VolfileError.self) { _ = try await IndexedBrick(watching: list) }
        do { _ = try await IndexedBrick(watching: list) } catch {
            #expect("\(error)".contains("test.vol:5: volume \"index\""))
            #expect("\(error)".contains("trusted.afr.bypass.*"))
        }
    }

    @Test func `a prefix watches every key that begins with it, as glusterd writes it`() async throws {
        let brick = try await IndexedBrick(watching: "trusted.afr.vol-")
        let file = try await brick.makeFile()
        try await brick.xattrop(file, .zero, epoch)
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
    }

    @Test func `an xattrop on a gfid that is not there lists nothing`() async throws {
        let brick = try await IndexedBrick()
        let ghost = Inode(gfid: .random(), type: .regular)
        #expect(await fopError { try await brick.xattrop(ghost, .zero, one) } != nil)
        #expect(try await brick.list(.xattrop) == [])
    }

    @Test func `a replacement counts by what was put, not by what was there`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        func replace(_ counts: PendingCounts) async throws {
            let values = [IndexedBrick.keys[0]: PendingCounts.zero.xattr, IndexedBrick.keys[1]: counts.xattr]
            _ = try await brick.top.xattrop(
                XattropRequest(.inode(file), operation: .getAndSet, values: values), in: brick.frame)
        }
        try await replace(one)
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
        try await replace(.zero)
        #expect(try await brick.list(.xattrop) == [])
    }

    // MARK: - On disk

    @Test func `entries are links to a base with no permissions, the same in all indices`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile(), directory = try await brick.makeDirectory()
        try await brick.xattrop(file, .zero, one, dirty: one)
        try await brick.xattrop(
            directory, .zero, PendingCounts(entry: 1), xdata: [XdataKey.xattropEntryCreate: .string("name")])
        let uuids = Set(
            [("xattrop", "xattrop-"), ("dirty", "dirty-"), ("entry-changes", "entry-changes-")].flatMap {
                folder, prefix in
                brick.onDisk(folder).filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            })
        #expect(uuids.count == 1)
        let uuid = try #require(uuids.first)
        var entry = stat(), base = stat()
        #expect(lstat("\(brick.indices)/xattrop/\(file.gfid)", &entry) == 0)
        #expect(lstat("\(brick.indices)/xattrop/xattrop-\(uuid)", &base) == 0)
        #expect(entry.st_ino == base.st_ino && base.st_nlink == 3 && base.st_size == 0)
        #expect(base.st_mode == FileType.regular.rawValue)
        #expect(lstat("\(brick.indices)/entry-changes/\(directory.gfid)/name", &entry) == 0)
    }

    @Test func `a vanished base, and a vanished index, are made anew`() async throws {
        let brick = try await IndexedBrick()
        let first = try await brick.makeFile("first"), second = try await brick.makeFile("second")
        try await brick.xattrop(first, .zero, one)
        for base in brick.onDisk("xattrop") where base.hasPrefix("xattrop-") {
            unlink("\(brick.indices)/xattrop/\(base)")
        }
        try await brick.xattrop(second, .zero, one)
        #expect(try await brick.list(.xattrop) == [first.gfid.description, second.gfid.description])
        TemporaryDirectory.removeTree(brick.indices)
        #expect(try await brick.list(.xattrop) == [])
        try await brick.xattrop(first, .zero, one)
        #expect(try await brick.list(.xattrop) == [first.gfid.description])
    }

    @Test func `a base that cannot take another link gives way to a new one`() async throws {
        let brick = try await IndexedBrick()
        // ext4 refuses at 65,000 links; here at 4.
        let folder = IndexFolder(path: brick.indices) { base, entry in
            var status = stat()
            if lstat(base, &status) == 0, status.st_nlink >= 4 {
                errno = EMLINK
                return -1
            }
            return link(base, entry)
        }
        for number in 0..<10 as Range<UInt64> {
            #expect(try folder.insert(Gfid(high: 1, low: number + 2), into: .xattrop))
        }
        #expect(try folder.count(.xattrop) == 10)
        #expect(brick.onDisk("xattrop").count { $0.hasPrefix("xattrop-") } == 4)
    }

    @Test func `old bases without entries go when the index is read`() async throws {
        let scratch = TemporaryDirectory()
        var gfids: [Gfid] = []
        do {
            let brick = try await IndexedBrick(on: scratch)
            let file = try await brick.makeFile()
            gfids.append(file.gfid)
            try await brick.xattrop(file, .zero, one)
            await brick.graph.stop()
        }
        let brick = try await IndexedBrick(on: scratch)
        #expect(try await brick.list(.xattrop) == [gfids[0].description])
        let old = try #require(brick.onDisk("xattrop").first { $0.hasPrefix("xattrop-") })
        try await brick.xattrop(Inode(gfid: gfids[0], type: .regular), .zero, one.negated)
        #expect(try await brick.list(.xattrop) == [])
        #expect(!brick.onDisk("xattrop").contains(old))
    }

    // MARK: - Names in directories

    @Test func `names noted in a directory are listed, taken off one by one, and purged with the counts`() async throws
    {
        let brick = try await IndexedBrick()
        let directory = try await brick.makeDirectory()
        let missed = PendingCounts(entry: 1)
        let odd = EntryName(bytes: [0xFF, 0x20, 0x0A])
        try await brick.xattrop(directory, .zero, missed, xdata: [XdataKey.xattropEntryCreate: .string("a")])
        try await brick.xattrop(directory, .zero, missed, xdata: [XdataKey.xattropEntryCreate: .bytes(odd.bytes)])
        try await brick.xattrop(directory, .zero, missed, xdata: [XdataKey.xattropEntryCreate: .string("c")])
        let changes = try await brick.virtualInode(.entryChanges)
        let names = try await lookup(directory, in: changes, brick)
        #expect(Set(try await brick.list(names).map(\.name)) == ["a", odd, "c"])
        _ = try await brick.top.unlink(UnlinkRequest(parent: names, name: "a"), in: brick.frame)
        #expect(
            await fopError { _ = try await brick.top.unlink(UnlinkRequest(parent: names, name: "a"), in: brick.frame) }
                == .noEntry)
        try await brick.xattrop(directory, .zero, .zero, xdata: [XdataKey.xattropEntryDelete: .string("c")])
        #expect(try await brick.list(names).map(\.name) == [odd])
        let purge: Xdata = [XdataKey.xattropPurgeIndex: .int(1)]
        try await brick.xattrop(directory, .zero, PendingCounts(entry: -2), xdata: purge)
        #expect(try await brick.list(names).map(\.name) == [odd])
        try await brick.xattrop(directory, .zero, PendingCounts(entry: -1), xdata: purge)
        #expect(await fopError { _ = try await lookup(directory, in: changes, brick) } == .noEntry)
    }

    @Test func `rmdir in the index of names drops all of a directory's`() async throws {
        let brick = try await IndexedBrick()
        let directory = try await brick.makeDirectory()
        for name in ["a", "b"] {
            try await brick.xattrop(
                directory, .zero, PendingCounts(entry: 1), xdata: [XdataKey.xattropEntryCreate: .string(name)])
        }
        let changes = try await brick.virtualInode(.entryChanges)
        let name = EntryName(directory.gfid.description)
        #expect(
            await fopError { _ = try await brick.top.rmdir(RmdirRequest(parent: changes, name: name), in: brick.frame) }
                == .notEmpty)
        _ = try await brick.top.rmdir(RmdirRequest(parent: changes, name: name, isRecursive: true), in: brick.frame)
        #expect(try await brick.list(.entryChanges) == [])
    }

    @Test(arguments: ["", "a/b", "..", "."])
    func `a note that is no name is EINVAL`(name: String) async throws {
        let brick = try await IndexedBrick()
        let directory = try await brick.makeDirectory()
        let xdata: Xdata = [XdataKey.xattropEntryCreate: .string(name)]
        #expect(await fopError { try await brick.xattrop(directory, .zero, one, xdata: xdata) } == .invalid)
    }

    private func lookup(_ directory: Inode, in changes: Inode, _ brick: IndexedBrick) async throws(FopError) -> Inode {
        let name = EntryName(directory.gfid.description)
        let reply = try await brick.top.lookup(LookupRequest(.name(name, parent: changes)), in: brick.frame)
        #expect(reply.inode?.gfid == reply.iatt.gfid && reply.iatt.isDirectory)
        return reply.inode!
    }

    // MARK: - By fops

    @Test func `a crawl in small bites sees every entry once`() async throws {
        let brick = try await IndexedBrick()
        var gfids: Set<String> = []
        for number in 0..<50 {
            let file = try await brick.makeFile("file-\(number)")
            try await brick.xattrop(file, .zero, one)
            gfids.insert(file.gfid.description)
        }
        let entries = try await brick.list(brick.virtualInode(.xattrop), bytes: 200).map(\.name.description)
        #expect(entries.count == 50)
        #expect(Set(entries) == gfids)
        let root = brick.graph.environment.inodes.inode(.root, type: .directory)
        let count = try await brick.top.getxattr(
            GetxattrRequest(.inode(root), name: "glusterfs.xattrop_index_count"), in: brick.frame)
        #expect(count.xattrs["glusterfs.xattrop_index_count"] == [0, 0, 0, 0, 0, 0, 0, 50])
    }

    @Test func `link-count says whether anything is listed`() async throws {
        let brick = try await IndexedBrick()
        let root = brick.graph.environment.inodes.inode(.root, type: .directory)
        func linkCount() async throws -> Int64? {
            let asked: Xdata = [XdataKey.linkCount: .string("glusterfs.xattrop_index_count")]
            return try await brick.top.lookup(LookupRequest(.inode(root), xdata: asked), in: brick.frame).xdata[
                XdataKey.linkCount]?.integer
        }
        #expect(try await linkCount() == 0)
        try await brick.xattrop(brick.makeFile(), .zero, one)
        #expect(try await linkCount() == 1)
    }

    @Test func `listed gfids come with their types when asked`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile(), directory = try await brick.makeDirectory()
        try await brick.xattrop(file, .zero, one)
        try await brick.xattrop(directory, .zero, PendingCounts(entry: 1))
        let entries = try await brick.list(brick.virtualInode(.xattrop), xdata: ["get-gfid-type": .int(1)])
        let types = Dictionary(uniqueKeysWithValues: entries.map { ($0.name.description, $0.type) })
        #expect(types == [file.gfid.description: .regular, directory.gfid.description: .directory])
    }

    @Test func `unlink takes off a stale entry, never one whose counts are not zero`() async throws {
        let brick = try await IndexedBrick()
        let file = try await brick.makeFile()
        try await brick.xattrop(file, .zero, one)
        let index = try await brick.virtualInode(.xattrop)
        func drop(_ gfid: Gfid) async -> FopError? {
            await fopError {
                _ = try await brick.top.unlink(
                    UnlinkRequest(parent: index, name: EntryName(gfid.description)), in: brick.frame)
            }
        }
        #expect(await drop(file.gfid) == .busy)
        let gone = Gfid.random()
        _ = try IndexFolder(path: brick.indices).insert(gone, into: .xattrop)
        #expect(try await brick.list(.xattrop).count == 2)
        #expect(await drop(gone) == nil)
        #expect(try await brick.list(.xattrop) == [file.gfid.description])
    }

    @Test func `two graphs on one brick keep index and counts in step`() async throws {
        // Method: each adds and takes off as fast as it can; in the end nothing is pending, and nothing is listed.
        let scratch = TemporaryDirectory()
        let first = try await IndexedBrick(on: scratch), second = try await IndexedBrick(on: scratch)
        let file = try await first.makeFile()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for brick in [first, second] {
                group.addTask(executorPreference: IOExecutor.shared) {
                    for _ in 0..<300 {
                        try await brick.xattrop(file, .zero, epoch)
                        #expect(brick.onDisk("xattrop").contains(file.gfid.description))
                        try await brick.xattrop(file, .zero, epoch.negated)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(XattrReading.counts(of: IndexedBrick.keys[1], at: scratch.appending("brick/file")) == .zero)
        #expect(try await first.list(.xattrop) == [])
    }
}
