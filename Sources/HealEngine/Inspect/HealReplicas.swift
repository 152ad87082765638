import ReplicaState
import TranslatorCore

/// The replicas that an engine heals: subvolumes it was handed, their pending keys and the lock domain. It knows
/// nothing of what stands below them.
final class HealReplicas: Sendable {
    let replicaSet: any ReplicaSet
    let replicas: [any Translator]
    let pendingKeys: [String]
    let locks: ReplicaLocks
    let watch: ReplicaWatch
    /// Whose brick this process serves: its fops do not wait, so winding to one after the other is fastest.
    let isServedHere: [Bool]

    /// Before the graph is started, so that nothing is missed of who comes up.
    init(_ set: any ReplicaSet) {
        replicaSet = set
        replicas = set.replicas
        pendingKeys = set.pendingKeys
        locks = ReplicaLocks(replicate: set.lockDomain)
        isServedHere = replicas.map(\.isBrickServedHere)
        // Without options nothing can be wrong with them.
        let options = try! OptionValues([:], declarations: [])
        let volume = Volume(
            name: set.name + "-healer", type: ReplicaWatch.type, options: options, subvolumes: replicas, slot: set.slot,
            environment: set.volume.environment, location: set.volume.location)
        watch = ReplicaWatch(volume)
        replicas.forEach { $0.volume.addParent(watch) }
    }

    var all: Range<Int> { replicas.indices }
    var names: [String] { replicas.map(\.name) }
    var environment: GraphEnvironment { replicaSet.volume.environment }
    /// A replica on this machine, preferred as a source where several are as good.
    var localReplica: Int? { replicas.firstIndex { $0.localBrick != nil } }

    /// Every key that a heal reads and every xattrop must name.
    var countKeys: [String] { pendingKeys + [PendingCounts.dirtyKey] }
    var bypassKeys: [String] { pendingKeys.map { BypassCounts.key(for: $0) } }

    /// Runs `body` for each of these replicas, at the same time where one may wait. Answers in the order of
    /// `positions`.
    func each<Answer: Sendable>(
        _ positions: [Int], _ body: @escaping @Sendable (Int) async -> Answer
    ) async -> [(replica: Int, answer: Answer)] {
        if positions.count < 2 || positions.allSatisfy({ isServedHere[$0] }) {
            var answers: [(replica: Int, answer: Answer)] = []
            answers.reserveCapacity(positions.count)
            for position in positions { answers.append((position, await body(position))) }
            return answers
        }
        let answers = await withTaskGroup(of: (Int, Answer).self) { group in
            for position in positions { group.addTask { (position, await body(position)) } }
            return await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        return positions.map { ($0, answers[$0]!) }
    }

    /// As `each`, for a fop that may fail.
    func wind<Reply: Sendable>(
        _ positions: [Int], _ fop: @escaping @Sendable (any Translator) async throws(FopError) -> Reply
    ) async -> [(replica: Int, answer: Result<Reply, FopError>)] {
        await each(positions) { [replicas] position in
            do throws(FopError) { return .success(try await fop(replicas[position])) } catch { return .failure(error) }
        }
    }
}

extension Frame {
    /// A frame of the healer with a lock owner of its own: every lock of a heal, each window's too, has another, so
    /// that waiting writers get their turn between windows.
    static func healer() -> Frame { Frame(caller: .selfHeal) }
}
