import DaemonProcess
import FuseMount
import Glibc
import GlusterVolume
import TranslatorCore
import Translators

/// What a mount's graph is made from: a volfile of this machine, or the one that a cluster hands out for a volume.
struct GraphSource: Sendable {
    enum Place: Sendable {
        case file(String)
        case cluster(VolfileSource)
    }
    let place: Place
    let options: MountOptions
    /// Prints the volfile and traces every fop.
    let isDebugging: Bool
    let environment: GraphEnvironment

    init(
        _ place: VolumePlace, options: MountOptions, isDebugging: Bool, environment: GraphEnvironment
    ) throws(DaemonFailure) {
        (self.options, self.isDebugging, self.environment) = (options, isDebugging, environment)
        switch place {
        case .volfile(let path):
            guard !options.process.flag("bypass") else {
                throw DaemonFailure(
                    .configuration,
                    "-o bypass is for HOST:/VOLUME; in \(path) put features/bypass above cluster/replicate")
            }
            self.place = .file(path)
        case .cluster(let spec):
            do throws(VolfileProblem) {
                let backups = options.process.text(ifSet: "backup-volfile-servers")?.split(separator: ":") ?? []
                let volume = try ClusterVolume(
                    spec, backups: backups.map(String.init), port: UInt16(options.process.integer("server-port")))
                self.place = .cluster(VolfileSource(volume, environment: environment))
            } catch { throw DaemonFailure(error) }
        }
        let given = [("target", options.process.isSet("target")), ("direct", !options.process.flag("direct"))]
        let forBypass = given.filter(\.1).map(\.0) + options.bypass.keys.sorted()
        if let first = forBypass.first, !options.process.flag("bypass") {
            throw DaemonFailure(
                .configuration, "-o \(first) is for -o bypass of HOST:/VOLUME: give both, or none of them")
        }
    }

    /// What df(1) shows, unless told otherwise; nil: the name of the graph's top.
    var shownSource: String? {
        if case .cluster(let source) = place { source.volume.description } else { nil }
    }

    /// The graph, and the text that it was built from.
    func graph() async throws(DaemonFailure) -> (graph: Graph, text: String) {
        let text = try await text()
        do throws(VolfileError) {
            let (volfile, passedThrough) = try await served(text)
            if isDebugging { print("\(volfile)") }
            fflush(nil)
            if !passedThrough.isEmpty {
                let doer = options.process.flag("bypass") ? "the kernel or the bypass" : "the kernel"
                environment.log.write(.info, volume: volfile.top.name) {
                    "passes through what \(doer) does here: \(passedThrough.joined(separator: ", "))"
                }
            }
            return (try Graph(volfile, registry: InTreeTranslators.registry, environment: environment), text)
        } catch {
            throw DaemonFailure(error)
        }
    }

    /// Takes up what changes in the cluster's volfile, until its task is cancelled: options, and bricks that took the
    /// place of others, into the running graph; of everything else one line says that it needs a new mount, and then of
    /// what comes later the bricks alone are taken up. Returns at once for a file.
    ///
    /// Of what a mount writes, a replica that was added learns nothing, and is not blamed for missing it: while there
    /// is one the gate is closed.
    func follow(_ text: String, _ graph: Graph, gate: WriteGate) async {
        guard case .cluster(let source) = place else { return }
        var hasClosed = false
        await source.follow(text) { text in
            let fresh: Volfile
            do throws(VolfileError) { fresh = try fetched(text, from: source) } catch {
                graph.top.volume.log(
                    .warning, "the cluster's new volfile is not one; this mount goes on as before: \(error)")
                return
            }
            let added = ServedVolfile.addedReplicas(fresh, to: graph.volfile)
            if hasClosed != !added.isEmpty {
                hasClosed.toggle()
                if hasClosed { gate.close() } else { gate.open() }
            }
            if !added.isEmpty {
                // What was answered before goes down now, and not beside the new replica's heal for long.
                for case let behind as WriteBehindTranslator in graph.translators { await behind.drain() }
                graph.top.volume.log(
                    .error,
                    "\(added.map(\.description).joined(separator: ", ")) was added to the volume, and this mount does not write to it: changes fail with EROFS until the volume is mounted anew"
                )
                takeBricks(of: fresh, into: graph)
                return
            }
            do throws(VolfileError) {
                let served = try ServedVolfile(
                    fresh, bypass: bypass, isWriteback: options.settings.isWriteback,
                    terms: await terms(of: fresh, from: source), as: graph.volfile)
                try take(try traced(served.volfile), into: graph)
            } catch {
                graph.top.volume.log(
                    .warning,
                    "the volume was changed, but this mount goes on as before until it is mounted anew: \(error)")
                takeBricks(of: fresh, into: graph)
            }
        }
    }

