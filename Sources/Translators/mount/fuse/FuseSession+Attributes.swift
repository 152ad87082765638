import CFuse
import CPosix
import FuseProtocol
import Glibc
import TranslatorCore

extension FuseSession {
    func getattr(_ handle: UInt64?, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let iatt: Iatt
        if let open = self.open(handle) {
            iatt = try await top.stat(StatRequest(.fd(open.fd)), in: frame(call)).iatt
        } else {
            iatt = try await reaching(node) { target throws(FopError) in
                try await top.stat(StatRequest(target), in: frame(call)).iatt
            }
        }
        replyAttributes(try checkNamed(iatt, node, handle), node, call)
    }

    private func open(_ handle: UInt64?) -> OpenHandle? { handle.flatMap { handles[$0] } }

    private func replyAttributes(_ iatt: Iatt, _ node: Node, _ call: FuseCall) {
        saw(iatt, of: node)
        call.queue.reply(call.unique, fuse_attr_out(iatt, valid: attributesValid))
    }

    func setattr(_ change: FuseSetattr, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        if let open = open(change.handle) { return try await setattr(change, node, .fd(open.fd), call) }
        // The size of an open file comes with its handle: without one it is that of what stands under a name.
        try await reaching(node, ifHeld: change.size != nil || change.isFlushOfTimes) { target throws(FopError) in
            try await setattr(change, node, target, call)
        }
    }

    private func setattr(
        _ change: FuseSetattr, _ node: Node, _ target: FopTarget, _ call: FuseCall
    ) async throws(FopError) {
        let frame = frame(call)
        var latest: Iatt?
        if let size = change.size {
            if change.killsPrivileges { try await killPrivileges(node, target, call, frame) }
            latest = try await top.truncate(TruncateRequest(target, size: size), in: frame).attributes.post
        }
        let (iatt, valid) = requested(change, now: frame.time)
        if !valid.isEmpty {
            do throws(FopError) {
                latest = try await top.setattr(SetattrRequest(target, iatt: iatt, valid: valid), in: frame).attributes
                    .post
            } catch {
                guard change.isFlushOfTimes, error.isAbsence else { throw error }
                return replyTimesOfNothing(node, call)
            }
            if valid.contains(.uid) || valid.contains(.gid) { node.capability.drop() }
        }
        let now: Iatt
        if let latest { now = latest } else { now = try await top.stat(StatRequest(target), in: frame).iatt }
        replyAttributes(change.isFlushOfTimes ? now : try checkNamed(now, node, change.handle), node, call)
    }

    /// With the writeback cache the kernel sends the times of a file right after its last name went, and keeps a
    /// refusal for the next syncfs(2) as lost data. Nobody can see those times any more, and what is answered is not
    /// looked at.
    private func replyTimesOfNothing(_ node: Node, _ call: FuseCall) {
        var iatt = Iatt()
        (iatt.gfid, iatt.mode) = (node.inode.gfid, node.inode.type.rawValue)
        call.queue.reply(call.unique, fuse_attr_out(iatt, valid: .none))
    }

    /// "Now" becomes the request's time, one for all replicas. The kernel's own ctime (writeback cache) is left to the
    /// brick: it stamps a later one when the times arrive, and nothing may set a ctime back.
    private func requested(_ change: FuseSetattr, now: Timestamp) -> (Iatt, AttributeMask) {
        var iatt = Iatt()
        var valid = AttributeMask()
        func resolved(_ time: FuseSetattr.Time) -> Timestamp {
            switch time {
            case .now: now
            case .at(let time): time
            }
        }
        if let mode = change.mode { (iatt.mode, valid) = (mode, valid.union(.mode)) }
        if let uid = change.uid { (iatt.uid, valid) = (uid, valid.union(.uid)) }
        if let gid = change.gid { (iatt.gid, valid) = (gid, valid.union(.gid)) }
        if let atime = change.atime { (iatt.atime, valid) = (resolved(atime), valid.union(.atime)) }
        if let mtime = change.mtime { (iatt.mtime, valid) = (resolved(mtime), valid.union(.mtime)) }
        return (iatt, valid)
    }

    /// Takes the set-user-ID and set-group-ID bits before someone who may not keep them changes the content:
    /// FUSE_HANDLE_KILLPRIV_V2 makes that the mount's work. Capabilities (`security.capability`) go by themselves,
    /// because a brick's own kernel drops them at a write: where bypass writes to the target alone, the heal takes them
    /// off the sinks. `mayBeKept`: fallocate(2) and copy_file_range(2) come without the kernel's word on whether this
    /// caller keeps the bits.
    func killPrivileges(
        _ node: Node, _ target: FopTarget, _ call: FuseCall, _ frame: Frame, mayBeKept: Bool = false
    ) async throws(FopError) {
        if let known = node.mode.value(at: environment.time.now()), UInt32(known) & (S_ISUID | S_ISGID) == 0 { return }
        let iatt = try await top.stat(StatRequest(target), in: frame).iatt
        saw(iatt, of: node)
        let killed = Self.killedBits(iatt, call)
        guard killed != 0, !mayBeKept || !CallerCapabilities.keepSetIDs(pid: call.pid) else { return }
        var change = Iatt()
        change.mode = iatt.mode & ~killed
        let reply = try await top.setattr(SetattrRequest(target, iatt: change, valid: .mode), in: frame)
        saw(reply.attributes.post, of: node)
        // The kernel goes on believing the mode that it knows, and would run the file by it.
        if node.number != 0 { call.queue.notify(FuseNotification.invalidateInode(node: node.number, offset: -1)) }
    }

    /// The bits that go: set-group-ID where the group may execute the file, or the caller is not in the group.
    /// Source: Linux `setattr_should_drop_suidgid`.
    private static func killedBits(_ iatt: Iatt, _ call: FuseCall) -> UInt32 {
        guard iatt.isRegular else { return 0 }
        var killed = iatt.mode & S_ISUID
        if iatt.mode & S_ISGID != 0, iatt.mode & S_IXGRP != 0 || !isCaller(call, inGroup: iatt.gid) {
            killed |= S_ISGID
        }
        return killed
    }

    private static func isCaller(_ call: FuseCall, inGroup group: UInt32) -> Bool {
        call.gid == group
            || CallerGroups.now(pid: call.pid, uid: call.uid, gid: call.gid).contains(group)
    }
}
