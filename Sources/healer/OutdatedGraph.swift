import HealProtocol
import Synchronization

/// Whether the healer's graph is of the volume as it is described by now. Where the description changed to something
/// that it cannot serve, it goes on healing what it knew, and must not say that all is clean: other copies may have
/// come.
final class OutdatedGraph: Sendable {
    private let spot = Mutex<BlindSpot?>(nil)

    var blindSpot: BlindSpot? { spot.withLock { $0 } }

    /// The graph has everything that the description says.
    func isCurrent() { spot.withLock { $0 = nil } }

    func cannotServe(_ description: VolumeDescription, _ why: String) {
        let remedy =
            description.isOfCluster
            ? "make it what this healer can serve, or run one that can"
            : "mend the volfile and send SIGHUP, or restart the healer"
        let seen = BlindSpot(
            .volume, description.name, reason: "the copies are healed as it was before it changed: \(why)",
            remedy: remedy)
        spot.withLock { $0 = seen }
    }
}
