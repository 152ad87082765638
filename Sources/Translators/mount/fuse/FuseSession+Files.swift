import CFuse
import CPosix
import FuseProtocol
import Glibc
import Synchronization
import TranslatorCore

/// Open files: opening, reading, writing, closing.
extension FuseSession {
    /// What the stack opens a file with. With the writeback cache the kernel reads the rest of a page that is written
    /// in part, by any handle, and decides itself where an append goes.
    func openFlags(_ kernel: OpenFlags) -> OpenFlags {
        // The last is O_LARGEFILE, which the kernel always sets.
        let mountsOwn: Int32 = O_CREAT | O_EXCL | O_NOCTTY | 0o100000
        var flags = OpenFlags(rawValue: kernel.rawValue & ~mountsOwn)
        if isWriteback {
            flags.remove(.append)
            if flags.accessMode == O_WRONLY { flags = OpenFlags(rawValue: flags.rawValue & ~O_ACCMODE | O_RDWR) }
        }
        return flags
    }

    /// Pages stay valid over an open only where nobody else writes: that is the writeback cache's promise, and the
    /// operator's with `fopen-keep-cache`. Else each open reads anew, as NFS and GlusterFS have it. FOPEN_DIRECT_IO is
    /// never given, not for O_DIRECT either: the kernel sends such reads and writes straight to the mount anyway, and
    /// the flag would break shared mappings before Linux 6.6.
    private func replyFlags(_ flags: OpenFlags) -> FuseOpenFlags {
        var reply: FuseOpenFlags = settings.keepsCache || isWriteback ? .keepCache : []
        // Closing a descriptor that cannot write has nothing to say, unless POSIX locks may hang on it.
        if !flags.canWrite && !features.contains(.posixLocks) { reply.insert(.noFlush) }
        return reply
    }

    func open(_ open: FuseOpen, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let frame = frame(call)
        if open.killsPrivileges { try await killPrivileges(node, .inode(node.inode), call, frame) }
        let fd = Fd(inode: node.inode, flags: openFlags(open.flags))
        let stamp: XdataValue?
        do throws(FopError) {
            if node.isNameless.load(ordering: .relaxed) { try checkReopens(call) }
            stamp = try await openFound(fd, frame).xdata[XdataKey.changeStamp]
        } catch {
            guard error == .stale, let held = takeHeld(node, call) else { throw error }
            return try await replyHeld(held.number, held.handle, fd.flags, call)
        }
        await refuteKernel(of: fd, node, stamp, call.queue, frame)
        let reply = opened(fd, node)
        if !call.queue.reply(call.unique, reply) { await abandon(reply.fh) }
    }

    /// ESTALE where the file that the kernel found is no more: it then walks the path again, and opens what stands
    /// there now.
    private func openFound(_ fd: Fd, _ frame: Frame) async throws(FopError) -> DoneReply {
        do throws(FopError) { return try await top.open(OpenRequest(fd: fd), in: frame) } catch {
            throw error == .noEntry ? .stale : error
        }
    }

    private func opened(_ fd: Fd, _ node: Node) -> fuse_open_out {
        nodes.opened(node)
        return fuse_open_out(handle: handles.add(OpenHandle(fd: fd, node: node)), flags: replyFlags(fd.flags))
    }

    /// The file is gone, but held for whoever walks its path a second time. How it is written comes with each write.
    private func replyHeld(
        _ number: UInt64, _ handle: OpenHandle, _ flags: OpenFlags, _ call: FuseCall
    ) async throws(FopError) {
        do throws(FopError) {
            if flags.canWrite, !handle.fd.flags.canWrite { throw .stale }
            if flags.contains(.truncate) {
                _ = try await top.truncate(TruncateRequest(.fd(handle.fd), size: 0), in: frame(call))
            }
        } catch {
            await abandon(number)
            throw error
        }
        let reply = fuse_open_out(handle: number, flags: replyFlags(flags))
        if !call.queue.reply(call.unique, reply) { await abandon(number) }
    }

    /// The kernel did not take the reply that named this handle.
    func abandon(_ number: UInt64) async {
        guard let handle = handles.remove(number) else { return }
        await top.release(handle.fd)
        if let inode = nodes.closed(handle.node) { top.forget(inode) }
    }

