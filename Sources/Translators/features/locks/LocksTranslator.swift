import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// `features/locks`: INODELK, ENTRYLK and LK for all owners of this process. Where the brick's directory is on this
/// machine, other processes that have it open take part too (DESIGN §3.3, "Embedded locks").
///
/// An owner is `frame.lockOwner`: a graph is one client. Who waits is suspended: it takes no thread, and its task's
/// cancellation ends the wait with EINTR. Source: GlusterFS `features/locks`, gluster-wire.md §8 and §9.
public final class LocksTranslator: Translator {
    public static let type: TranslatorType = "features/locks"
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .flag("notify-contention", default: true, "Tell the holder of a lock when somebody else wants it."),
        .duration(
            "notify-contention-delay", default: "5", in: .seconds(1) ... .seconds(60),
            "Time between two such notices for one lock."),
    ]

    /// The inodes whose gfid falls to one mutex.
    struct Stripe {
        var inodes: [Gfid: InodeLocks] = [:]
        /// Those that wait, here and in POSIX tables, until they are granted or taken back.
        var waits: [LockRequestID: LockWait] = [:]
        var isStopped = false
    }
    final class StripeBox: Sendable {
        let state = Mutex(Stripe())
    }
    static let stripeCount = 64

    public let volume: Volume
    let notifiesContention: Bool
    let contentionPause: Duration
    let waitGraph = Mutex(WaitGraph())
    private let stripes = (0..<stripeCount).map { _ in StripeBox() }

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        notifiesContention = volume.options.flag("notify-contention")
        contentionPause = volume.options.duration("notify-contention-delay")
    }

    /// Ends every wait with ENOTCONN, as a brick's death would.
    public func stop() async {
        for box in stripes {
            let waits = box.state.withLock { stripe in
                stripe.isStopped = true
                stripe.inodes = [:]
                defer { stripe.waits = [:] }
                return stripe.waits
            }
            for (id, wait) in waits {
                waitGraph.withLock { $0.end(id) }
                wait.end(.notConnected)
            }
        }
    }

    func stripe(_ gfid: Gfid) -> StripeBox {
        stripes[Int(truncatingIfNeeded: gfid.low ^ gfid.high) & (Self.stripeCount - 1)]
    }

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
