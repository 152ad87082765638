import CPosix
import Glibc
import RangeMapping
import TranslatorCore

/// FIEMAP. Source: Linux `linux/fiemap.h`, Documentation/filesystems/fiemap.rst.
extension PosixTranslator: AllocationSource {
    public func extents(of fd: Fd, in range: ByteRange, writesBack: Bool = false) throws(FopError) -> [Mapping] {
        let file = try file(fd)
        let countMax = AllocationLimits.extentsMax
        let stride = MemoryLayout<fiemap_extent>.stride
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: MemoryLayout<fiemap>.size + countMax * stride, alignment: 8)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        let head = buffer.baseAddress!.assumingMemoryBound(to: fiemap.self)
        (head.pointee.fm_start, head.pointee.fm_length) = (range.start, range.count)
        head.pointee.fm_extent_count = UInt32(countMax)
        if writesBack { head.pointee.fm_flags = UInt32(FIEMAP_FLAG_SYNC) }
        do throws(FopError) {
            try PosixCall.run { cposix_ioctl_ptr(file.number, cposix_fs_ioc_fiemap(), head) }
        } catch {
            switch error.code {
            case EFBIG: return []  // behind the largest offset that the file system knows
            case ENOTTY: throw .notSupported
            default: throw error
            }
        }
        let first = buffer.baseAddress! + MemoryLayout<fiemap>.size
        return (0..<Int(head.pointee.fm_mapped_extents)).compactMap { position in
            Mapping((first + position * stride).load(as: fiemap_extent.self))
        }
    }
}

extension Mapping {
    fileprivate init?(_ extent: fiemap_extent) {
        guard extent.fe_length > 0, extent.fe_length <= UInt64.max - extent.fe_logical else { return nil }
        let told = extent.fe_flags
        func has(_ flag: Int32) -> Bool { told & UInt32(flag) != 0 }
        // An extent that waits for its place may carry the flag of unwritten ones too.
        let kind: Kind =
            has(FIEMAP_EXTENT_DELALLOC)
            ? .delalloc : has(FIEMAP_EXTENT_UNWRITTEN) ? .unwritten : has(FIEMAP_EXTENT_DATA_INLINE) ? .inline : .mapped
        var flags: Flags = []
        if has(FIEMAP_EXTENT_SHARED) { flags.insert(.shared) }
        if has(FIEMAP_EXTENT_LAST) { flags.insert(.last) }
        self.init(offset: extent.fe_logical, length: extent.fe_length, kind: kind, flags: flags)
    }
}
