import CPosix
import Glibc
import TranslatorCore

/// One file, directory or other object of the brick, held by a descriptor, so that all system calls on it meet the same
/// inode whatever happens to its names meanwhile.
struct BrickObject: Sendable {
    let descriptor: Descriptor
    /// Opened with O_PATH, which works for every kind of object and disturbs none; xattr calls then go through
    /// `/proc/self/fd`, as open(2) says for O_PATH.
    let isPathOnly: Bool

    var number: Int32 { descriptor.number }

    init(path number: Int32) { (descriptor, isPathOnly) = (Descriptor(taking: number), true) }
    init(open number: Int32) { (descriptor, isPathOnly) = (Descriptor(taking: number), false) }

    /// Calls `body` with `/proc/self/fd/<number>`.
    func withProcPath<Result>(_ body: (UnsafePointer<CChar>) throws(FopError) -> Result) throws(FopError) -> Result {
        try withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { memory throws(FopError) in
            let prefix: StaticString = "/proc/self/fd/"
            for position in 0..<prefix.utf8CodeUnitCount { memory[position] = prefix.utf8Start[position] }
            var end = prefix.utf8CodeUnitCount
            var digits = 1
            while digits <= Int(number) / 10 { digits *= 10 }
            while digits > 0 {
                memory[end] = UInt8(ascii: "0") + UInt8(Int(number) / digits % 10)
                (end, digits) = (end + 1, digits / 10)
            }
            memory[end] = 0
            return try body(UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: CChar.self)))
        }
    }

    func status() throws(FopError) -> stat {
        var status = stat()
        try PosixCall.run { fstat(number, &status) }
        return status
    }

    // MARK: - Xattrs

    /// Most values, and lists of names, are shorter; longer ones cost a second call.
    private static let (valueBytesUsual, listBytesUsual) = (256, 1024)
    /// XATTR_SIZE_MAX and XATTR_LIST_MAX (limits.h).
    private static let valueBytesMax = 65_536

    /// The value of `name`; nil when there is none.
    func xattr(_ name: String) throws(FopError) -> [UInt8]? {
        do throws(FopError) {
            return try bytes(usually: Self.valueBytesUsual) { memory throws(FopError) in
                try readXattr(name, into: memory)
            }
        } catch {
            guard error == .noData else { throw error }
            return nil
        }
    }

    /// What `read` fills in and answers the length of.
    private func bytes(
        usually: Int, _ read: (UnsafeMutableRawBufferPointer) throws(FopError) -> Int
    ) throws(FopError) -> [UInt8] {
        func bytes(_ capacity: Int) throws(FopError) -> [UInt8] {
            try [UInt8](capacity: capacity) { memory throws(FopError) in
                try read(UnsafeMutableRawBufferPointer(memory))
            }
        }
        do throws(FopError) { return try bytes(usually) } catch {
            guard error == .outOfRange else { throw error }
            return try bytes(Self.valueBytesMax)
        }
    }

    /// The bytes of an xattr's name with a NUL at their end.
    @inline(__always)
    private func named<Result>(
        _ name: String, _ body: (UnsafePointer<CChar>) throws(FopError) -> Result
    ) throws(FopError) -> Result {
        try withUnsafeTemporaryAllocation(byteCount: name.utf8.count + 1, alignment: 1) { memory throws(FopError) in
            // A name's bytes are never more than those of its text.
            func put(_ bytes: some Collection<UInt8>) {
                memory.copyBytes(from: bytes)
                memory[bytes.count] = 0
            }
            if XattrText.isASCII(name) { put(name.utf8) } else { put(XattrText.bytes(name)) }
            return try body(UnsafePointer(memory.baseAddress!.assumingMemoryBound(to: CChar.self)))
        }
    }

    /// Fills `memory` with the value of `name`, answers its length; ENODATA, ERANGE as getxattr(2).
    func readXattr(_ name: String, into memory: UnsafeMutableRawBufferPointer) throws(FopError) -> Int {
        try named(name) { name throws(FopError) in
            guard isPathOnly else {
                return try PosixCall.run { fgetxattr(number, name, memory.baseAddress, memory.count) }
            }
            return try withProcPath { path throws(FopError) in
                try PosixCall.run { getxattr(path, name, memory.baseAddress, memory.count) }
            }
        }
    }

    /// `flags` as setxattr(2): 0, XATTR_CREATE, XATTR_REPLACE.
    func setXattr(_ name: String, _ value: [UInt8], flags: Int32 = 0) throws(FopError) {
        try named(name) { name throws(FopError) in
            guard isPathOnly else {
                try PosixCall.run { fsetxattr(number, name, value, value.count, flags) }
                return
            }
            try withProcPath { path throws(FopError) in
                _ = try PosixCall.run { setxattr(path, name, value, value.count, flags) }
            }
        }
    }

    func removeXattr(_ name: String) throws(FopError) {
        try named(name) { name throws(FopError) in
            guard isPathOnly else {
                try PosixCall.run { fremovexattr(number, name) }
                return
            }
            try withProcPath { path throws(FopError) in _ = try PosixCall.run { removexattr(path, name) } }
        }
    }

    /// Names of all xattrs that the file system shows, in its order.
    func xattrNames() throws(FopError) -> [String] {
        let list = try bytes(usually: Self.listBytesUsual) { memory throws(FopError) in
            let names = memory.baseAddress!.assumingMemoryBound(to: CChar.self)
            guard isPathOnly else { return try PosixCall.run { flistxattr(number, names, memory.count) } }
            return try withProcPath { path throws(FopError) in
                try PosixCall.run { listxattr(path, names, memory.count) }
            }
        }
        return list.split(separator: 0).map { XattrText.text($0) }
    }
}

extension Array {
    /// As `unsafeUninitializedCapacity`, for bodies that answer the count or throw.
    init(
        capacity: Int, _ fill: (UnsafeMutableBufferPointer<Element>) throws(FopError) -> Int
    ) throws(FopError) {
        var failure: FopError?
        self.init(unsafeUninitializedCapacity: capacity) { memory, count in
            do throws(FopError) { count = try fill(memory) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension BrickObject {
    // MARK: - Attributes

    /// Permissions exactly; not for symlinks, which have none.
    func changeMode(_ mode: UInt32) throws(FopError) {
        guard isPathOnly else {
            try PosixCall.run { fchmod(number, mode) }
            return
        }
        try withProcPath { path throws(FopError) in _ = try PosixCall.run { chmod(path, mode) } }
    }

    /// UInt32.max leaves one as it is.
    func changeOwner(uid: UInt32, gid: UInt32) throws(FopError) {
        try PosixCall.run { fchownat(number, "", uid, gid, AT_EMPTY_PATH) }
    }

    func changeTimes(atime: timespec, mtime: timespec) throws(FopError) {
        var times = (atime, mtime)
        try withUnsafeBytes(of: &times) { raw throws(FopError) in
            let pair = raw.assumingMemoryBound(to: timespec.self).baseAddress
            _ = try PosixCall.run { utimensat(number, "", pair, AT_EMPTY_PATH) }
        }
    }

    func linkTarget() throws(FopError) -> [UInt8] {
        try [UInt8](capacity: Int(PATH_MAX)) { memory throws(FopError) in
            try memory.withMemoryRebound(to: CChar.self) { text throws(FopError) in
                try PosixCall.run { readlinkat(number, "", text.baseAddress!, text.count) }
            }
        }
    }
}
