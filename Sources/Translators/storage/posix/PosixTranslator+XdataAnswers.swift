import CPosix
import Glibc
import TranslatorCore

extension PosixTranslator {
    /// Whether a key of xdata is the name of an xattr: asked in a lookup, or given to a new object.
    static func isXattrName(_ key: String) -> Bool {
        key.hasPrefix("trusted.") || key.hasPrefix("user.") || key.hasPrefix("security.") || key.hasPrefix("system.")
    }

    /// Xattrs that nobody above may see in a list: the brick's own (gluster-wire.md §7, GETXATTR).
    static func isHidden(_ name: String) -> Bool {
        name == PosixBrick.gfidKey || name.hasPrefix(GfidToPath.keyPrefix) || name == PosixBrick.volumeIDKey
            || name == PosixBrick.intentKey
    }

    /// What LOOKUP, STAT and READDIRP answer in xdata. Nothing is asked on most paths, and costs nothing. `status` was
    /// read before.
    func answers(to request: Xdata, of object: BrickObject, _ gfid: Gfid, _ status: stat) throws(FopError) -> Xdata {
        var answers: Xdata = [:]
        let isListed = request[XdataKey.listXattr] != nil
        if isListed { answers = try visibleXattrs(of: object).mapValues { .bytes($0) } }
        for (key, value) in request {
            if Self.isXattrName(key) {
                if isListed, !Self.isHidden(key) { continue }
                if let found = try optional({ () throws(FopError) in try object.xattr(key) }) {
                    answers[key] = .bytes(found)
                }
                continue
            }
            switch key {
            case XdataKey.content:
                if let content = try content(of: object, gfid, status, bytesMax: value.integer ?? 0) {
                    answers[key] = .bytes(content)
                }
            case XdataKey.openFdCount, PosixXdataKey.openActiveFdCount:
                answers[key] = .uint(UInt64(openFiles.count(of: gfid)))
            case XdataKey.changeStamp: answers[key] = ChangeStamp.of(status).map { .uint($0) }
            default: break
            }
        }
        return answers
    }

    /// Namespaces that the file system or the kind of object does not have count as without a value.
    private func optional(_ read: () throws(FopError) -> [UInt8]?) throws(FopError) -> [UInt8]? {
        do throws(FopError) { return try read() } catch {
            if error == .notSupported || error == .notPermitted { return nil }
            throw error
        }
    }

    func visibleXattrs(of object: BrickObject) throws(FopError) -> Xattrs {
        var xattrs: Xattrs = [:]
        for name in try object.xattrNames() where !Self.isHidden(name) {
            // One that was removed since the list was read is left out.
            if let value = try object.xattr(name) { xattrs[name] = value }
        }
        return xattrs
    }

    /// A small file whole, so that a client need not open it.
    private func content(
        of object: BrickObject, _ gfid: Gfid, _ status: stat, bytesMax: Int64
    ) throws(FopError) -> [UInt8]? {
        guard FileType(mode: status.st_mode) == .regular, status.st_size <= bytesMax else { return nil }
        let file = Descriptor(
            taking: try object.withProcPath { path throws(FopError) in
                try PosixCall.run { cposix_open(path, O_RDONLY | O_CLOEXEC, 0) }
            })
        let bytes = try [UInt8](capacity: Int(status.st_size)) { memory throws(FopError) in
            try PosixCall.run { pread(file.number, memory.baseAddress, memory.count, 0) }
        }
        return bytes
    }
}
