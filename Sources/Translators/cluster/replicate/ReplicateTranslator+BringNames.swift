import ReplicaState
import TranslatorCore

// An object that some replicas have comes to those that lack it.
extension ReplicateTranslator {
    /// Gives `gfid` its name on the `lacking` replicas, where nothing stands under it: another name for an object that
    /// is there, whose own marks say what it misses, else a new one like that of `source`, whose content is marked as
    /// missing there **before** anybody can see it. The caller holds the name's lock. False where it did not come.
    func bring(
        _ gfid: Gfid, as name: EntryName, in parent: Inode, from source: Int, to lacking: [Bool], _ locked: UnderLocks
    ) async -> Bool {
        do throws(FopError) {
            let look = LookupRequest(.name(name, parent: parent))
            let iatt = try await replicas[source].lookup(look, in: locked.frame).iatt
            guard iatt.gfid == gfid else { return false }
            let inode = volume.environment.inodes.inode(gfid, type: iatt.type)
            let original = Original(inode: inode, iatt: iatt, xattrs: try await xattrs(of: inode, on: source, locked))
            let absent = try await lacks(inode, among: lacking, locked)
            try await mark(original, missingOn: absent, on: source, locked)
            var target: [UInt8] = []
            if iatt.type == .symlink {
                target = try await replicas[source].readlink(ReadlinkRequest(inode: inode), in: locked.frame).target
            }
            let (entry, link) = (NewEntry(parent: parent, name: name, inode: inode, xdata: Self.internalFop), target)
            let outcome = Outcome(
                await windAll(lacking) { [self] replica throws(FopError) in
                    if absent[replica] { return try await make(original, entry, link, on: replica, locked.frame) }
                    let request = LinkRequest(inode: inode, parent: parent, name: name)
                    _ = try await replicas[replica].link(request, in: locked.frame)
                })
            return outcome.succeeded == lacking
        } catch {
            volume.log(.warning, "gfid \(gfid): cannot be brought from \"\(replicas[source].name)\": \(error)")
            return false
        }
    }

    /// On which of these replicas there is no such object, under no name.
    private func lacks(_ inode: Inode, among chosen: [Bool], _ locked: UnderLocks) async throws(FopError) -> [Bool] {
        let answers = await windAll(chosen) { [self] replica throws(FopError) in
            _ = try await replicas[replica].lookup(LookupRequest(.inode(inode)), in: locked.frame)
        }
        var absent = nobody
        for (replica, answer) in answers.enumerated() {
            guard let error = answer?.error else { continue }
            guard error.isAbsence else { throw error }
            absent[replica] = true
        }
        return absent
    }

    private static let internalFop: Xdata = [XdataKey.internalFop: .int(1)]

    private struct Original: Sendable {
        let inode: Inode
        let iatt: Iatt
        let xattrs: Xattrs
    }

    /// What a client can have set.
    private func xattrs(of inode: Inode, on source: Int, _ locked: UnderLocks) async throws(FopError) -> Xattrs {
        let request = GetxattrRequest(.inode(inode))
        let all = try await replicas[source].getxattr(request, in: locked.frame).xattrs
        let brickOwn = ["trusted.afr.", "trusted.gfid", "trusted.glusterfs.", "trusted.pgfid.", "glusterfs."]
        return all.filter { pair in !brickOwn.contains { pair.key.hasPrefix($0) } }
    }

    /// Content that the others will lack: on the disk before they have the object, or a power cut would leave an empty
    /// copy beside it that nobody accuses. Of a directory its names.
    private func mark(
        _ original: Original, missingOn lacking: [Bool], on source: Int, _ locked: UnderLocks
    ) async throws(FopError) {
        let inode = original.inode
        guard lacking.contains(true) else { return }
        switch original.iatt.type {
        case .regular where original.iatt.size > 0:
            let values = marks(blaming: lacking, by: PendingCounts(data: 1), dirty: .zero)
            try await mark(.inode(inode), values, on: source, in: locked.frame)
            let fd = Fd(inode: inode, flags: .readWrite)
            _ = try await replicas[source].open(OpenRequest(fd: fd), in: locked.frame)
            let synced = Outcome([
                await result { [self] () throws(FopError) in
                    try await replicas[source].fsync(FsyncRequest(fd: fd, dataOnly: false), in: locked.frame)
                }
            ])
            await replicas[source].release(fd)
            if let error = synced.error { throw error }
        case .directory where try await !isEmpty(inode, on: source, locked.frame):
            let values = marks(blaming: lacking, by: PendingCounts(data: 1, entry: 1), dirty: .zero)
            try await mark(.inode(inode), values, on: source, in: locked.frame)
        default: break
        }
    }

    func isEmpty(_ directory: Inode, on replica: Int, _ frame: Frame) async throws(FopError) -> Bool {
        let fd = Fd(inode: directory, flags: [.directory])
        _ = try await replicas[replica].opendir(OpendirRequest(fd: fd), in: frame)
        let read = await result { [self] () throws(FopError) in
            try await replicas[replica].readdir(ReaddirRequest(fd: fd, offset: 0, bytes: 4096), in: frame)
        }
        await replicas[replica].releasedir(fd)
        return try read.get().entries.allSatisfy(\.name.isDotOrDotDot)
    }

    private func result<Reply>(_ body: () async throws(FopError) -> Reply) async -> Result<Reply, FopError> {
        do throws(FopError) { return .success(try await body()) } catch { return .failure(error) }
    }

    private func make(
        _ original: Original, _ entry: NewEntry, _ link: [UInt8], on replica: Int, _ frame: Frame
    ) async throws(FopError) {
        let (brick, iatt) = (replicas[replica], original.iatt)
        switch iatt.type {
        case .directory: _ = try await brick.mkdir(MkdirRequest(entry: entry, mode: iatt.permissions), in: frame)
        case .symlink: _ = try await brick.symlink(SymlinkRequest(entry: entry, target: link), in: frame)
        default: _ = try await brick.mknod(MknodRequest(entry: entry, mode: iatt.mode, device: iatt.rdev), in: frame)
        }
        let target = FopTarget.inode(entry.inode)
        let kept: AttributeMask = iatt.type == .symlink ? [.uid, .gid] : [.uid, .gid, .mode]
        _ = try await brick.setattr(SetattrRequest(target, iatt: iatt, valid: kept), in: frame)
        if !original.xattrs.isEmpty {
            _ = try await brick.setxattr(SetxattrRequest(target, xattrs: original.xattrs), in: frame)
        }
        _ = try await brick.setattr(SetattrRequest(target, iatt: iatt, valid: .times), in: frame)
    }
}
