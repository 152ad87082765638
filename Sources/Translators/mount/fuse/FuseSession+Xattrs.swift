import CFuse
import CPosix
import FuseProtocol
import Glibc
import TranslatorCore

enum XattrName {
    static let defaultACL = "system.posix_acl_default", accessACL = "system.posix_acl_access"
    static let capability = "security.capability"
}

extension FuseSession {
    func getxattr(_ name: [UInt8], bytes: Int, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let name = XattrText.text(name)
        guard !HiddenNames.isHidden(xattr: name) else { throw .noData }
        let value: [UInt8]
        if name == XattrName.capability {
            value = try await capability(of: node, call)
        } else {
            value = try await xattr(name, of: node, call)
        }
        try replyValue(value, bytes: bytes, call)
    }

    private func xattr(_ name: String, of node: Node, _ call: FuseCall) async throws(FopError) -> [UInt8] {
        let reply = try await reaching(node) { target throws(FopError) in
            try await top.getxattr(GetxattrRequest(target, name: name), in: frame(call))
        }
        guard let value = reply.xattrs[name] else { throw .noData }
        return value
    }

    /// The kernel asks for capabilities at the first write after each time it learnt attributes. That there are none is
    /// believed for `attribute-timeout`; a value is never kept.
    private func capability(of node: Node, _ call: FuseCall) async throws(FopError) -> [UInt8] {
        if node.capability.value(at: environment.time.now()) != nil { throw .noData }
        let end = beliefEnd
        do throws(FopError) {
            return try await xattr(XattrName.capability, of: node, call)
        } catch {
            if error == .noData { node.capability.store(0, until: end) }
            throw error
        }
    }

    private func replyValue(_ value: [UInt8], bytes: Int, _ call: FuseCall) throws(FopError) {
        guard bytes > 0 else {
            call.queue.reply(call.unique, fuse_getxattr_out(size: UInt32(value.count), padding: 0))
            return
        }
        guard value.count <= bytes else { throw .outOfRange }
        value.withUnsafeBytes { _ = call.queue.reply(call.unique, bytes: $0) }
    }

    /// As ext4 shows them: `trusted.*` to root alone.
    func listxattr(bytes: Int, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let all = try await reaching(node) { target throws(FopError) in
            try await top.getxattr(GetxattrRequest(target), in: frame(call)).xattrs
        }
        var names: [UInt8] = []
        for name in all.keys.sorted() where !HiddenNames.isHidden(xattr: name) {
            if call.uid != 0 && name.hasPrefix("trusted.") { continue }
            names += XattrText.bytes(name)
            names.append(0)
        }
        try replyValue(names, bytes: bytes, call)
    }

    func setxattr(_ set: FuseRequest.Setxattr, _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let name = XattrText.text(set.name)
        guard !HiddenNames.isHidden(xattr: name) else { throw .notPermitted }
        guard let mode = SetxattrRequest.Mode(rawValue: set.mode) else { throw .invalid }
        let frame = frame(call)
        _ = try await reaching(node) { target throws(FopError) in
            try await top.setxattr(SetxattrRequest(target, xattrs: [name: set.value], mode: mode), in: frame)
        }
        changed(name, of: node)
        if set.killsGroupID { try await dropGroupID(node, frame) }
        call.queue.reply(call.unique)
    }

    func removexattr(_ name: [UInt8], _ call: FuseCall) async throws(FopError) {
        let node = try node(call.node)
        let name = XattrText.text(name)
        guard !HiddenNames.isHidden(xattr: name) else { throw .notPermitted }
        _ = try await reaching(node) { target throws(FopError) in
            try await top.removexattr(RemovexattrRequest(target, names: [name]), in: frame(call))
        }
        changed(name, of: node)
        call.queue.reply(call.unique)
    }

    private func changed(_ name: String, of node: Node) {
        switch name {
        case XattrName.capability: node.capability.drop()
        case XattrName.defaultACL: node.defaultACL.drop()
        case XattrName.accessACL: node.mode.drop()
        default: break
        }
    }

    /// An access ACL set by someone outside the file's group (FUSE_SETXATTR_ACL_KILL_SGID).
    private func dropGroupID(_ node: Node, _ frame: Frame) async throws(FopError) {
        let iatt = try await top.stat(StatRequest(.inode(node.inode)), in: frame).iatt
        guard iatt.mode & S_ISGID != 0 else { return }
        var change = Iatt()
        change.mode = iatt.mode & ~S_ISGID
        _ = try await top.setattr(SetattrRequest(.inode(node.inode), iatt: change, valid: .mode), in: frame)
    }
}
