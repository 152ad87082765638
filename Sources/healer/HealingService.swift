import DaemonProcess
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
    let makesBricks: Bool
    let log: Log
    let reopenLog: @Sendable () -> Void

    func run() async throws(DaemonFailure) {
        let executor = IOExecutor(name: "heal", threads: 16)
        while try await serve(on: executor) == .comesBack {}
    }

    private enum End { case left, comesBack }

    private func serve(on executor: IOExecutor) async throws(DaemonFailure) -> End {
        // First of all: a signal that came earlier would leave locks to time out.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup, .sigusr1)
        let environment = GraphEnvironment(log: log, executor: executor, makesBricks: makesBricks)
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
            let running = RunningHealer(
                volume: configuration.volume, parts: parts, description: description, departure: departure,
                outdated: OutdatedGraph(), log: log, reopenLog: reopenLog)
            let following = Task { await description.follow(text) { await running.reload($0) } }
            defer { following.cancel() }
            try await heal(running, ids[0], environment, signals)
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
        _ running: RunningHealer, _ id: Gfid, _ environment: GraphEnvironment, _ signals: UnixSignalsSequence
    ) async throws(DaemonFailure) {
        let (volume, parts) = (running.volume, running.parts)
        let sockets: HealerSockets
        do throws(TransportError) {
            sockets = try HealerSockets(
                volume: volume, id: id, base: runtimeBase, remotes: remotes, parts: parts,
                outdated: running.outdated, log: log)
        } catch {
            throw DaemonFailure(.startUp, error.description)
        }
        log.write(.info, volume: volume) { "heals \(parts.map(\.replicaSet.name).joined(separator: ", "))" }
        let watch = Task { await running.watch(signals, sockets) }
        var companions = parts.map { part in
            Companion("the healing of \(part.replicaSet.name)", mayEnd: true) { await part.pipeline.run() }
        }
        companions.append(
            Companion("the watch over mounts that are gone") {
                while (try? await Task.sleep(for: .seconds(5))) != nil {
                    for part in parts { await part.pipeline.clearAhead() }
                }
            })
        companions.append(Companion("the watch over journals") { await sockets.lookAtJournals() })
        companions.append(Companion("the care for buffers") { await environment.pool.purgeRegularly() })
        let failure = await running.departure.run(companions, on: environment.executor)
        watch.cancel()
        sockets.close()
        if let failure { throw failure }
        log.write(.info, volume: volume) { running.departure.comesBack ? "begins anew" : "left" }
    }
}
