import FuseProtocol
import Synchronization
import TranslatorCore

extension FuseMount {
    /// What a statedump shows of the mount.
    public func dump() -> StateDump {
        var dump = StateDump()
        let (session, queues, workers, directory) = self.parts
        dump.add("directory", directory ?? "")
        dump.add("cache-mode", settings.cacheMode.rawValue)
        dump.add("workers", workers)
        dump.add("queues", Set(queues.map(ObjectIdentifier.init)).count)
        dump.add("requests-under-way", queues.reduce(0) { $0 + $1.underWay.load(ordering: .relaxed) })
        guard let session else { return dump }
        dump.add("admits-writes", session.writeGate.isOpen)
        dump.add("features", String(session.features.rawValue, radix: 16))
        dump.add("nodes", session.nodes.count)
        dump.add("open-files", session.handles.count)
        dump.add("lock-waits", session.lockWaits.count)
        return dump
    }
}
