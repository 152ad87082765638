import FuseMount
import Synchronization
import TranslatorCore

/// A mount's lease on one root for its life (DESIGN §8): alone for the writeback cache, whose kernel must be the only
/// one that changes sizes; together with others for mounts that write through. INODELK on the root's gfid in the
/// bypass domain, on all replicas that can be reached.
///
/// When a replica is lost, its lock is: whoever holds a lease alone needs a quorum of the rest; on return it is taken
/// again there. Refused by somebody else, or without a quorum, the lease is lost: the write gate closes, what was let
/// in lands or fails, and only when the lease is won again does the gate open.
final class RootLease: Translator {
    static let type: TranslatorType = "volmount/lease"
    static let needs: SubvolumeNeed = .exactly(1)

    enum Share: Sendable { case alone, together }
    enum Refusal: Error, Equatable { case heldByOthers, tooFewReplicas }

    let volume: Volume
    let root: LeasedRoot
    let share: Share
    private let gate: WriteGate
    /// One owner for all replicas and tries: what is already held is granted again.
    private let frame = Frame(caller: .root)
    private let state: Mutex<State>

    private struct State {
        var isHeld: [Bool]
        /// Goes up when the replica is lost: what was granted before is void.
        var losses: [UInt64]
        var isWon = false
    }
    private let retaking = WantedWork()

    init(_ root: LeasedRoot, share: Share, gate: WriteGate) {
        (self.root, self.share, self.gate) = (root, share, gate)
        let count = root.replicas.count
        state = Mutex(State(isHeld: Array(repeating: false, count: count), losses: Array(repeating: 0, count: count)))
        let below = root.translator.volume
        // Without options nothing can be wrong with them.
        volume = Volume(
            name: below.name + "-lease", type: Self.type, options: try! OptionValues([:], declarations: []),
            subvolumes: [root.translator], slot: below.slot, environment: below.environment, location: below.location)
    }

    /// Not made from a volfile.
    init(_ volume: Volume) throws(VolfileError) { throw volume.error("\(Self.type) is volmount's own") }

    var isWon: Bool { state.withLock { $0.isWon } }

    /// Once, on a started graph. Refused, nothing is held. A lease held together needs no quorum: without one nobody
    /// has it alone, and replicate itself refuses the writes.
    func take() async throws(Refusal) {
        volume.firstSubvolume.volume.addParent(self)
        let refusal = await attempt()
        if let refusal { throw refusal }
        state.withLock { $0.isWon = true }
    }

    /// After the last change has landed.
    func giveBack() async {
        await retaking.end()
        await releaseAll()
    }
}

// Taking and letting go.
extension RootLease {
    private var target: FopTarget { .inode(volume.environment.inodes.inode(.root, type: .directory)) }

    private func lock(_ replica: Int, _ command: LockCommand) async throws(FopError) {
        let mode: LockMode = share == .alone ? .write : .read
        _ = try await root.replicas[replica].inodelk(
            InodelkRequest(target, domain: root.domain, command: command, mode: mode, range: .whole), in: frame)
    }

    /// Locks what can be reached and is not held yet. Refused anywhere, everything is let go at once.
    private func attempt() async -> Refusal? {
        let (isHeld, losses) = state.withLock { ($0.isHeld, $0.losses) }
        var isRefused = false
        for (replica, isUp) in root.up().enumerated() where isUp && !isHeld[replica] && !isRefused {
            do throws(FopError) {
                try await lock(replica, .tryAcquire)
                state.withLock { if $0.losses[replica] == losses[replica] { $0.isHeld[replica] = true } }
            } catch .tryAgain {
                isRefused = true
            } catch {
                volume.log(.debug, "lease on \(root.replicas[replica].name): \(error)")
            }
        }
        if isRefused {
            await releaseAll()
            return .heldByOthers
        }
        let hasEnough = state.withLock { isEnough($0.isHeld) }
        if hasEnough { return nil }
        await releaseAll()
        return .tooFewReplicas
    }

    private func isEnough(_ isHeld: [Bool]) -> Bool { share == .together || root.quorum.isMet(by: isHeld) }

    private func releaseAll() async {
        let held = state.withLock { state in
            defer { state.isHeld = state.isHeld.map { _ in false } }
            return state.isHeld.indices.filter { state.isHeld[$0] }
        }
        for replica in held {
            do throws(FopError) { try await lock(replica, .release) } catch {
                volume.log(.debug, "lease on \(root.replicas[replica].name) was gone: \(error)")
            }
        }
    }
}

// Losing and winning again.
extension RootLease {
    /// Of a brick that stands alone nothing is heard but that it is dead, which ends all writes by itself.
    func notify(_ event: GraphEvent, from subvolume: any Translator) {
        switch event {
        case .replicaDown(let replica): lost(replica)
        case .replicaUp: retake()
        default: break
        }
    }

    private func lost(_ replica: Int) {
        let isLost = state.withLock { state in
            state.losses[replica] += 1
            state.isHeld[replica] = false
            guard state.isWon, !isEnough(state.isHeld) else { return false }
            state.isWon = false
            return true
        }
        if isLost { closeGate(.tooFewReplicas) }
        retake()
    }

    private func closeGate(_ refusal: Refusal) {
        gate.close()
        let reason =
            refusal == .heldByOthers ? "another mount has it now" : "too few replicas are left that hold it"
        volume.log(
            .error,
            "the lease on volume \"\(root.translator.name)\" is lost: \(reason); writes fail with EROFS until it is won again"
        )
    }

    private func retake() { retaking.want(in: volume.environment) { await self.attemptAgain() } }

    /// Refused, it is tried again after a random 1 to 2 s, as an inode's lease is (DESIGN §3.1, step 1).
    private func attemptAgain() async -> Duration? {
        let refusal = await attempt()
        let change = state.withLock { state -> (refusal: Refusal?, hasChanged: Bool) in
            // A replica may have gone since.
            let refusal = refusal ?? (isEnough(state.isHeld) ? nil : .tooFewReplicas)
            defer { state.isWon = refusal == nil }
            return (refusal, state.isWon != (refusal == nil))
        }
        if change.hasChanged { changed(change.refusal) }
        return change.refusal == nil ? nil : volume.environment.pause(.seconds(1) ... .seconds(2))
    }

    private func changed(_ refusal: Refusal?) {
        if let refusal { return closeGate(refusal) }
        gate.open()
        volume.log(.info, "the lease on volume \"\(root.translator.name)\" is won again")
    }
}
