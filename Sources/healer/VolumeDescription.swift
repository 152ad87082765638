import DaemonProcess
import GlusterVolume
import TranslatorCore

/// Where the healer's volume is described: in a file of this machine, or by the cluster that has it.
struct VolumeDescription: Sendable {
    enum Place: Sendable {
        /// And the volume in it to heal; by default the last one.
        case file(String, volumeName: String?)
        case cluster(VolfileSource)
    }
    let place: Place
    private let commandLine: [(name: String, text: String)]

    /// `volume`: `HOST[,HOST2...]:/VOLUME`. One of `volfile` and `volume` is given.
    init(
        volfile: String?, volume: String?, volumeName: String?, commandLine: [(name: String, text: String)],
        environment: GraphEnvironment
    ) throws(DaemonFailure) {
        self.commandLine = commandLine
        switch (volfile, volume) {
        case (let path?, nil): place = .file(path, volumeName: volumeName)
        case (nil, let spec?):
            do throws(VolfileProblem) {
                place = .cluster(VolfileSource(try ClusterVolume(spec), environment: environment))
            } catch { throw DaemonFailure(error) }
        default: preconditionFailure("the command line gives one of the two")
        }
    }

    /// For messages.
    var name: String {
        switch place {
        case .file(let path, _): path
        case .cluster(let source): source.volume.description
        }
    }

    var isOfCluster: Bool { if case .cluster = place { true } else { false } }

    /// What it says now, and the text that was read.
    func read() async throws(DaemonFailure) -> (configuration: HealerConfiguration, text: String) {
        let text: String
        switch place {
        case .file(let path, _): text = try Volfile.text(of: path)
        case .cluster(let source):
            do throws(VolfileProblem) { text = try await source.fetch() } catch { throw DaemonFailure(error) }
        }
        return (try await configuration(text), text)
    }

    func configuration(_ text: String) async throws(DaemonFailure) -> HealerConfiguration {
        switch place {
        case .file(let path, let volumeName):
            try HealerConfiguration(text, file: path, volumeName: volumeName, commandLine: commandLine)
        case .cluster(let source):
            try await HealerConfiguration(fetched: text, from: source, commandLine: commandLine)
        }
    }

    /// Calls `changed` with the text whenever the cluster has another one, until its task is cancelled. Returns at once
    /// for a file, which is read again when somebody says so.
    func follow(_ text: String, _ changed: (String) async -> Void) async {
        if case .cluster(let source) = place { await source.follow(text, changed) }
    }

    func close() { if case .cluster(let source) = place { source.close() } }
}

extension DaemonFailure {
    init(_ problem: VolfileProblem) {
        self.init(problem.isMistake ? .configuration : .startUp, problem.description)
    }
}
