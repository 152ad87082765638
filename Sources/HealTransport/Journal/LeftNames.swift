import CPosix
import Glibc
import HealProtocol
import TranslatorCore

/// What mounts that have died say, in their names journals on one brick, that they had under way.
public struct LeftNames: Sendable {
    public let brick: String
    public let volume: Gfid, boot: Gfid

    /// One dead mount's.
    public struct Journal: Equatable, Sendable {
        public let mount: Gfid
        public let changes: [NameChange]
        /// Whether the file system that it is in lives on since it was kept: after its end, with the machine or without
        /// it, what the brick has is older than what was said, or newer, and what was said is of any age.
        public let isBelieved: Bool
    }

    public init(brick: String, volume: Gfid, boot: Gfid) {
        (self.brick, self.volume, self.boot) = (brick, volume, boot)
    }

    /// All that dead mounts of this volume left here. Those that nobody can read are told in `complain` and left alone.
    public func journals(complain: (JournalError) -> Void = { _ in }) throws(JournalError) -> [Journal] {
        var found: [Journal] = []
        for name in try JournalDirectory.names(in: NamesJournalFile.folder(brick: brick)) ?? [] {
            guard let mount = Gfid(name), mount.description == name else { continue }
            do throws(JournalError) {
                let path = NamesJournalFile.path(brick: brick, mount: mount)
                if try !JournalLock.isHeld(path), let journal = try read(path, mount) { found.append(journal) }
            } catch {
                complain(error)
            }
        }
        return found.sorted { $0.mount < $1.mount }
    }

    /// Nil for one that is gone, or of another volume.
    private func read(_ path: String, _ mount: Gfid) throws(JournalError) -> Journal? {
        let bytes: [UInt8]
        do throws(FopError) { bytes = try LocalFile.bytes(of: path) } catch {
            if error == .noEntry { return nil }
            throw JournalError("the names journal \(path) cannot be read: \(error)", cause: error)
        }
        let header: NamesJournalHeader
        do throws(CodecError) { header = try NamesJournalHeader(decoding: bytes) } catch {
            throw JournalError("\(path): \(error)")
        }
        guard header.volume == volume else { return nil }
        let size = NameIntent.encodedBytes
        let changes = bytes.withUnsafeBytes { all in
            (1..<header.slots).compactMap { slot -> NameChange? in
                guard (slot + 1) * size <= all.count else { return nil }
                return NameIntent.read(UnsafeRawBufferPointer(rebasing: all[slot * size..<(slot + 1) * size]))
            }
        }
        // Asked after it was read: an instance never comes back, so it was this one all the while.
        let isSame = header.instance.compared(with: FileSystemInstance(at: brick)) == .same
        return Journal(mount: mount, changes: changes, isBelieved: header.boot == boot && isSame)
    }

    /// All of it is settled.
    public func forget(_ mount: Gfid) { unlink(NamesJournalFile.path(brick: brick, mount: mount)) }
}
