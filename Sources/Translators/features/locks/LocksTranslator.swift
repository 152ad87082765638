import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// `features/locks`: INODELK, ENTRYLK and LK for all owners of this process. Where the brick's directory is on this
/// machine, other processes that have it open take part too (DESIGN §3.3, "Embedded locks").
///
/// An owner is `frame.lockOwner`: a graph is one client. `LockTable` decides among the owners here and asks
/// `KernelLockFile` what other processes say; both stand under the mutex of a stripe. Who waits is suspended: it takes
/// no thread, and its task's cancellation ends the wait with EINTR. Source: GlusterFS `features/locks`, gluster-wire.md
/// §8, §9.
public final class LocksTranslator: Translator {
    public static let type: TranslatorType = "features/locks"
    public static let summary = "Grants locks on files and names to whoever comes first."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .flag("notify-contention", default: true, "Tell the holder of a lock when somebody else wants it."),
        .duration(
            "notify-contention-delay", default: "5", in: .seconds(1) ... .seconds(60),
            "Time between two such notices for one lock."),
        .flag(
            "cross-process", default: true,
            "Share locks with other processes that open the same brick directory. Off is for a brick that one process has alone."
        ),
    ]

    /// The inodes whose lock files fall to one mutex.
    struct Stripe {
        var inodes: [Gfid: InodeLocks] = [:]
        /// Those that wait, here and in POSIX tables, until they are granted or taken back.
        var waits: [LockRequestID: LockWait] = [:]
        var isStopped = false
        /// Nil: this process is alone.
        var directory: LockDirectory?
        /// Those in use, and a few more.
        var files: [Int: KernelLockFile] = [:]
        var posixFiles: [Gfid: PosixLockFile] = [:]
    }
    final class StripeBox: Sendable {
        let state = Mutex(Stripe())
    }
    static let stripeCount = 64
    /// Lock files without locks that a stripe keeps open: all of its own.
    static let idleFilesMax = LockPlace.fileCount / stripeCount
    static let idlePosixFilesMax = 1

    public let volume: Volume
    let notifiesContention: Bool
    let contentionPause: Duration
    let waitGraph = Mutex(WaitGraph())
    private let pressure = Mutex<DescriptorPressure.Registration?>(nil)
    let stripes = (0..<stripeCount).map { _ in StripeBox() }
    private let started = Atomic<Bool>(false)

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        notifiesContention = volume.options.flag("notify-contention")
        contentionPause = volume.options.duration("notify-contention-delay")
    }

    public func start() async throws(VolfileError) {
        started.store(true, ordering: .relaxed)
        if lockPlace != nil {
            let registration = DescriptorPressure.shared.register { [weak self] in self?.closeIdleFiles() }
            pressure.withLock { $0 = registration }
        }
        guard volume.firstSubvolume.localBrick?.isServing ?? true else { return letGo() }
        do throws(FopError) { try takeUp() } catch {
            throw volume.error(
                "cannot lock files in \(lockPlace ?? ""): \(error); the brick's file system must be writable and know fcntl(2) locks"
            )
        }
    }

    /// Drops every lock and ends every wait with ENOTCONN, as a brick's death would.
    public func stop() async { letGo() }

    /// A brick that goes takes its locks along; one that comes has none. Opens some files, which blocks nobody for
    /// long.
    public func notify(_ event: GraphEvent, from subvolume: any Translator) {
        guard started.load(ordering: .relaxed) else { return volume.notifyParents(event, from: self) }
        switch event {
        case .subvolumeDown: letGo()
        case .subvolumeUp:
            do throws(FopError) { try takeUp() } catch {
                return volume.log(.error, "cannot lock files in \(lockPlace ?? ""): \(error); the brick stays down")
            }
        default: break
        }
        volume.notifyParents(event, from: self)
    }

    /// Where locks are shared with other processes; nil: this one is alone.
    private var lockPlace: String? {
        guard volume.options.flag("cross-process"), let brick = volume.firstSubvolume.localBrick else { return nil }
        return brick.brickDirectory + "/.glusterfs/bypass/locks"
    }

    private func takeUp() throws(FopError) {
        var directory: LockDirectory?
        if lockPlace != nil, let brick = volume.firstSubvolume.localBrick {
            let opened = try LockDirectory(brick: brick.brickDirectory) { [weak self] in self?.heard($0) }
            try opened.probe()
            directory = opened
        }
        for box in stripes { box.state.withLock { ($0.directory, $0.isStopped) = (directory, false) } }
    }

    private func letGo() {
        for box in stripes {
            let waits = box.state.withLock { stripe in
                stripe.isStopped = true
                stripe.directory?.stop()
                stripe.inodes = [:]
                (stripe.files, stripe.posixFiles) = ([:], [:])
                defer { (stripe.waits, stripe.directory) = ([:], nil) }
                for _ in stripe.waits { stripe.directory?.watcher.waiterWent() }
                return stripe.waits
            }
            for (id, wait) in waits {
                waitGraph.withLock { $0.end(id) }
                wait.end(.notConnected)
            }
        }
    }

    /// Lock files without locks, which are kept because opening one costs more than a lock.
    private func closeIdleFiles() {
        for box in stripes {
            box.state.withLock { stripe in
                guard let directory = stripe.directory else { return }
                for (number, file) in stripe.files where file.tables.isEmpty {
                    directory.closed(file)
                    stripe.files[number] = nil
                }
            }
        }
    }

    func stripe(_ gfid: Gfid) -> StripeBox { stripe(file: LockPlace.file(of: gfid)) }
    func stripe(file number: Int) -> StripeBox { stripes[number & (Self.stripeCount - 1)] }

    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try checkRange(request.range)
        try await perform(
            request.command, InodelkClaim(range: request.range, mode: request.mode), request.target,
            domain: InodelkDomain.stored(request.domain, request.range), in: frame)
        return DoneReply()
    }

    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await perform(
            request.command, EntrylkClaim(name: request.name, mode: request.mode), request.target,
            domain: request.domain, in: frame)
        return DoneReply()
    }

    /// Offsets travel as signed 64 bits.
    func checkRange(_ range: LockRange) throws(FopError) {
        if range.start >= 1 << 63 || range.length >= 1 << 63 { throw .invalid }
    }
}
