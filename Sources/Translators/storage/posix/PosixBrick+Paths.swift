import CPosix
import Glibc
import TranslatorCore

extension PosixBrick {
    /// Forgets recorded names that lead elsewhere by now, and records the one by which the object was `found`. A name
    /// is recorded after it is made and forgotten after it is gone: only a death in between leaves something to mend.
    func mendPaths(of object: BrickObject, _ status: stat, found: GfidToPath? = nil) throws(FopError) {
        guard FileType(mode: status.st_mode) != .directory else { return }
        var isRecorded = found == nil
        for key in try object.xattrNames() where key.hasPrefix(GfidToPath.keyPrefix) {
            guard let value = try object.xattr(key), let path = GfidToPath(value: value) else { continue }
            if path == found { isRecorded = true } else if !leads(path, to: status) { try object.forgetPath(path) }
        }
        if let found, !isRecorded, status.st_nlink <= GfidToPath.namesMax + 1 { try object.recordPath(found) }
    }

    /// Whether that is not known to be false.
    private func leads(_ path: GfidToPath, to status: stat) -> Bool {
        do throws(FopError) {
            let directory = try object(path.parent, type: .directory, isUnlinkedToo: false)
            let there = try object(named: path.name, in: directory).status()
            return there.st_ino == status.st_ino && there.st_dev == status.st_dev
        } catch {
            return !error.isAbsence
        }
    }
}
