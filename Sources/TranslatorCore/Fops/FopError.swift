import CPosix
import Glibc

/// Why a fop failed: a Linux errno, which is also what the wire carries (gluster-wire.md §13).
public struct FopError: Error, Hashable, Sendable {
    /// A positive errno value.
    public let code: Int32

    public init(_ code: Int32) {
        precondition(code > 0, "an error needs an errno")
        self.code = code
    }

    /// The calling thread's errno, right after a system call failed.
    public static var last: FopError { FopError(errno == 0 ? EIO : errno) }

    public static let notPermitted = FopError(EPERM), noEntry = FopError(ENOENT), io = FopError(EIO)
    public static let interrupted = FopError(EINTR), badDescriptor = FopError(EBADF), tryAgain = FopError(EAGAIN)
    public static let noMemory = FopError(ENOMEM), accessDenied = FopError(EACCES), busy = FopError(EBUSY)
    public static let exists = FopError(EEXIST), crossDevice = FopError(EXDEV), notDirectory = FopError(ENOTDIR)
    public static let isDirectory = FopError(EISDIR), invalid = FopError(EINVAL), fileTooLarge = FopError(EFBIG)
    public static let noSpace = FopError(ENOSPC), readOnly = FopError(EROFS), tooManyLinks = FopError(EMLINK)
    public static let outOfRange = FopError(ERANGE), nameTooLong = FopError(ENAMETOOLONG)
    public static let notSupportedHere = FopError(ENOSYS), notEmpty = FopError(ENOTEMPTY), noData = FopError(ENODATA)
    public static let notSupported = FopError(EOPNOTSUPP), notConnected = FopError(ENOTCONN)
    public static let timedOut = FopError(ETIMEDOUT), stale = FopError(ESTALE), noSuchAddress = FopError(ENXIO)
    public static let quotaExceeded = FopError(EDQUOT), badFileState = FopError(EBADFD)
    public static let tooManyOpenFiles = FopError(EMFILE), tooManyOpenFilesInSystem = FopError(ENFILE)
    public static let noLocks = FopError(ENOLCK)
}

extension FopError {
    /// The object is not there, or not any more: ENOENT or ESTALE, and bricks give either for a gfid.
    public var isAbsence: Bool { self == .stale || self == .noEntry }

    /// The C name: "ENOSPC"; the number where the C library knows none.
    public var name: String { strerrorname_np(code).map { String(cString: $0) } ?? String(code) }

    /// By its C name, or by its number: as options of translators have it. Nil for anything else.
    public init?(name: String) {
        if let code = Int32(name) {
            guard code > 0, strerrorname_np(code) != nil else { return nil }
            self.init(code)
            return
        }
        // errno(3): Linux has numbers up to 133.
        guard let code = (Int32(1)...133).first(where: { FopError($0).name == name.uppercased() }) else { return nil }
        self.init(code)
    }
}

extension FopError: CustomStringConvertible {
    /// As strerror(3) has it, with the number: "No space left on device (errno 28)".
    public var description: String { "\(String(cString: strerror(code))) (errno \(code))" }
}
