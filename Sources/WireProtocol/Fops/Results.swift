import TranslatorCore

// The shapes that several fops answer with. Names are GlusterFS's (`gfx_common_rsp` and so on), letters those of
// gluster-wire.md §6.

/// C: status, xdata.
public struct CommonResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
    }
}

/// I: status, xdata, iatt.
public struct IattResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var iatt = WireIatt()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&iatt)
    }
}

/// 2I: status, xdata, two iatts: before and after; the object and its parent of LOOKUP.
public struct TwoIattResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var pre = WireIatt(), post = WireIatt()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&pre)
        try xdr.part(&post)
    }
}

/// 3I: status, xdata, iatts of the object, and of the parent (the sink of COPY_FILE_RANGE) before and after.
public struct ThreeIattResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var iatt = WireIatt(), parentPre = WireIatt(), parentPost = WireIatt()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&iatt)
        try xdr.part(&parentPre)
        try xdr.part(&parentPost)
    }
}

/// D: status, xdata, dict, two iatts that are zero.
public struct DictResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var dict = WireDict.none
    public var pre = WireIatt(), post = WireIatt()
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.part(&dict)
        try xdr.part(&pre)
        try xdr.part(&post)
    }
}

/// O: status, xdata, i64 fd: a small number from 0, used again after its release.
public struct OpenResult: FopResult {
    public var status = FopStatus()
    public var xdata = WireDict.none
    public var fd: Int64 = 0
    public init() {}
    public mutating func fields<Filter: XDRFilter>(_ xdr: inout Filter) throws(Filter.Failure) {
        try xdr.part(&status)
        try xdr.part(&xdata)
        try xdr.integer(&fd, "fd")
    }
}
