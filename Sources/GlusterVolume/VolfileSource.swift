import Synchronization
import TranslatorCore
import Translators

/// Where a mount's volfile comes from, for as long as the mount lives: asks the volume's servers in turn, the next one
/// where one is down, and hears from the one that answered when something changed.
///
/// States: unconnected → connected → (closed by glusterd, or silent) → unconnected, … until `close`.
public final class VolfileSource: Sendable {
    /// Between attempts to find a glusterd that answers, once there was one: doubled from the first to the last.
    private static let pauseMin = Duration.seconds(1), pauseMax = Duration.seconds(30)

    public let volume: ClusterVolume
    private let environment: GraphEnvironment
    private let connection = Mutex<GlusterdConnection?>(nil)
    /// The bricks whose terms were asked for last, and what they were.
    private let asked = Mutex<[(brick: BrickPlace, terms: BrickTerms)]>([])
    /// Something may have changed: glusterd says so, or is gone and may have missed to. One waiting is as good as two.
    private let news: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation

    public init(_ volume: ClusterVolume, environment: GraphEnvironment) {
        (self.volume, self.environment) = (volume, environment)
        (news, tell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The volfile's text now. Throws what to tell people when no server answers, or one refuses.
    public func fetch() async throws(VolfileProblem) -> String {
        if let open = connection.withLock({ $0 }), let text = try await volfile(from: open) { return text }
        var reasons: [String] = []
        for server in volume.servers {
            let tell = tell
            let fresh: GlusterdConnection
            do throws(GlusterdUnreachable) {
                fresh = try await GlusterdConnection.connect(to: server, pool: environment.pool) { _ in tell.yield() }
            } catch {
                reasons.append(error.description)
                continue
            }
            connection.withLock { $0 = fresh }
            if let text = try await volfile(from: fresh) { return text }
            reasons.append("\(server): the connection was lost")
        }
        throw .nobodyAnswers(volume, reasons)
    }

    /// Calls `changed` with the text whenever it is another one than `text`, the one that was fetched before, or a
    /// brick that was asked for has other terms. Returns when its task is cancelled, or after `close`.
    public func follow(_ text: String, _ changed: (String) async -> Void) async {
        var (text, pause, isLost) = (text, Self.pauseMin, false)
        for await _ in news {
            do throws(VolfileProblem) {
                let fresh = try await fetch()
                if isLost { log(.info, "\(volume): glusterd answers again") }
                (pause, isLost) = (Self.pauseMin, false)
                if fresh == text, await !termsHaveChanged() { continue }
                text = fresh
                await changed(fresh)
            } catch {
                if Task.isCancelled { return }
                if !isLost { log(.warning, "\(error); changes of the volume are not seen until then") }
                isLost = true
                guard (try? await environment.time.sleep(for: pause)) != nil else { return }
                pause = min(pause * 2, Self.pauseMax)
                tell.yield()
            }
        }
    }

    /// What the volfiles of those bricks of `fetched` say that `isHere`, by the names of their volumes. Where one
    /// cannot be had, its brick may have to see every write.
    public func brickTerms(
        of fetched: Volfile, isHere: (BrickPlace) -> Bool
    ) async -> [String: BrickTerms] {
        asked.withLock { $0 = [] }
        var terms: [String: BrickTerms] = [:]
        for block in fetched.volumes where block.type == GlusterTranslators.replicate {
            for brick in BrickPlace.of(block, in: fetched) where isHere(brick) {
                let found = await self.terms(of: brick)
                terms[brick.volume] = found
                asked.withLock { $0.append((brick, found)) }
            }
        }
        return terms
    }

    /// A brick's options are in its own volfile, not in that of clients.
    private func termsHaveChanged() async -> Bool {
        for (brick, known) in asked.withLock({ $0 }) where await terms(of: brick) != known { return true }
        return false
    }

    private func terms(of brick: BrickPlace) async -> BrickTerms {
        let name = brick.volfileName(in: volume.name)
        if let open = connection.withLock({ $0 }), let text = try? await open.volfile(of: name),
            let volfile = try? Volfile(text, file: name, writer: .glusterd)
        {
            return BrickTerms(volfile)
        }
        var unknown = BrickTerms()
        unknown.watchers = ["something that its volfile, which glusterd does not hand out, may name"]
        return unknown
    }

    public func close() {
        tell.finish()
        connection.withLock { $0.take() }?.close()
    }

    /// Nil when the connection is lost. One that brought no volfile is not kept.
    private func volfile(from glusterd: GlusterdConnection) async throws(VolfileProblem) -> String? {
        do throws(FopError) { return try await glusterd.volfile(of: volume.name) } catch {
            connection.withLock { if $0 === glusterd { $0 = nil } }
            glusterd.close()
            switch error {
            case .notConnected: return nil
            case .noEntry: throw .unknown(volume, glusterd.server)
            case .notSupported: throw .tooNew(volume, glusterd.server)
            default: throw .refused(volume, glusterd.server, "\(error)")
            }
        }
    }

    private func log(_ level: LogLevel, _ message: String) {
        environment.log.write(level, volume: volume.name) { message }
    }
}
