import CFuse
import FuseProtocol
import TranslatorCore

extension FuseSession {
    /// Does what a request asks and answers it. Runs on the worker's thread until something below suspends.
    func serve(_ request: FuseRequest, _ call: FuseCall) async {
        do throws(FopError) {
            try writeGate.check(request)
            switch request {
            case .lookup(let name): try await lookup(name, call)
            case .getattr(let handle): try await getattr(handle, call)
            case .setattr(let change): try await setattr(change, call)
            case .readlink: try await readlink(call)
            case .symlink, .mknod, .mkdir, .link: try await makeEntry(request, call)
            case .unlink(let name): try await unlink(name, call)
            case .rmdir(let name): try await rmdir(name, call)
            case .rename: try await rename(request, call)
            case .open(let open): try await self.open(open, call)
            case .create(let create): try await self.create(create, call)
            case .read(let read): await self.read(read, call)
            case .write: throw FopError.io  // comes with a payload: the worker calls `write` itself
            case .flush(let handle, let owner): try await flush(handle, owner, call)
            case .fsync(let handle, let dataOnly): try await fsync(handle, dataOnly: dataOnly, call)
            case .release(let release): try await self.release(release, call)
            case .opendir(let open): try await opendir(open, call)
            case .readdir(let read): try await readdir(read, withAttributes: false, call)
            case .readdirplus(let read): try await readdir(read, withAttributes: true, call)
            case .releasedir(let release): try await releasedir(release, call)
            case .fsyncdir(let handle, let dataOnly): try await fsyncdir(handle, dataOnly: dataOnly, call)
            case .statfs: try await statfs(call)
            case .setxattr(let set): try await setxattr(set, call)
            case .getxattr(let name, let bytes): try await getxattr(name, bytes: bytes, call)
            case .listxattr(let bytes): try await listxattr(bytes: bytes, call)
            case .removexattr(let name): try await removexattr(name, call)
            case .getlk(let lock): try await getlk(lock, call)
            case .setlk(let lock): try await setlk(lock, waits: false, call)
            case .setlkw(let lock): try await setlk(lock, waits: true, call)
            case .fallocate(let fallocate): try await self.fallocate(fallocate, call)
            case .lseek(let handle, let offset, let whence): try await lseek(handle, offset, whence, call)
            case .copyFileRange(let copy): try await copyFileRange(copy, call)
            case .ioctl(let command): try await ioctl(command, call)
            case .destroy: call.queue.reply(call.unique)
            case .unsupported: throw FopError.notSupportedHere
            case .initialize, .forget, .batchForget, .interrupt: throw FopError.io  // the worker does these itself
            }
        } catch {
            let error = error == .noEntry && request.isOfNode ? .stale : error
            if error == .stale, request.isOfNode {
                secondWalks.begin(call.pid, needsName: request.isLink, at: environment.time.now())
            }
            call.queue.reply(call.unique, error: error)
        }
    }

    func forget(_ number: UInt64, lookups: UInt64) {
        if let inode = nodes.forget(number, lookups: lookups) { top.forget(inode) }
    }

    func readlink(_ call: FuseCall) async throws(FopError) {
        let reply = try await top.readlink(ReadlinkRequest(inode: try node(call.node).inode), in: frame(call))
        reply.target.withUnsafeBytes { _ = call.queue.reply(call.unique, bytes: $0) }
    }

    func statfs(_ call: FuseCall) async throws(FopError) {
        let status = try await top.statfs(StatfsRequest(inode: try node(call.node).inode), in: frame(call))
        call.queue.reply(call.unique, fuse_statfs_out(status))
    }
}

extension FuseRequest {
    fileprivate var isLink: Bool { if case .link = self { true } else { false } }

    /// About an object that the kernel knows already, not about a name. Where that is gone somebody else has taken its
    /// name, or another object has it by now: told ESTALE, the kernel walks the path once more; told ENOENT it would
    /// say that a name is not there which always was.
    fileprivate var isOfNode: Bool {
        switch self {
        case .getattr, .setattr, .readlink, .open, .opendir, .link, .setxattr, .getxattr, .listxattr, .removexattr: true
        default: false
        }
    }
}
