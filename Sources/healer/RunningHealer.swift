import CPosix
import DaemonProcess
import Glibc
import HealEngine
import HealProtocol
import HealTransport
import TranslatorCore
import UnixSignals

/// A healer at work: what signals act on, and what changes of its volume's description.
struct RunningHealer: Sendable {
    let volume: String
    let parts: [HealedPart]
    let description: VolumeDescription
    let departure: Departure
    let outdated: OutdatedGraph
    let log: Log
    let reopenLog: @Sendable () -> Void

    private static let leavingMax = Duration.seconds(20)

    /// SIGTERM and SIGINT: the windows in hand are finished; what still waits after `leavingMax`, or at a second
    /// signal, is cancelled. SIGHUP: log file and volfile anew. SIGUSR1: a statedump.
    func watch(_ signals: UnixSignalsSequence, _ sockets: HealerSockets) async {
        for await signal in signals {
            switch signal {
            case .sighup:
                reopenLog()
                await reread()
            case .sigusr1: dump(sockets)
            default:
                guard departure.ask() else { leave("\(signal) again: leaving at once") }
                log.write(.info, volume: volume) { "\(signal): finishing the windows in hand" }
                parts.forEach { $0.pipeline.stop() }
                // Locks that others hold may be waited for: the kernel and the bricks take back what a dead process
                // holds.
                Task {
                    try? await Task.sleep(for: Self.leavingMax)
                    if Task.isCancelled { return }
                    leave("a heal still waits for a lock: leaving without it")
                }
            }
        }
        if !Task.isCancelled {
            log.write(.error, volume: volume) { "signals are not heard any more: end this healer with kill -9" }
        }
    }

    /// Ends the process with heals in hand. Their marks remain.
    private func leave(_ why: String) -> Never {
        log.write(.warning, volume: volume) { why }
        exit(DaemonFailure.Code.startUp.rawValue)
    }

    private func reread() async {
        do throws(DaemonFailure) {
            let (fresh, _) = try await description.read()
            reload(fresh)
        } catch {
            refuse(error)
        }
    }

    func reload(_ text: String) async {
        do throws(DaemonFailure) {
            reload(try await description.configuration(text))
        } catch {
            refuse(error)
        }
    }

    private func refuse(_ failure: DaemonFailure) {
        log.write(.error, volume: volume) { "\(failure); nothing was changed" }
        // A cluster that does not answer just now has not changed.
        if failure.code == .configuration { outdated.cannotServe(description, failure.description) }
    }

    /// What the running graphs cannot take, such as other bricks of a cluster, needs new ones: nothing is lost by that,
    /// because what is to be healed stands on the bricks.
    private func reload(_ fresh: HealerConfiguration) {
        do throws(VolfileError) {
            guard fresh.parts.map(\.volfile.top.name) == parts.map(\.replicaSet.name) else {
                throw VolfileError(
                    VolfileLocation(file: description.name, line: 0), "it has other replica sets than before")
            }
            for (part, new) in zip(parts, fresh.parts) {
                try part.graph.reconfigure(with: new.volfile)
                part.pipeline.reconfigure(new.settings)
            }
            outdated.isCurrent()
            log.write(.info, volume: volume) { "\(description.name) was read again" }
        } catch {
            guard description.isOfCluster else {
                log.write(.error, volume: volume) { "\(error); nothing was changed: restart the healer" }
                outdated.cannotServe(description, "\(error)")
                return
            }
            guard departure.ask(comesBack: true) else { return }
            log.write(.info, volume: volume) { "begins anew after the windows in hand: \(error)" }
            parts.forEach { $0.pipeline.stop() }
        }
    }

    private func dump(_ sockets: HealerSockets) {
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
