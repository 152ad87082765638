import CPosix
import Glibc

/// Where the memory of iobufs comes from: the C library below `mappedBytesMin`, the kernel from there on, so that a
/// large block that is given back leaves the process at once.
enum IobufMemory {
    static let mappedBytesMin = 128 * 1024

    /// Aligned to `IobufPool.alignment`. Traps when the machine has no memory, as every allocation in Swift does.
    static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        precondition(bytes > 0)
        precondition(bytes.isMultiple(of: IobufPool.alignment))
        if bytes >= mappedBytesMin {
            let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let memory, cposix_is_mapping_failed(memory) == 0 else {
                fatalError("out of memory for an iobuf of \(bytes) bytes: \(FopError.last)")
            }
            return memory
        }
        var memory: UnsafeMutableRawPointer?
        let failed = posix_memalign(&memory, IobufPool.alignment, bytes)
        guard failed == 0, let memory else { fatalError("out of memory for an iobuf of \(bytes) bytes") }
        return memory
    }

    static func free(_ base: UnsafeMutableRawPointer, _ bytes: Int) {
        if bytes >= mappedBytesMin { munmap(base, bytes) } else { Glibc.free(base) }
    }
}
