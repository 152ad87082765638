/// Makes a new object under a name. What all of create, mknod, mkdir and symlink have in common.
///
/// The gfid is the caller's choice: `inode` was made with a fresh one, and every replica gives the object just that.
/// Answers EEXIST where the name is taken; nothing is opened or returned then (a mount that was asked without O_EXCL
/// looks the name up and opens it).
public struct NewEntry: Sendable {
    public let parent: Inode
    public let name: EntryName
    public let inode: Inode
    public var xdata: Xdata
    public init(parent: Inode, name: EntryName, inode: Inode, xdata: Xdata = [:]) {
        (self.parent, self.name, self.inode, self.xdata) = (parent, name, inode, xdata)
    }
}

/// Makes a regular file and opens it as `fd`, whose inode is `entry.inode`.
public struct CreateRequest: Sendable {
    public var entry: NewEntry
    public let fd: Fd
    /// Permissions, the umask already taken off.
    public let mode: UInt32
    public init(entry: NewEntry, fd: Fd, mode: UInt32) { (self.entry, self.fd, self.mode) = (entry, fd, mode) }
}

/// Makes a device, a fifo, a socket, or a regular file that is not opened: mknod(2).
public struct MknodRequest: Sendable {
    public var entry: NewEntry
    /// A full st_mode: type and permissions.
    public let mode: UInt32
    /// Linux dev_t, for devices.
    public let device: UInt64
    public init(entry: NewEntry, mode: UInt32, device: UInt64) {
        (self.entry, self.mode, self.device) = (entry, mode, device)
    }
}

/// Makes a directory. `mode` is permissions, the umask already taken off.
public struct MkdirRequest: Sendable {
    public var entry: NewEntry
    public let mode: UInt32
    public init(entry: NewEntry, mode: UInt32) { (self.entry, self.mode) = (entry, mode) }
}

/// Makes a symbolic link; `target` is bytes, without a NUL.
public struct SymlinkRequest: Sendable {
    public var entry: NewEntry
    public let target: [UInt8]
    public init(entry: NewEntry, target: [UInt8]) { (self.entry, self.target) = (entry, target) }
}

/// Answer to create, mknod, mkdir, symlink and link.
public struct EntryReply: Sendable {
    public var iatt: Iatt
    public var parent: PrePostIatt
    public var xdata: Xdata
    public init(iatt: Iatt, parent: PrePostIatt, xdata: Xdata = [:]) {
        (self.iatt, self.parent, self.xdata) = (iatt, parent, xdata)
    }
}

/// Gives `inode` another name.
public struct LinkRequest: Sendable {
    public let inode: Inode
    public let parent: Inode
    public let name: EntryName
    public var xdata: Xdata
    public init(inode: Inode, parent: Inode, name: EntryName, xdata: Xdata = [:]) {
        (self.inode, self.parent, self.name, self.xdata) = (inode, parent, name, xdata)
    }
}

/// Removes a name of something that is no directory: unlink(2).
public struct UnlinkRequest: Sendable {
    public let parent: Inode
    public let name: EntryName
    public var xdata: Xdata
    public init(parent: Inode, name: EntryName, xdata: Xdata = [:]) {
        (self.parent, self.name, self.xdata) = (parent, name, xdata)
    }
}

/// Removes a directory: rmdir(2); ENOTEMPTY where something is in it.
public struct RmdirRequest: Sendable {
    public let parent: Inode
    public let name: EntryName
    /// Removes a directory that is not empty too, by way of the brick's landfill (RMDIR flag 1).
    public let isRecursive: Bool
    public var xdata: Xdata
    public init(parent: Inode, name: EntryName, isRecursive: Bool = false, xdata: Xdata = [:]) {
        (self.parent, self.name, self.isRecursive, self.xdata) = (parent, name, isRecursive, xdata)
    }
}

/// Answer to unlink and rmdir. `xdata["get-link-count"]` of unlink: names left.
public struct RemoveReply: Sendable {
    public var parent: PrePostIatt
    public var xdata: Xdata
    public init(parent: PrePostIatt, xdata: Xdata = [:]) { (self.parent, self.xdata) = (parent, xdata) }
}

/// Flags of renameat2(2).
public struct RenameFlags: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let noReplace = RenameFlags(rawValue: 1), exchange = RenameFlags(rawValue: 2)
}

/// Moves a name, over another one if need be: renameat2(2).
public struct RenameRequest: Sendable {
    public let oldParent: Inode, oldName: EntryName
    public let newParent: Inode, newName: EntryName
    /// Not on GlusterFS's wire: a translator that cannot keep a flag's promise answers EINVAL.
    public let flags: RenameFlags
    public var xdata: Xdata
    public init(
        oldParent: Inode, oldName: EntryName, newParent: Inode, newName: EntryName, flags: RenameFlags = [],
        xdata: Xdata = [:]
    ) {
        (self.oldParent, self.oldName, self.newParent, self.newName) = (oldParent, oldName, newParent, newName)
        (self.flags, self.xdata) = (flags, xdata)
    }
}

/// Attributes after a rename.
public struct RenameReply: Sendable {
    /// The object that moved.
    public var iatt: Iatt
    public var oldParent: PrePostIatt, newParent: PrePostIatt
    public var xdata: Xdata
    public init(iatt: Iatt, oldParent: PrePostIatt, newParent: PrePostIatt, xdata: Xdata = [:]) {
        (self.iatt, self.oldParent, self.newParent, self.xdata) = (iatt, oldParent, newParent, xdata)
    }
}
