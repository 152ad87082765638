import TranslatorCore

/// CREATE 23: gfid parent, u32 flags, u32 mode, u32 umask, string name, xdata.
/// As in all four that make something, `xdata` holds `gfid-req`, the gfid it gets.
public struct CreateArguments: OneFopArguments {
    public typealias Result = CreateResult
    public static let fop = Fop.create
    public var parent = Gfid.none
    /// Linux x86-64 O_*.
    public var flags: UInt32 = 0
    public var mode: UInt32 = 0
    /// Taken off `mode` by the brick.
    public var umask: UInt32 = 0
    public var name = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&parent, "pargfid")
        try xdr.integer(&flags, "flags")
        try xdr.integer(&mode, "mode")
        try xdr.integer(&umask, "umask")
        try xdr.name(&name, "bname")
        try xdr.part(&xdata)
    }
}

/// MKNOD 3: gfid parent, u64 device, u32 mode, u32 umask, string name, xdata.
public struct MknodArguments: OneFopArguments {
    public typealias Result = ThreeIattResult
    public static let fop = Fop.mknod
    public var parent = Gfid.none
    /// Linux dev_t, other than in replies.
    public var device: UInt64 = 0
    /// A full st_mode.
    public var mode: UInt32 = 0
    public var umask: UInt32 = 0
    public var name = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&parent, "pargfid")
        try xdr.integer(&device, "dev")
        try xdr.integer(&mode, "mode")
        try xdr.integer(&umask, "umask")
        try xdr.name(&name, "bname")
        try xdr.part(&xdata)
    }
}

/// MKDIR 4: gfid parent, u32 mode, u32 umask, string name, xdata.
public struct MkdirArguments: OneFopArguments {
    public typealias Result = ThreeIattResult
    public static let fop = Fop.mkdir
    public var parent = Gfid.none
    public var mode: UInt32 = 0
    public var umask: UInt32 = 0
    public var name = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&parent, "pargfid")
        try xdr.integer(&mode, "mode")
        try xdr.integer(&umask, "umask")
        try xdr.name(&name, "bname")
        try xdr.part(&xdata)
    }
}

/// SYMLINK 7: gfid parent, string name, u32 umask, string target, xdata.
public struct SymlinkArguments: OneFopArguments {
    public typealias Result = ThreeIattResult
    public static let fop = Fop.symlink
    public var parent = Gfid.none
    public var name = EntryName("")
    public var umask: UInt32 = 0
    public var target: [UInt8] = []
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&parent, "pargfid")
        try xdr.name(&name, "bname")
        try xdr.integer(&umask, "umask")
        try xdr.opaque(&target, "linkname")
        try xdr.part(&xdata)
    }
}

/// LINK 9: gfid object, gfid new parent, string name, xdata.
public struct LinkArguments: OneFopArguments {
    public typealias Result = ThreeIattResult
    public static let fop = Fop.link
    public var object = Gfid.none
    public var parent = Gfid.none
    public var name = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&object, "oldgfid")
        try xdr.gfid(&parent, "newgfid")
        try xdr.name(&name, "bname")
        try xdr.part(&xdata)
    }
}

/// UNLINK 5: gfid parent, string name, u32 flags, xdata.
public struct UnlinkArguments: OneFopArguments {
    public typealias Result = TwoIattResult
    public static let fop = Fop.unlink
    public var parent = Gfid.none
    public var name = EntryName("")
    /// 0.
    public var flags: UInt32 = 0
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&parent, "pargfid")
        try xdr.name(&name, "bname")
        try xdr.integer(&flags, "xflags")
        try xdr.part(&xdata)
    }
}

/// RMDIR 6: gfid parent, i32 flags, string name, xdata.
public struct RmdirArguments: OneFopArguments {
    public typealias Result = TwoIattResult
    public static let fop = Fop.rmdir
    public var parent = Gfid.none
    /// 1: a directory that is not empty goes too.
    public var flags: Int32 = 0
    public var name = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&parent, "pargfid")
        try xdr.integer(&flags, "xflags")
        try xdr.name(&name, "bname")
        try xdr.part(&xdata)
    }
}

/// RENAME 8: gfid old parent, gfid new parent, string old name, string new name, xdata.
public struct RenameArguments: OneFopArguments {
    public typealias Result = RenameResult
    public static let fop = Fop.rename
    public var oldParent = Gfid.none
    public var newParent = Gfid.none
    public var oldName = EntryName("")
    public var newName = EntryName("")
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.gfid(&oldParent, "oldgfid")
        try xdr.gfid(&newParent, "newgfid")
        try xdr.name(&oldName, "oldbname")
        try xdr.name(&newName, "newbname")
        try xdr.part(&xdata)
    }
}
