import CPosix
import DaemonProcess
import Glibc
import HealEngine
import HealProtocol
import HealTransport
import TranslatorCore
import UnixSignals

/// The healer from its volfile to its last window: the composition of bricks, pipelines, sockets and journals.
struct HealingService: Sendable {
    /// One of the two: a file, or `HOST[,HOST2...]:/VOLUME`.
    let volfile: String?, volume: String?
    let volumeName: String?
    let commandLine: [(name: String, text: String)]
    let runtimeBase: String?
    /// Writers on other hosts.
    let remotes: [WriterLink]
    let log: Log
    let reopenLog: @Sendable () -> Void

    private static let leavingMax = Duration.seconds(20)

    func run() async throws(DaemonFailure) {
        let executor = IOExecutor(name: "heal", threads: 16)
        while try await serve(on: executor) == .comesBack {}
    }

    private enum End { case left, comesBack }

    private func serve(on executor: IOExecutor) async throws(DaemonFailure) -> End {
        // First of all: a signal that came earlier would leave locks to time out.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup, .sigusr1)
        let environment = GraphEnvironment(log: log, executor: executor)
        let departure = Departure()
        let description = try VolumeDescription(
            volfile: volfile, volume: volume, volumeName: volumeName, commandLine: commandLine,
            environment: environment)
        defer { description.close() }
        let (configuration, text) = try await description.read()
        var parts: [HealedPart] = []
        for (position, part) in configuration.parts.enumerated() {
            parts.append(try HealedPart(part, position: position, environment: environment))
        }
        let ids = try await start(parts)
        do throws(DaemonFailure) {
            guard Set(ids).count == 1 else {
                throw DaemonFailure(
                    .configuration, "the replica sets of \(configuration.volume) have different volume-ids")
            }
            let (volume, started) = (configuration.volume, parts)
            let following = Task {
                await description.follow(text) { reload(volume, started, description, departure, $0) }
            }
            defer { following.cancel() }
            try await heal(configuration.volume, ids[0], parts, environment, signals, description, departure)
        } catch {
            for part in parts { await part.graph.stop() }
            throw error
        }
        for part in parts { await part.graph.stop() }
        return departure.comesBack ? .comesBack : .left
    }

    private func start(_ parts: [HealedPart]) async throws(DaemonFailure) -> [Gfid] {
        var ids: [Gfid] = []
        for (position, part) in parts.enumerated() {
            do throws(DaemonFailure) { ids.append(try await part.start()) } catch {
                for started in parts[..<position] { await started.graph.stop() }
                throw error
            }
        }
        return ids
    }

    private func heal(
        _ volume: String, _ id: Gfid, _ parts: [HealedPart], _ environment: GraphEnvironment,
        _ signals: UnixSignalsSequence, _ description: VolumeDescription, _ departure: Departure
    ) async throws(DaemonFailure) {
        let sockets: HealerSockets
        do throws(TransportError) {
            sockets = try HealerSockets(
                volume: volume, id: id, base: runtimeBase, remotes: remotes, parts: parts, log: log)
        } catch {
            throw DaemonFailure(.startUp, error.description)
        }
        log.write(.info, volume: volume) { "heals \(parts.map(\.replicaSet.name).joined(separator: ", "))" }
        let watch = Task { await self.watch(signals, volume, parts, sockets, departure, description) }
        var companions = parts.map { part in
            Companion("the healing of \(part.replicaSet.name)", mayEnd: true) { await part.pipeline.run() }
        }
        companions.append(Companion("the watch over journals") { await sockets.lookAtJournals() })
        companions.append(Companion("the care for buffers") { await environment.pool.purgeRegularly() })
        let failure = await departure.run(companions, on: environment.executor)
        watch.cancel()
        sockets.close()
        if let failure { throw failure }
        log.write(.info, volume: volume) { departure.comesBack ? "begins anew" : "left" }
    }

