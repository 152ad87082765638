import TranslatorCore

/// One object on a `MemoryBrick`: content with holes at 4 KiB grain, attributes, xattrs.
struct MemoryFile {
    static let blockBytes = 4096

    var iatt: Iatt
    var xattrs: Xattrs = [:]
    private(set) var content: [UInt8] = []
    /// Blocks that were written; the others are holes (or were fallocated, which SEEK tells apart from data too).
    private(set) var writtenBlocks: Set<Int> = []

    init(gfid: Gfid, type: FileType) {
        iatt = Iatt()
        iatt.gfid = gfid
        iatt.mode = type.rawValue | 0o644
        iatt.nlink = 1
    }

    /// Differs after every change: ctime moves on with content, as a brick's clock does.
    var changeStamp: UInt64 {
        var hasher = Hasher()
        hasher.combine(iatt.size)
        hasher.combine(iatt.mode)
        hasher.combine(iatt.ctime.seconds)
        hasher.combine(xattrs)
        return UInt64(UInt(bitPattern: hasher.finalize()))
    }

    private mutating func resize(to size: Int) {
        if size < content.count {
            content.removeLast(content.count - size)
            writtenBlocks = writtenBlocks.filter { $0 * Self.blockBytes < size }
        } else {
            content.append(contentsOf: repeatElement(0, count: size - content.count))
        }
        iatt.size = UInt64(size)
        iatt.blocks = UInt64(writtenBlocks.count * Self.blockBytes / 512)
    }

    mutating func truncate(to size: Int) {
        dropPrivileges()
        resize(to: size)
    }

    /// Whoever changes the content takes capabilities off, as the kernel does it (capabilities(7)), and as a writer
    /// without CAP_FSETID does it the set-ID bits too.
    private mutating func dropPrivileges() {
        xattrs["security.capability"] = nil
        iatt.mode &= ~0o6000
    }

    mutating func write(_ bytes: [UInt8], at offset: Int) {
        guard !bytes.isEmpty else { return }
        dropPrivileges()
        if offset + bytes.count > content.count { resize(to: offset + bytes.count) }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        writtenBlocks.formUnion(offset / Self.blockBytes...(offset + bytes.count - 1) / Self.blockBytes)
        iatt.blocks = UInt64(writtenBlocks.count * Self.blockBytes / 512)
    }

    func read(_ count: Int, at offset: Int) -> ArraySlice<UInt8> {
        offset < content.count ? content[offset..<min(content.count, offset + count)] : []
    }

    /// `fallocate(2)`: `keepsSize` false lengthens.
    mutating func zero(_ offset: Int, _ count: Int, keepsSize: Bool) {
        dropPrivileges()
        if !keepsSize, offset + count > content.count { resize(to: offset + count) }
        let end = min(offset + count, content.count)
        guard offset < end else { return }
        content.replaceSubrange(offset..<end, with: repeatElement(0, count: end - offset))
        let first = (offset + Self.blockBytes - 1) / Self.blockBytes
        let last = (end == content.count ? end + Self.blockBytes - 1 : end) / Self.blockBytes
        if first < last { writtenBlocks.subtract(first..<last) }
        iatt.blocks = UInt64(writtenBlocks.count * Self.blockBytes / 512)
    }

    /// As lseek(2) with SEEK_DATA or SEEK_HOLE; nil is ENXIO.
    func seek(_ offset: Int, _ what: SeekWhat) -> Int? {
        guard offset < content.count else { return nil }
        var at = offset
        while at < content.count {
            if writtenBlocks.contains(at / Self.blockBytes) == (what == .data) { return at }
            at = (at / Self.blockBytes + 1) * Self.blockBytes
        }
        return what == .hole ? content.count : nil
    }

    /// For comparisons: what two equal copies have in common.
    var dataMap: [Int] { writtenBlocks.sorted() }
}

/// One change of a file, as a disk gets it.
enum MemoryChange: Sendable {
    case write([UInt8], at: Int)
    case truncate(to: Int)
    case zero(offset: Int, count: Int, keepsSize: Bool)
    /// These have the given values now.
    case xattrs(Xattrs)
    case xattrsRemoved([String])
}

extension MemoryFile {
    mutating func apply(_ change: MemoryChange) {
        switch change {
        case .write(let bytes, let offset): write(bytes, at: offset)
        case .truncate(let size): truncate(to: size)
        case .zero(let offset, let count, let keepsSize): zero(offset, count, keepsSize: keepsSize)
        case .xattrs(let values): xattrs.merge(values) { _, new in new }
        case .xattrsRemoved(let names): for name in names { xattrs[name] = nil }
        }
    }
}
