import DaemonProcess
import FuseMount
import TranslatorCore

/// The leases of one mount on all roots of its volume, and the notices that say so. A mount that only reads has none.
struct VolumeLease {
    private let leases: [RootLease]
    private let notices: [MountNotice]

    /// Takes them, on a started graph. `settings` come back read-only where a mount beside a writeback cache was told
    /// to be; else a volume that others have is a failure that names them.
    init(
        _ graph: Graph, _ settings: inout FuseMountSettings, directory: String, gate: WriteGate
    ) async throws(DaemonFailure) {
        let roots = LeasedRoot.all(of: graph)
        if roots.isEmpty, settings.isWriteback {
            graph.environment.log.write(.warning, volume: graph.top.name) {
                "no features/locks below: nothing keeps a second mount from writing beside the writeback cache"
            }
        }
        let share: RootLease.Share = settings.isWriteback ? .alone : .together
        var leases: [RootLease] = []
        for root in settings.kernelFlags.isReadOnly ? [] : roots {
            let lease = RootLease(root, share: share, gate: gate)
            do throws(RootLease.Refusal) { try await lease.take() } catch {
                for taken in leases { await taken.giveBack() }
                leases = []
                guard error == .heldByOthers, share == .together, settings.yieldsToWriteback else {
                    throw Self.failure(error, root, share, volume: graph.top.name)
                }
                _ = settings.kernelFlags.take("ro")
                graph.environment.log.write(.warning, volume: graph.top.name) {
                    "mounting read-only: \(Self.holders(of: root)) has it with cache-mode=writeback-cache"
                }
                break
            }
            leases.append(lease)
        }
        self.leases = leases
        let mode = settings.cacheMode.rawValue
        notices = leases.compactMap { lease in
            lease.root.localBrick.flatMap { MountNotice(brick: $0, cacheMode: mode, directory: directory) }
        }
    }

    func giveBack() async {
        notices.forEach { $0.remove() }
        for lease in leases { await lease.giveBack() }
    }

    private static func holders(of root: LeasedRoot) -> String {
        let found = root.localBrick.map { MountNotice.living(brick: $0) } ?? []
        return found.isEmpty ? "another mount" : found.joined(separator: " and ")
    }

    private static func failure(
        _ refusal: RootLease.Refusal, _ root: LeasedRoot, _ share: RootLease.Share, volume: String
    ) -> DaemonFailure {
        let location = root.translator.volume.location
        let who = "\(location): volume \"\(root.translator.name)\""
        switch (refusal, share) {
        case (.tooFewReplicas, _):
            return DaemonFailure(
                .startUp,
                "\(who): too few of its replicas can be reached for a mount with cache-mode=writeback-cache; start the bricks, or mount with cache-mode=write-through"
            )
        case (.heldByOthers, .alone):
            return DaemonFailure(
                .startUp,
                "\(who) is mounted for writing by \(holders(of: root)), and cache-mode=writeback-cache needs it alone; unmount that, or mount this one with -o ro"
            )
        case (.heldByOthers, .together):
            return DaemonFailure(
                .startUp,
                "\(who) is mounted with cache-mode=writeback-cache by \(holders(of: root)), and nobody else may write it meanwhile; unmount that, or mount this one with -o ro"
            )
        }
    }
}
