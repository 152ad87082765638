import CPosix
import Glibc
import HealProtocol
import Synchronization
import TranslatorCore

/// Where names journals are: one file for each mount, below a brick's `.glusterfs/bypass/names/`, named by the mount's
/// id. A file in the making begins with a dot and gets its name when its lock is held; free means dead.
enum NamesJournalFile {
    static func folder(brick: String) -> String { "\(JournalDirectory.parent(brick: brick))/names" }
    static func path(brick: String, mount: Gfid) -> String { "\(folder(brick: brick))/\(mount)" }
    static func pathInMaking(brick: String, mount: Gfid) -> String { "\(folder(brick: brick))/.\(mount).new" }
}

/// The changes of names that one mount has under way, in a file mapped into memory on one of its bricks (DESIGN §3.6):
/// said before the first brick does one, taken back when all have done it or the rest is marked. No system call stores
/// it, so that it survives a `kill -9`, and costs less than a microsecond.
public final class NamesJournal: @unchecked Sendable {
    /// More than a mount has under way; what finds no room is not said.
    static let intentsMax = 256

    private let brick: String, path: String
    private let descriptor: Int32
    // Safe because a slot is written only by whom it was given to, until it gives it back.
    private let base: UnsafeMutableRawPointer
    private let free: Mutex<[Int]>
    private static var fileBytes: Int { (1 + intentsMax) * NameIntent.encodedBytes }

    /// Makes the journal of a new mount below `brick`, whose directory must be a brick.
    public init(brick: String, mount: Gfid, volume: Gfid, boot: Gfid) throws(JournalError) {
        self.brick = brick
        path = NamesJournalFile.path(brick: brick, mount: mount)
        let newPath = NamesJournalFile.pathInMaking(brick: brick, mount: mount)
        guard access("\(brick)/.glusterfs", F_OK) == 0 else {
            throw .system("no journal can be kept in", "\(brick)/.glusterfs", remedy: "is \(brick) a brick?")
        }
        try JournalDirectory.create(JournalDirectory.parent(brick: brick))
        try JournalDirectory.create(NamesJournalFile.folder(brick: brick))
        descriptor = try JournalLock.take(newPath)
        do throws(JournalError) {
            base = try JournalSegment.map(descriptor, bytes: Self.fileBytes, newPath)
        } catch {
            unlink(newPath)
            Glibc.close(descriptor)
            throw error
        }
        free = Mutex(Array((1...Self.intentsMax).reversed()))
        let instance = FileSystemInstance(of: descriptor)
        let header = NamesJournalHeader(volume: volume, boot: boot, instance: instance, slots: 1 + Self.intentsMax)
        base.copyMemory(from: header.encoded, byteCount: NamesJournalHeader.encodedBytes)
        guard rename(newPath, path) == 0 else {
            let error = JournalError.system("cannot create the names journal", path)
            unlink(newPath)
            // The rest goes in `deinit`.
            throw error
        }
    }
    deinit {
        munmap(base, Self.fileBytes)
        Glibc.close(descriptor)
    }

    /// Says a change; what its gfids are that the caller does not know, the brick is asked: under the locks of the
    /// change. Answers what to take it back with; nil where it could not be said.
    public func begin(_ change: NameChange) -> Int? {
        guard let slot = free.withLock({ $0.popLast() }) else { return nil }
        if NameIntent.store(completed(change), at: base + slot * NameIntent.encodedBytes) { return slot }
        free.withLock { $0.append(slot) }
        return nil
    }

    public func end(_ slot: Int) {
        NameIntent.clear(base + slot * NameIntent.encodedBytes)
        free.withLock { $0.append(slot) }
    }

    /// The mount ends in peace: the file goes, unless something is still said in it.
    public func close() {
        if free.withLock({ $0.count }) == Self.intentsMax { unlink(path) }
    }

    private func completed(_ change: NameChange) -> NameChange {
        var change = change
        if change.object.isNone { change.object = standing(at: change.place) }
        if let newPlace = change.newPlace { change.replaced = standing(at: newPlace) }
        return change
    }

    /// The gfid of what stands under a name on this brick; none for nothing, and where it cannot be told (a directory
    /// whose handle is reached over more than 40 others).
    private func standing(at place: NameChange.Place) -> Gfid {
        var path = Array(brick.utf8)
        if place.parent != .root {
            let text = place.parent.description
            path += Array("/.glusterfs/\(text.prefix(2))/\(text.dropFirst(2).prefix(2))/\(text)".utf8)
        }
        path.append(UInt8(ascii: "/"))
        path += place.name.bytes
        path.append(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: 16) { value, count in
            count = path.withUnsafeBytes {
                max(0, lgetxattr($0.bindMemory(to: CChar.self).baseAddress!, "trusted.gfid", value.baseAddress, 16))
            }
        }
        return Gfid(bytes: bytes) ?? .none
    }
}
