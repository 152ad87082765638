import CPosix
import Glibc
import ReplicaState
import TranslatorCore

/// A graph over real bricks in a scratch folder, as tests drive it: work through one of its translators, and looks at
/// the bricks behind its back.
public protocol BrickStack: Sendable {
    var bricks: [String] { get }
    var graph: Graph { get }
    /// Where the tests' fops go in.
    var top: any Translator { get }
    var root: Inode { get }
    var frame: Frame { get }
    /// `trusted.afr.<name>` for each replica.
    var keys: [String] { get }
}

/// The volumes of bricks, as text of a volfile.
public enum BrickVolumes {
    /// For each directory storage/posix, features/locks and features/index, and `above` them one of each type under its
    /// name. Every name ends in the brick's number.
    public static func volfile(_ bricks: [String], above: [(name: String, type: TranslatorType)]) -> String {
        bricks.enumerated().map { number, brick in
            var text = "volume posix-\(number)\n type storage/posix\n option directory \(brick)\nend-volume\n"
            var below = "posix"
            for (name, type) in [("locks", "features/locks"), ("index", "features/index")] + above {
                text += "volume \(name)-\(number)\n type \(type)\n subvolumes \(below)-\(number)\nend-volume\n"
                below = name
            }
            return text
        }.joined()
    }
}

// Work through the stack.
extension BrickStack {
    public func create(
        _ name: EntryName, in parent: Inode? = nil, flags: OpenFlags = .readWrite
    ) async throws -> Fd {
        let inode = graph.environment.inodes.inode(.random(), type: .regular)
        let fd = Fd(inode: inode, flags: flags)
        let entry = NewEntry(parent: parent ?? root, name: name, inode: inode)
        _ = try await top.create(CreateRequest(entry: entry, fd: fd, mode: 0o644), in: frame)
        return fd
    }

    public func open(_ inode: Inode, _ flags: OpenFlags = .readWrite) async throws -> Fd {
        let fd = Fd(inode: inode, flags: flags)
        _ = try await top.open(OpenRequest(fd: fd), in: frame)
        return fd
    }

    @discardableResult
    public func write(_ text: String, to fd: Fd, at offset: UInt64 = 0) async throws -> Int {
        try await write(Array(text.utf8), to: fd, at: offset)
    }

    @discardableResult
    public func write(_ bytes: [UInt8], to fd: Fd, at offset: UInt64 = 0) async throws -> Int {
        try await top.writev(WriteRequest(fd: fd, offset: offset, payload: payload(bytes)), in: frame).bytes
    }

    public func payload(_ bytes: [UInt8]) -> Payload {
        let draft = graph.environment.pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        return Payload(draft.freeze(count: bytes.count))
    }

    public func read(_ fd: Fd, at offset: UInt64 = 0, bytes: Int = 1 << 16) async throws -> String {
        let reply = try await top.readv(ReadRequest(fd: fd, offset: offset, bytes: bytes), in: frame)
        return String(decoding: reply.payload.copiedBytes(), as: UTF8.self)
    }

    public func flush(_ fd: Fd) async throws { _ = try await top.flush(FlushRequest(fd: fd), in: frame) }

    public func close(_ fd: Fd) async throws {
        try await flush(fd)
        await top.release(fd)
    }

    public func stop() async { await graph.stop() }
}

// Behind its back.
extension BrickStack {
    public func path(_ replica: Int, _ name: String) -> String {
        name == "/" ? bricks[replica] : "\(bricks[replica])/\(name)"
    }

    /// What replica `i`'s copy says that replica `j` missed.
    public func counts(_ i: Int, about j: Int, _ name: String) -> PendingCounts {
        XattrReading.counts(of: keys[j], at: path(i, name))
    }
    public func dirty(_ replica: Int, _ name: String) -> PendingCounts {
        XattrReading.counts(of: PendingCounts.dirtyKey, at: path(replica, name))
    }
    /// Plants what a copy says, as an earlier failure would have.
    public func accuse(_ i: Int, _ j: Int, _ counts: PendingCounts, _ name: String) {
        XattrReading.set(keys[j], to: counts.xattr, at: path(i, name))
    }
    public func isIndexed(_ replica: Int, _ gfid: Gfid, in kind: String = "xattrop") -> Bool {
        access("\(bricks[replica])/.glusterfs/indices/\(kind)/\(gfid)", F_OK) == 0
    }
}
