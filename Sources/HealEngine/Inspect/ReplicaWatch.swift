import Synchronization
import TranslatorCore

/// Hears from every replica of a set whether it serves fops. It stands beside the replicate translator as another
/// parent of the replicas: a heal must know of a connection that was lost and came back within it, because its locks
/// are gone.
final class ReplicaWatch: Translator {
    static let type: TranslatorType = "healer/watch"
    static let needs: SubvolumeNeed = .atLeast(1)

    struct Replica: Equatable, Sendable {
        var isUp = false
        /// How often it went down: locks taken before the last time are gone.
        var losses: UInt64 = 0
        var wasHeard = false
    }
    enum Change: Equatable, Sendable { case cameUp(Int), wentDown(Int) }

    let volume: Volume
    private let replicas: Mutex<[Replica]>
    private let listener = Mutex<(@Sendable (Change) -> Void)?>(nil)

    init(_ volume: Volume) {
        self.volume = volume
        replicas = Mutex(volume.subvolumes.map { _ in Replica() })
    }

    /// Calls `body` at every change from now on, on the thread that noticed.
    func onChange(_ body: @escaping @Sendable (Change) -> Void) { listener.withLock { $0 = body } }

    func notify(_ event: GraphEvent, from subvolume: any Translator) {
        guard let position = subvolumes.firstIndex(where: { $0 === subvolume }) else { return }
        let change: Change? = replicas.withLock { replicas in
            replicas[position].wasHeard = true
            switch event {
            case .subvolumeUp:
                guard !replicas[position].isUp else { return nil }
                replicas[position].isUp = true
                return .cameUp(position)
            case .subvolumeDown:
                replicas[position].isUp = false
                replicas[position].losses += 1
                return .wentDown(position)
            default: return nil
            }
        }
        if let change { listener.withLock { $0 }?(change) }
    }

    /// An embedded brick that has started serves, whether it says so or not: to be called when the graph has.
    func graphStarted(servedHere: [Bool]) {
        let came = replicas.withLock { replicas in
            servedHere.indices.filter { servedHere[$0] && !replicas[$0].wasHeard && !replicas[$0].isUp }
        }
        for position in came { notify(.subvolumeUp, from: subvolumes[position]) }
    }

    var states: [Replica] { replicas.withLock { $0 } }
    var allAreUp: Bool { replicas.withLock { $0.allSatisfy(\.isUp) } }
    func losses(of replica: Int) -> UInt64 { replicas.withLock { $0[replica].losses } }
}