    /// SIGTERM and SIGINT: the windows in hand are finished; what still waits after `leavingMax`, or at a second
    /// signal, is cancelled. SIGHUP: log file and volfile anew. SIGUSR1: a statedump.
    private func watch(
        _ signals: UnixSignalsSequence, _ volume: String, _ parts: [HealedPart], _ sockets: HealerSockets,
        _ departure: Departure, _ description: VolumeDescription
    ) async {
        for await signal in signals {
            switch signal {
            case .sighup:
                reopenLog()
                await reread(volume, parts, description, departure)
            case .sigusr1: dump(volume, parts, sockets)
            default:
                guard departure.ask() else { leave(volume, "\(signal) again: leaving at once") }
                log.write(.info, volume: volume) { "\(signal): finishing the windows in hand" }
                parts.forEach { $0.pipeline.stop() }
                // Locks that others hold may be waited for: the kernel and the bricks take back what a dead process
                // holds.
                Task {
                    try? await Task.sleep(for: Self.leavingMax)
                    if Task.isCancelled { return }
                    leave(volume, "a heal still waits for a lock: leaving without it")
                }
            }
        }
        if !Task.isCancelled {
            log.write(.error, volume: volume) { "signals are not heard any more: end this healer with kill -9" }
        }
    }

    /// Ends the process with heals in hand. Their marks remain.
    private func leave(_ volume: String, _ why: String) -> Never {
        log.write(.warning, volume: volume) { why }
        exit(DaemonFailure.Code.startUp.rawValue)
    }

    private func reread(
        _ volume: String, _ parts: [HealedPart], _ description: VolumeDescription, _ departure: Departure
    ) async {
        do throws(DaemonFailure) {
            let (fresh, _) = try await description.read()
            reload(volume, parts, description, departure, fresh)
        } catch {
            log.write(.error, volume: volume) { "\(error); nothing was changed" }
        }
    }

    private func reload(
        _ volume: String, _ parts: [HealedPart], _ description: VolumeDescription, _ departure: Departure,
        _ text: String
    ) {
        do throws(DaemonFailure) {
            reload(volume, parts, description, departure, try description.configuration(text))
        } catch {
            log.write(.error, volume: volume) { "\(error); nothing was changed" }
        }
    }

    /// What the running graphs cannot take, such as other bricks of a cluster, needs new ones: nothing is lost by that,
    /// because what is to be healed stands on the bricks.
    private func reload(
        _ volume: String, _ parts: [HealedPart], _ description: VolumeDescription, _ departure: Departure,
        _ fresh: HealerConfiguration
    ) {
        do throws(VolfileError) {
            guard fresh.parts.map(\.volfile.top.name) == parts.map(\.replicaSet.name) else {
                throw VolfileError(
                    VolfileLocation(file: description.name, line: 0), "it has other replica sets than before")
            }
            for (part, new) in zip(parts, fresh.parts) {
                try part.graph.reconfigure(with: new.volfile)
                part.pipeline.reconfigure(new.settings)
            }
            log.write(.info, volume: volume) { "\(description.name) was read again" }
        } catch {
            guard description.isOfCluster else {
                log.write(.error, volume: volume) { "\(error); nothing was changed: restart the healer" }
                return
            }
            guard departure.ask(comesBack: true) else { return }
            log.write(.info, volume: volume) { "begins anew after the windows in hand: \(error)" }
            parts.forEach { $0.pipeline.stop() }
        }
    }

    private func dump(_ volume: String, _ parts: [HealedPart], _ sockets: HealerSockets) {
        var text = "\(sockets.status.json)\n\n"
        for part in parts { text += part.graph.stateDump.description + "\n" }
        let path = "\(sockets.directory.path)/healer.\(getpid()).dump.\(time(nil))"
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            log.write(.warning, volume: volume) { "\(path): \(FopError.last); statedump follows\n\(text)" }
            return
        }
        defer { close(descriptor) }
        text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
        log.write(.info, volume: volume) { "statedump in \(path)" }
    }
}
