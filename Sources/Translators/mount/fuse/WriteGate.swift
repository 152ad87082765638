import FuseProtocol
import Synchronization
import TranslatorCore

/// Whether requests that change something are let into the volume, or answered EROFS. Closed while at least one of
/// those who guard it says so: a mount that is read-only, a lease on the volume that was lost. What was let in before
/// it closed lands or fails by itself. One of them may say that content is not to be read either, because what is left
/// of it may be old: then both are answered EIO.
public final class WriteGate: Sendable {
    private let closers = Atomic<Int>(0), blinders = Atomic<Int>(0)

    public init() {}

    public var isOpen: Bool { closers.load(ordering: .acquiring) == 0 }
    /// Each `close` needs its own `open`.
    public func close() { closers.add(1, ordering: .acquiringAndReleasing) }
    public func open() {
        let before = closers.subtract(1, ordering: .acquiringAndReleasing).oldValue
        precondition(before > 0, "who opens the gate has closed it before")
    }

    /// Closes it, for readers of content too. Each needs its own `unblind`.
    public func blind() {
        blinders.add(1, ordering: .acquiringAndReleasing)
        close()
    }
    public func unblind() {
        open()
        let before = blinders.subtract(1, ordering: .acquiringAndReleasing).oldValue
        precondition(before > 0, "who unblinds has blinded before")
    }
    public var isBlind: Bool { blinders.load(ordering: .acquiring) > 0 }

    /// EROFS when it is closed, EIO when content may not be read either.
    @inline(__always)
    func check() throws(FopError) { if !isOpen { throw isBlind ? .io : .readOnly } }

    /// The same for whatever the kernel asks.
    @inline(__always)
    func check(_ request: FuseRequest) throws(FopError) {
        if isOpen { return }
        if request.changesVolume { try check() }
        if request.readsContent, isBlind { throw .io }
    }
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

    /// Whether it answers with what a file holds.
    var readsContent: Bool {
        switch self {
        case .read, .lseek, .copyFileRange: true
        default: false
        }
    }
}