    private func take(_ volfile: Volfile, into graph: Graph) throws(VolfileError) {
        let changed = try graph.reconfigure(with: volfile)
        guard !changed.isEmpty else { return }
        graph.top.volume.log(.info, "new options from the cluster: \(changed.joined(separator: ", "))")
    }

    /// Whatever else was changed, bricks that took the place of others are followed, and the one that bypass writes to
    /// is left alone from when it is none of the volume's: its process may live on where glusterd cannot reach it, and
    /// what it took nobody would have any more.
    private func takeBricks(of fresh: Volfile, into graph: Graph) {
        do throws(VolfileError) {
            let followed = try ServedVolfile.bricks(of: fresh, in: graph.volfile)
            if let name = ServedVolfile.replacedTarget(fresh, of: graph.volfile),
                let client = graph[name] as? ClientTranslator
            {
                client.retire(because: "another brick has taken its place; mount anew to write to that one")
            }
            try take(followed, into: graph)
        } catch {
            graph.top.volume.log(.warning, "nor does it follow the volume's bricks: \(error)")
        }
    }

    /// One sentence when bricks are all somewhere else and none of them can be reached; nil where that is not so.
    func unreachable(_ graph: Graph) -> DaemonFailure? {
        let clients = graph.translators.compactMap { $0 as? ClientTranslator }
        guard case .cluster(let source) = place, !clients.isEmpty, !clients.contains(where: { $0.isUp }) else {
            return nil
        }
        return DaemonFailure(
            .startUp,
            "\(source.volume): none of its bricks can be reached; if it is not started: gluster volume start \(source.volume.name)"
        )
    }

    func close() { if case .cluster(let source) = place { source.close() } }

    private func text() async throws(DaemonFailure) -> String {
        switch place {
        case .file(let path): return try Volfile.text(of: path)
        case .cluster(let source):
            do throws(VolfileProblem) { return try await source.fetch() } catch { throw DaemonFailure(error) }
        }
    }

    private func served(
        _ text: String
    ) async throws(VolfileError) -> (volfile: Volfile, passedThrough: [TranslatorType]) {
        switch place {
        case .file(let path): return (try traced(try Volfile(text, file: path, top: mountedVolume)), [])
        case .cluster(let source):
            let fetched = try fetched(text, from: source)
            let served = try ServedVolfile(
                fetched, bypass: bypass, isWriteback: options.settings.isWriteback,
                terms: await terms(of: fetched, from: source)
            ) { $0.isOnThisMachine }
            return (try traced(served.volfile), served.passedThrough)
        }
    }

    /// Of the bricks of this machine, where one of them may be read and written in its directory.
    private func terms(of fetched: Volfile, from source: VolfileSource) async -> [String: BrickTerms] {
        guard bypass?.isDirect == true else { return [:] }
        return await source.brickTerms(of: fetched) { $0.isOnThisMachine }
    }

    private func fetched(_ text: String, from source: VolfileSource) throws(VolfileError) -> Volfile {
        try Volfile(text, file: source.volume.description, top: mountedVolume, writer: .glusterd)
    }
    /// The block to be mounted; nil: the last one.
    private var mountedVolume: String? { options.process.text(ifSet: "volume-name") }
    private var bypass: BypassRequest? {
        guard options.process.flag("bypass") else { return nil }
        return BypassRequest(
            BypassTarget(options.process.text(ifSet: "target")), options: options.bypass,
            isDirect: options.process.flag("direct"))
    }

    /// `debug/trace` on top when debugging, unless the volfile has it there already.
    private func traced(_ volfile: Volfile) throws(VolfileError) -> Volfile {
        let trace = "debug/trace"
        guard isDebugging, volfile.top.type != trace else { return volfile }
        let block = Volfile.VolumeBlock(
            name: "\(volfile.top.name)-trace", type: trace, options: [], subvolumes: [volfile.top.name],
            location: VolfileLocation(file: volfile.file, line: 0))
        return try Volfile(volfile.volumes + [block], file: volfile.file)
    }
}

/// As the command line names a volume.
enum VolumePlace: Sendable {
    /// A file's path.
    case volfile(String)
    /// `HOST[,HOST2...]:/VOLUME`
    case cluster(String)
}

extension DaemonFailure {
    init(_ problem: VolfileProblem) {
        self.init(problem.isMistake ? .configuration : .startUp, problem.description)
    }
}
