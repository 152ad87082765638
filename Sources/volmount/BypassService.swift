import DaemonProcess
import HealProtocol
import HealTransport
import TranslatorCore
import Translators

/// What a graph with `features/bypass` needs beside it: somebody who journals what it writes and publishes it. The seam
/// between the translator, which declares `WriteObserver`, and `HealTransport`, which has the sockets.
struct BypassService {
    private let writers: [BypassWriter]

    /// Hands every bypass translator of `graph` its observer: after the bricks have started, before the first file is
    /// opened. A translator whose journal cannot be had, or whose endpoint is in use, is a failure to start.
    /// `link`: where healers on other hosts find it.
    init(_ graph: Graph, runtimeDirectory: String, link: WriterLink?, log: Log) throws(DaemonFailure) {
        let bypasses = graph.translators.compactMap { $0 as? BypassTranslator }
        guard link == nil || bypasses.count == 1 else {
            throw DaemonFailure(
                .configuration,
                "-o listen is for a volume with one features/bypass, and \"\(graph.top.name)\" has \(bypasses.count)")
        }
        let sets = graph.translators.filter { $0 is any ReplicaSet }
        var writers: [BypassWriter] = []
        for bypass in bypasses {
            let position = sets.firstIndex { $0 === bypass.subvolume } ?? 0
            let writer = BypassWriter(bypass) { () throws(DaemonFailure) in
                try Self.publisher(for: bypass, replicaSet: UInt16(position), runtimeDirectory, link, log)
            }
            writers.append(writer)
            do throws(DaemonFailure) { try writer.start() } catch {
                writers.forEach { $0.close() }
                throw error
            }
        }
        self.writers = writers
    }

    /// After the graph has stopped: what was recorded is published, the journal is closed.
    func stop() { writers.forEach { $0.close() } }

    private static func publisher(
        for bypass: BypassTranslator, replicaSet: UInt16, _ runtimeDirectory: String, _ link: WriterLink?, _ log: Log
    ) throws(DaemonFailure) -> RecordPublisher {
        guard let set = bypass.subvolume as? any ReplicaSet, let volume = set.volumeID else {
            throw DaemonFailure(
                .configuration, "volume \"\(bypass.name)\": no volume-id; set \"option volume-id\" in cluster/replicate"
            )
        }
        let brick = set.replicas[bypass.targetPosition].localBrick
        do {
            let identity = JournalIdentity(
                volume: volume, writer: .random(), boot: try BootID.current(), replicaSet: replicaSet,
                target: UInt16(bypass.targetPosition))
            var journal: JournalWriter?
            if let brick { journal = try JournalWriter(brick: brick.brickDirectory, identity: identity, log: log) }
            let directory = try RuntimeDirectory(volume: volume, base: runtimeDirectory)
            directory.removeStaleSockets()
            var options = RecordPublisher.Options()
            options.link = link
            let publisher = try RecordPublisher(
                identity: identity, journal: journal, directory: directory, options: options, log: log
            ) { [weak bypass] confirmation in
                bypass?.confirmed(
                    gfid: confirmation.gfid, generation: confirmation.generation, replica: Int(confirmation.sink))
            }
            return publisher
        } catch {
            throw DaemonFailure(.startUp, "volume \"\(bypass.name)\": \(error)")
        }
    }
}
