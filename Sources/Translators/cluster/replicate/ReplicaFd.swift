import Synchronization
import TranslatorCore

/// What `cluster/replicate` hangs into an open file or directory: the fd it opened on the replicas in its place.
///
/// That one has no O_APPEND: where a write goes is decided here, under the data lock, from the size of a good replica.
/// A replica that lags would append at its own, wrong, end. And no O_TRUNC: truncating is a transaction. A replica on
/// which it could not be opened, or that was down then, opens it before its next use.
final class ReplicaFd: Sendable {
    private enum Opening {
        case closed, open
        case opening([CheckedContinuation<Void, Never>])
    }
    private struct State {
        var replicas: [Opening]
        var directoryReplica: Int?
    }
    let inner: Fd
    /// Every write goes to the end of the file.
    let appends: Bool
    private let state: Mutex<State>

    init(_ outer: Fd, replicas count: Int) {
        appends = outer.flags.contains(.append)
        if outer.isAnonymous {
            inner = outer
        } else {
            let atOpen: OpenFlags = [.append, .truncate, .create, .exclusive]
            inner = Fd(inode: outer.inode, flags: outer.flags.subtracting(atOpen))
        }
        let first: Opening = outer.isAnonymous ? .open : .closed
        state = Mutex(State(replicas: Array(repeating: first, count: count)))
    }

    var inode: Inode { inner.inode }

    func isOpen(on replica: Int) -> Bool {
        state.withLock { if case .open = $0.replicas[replica] { true } else { false } }
    }

    /// The open file where the replica has it open, else the inode: for locks and marks, which need no fd.
    func target(on replica: Int) -> FopTarget { isOpen(on: replica) ? .fd(inner) : .inode(inode) }

    /// Runs `open` unless it is open there already; others that want it meanwhile wait for the outcome.
    func ensureOpen(on replica: Int, _ open: () async throws(FopError) -> Void) async throws(FopError) {
        while true {
            if isOpen(on: replica) { return }
            let isMine = state.withLock { state in
                guard case .closed = state.replicas[replica] else { return false }
                state.replicas[replica] = .opening([])
                return true
            }
            if isMine { break }
            await waitForOpener(on: replica)
        }
        do {
            try await open()
            finish(replica, .open)
        } catch {
            finish(replica, .closed)
            throw error
        }
    }

    private func waitForOpener(on replica: Int) async {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                guard case .opening(let waiting) = state.replicas[replica] else { return false }
                state.replicas[replica] = .opening(waiting + [continuation])
                return true
            }
            if !waits { continuation.resume() }
        }
    }

    private func finish(_ replica: Int, _ now: Opening) {
        let before = state.withLock { state in
            defer { state.replicas[replica] = now }
            return state.replicas[replica]
        }
        if case .opening(let waiting) = before { waiting.forEach { $0.resume() } }
    }

    /// A create opened it there in one step.
    func opened(on replica: Int) { finish(replica, .open) }

    /// Nobody uses it there.
    func close(on replica: Int, _ subvolume: any Translator) async {
        finish(replica, .closed)
        await subvolume.release(inner)
    }

    /// The replica whose cookies a directory's reader holds.
    var directoryReplica: Int? {
        get { state.withLock { $0.directoryReplica } }
        set { state.withLock { $0.directoryReplica = newValue } }
    }
}

extension ReplicateTranslator {
    /// The part of an fd that is ours; made when it was never opened through here (an anonymous one, or one that those
    /// above opened on single replicas first).
    func fd(_ outer: Fd) -> ReplicaFd {
        outer.contexts.findOrSet(at: slot) { ReplicaFd(outer, replicas: replicas.count) }
    }

    public func descriptor(of outer: Fd, on replica: Int) -> Fd? {
        guard let own: ReplicaFd = outer.contexts.context(at: slot), own.isOpen(on: replica) else { return nil }
        return own.inner
    }

    /// What the replica answered, if it was asked now.
    @discardableResult
    func ensureOpen(
        _ fd: ReplicaFd, on replica: Int, asking xdata: Xdata = [:], in frame: Frame
    ) async throws(FopError) -> Xdata {
        if fd.isOpen(on: replica) { return [:] }
        var answers: Xdata = [:]
        try await fd.ensureOpen(on: replica) { () throws(FopError) in
            if fd.inode.type == .directory {
                _ = try await replicas[replica].opendir(OpendirRequest(fd: fd.inner), in: frame)
            } else {
                answers = try await replicas[replica].open(OpenRequest(fd: fd.inner, xdata: xdata), in: frame).xdata
            }
        }
        return answers
    }

    /// The open file on this replica, opened now if need be; the inode where the caller has no fd.
    func target(_ target: ReplicaTarget, on replica: Int, in frame: Frame) async throws(FopError) -> FopTarget {
        switch target {
        case .inode(let inode): return .inode(inode)
        case .fd(let fd):
            try await ensureOpen(fd, on: replica, in: frame)
            return .fd(fd.inner)
        }
    }
}

/// A `FopTarget` as this translator holds it.
enum ReplicaTarget: Sendable {
    case inode(Inode)
    case fd(ReplicaFd)

    var inode: Inode {
        switch self {
        case .inode(let inode): inode
        case .fd(let fd): fd.inode
        }
    }
    var fd: ReplicaFd? { if case .fd(let fd) = self { fd } else { nil } }
}

extension ReplicateTranslator {
    func target(_ target: FopTarget) -> ReplicaTarget {
        switch target {
        case .inode(let inode): .inode(inode)
        case .fd(let outer): .fd(fd(outer))
        }
    }
}