    func create(_ create: FuseCreate, _ call: FuseCall) async throws(FopError) {
        let parent = try node(call.node)
        let frame = frame(call)
        let new = try newEntry(create.name, in: parent, type: .regular)
        let mode = try await masked(create.mode & 0o7777, by: create.umask, in: parent, frame)
        let fd = Fd(inode: new.inode, flags: openFlags(create.flags).subtracting(.truncate))
        let iatt: Iatt
        do throws(FopError) {
            iatt = try await top.create(CreateRequest(entry: new, fd: fd, mode: mode), in: frame).iatt
        } catch {
            guard error == .exists, !create.flags.contains(.exclusive) else { throw error }
            do throws(FopError) { return try await openExisting(create, parent, call) } catch {
                // Taken away again: the kernel makes it at its next try.
                throw error == .noEntry ? .stale : error
            }
        }
        replyCreated(iatt, fd, call)
        await top.anticipate(fd)
    }

    private func replyCreated(_ iatt: Iatt, _ fd: Fd, _ call: FuseCall) {
        let node = remember(iatt, fd.inode)
        let open = opened(fd, node)
        if !call.queue.reply(call.unique, FuseCreateReply(entry: entry(node, iatt), open: open)) {
            // Not worth a suspended worker: the last use of the fd goes on elsewhere.
            Task.detached(executorPreference: environment.executor) { [self] in
                await abandon(open.fh)
                forget(node.number, lookups: 1)
            }
        }
    }

    /// Somebody else made the name between the kernel's lookup and this. The kernel believes that the file is new and
    /// checks no permission, so it is done here; ESTALE where that is not simple: the kernel then walks the path again.
    private func openExisting(_ create: FuseCreate, _ parent: Node, _ call: FuseCall) async throws(FopError) {
        let frame = frame(call)
        let found = try await top.lookup(LookupRequest(.name(create.name, parent: parent.inode)), in: frame)
        let flags = openFlags(create.flags)
        guard found.iatt.isRegular, Self.mayOpen(found.iatt, create.flags, call) else { throw .stale }
        let fd = Fd(inode: inode(of: found.iatt, found.inode), flags: flags)
        if create.killsPrivileges {
            try await killPrivileges(Node(number: 0, inode: fd.inode), .inode(fd.inode), call, frame)
        }
        _ = try await openFound(fd, frame)
        let iatt = flags.contains(.truncate) ? try await top.stat(StatRequest(.fd(fd)), in: frame).iatt : found.iatt
        replyCreated(iatt, fd, call)
    }

    /// Root, or the owner by the owner's bits; group bits may be an ACL's mask, so they decide nothing.
    private static func mayOpen(_ iatt: Iatt, _ flags: OpenFlags, _ call: FuseCall) -> Bool {
        if call.uid == 0 { return true }
        let needed: UInt32 = (flags.canRead ? S_IRUSR : 0) | (flags.canWrite || flags.contains(.truncate) ? S_IWUSR : 0)
        return iatt.uid == call.uid && iatt.mode & needed == needed
    }

    func read(_ read: FuseRead, _ call: FuseCall) async {
        do throws(FopError) {
            let handle = try handle(read.handle)
            let reply = try await top.readv(
                ReadRequest(fd: handle.fd, offset: read.offset, bytes: read.bytes), in: frame(call))
            call.queue.reply(call.unique, payload: reply.payload)
        } catch {
            call.queue.reply(call.unique, error: error)
        }
    }

    func write(_ write: FuseWrite, _ payload: Payload, _ call: FuseCall) async {
        do throws(FopError) {
            try writeGate.check()
            let handle = try handle(write.handle)
            let frame = frame(call)
            if write.killsPrivileges { try await killPrivileges(handle.node, .fd(handle.fd), call, frame) }
            let request = WriteRequest(
                fd: handle.fd, offset: write.offset, payload: payload, flags: openFlags(write.flags))
            let reply = try await top.writev(request, in: frame)
            call.queue.reply(call.unique, fuse_write_out(size: UInt32(reply.bytes), padding: 0))
        } catch {
            call.queue.reply(call.unique, error: error)
        }
    }

    func flush(_ number: UInt64, _ owner: UInt64, _ call: FuseCall) async throws(FopError) {
        let handle = try handle(number)
        _ = try await top.flush(FlushRequest(fd: handle.fd), in: frame(call, lockOwner: owner))
        call.queue.reply(call.unique)
    }

    func fsync(_ number: UInt64, dataOnly: Bool, _ call: FuseCall) async throws(FopError) {
        let handle = try handle(number)
        _ = try await top.fsync(FsyncRequest(fd: handle.fd, dataOnly: dataOnly), in: frame(call))
        call.queue.reply(call.unique)
    }

    func release(_ release: FuseRelease, _ call: FuseCall) async throws(FopError) {
        guard let handle = handles.remove(release.handle) else { throw .badDescriptor }
        await dropFlock(handle, frame(call))
        await top.release(handle.fd)
        call.queue.reply(call.unique)
        if let inode = nodes.closed(handle.node) { top.forget(inode) }
    }
}
