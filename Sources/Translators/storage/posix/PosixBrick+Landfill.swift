import CPosix
import Glibc
import TranslatorCore

/// Deletes for good what `rmdir` moved to the landfill: content, handles, and the paths of files that have other names.
/// Any number of processes may do it at once: what one has removed is gone for the others.
struct LandfillSweep {
    let brick: PosixBrick
    let openFiles: OpenFileTable
    let isGivenUp: @Sendable () -> Bool

    /// Answers how many trees went.
    func run() throws(FopError) -> Int {
        let number = try PosixCall.run {
            cposix_openat(brick.root.number, BrickFolder.landfill, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        let landfill = BrickObject(open: number)
        var count = 0
        for name in try landfill.entryNames() {
            guard !isGivenUp() else { break }
            try remove(name, in: landfill, parent: .none)
            count += 1
        }
        return count
    }

    private func remove(_ name: EntryName, in directory: BrickObject, parent: Gfid) throws(FopError) {
        guard !isGivenUp() else { return }
        do throws(FopError) {
            let object = try brick.object(named: name, in: directory)
            let gfid = try brick.gfid(of: object)
            if FileType(mode: try object.status().st_mode) == .directory {
                try removeDirectory(name, gfid, in: directory)
            } else {
                try unlink(name, directory, 0)
                try lostName(object, gfid, GfidToPath(parent: parent, name: name))
            }
        } catch {
            // Another process was quicker, or put something there in between: the next sweep sees.
            guard error == .noEntry || error == .notEmpty || error == .exists else { throw error }
        }
    }

    private func removeDirectory(_ name: EntryName, _ gfid: Gfid?, in parent: BrickObject) throws(FopError) {
        let number = try name.withCName { name throws(FopError) in
            try PosixCall.run {
                cposix_openat(parent.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
            }
        }
        let directory = BrickObject(open: number)
        for child in try directory.entryNames() { try remove(child, in: directory, parent: gfid ?? .none) }
        guard !isGivenUp() else { return }
        try unlink(name, parent, AT_REMOVEDIR)
        guard let gfid else { return }
        try brick.dropDirectoryHandle(gfid)
    }

    private func lostName(_ object: BrickObject, _ gfid: Gfid?, _ path: GfidToPath) throws(FopError) {
        guard let gfid else { return }
        if try object.status().st_nlink <= 1 {
            try brick.retireHandle(gfid, of: object, in: openFiles)
        } else {
            try object.forgetPath(path)
        }
    }

    private func unlink(_ name: EntryName, _ directory: BrickObject, _ flags: Int32) throws(FopError) {
        try name.withCName { name throws(FopError) in
            _ = try PosixCall.run { unlinkat(directory.number, name, flags) }
        }
    }
}

extension BrickObject {
    /// What is in a directory, but for "." and "..".
    func entryNames() throws(FopError) -> [EntryName] {
        var stream = try DirectoryStream(copying: self)
        var names: [EntryName] = []
        while let entry = try stream.next() {
            if !entry.name.isDotOrDotDot { names.append(entry.name) }
        }
        return names
    }
}
