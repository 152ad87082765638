import CPosix
import Glibc
import TranslatorCore

/// The one way system calls are made here: again after a signal, once again when descriptors had run out, and a failure
/// is its errno.
enum PosixCall {
    /// The call's result; throws errno when it is −1.
    @inline(__always)
    @discardableResult
    static func run<Result: FixedWidthInteger & SignedInteger>(_ call: () -> Result) throws(FopError) -> Result {
        while true {
            let result = call()
            if result != -1 { return result }
            if errno != EINTR { break }
        }
        let error = FopError.last
        if error.isOutOfDescriptors { return try runRelieved(error, call) }
        throw error
    }

    /// Once more, when what nobody uses has been closed.
    private static func runRelieved<Result: FixedWidthInteger & SignedInteger>(
        _ failure: FopError, _ call: () -> Result
    ) throws(FopError) -> Result {
        DescriptorPressure.shared.relieve()
        let result = call()
        if result != -1 { return result }
        let error = FopError.last
        if error.isOutOfDescriptors { DescriptorPressure.shared.tell(error) }
        throw error
    }

    /// Nil when the call failed with `missing`, for calls where absence is an answer.
    @inline(__always)
    static func run<Result: FixedWidthInteger & SignedInteger>(
        nilFor missing: Int32, _ call: () -> Result
    ) throws(FopError) -> Result? {
        do throws(FopError) {
            return try run(call)
        } catch {
            if error.code == missing { return nil }
            throw error
        }
    }
}

/// A descriptor, closed when the last user lets go of it.
final class Descriptor: Sendable {
    let number: Int32
    init(taking number: Int32) { self.number = number }
    deinit { close(number) }
}

extension EntryName {
    /// Calls `body` with the name as a C string. EPERM for a name with "/", as bricks answer (gluster-wire.md §7);
    /// EINVAL for an empty one and one with a NUL; ENAMETOOLONG above 255 bytes.
    func withCName<Result>(_ body: (UnsafePointer<CChar>) throws(FopError) -> Result) throws(FopError) -> Result {
        guard !bytes.isEmpty, !bytes.contains(0) else { throw .invalid }
        guard !bytes.contains(UInt8(ascii: "/")) else { throw .notPermitted }
        guard bytes.count <= Self.bytesMax else { throw .nameTooLong }
        return try withUnsafeTemporaryAllocation(byteCount: bytes.count + 1, alignment: 1) { memory throws(FopError) in
            memory.copyBytes(from: bytes)
            memory[bytes.count] = 0
            return try body(UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: CChar.self)))
        }
    }
}
