import CPosix
import DaemonProcess
import FuseMount
import Glibc
import Logging
import TranslatorCore
import Translators
import UnixSignals

/// One volume from its volfile to the end of its mount: the composition of graph, bypass and mount.
struct Serving {
    let place: VolumePlace
    let directory: String
    let options: MountOptions
    /// Prints the volfile and traces every fop.
    let isDebugging: Bool
    let log: TranslatorCore.Log
    let logFile: LogFile

    /// Serves until the volume is unmounted. `ready` is called once it can be used.
    func run(ready: () -> Void) async throws(DaemonFailure) {
        DescriptorPressure.raiseLimit()
        // Before the mount: a signal that came earlier would leave a dead mount point.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup, .sigusr1)
        let link = try options.link()
        let environment = GraphEnvironment(log: log, makesBricks: options.process.flag("create"))
        let source = try GraphSource(place, options: options, isDebugging: isDebugging, environment: environment)
        defer { source.close() }
        let (graph, text) = try await source.graph()
        do throws(VolfileError) { try await graph.start() } catch { throw DaemonFailure(error) }
        if let unreachable = source.unreachable(graph) {
            await graph.stop()
            throw unreachable
        }
        var settings = options.settings
        settings.fsname = settings.fsname ?? source.shownSource
        let gate = WriteGate()
        let missing: [MissingTarget]
        do throws(DaemonFailure) {
            let policy = MissingTarget.Policy(rawValue: options.process.text("on-missing-target"))!
            missing = try await MissingTarget.watch(graph, policy, &settings, gate: gate)
        } catch {
            await graph.stop()
            throw error
        }
        let role: WriterRole
        do throws(DaemonFailure) {
            role = try await WriterRole.begin(graph, &settings, directory: directory, gate: gate, missing: missing)
        } catch {
            await graph.stop()
            throw error
        }
        let bypass: BypassService
        do throws(DaemonFailure) {
            bypass = try BypassService(graph, runtimeDirectory: runtimeDirectory, link: link, log: log)
        } catch {
            let names = await role.giveBack()
            await graph.stop()
            names?.stop()
            throw error
        }
        let mount = FuseMount(graph, settings: settings, writeGate: gate) { () throws(FopError) in
            try await role.takeUp()
        }
        do throws(FuseMountError) {
            try await mount.mount(on: directory)
        } catch {
            let names = await role.giveBack()
            await graph.stop()
            bypass.stop()
            names?.stop()
            throw DaemonFailure(.startUp, error.description)
        }
        log.write(.info, volume: graph.top.name) { "mounted on \(directory)" }
        ready()
        let watch = Task { await self.watch(signals, mount, graph) }
        let following = Task { await source.follow(text, graph, gate: gate) }
        let purging = Task { await environment.pool.purgeRegularly() }
        await mount.untilUnmounted()
        watch.cancel()
        following.cancel()
        purging.cancel()
        for watch in missing { await watch.stop() }
        let names = await role.giveBack()
        // In this order: stopping the graph closes the epochs, and their closes are to be published.
        await graph.stop()
        bypass.stop()
        names?.stop()
        log.write(.info, volume: graph.top.name) { "unmounted from \(directory)" }
    }

    /// How long what is under way, and the end of the graph, may take after the second signal. What is cut short has
    /// its marks, as after kill -9.
    private static let lastWait = Duration.seconds(3)

    /// SIGTERM and SIGINT: the mount point goes at once, files that are open stay usable until they are closed; a
    /// second one ends the process, within `lastWait` whatever hangs. SIGHUP: the log file is opened anew. SIGUSR1: a
    /// statedump.
    private func watch(_ signals: UnixSignalsSequence, _ mount: FuseMount, _ graph: Graph) async {
        var isLeaving = false
        for await signal in signals {
            switch signal {
            case .sighup: logFile.reopen()
            case .sigusr1: dump(mount, graph)
            default:
                if isLeaving {
                    log.write(.warning, volume: graph.top.name) { "\(signal) again: ending with files open" }
                    endSoon(graph)
                    mount.abandon()
                    continue
                }
                isLeaving = true
                log.write(.info, volume: graph.top.name) { "\(signal): unmounting \(directory)" }
                do throws(FuseMountError) { try mount.unmount() } catch {
                    log.write(.error, volume: graph.top.name) { "\(error)" }
                }
            }
        }
    }

    /// On a thread of its own: nothing that hangs may be in its way.
    private func endSoon(_ graph: Graph) {
        WorkerThread.start(name: "last-wait") { [log] in
            usleep(UInt32(Self.lastWait.components.seconds) * 1_000_000)
            log.write(.warning, volume: graph.top.name) { "not done \(Self.lastWait) later: ending all the same" }
            _exit(DaemonFailure.Code.startUp.rawValue)
        }
    }

    private func dump(_ mount: FuseMount, _ graph: Graph) {
        let text = "[mount/fuse.\(graph.top.name)]\n\(mount.dump())\n\n\(graph.stateDump)"
        let path = "\(runtimeDirectory)/volmount.\(getpid()).dump.\(time(nil))"
        mkdir(runtimeDirectory, 0o755)
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            log.write(.warning, volume: graph.top.name) { "\(path): \(FopError.last); statedump follows\n\(text)" }
            return
        }
        defer { close(descriptor) }
        var bytes = text[...]
        bytes.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
        log.write(.info, volume: graph.top.name) { "statedump in \(path)" }
    }

    var runtimeDirectory: String {
        if let given = options.process.text(ifSet: "runtime-dir") { return given }
        if geteuid() != 0, let own = getenv("XDG_RUNTIME_DIR") { return "\(String(cString: own))/volmount" }
        return "/run/volmount"
    }
}
