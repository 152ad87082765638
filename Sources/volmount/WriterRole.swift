import DaemonProcess
import FuseMount
import Synchronization
import TranslatorCore

/// What a mount has that writes: leases on the roots of its volume, and a journal of changes of names. One that was
/// mounted read-only has neither until it is remounted for writing. It keeps them when it is remounted read-only, which
/// is the kernel's matter alone: so it can go back, and with the writeback cache the kernel goes on believing what it
/// knows.
final class WriterRole: Sendable {
    private enum State {
        case reader
        /// Taking what a writer has.
        case candidate
        case writer(VolumeLease, NamesService)
        case over
    }

    private let graph: Graph
    private let directory: String
    private let gate: WriteGate
    private let missing: [MissingTarget]
    private let settings: FuseMountSettings
    private let state: Mutex<State>

    private init(
        _ graph: Graph, _ settings: FuseMountSettings, directory: String, gate: WriteGate, missing: [MissingTarget],
        _ state: State
    ) {
        (self.graph, self.directory, self.gate, self.settings) = (graph, directory, gate, settings)
        self.missing = missing
        self.state = Mutex(state)
    }

    /// At the start, before the first fop. `settings` come back read-only where a mount beside a writeback cache was
    /// told to be.
    static func begin(
        _ graph: Graph, _ settings: inout FuseMountSettings, directory: String, gate: WriteGate,
        missing: [MissingTarget]
    ) async throws(DaemonFailure) -> WriterRole {
        let isWriter = !settings.kernelFlags.isReadOnly
        let lease = isWriter ? try await VolumeLease(graph, &settings, directory: directory, gate: gate) : nil
        guard let lease, !settings.kernelFlags.isReadOnly else {
            return WriterRole(graph, settings, directory: directory, gate: gate, missing: missing, .reader)
        }
        let names = await NamesService(graph)
        return WriterRole(
            graph, settings, directory: directory, gate: gate, missing: missing, .writer(lease, names))
    }

    /// At a remount for writing, while the kernel still lets no change through. Opens the gate that a read-only mount
    /// has closed. Throws EBUSY where another mount has the volume for itself, or another remount is under way.
    func takeUp() async throws(FopError) {
        let isDue = try state.withLock { state throws(FopError) in
            switch state {
            case .reader: state = .candidate
            case .writer: return false
            case .candidate, .over: throw FopError.busy
            }
            return true
        }
        guard isDue else { return }
        var wanted = settings
        _ = wanted.kernelFlags.take("rw")
        // The kernel has agreed on no other.
        wanted.cacheMode = .writeThrough
        do throws(DaemonFailure) {
            for watch in missing where await watch.keepsFromWriting() {
                throw DaemonFailure(.startUp, "a replica that may hold more than the others is away")
            }
            let lease = try await VolumeLease(graph, &wanted, directory: directory, gate: gate)
            guard !wanted.kernelFlags.isReadOnly else {
                throw DaemonFailure(.startUp, "a mount with cache-mode=writeback-cache has the volume")
            }
            let names = await NamesService(graph)
            let isOver = state.withLock { state in
                guard case .candidate = state else { return true }
                state = .writer(lease, names)
                return false
            }
            guard !isOver else {
                await lease.giveBack()
                names.stop()
                throw DaemonFailure(.startUp, "it is being unmounted")
            }
        } catch {
            state.withLock { if case .candidate = $0 { $0 = .reader } }
            graph.environment.log.write(.warning, volume: graph.top.name) {
                "\(directory) stays read-only: \(error.description)"
            }
            throw .busy
        }
        gate.open()
        graph.environment.log.write(.info, volume: graph.top.name) { "remounted for writing on \(directory)" }
    }

    /// Before the graph stops. What comes after the graph is done by `stop` of what this answers.
    func giveBack() async -> NamesService? {
        let before = state.withLock { state in
            defer { state = .over }
            return state
        }
        guard case .writer(let lease, let names) = before else { return nil }
        await lease.giveBack()
        return names
    }
}
