import CPosix
import Glibc
import Synchronization
import TranslatorCore

extension PosixTranslator {
    /// ENODATA for one that does not exist. All: but for the brick's own.
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        let object = try object(request.target)
        guard let name = request.name else { return GetxattrReply(xattrs: try visibleXattrs(of: object)) }
        if let value = try virtualXattr(name, of: object, request.target.inode) {
            return GetxattrReply(xattrs: [name: value])
        }
        guard let value = try object.xattr(name) else { throw .noData }
        return GetxattrReply(xattrs: [name: value])
    }

    /// `trusted.gfid` is left as it is, silently, as bricks do; other xattrs of the brick's own are refused with EPERM.
    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let gfid = request.target.inode.gfid
        let object = try objectToChange(request.target)
        let names = request.xattrs.keys.filter { $0 != PosixBrick.gfidKey }.sorted()
        guard !names.contains(where: Self.isHidden) else { throw .notPermitted }
        let flags: Int32 =
            switch request.mode {
            case .createOrReplace: 0
            case .create: Int32(XATTR_CREATE)
            case .replace: Int32(XATTR_REPLACE)
            }
        return try await changingXattrs(names, gfid, object, frame) { () throws(FopError) in
            for name in names { try object.setXattr(name, request.xattrs[name]!, flags: flags) }
            if case .mdata(let atime, let mtime, let ctime) = request.xdata[PosixXdataKey.mdataRequest] {
                try makeMdata(object, Mdata(ctime: ctime, mtime: mtime, atime: atime))
            }
            if names.contains(Mdata.key) || request.xdata[PosixXdataKey.mdataRequest] != nil {
                noteMdata(request.target.inode)
            }
        }
    }

    /// ENODATA for one that does not exist, when it is the only one.
    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let object = try objectToChange(request.target)
        guard !request.names.isEmpty, !request.names.contains(where: Self.isHidden) else { throw .notPermitted }
        return try await changingXattrs(request.names, request.target.inode.gfid, object, frame) {
            () throws(FopError) in
            for name in request.names {
                do throws(FopError) { try object.removeXattr(name) } catch {
                    guard error == .noData, request.names.count > 1 else { throw error }
                }
            }
        }
    }

    /// Pending counts change under the lock of xattrops, whoever changes them.
    private func changingXattrs(
        _ names: [String], _ gfid: Gfid, _ object: BrickObject, _ frame: Frame, _ change: () throws(FopError) -> Void
    ) async throws(FopError) -> DoneReply {
        let brick = try brick
        let isCount = names.contains { $0.hasPrefix("trusted.afr.") }
        let lock = isCount ? try await lockXattrops(on: gfid) : nil
        defer { if let lock { unlock(lock) } }
        let times = try brick.changing(object, gfid, .ctime, frame, change)
        return DoneReply(xdata: [
            PosixXdataKey.preStatus: .iatt(times.pre), PosixXdataKey.postStatus: .iatt(times.post),
        ])
    }

    private func makeMdata(_ object: BrickObject, _ mdata: Mdata) throws(FopError) {
        do throws(FopError) { try object.setXattr(Mdata.key, mdata.xattr, flags: Int32(XATTR_CREATE)) } catch {
            if error != .exists { throw error }
        }
    }

    private func noteMdata(_ inode: Inode) {
        inode.contexts.findOrSet(at: slot) { PosixInode() }.hasMdata.store(true, ordering: .relaxed)
    }

    // MARK: - Names that bricks make up

    static let pathsKey = "glusterfs.gfid2path"
    static let pathInfoKeys = ["glusterfs.pathinfo", "trusted.glusterfs.pathinfo"]

    /// Nil for a name that is not made up.
    private func virtualXattr(_ name: String, of object: BrickObject, _ inode: Inode) throws(FopError) -> [UInt8]? {
        if name == Self.pathsKey { return try paths(of: object, inode.gfid) }
        guard Self.pathInfoKeys.contains(name) else { return nil }
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let hostBytes = host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        let path = try brick.paths(of: object, inode.gfid).first ?? []
        let place = path == [UInt8(ascii: "/")] ? [] : path
        return Array("<POSIX(\(brickDirectory)):".utf8) + hostBytes + Array(":\(brickDirectory)".utf8) + place
            + Array(">".utf8)
    }

    /// All paths under the volume's root, joined by `gfid2path-separator`. ENODATA when none is recorded.
    private func paths(of object: BrickObject, _ gfid: Gfid) throws(FopError) -> [UInt8] {
        let paths = try brick.paths(of: object, gfid)
        guard !paths.isEmpty else { throw .noData }
        return Array(paths.joined(separator: settings.pathSeparator.utf8))
    }
}

extension PosixBrick {
    /// Where the object is in the volume: `/dir/name`, for every name that is recorded, in no order.
    func paths(of object: BrickObject, _ gfid: Gfid) throws(FopError) -> [[UInt8]] {
        if gfid == .root { return [[UInt8(ascii: "/")]] }
        if FileType(mode: try object.status().st_mode) == .directory { return [try path(ofDirectory: gfid)] }
        var paths: [[UInt8]] = []
        for key in try object.xattrNames() where key.hasPrefix(GfidToPath.keyPrefix) {
            guard let value = try object.xattr(key), let place = GfidToPath(value: value) else { continue }
            paths.append(try path(ofDirectory: place.parent) + [UInt8(ascii: "/")] + place.name.bytes)
        }
        return paths
    }

    /// From the handles, up to the root: "" for the root itself, so that names can follow. ESTALE when a handle is
    /// missing.
    private func path(ofDirectory gfid: Gfid) throws(FopError) -> [UInt8] {
        var (current, path, levels) = (gfid, [UInt8](), 0)
        while current != .root {
            guard levels < Int(PATH_MAX) / 2, let (parent, name) = try directoryHandle(current) else { throw .stale }
            path = [UInt8(ascii: "/")] + name.bytes + path
            (current, levels) = (parent, levels + 1)
        }
        return path
    }
}
