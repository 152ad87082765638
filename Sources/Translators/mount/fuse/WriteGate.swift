import FuseProtocol
import Synchronization
import TranslatorCore

/// Whether requests that change something are let into the volume, or answered EROFS. Closed while at least one of
/// those who guard it says so: a mount that is read-only, a lease on the volume that was lost. What was let in before
/// it closed lands or fails by itself.
public final class WriteGate: Sendable {
    private let closers = Atomic<Int>(0)

    public init() {}

    public var isOpen: Bool { closers.load(ordering: .acquiring) == 0 }
    /// Each `close` needs its own `open`.
    public func close() { closers.add(1, ordering: .acquiringAndReleasing) }
    public func open() {
        let before = closers.subtract(1, ordering: .acquiringAndReleasing).oldValue
        precondition(before > 0, "who opens the gate has closed it before")
    }

    /// EROFS when it is closed.
    @inline(__always)
    func check() throws(FopError) { if !isOpen { throw .readOnly } }
}

extension FuseRequest {
    /// Whether it changes what the volume holds. Locks, fsync and closing do not.
    var changesVolume: Bool {
        switch self {
        case .setattr, .symlink, .mknod, .mkdir, .unlink, .rmdir, .rename, .link, .create, .write, .setxattr,
            .removexattr, .fallocate, .copyFileRange:
            true
        case .open(let open): open.flags.canWrite || open.flags.contains(.truncate)
        default: false
        }
    }
}
