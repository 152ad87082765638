import Synchronization
import TranslatorCore

/// `testing/faulty`: a brick or a network that fails just where a test says; passes everything else on.
///
/// A rule for `.stat` holds for `fstat` too; one for `.fstat` for that alone. Faults that users may inject are
/// `debug/error-gen` and `debug/delay-gen`; this one can count calls, lose replies, hold fops and go down.
public final class FaultyTranslator: EveryFop {
    public static let type: TranslatorType = "testing/faulty"
    public static let needs: SubvolumeNeed = .exactly(1)

    /// Where in a fop's life it fails.
    public enum Moment: Sendable {
        /// The subvolume never hears of it.
        case before
        /// The subvolume did it, and the reply got lost.
        case after
    }
    private struct Rule {
        let fop: Fop
        let error: FopError
        let moment: Moment
        /// Calls of the fop from now on, the first is 1.
        var calls: ClosedRange<Int>
        var seen = 0
    }
    private struct State {
        var isUp = true
        var rules: [Rule] = []
        var gates: [(fop: Fop, gate: FopGate)] = []
        var calls: [Fop: Int] = [:]

        mutating func decide(_ fop: Fop) -> (before: FopError?, after: FopError?, gates: [FopGate]) {
            calls[fop, default: 0] += 1
            var errors: (before: FopError?, after: FopError?)
            for position in rules.indices where rules[position].fop.covers(fop) {
                rules[position].seen += 1
                guard rules[position].calls.contains(rules[position].seen) else { continue }
                switch rules[position].moment {
                case .before: errors.before = errors.before ?? rules[position].error
                case .after: errors.after = errors.after ?? rules[position].error
                }
            }
            if !isUp { errors.before = .notConnected }
            return (errors.before, errors.after, gates.filter { $0.fop.covers(fop) }.map(\.gate))
        }
    }

    public let volume: Volume
    private let state = Mutex(State())

    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    /// From now on call number `first` (1: the next) of `fop` and the `times` − 1 after it fail.
    public func fail(
        _ fop: Fop, with error: FopError, from first: Int = 1, times: Int = .max, at moment: Moment = .before
    ) {
        precondition(first >= 1 && times >= 1)
        let last = times > Int.max - first ? Int.max : first + times - 1
        state.withLock { $0.rules.append(Rule(fop: fop, error: error, moment: moment, calls: first...last)) }
    }

    /// From now on whatever needs the disk fails with EIO, as on a file system that was shut down; the brick is up, and
    /// its locks, which are in memory, work.
    public func failDisk() {
        let fops: [Fop] = [
            .lookup, .stat, .readv, .seek, .writev, .truncate, .fallocate, .discard, .zerofill, .fsync, .xattrop,
            .setattr, .getxattr, .setxattr, .removexattr, .open, .create, .mkdir, .unlink, .rename, .link,
        ]
        for fop in fops { fail(fop, with: .io) }
    }

    /// Takes back every fault of `fop`, or all.
    public func mend(_ fop: Fop? = nil) { state.withLock { $0.rules.removeAll { fop == nil || $0.fop == fop } } }

    /// From now on calls of `fop` stop before they reach the subvolume, until the gate is opened.
    public func hold(_ fop: Fop) -> FopGate {
        let gate = FopGate()
        state.withLock { $0.gates.append((fop, gate)) }
        return gate
    }

    public var isUp: Bool { state.withLock { $0.isUp } }

    /// Every fop answers ENOTCONN, and those above are told. Releases still go down, so that nothing leaks.
    public func goDown() { changeUp(to: false) }
    public func comeUp() { changeUp(to: true) }

    private func changeUp(to up: Bool) {
        let changed = state.withLock { state in
            defer { state.isUp = up }
            return state.isUp != up
        }
        if changed { volume.notifyParents(up ? .subvolumeUp : .subvolumeDown, from: self) }
    }

    public func notify(_ event: GraphEvent, from subvolume: any Translator) {
        if isUp { volume.notifyParents(event, from: self) }
    }

    /// Calls of `fop` so far, those that failed among them; `.stat` counts `fstat` too.
    public func callCount(of fop: Fop) -> Int {
        state.withLock { $0.calls.reduce(0) { $0 + (fop.covers($1.key) ? $1.value : 0) } }
    }

    public func around<Request: FopRequest, Reply: FopReply>(
        _ fop: Fop, _ request: Request, in frame: Frame, _ next: () async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let (early, late, gates) = state.withLock { $0.decide(fop) }
        for gate in gates { await gate.pass() }
        if let early { throw early }
        guard isUp else { throw .notConnected }
        let reply = try await next()
        if let late { throw late }
        return reply
    }
}

extension Fop {
    /// A rule for `stat` covers `fstat` too.
    func covers(_ other: Fop) -> Bool { self == other || self == other.byInode }
}
