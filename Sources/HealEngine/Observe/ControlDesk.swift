import HealProtocol
import ReplicaState
import Synchronization
import TranslatorCore

/// Answers what `healctl` asks of one pipeline.
public struct ControlDesk: Sendable {
    let pipeline: HealPipeline
    let surroundings: @Sendable () -> HealSurroundings
    /// Told when heals are paused or go on, so that it outlives a restart.
    let pauseChanged: @Sendable (Bool) -> Void

    public init(
        _ pipeline: HealPipeline, surroundings: @escaping @Sendable () -> HealSurroundings,
        pauseChanged: @escaping @Sendable (Bool) -> Void = { _ in }
    ) {
        (self.pipeline, self.surroundings, self.pauseChanged) = (pipeline, surroundings, pauseChanged)
    }

    public func answer(_ request: ControlRequest) async -> ControlReply {
        do throws(ControlFailure) {
            switch request {
            case .status: return .status(await withPaths(pipeline.status(surroundings())))
            case .info(let entriesMax): return .info(await info(entriesMax: entriesMax))
            case .queue(let filesMax): return await queue(filesMax: filesMax)
            case .queued(let file):
                let gfid = try await gfid(of: file)
                let found = pipeline.queue().filter { $0.gfid == gfid }
                return .queue(await withPaths(found), total: found.count)
            case .pause, .resume: return setPaused(request == .pause)
            case .look:
                guard await pipeline.look() else {
                    throw ControlFailure(
                        .replicaDown, "not all indices of the bricks could be read: see the healer's log")
                }
                return .done("the indices were read")
            case .retry(let file):
                var gfid: Gfid?
                if let file { gfid = try await self.gfid(of: file) }
                let count = pipeline.retry(gfid)
                return .done(
                    count == 0 ? "nothing of it was in quarantine" : "\(count) of the quarantine are tried now")
            case .heal(let file, let waits): return try await heal(file, waits: waits)
            case .splitBrains: return .splitBrains(await pipeline.splitBrains())
            case .keep(let path, let replica, let discards):
                return .done(try await pipeline.keep(path, of: replica, discarding: discards))
            }
        } catch {
            return .failed(error)
        }
    }

    private func setPaused(_ isPaused: Bool) -> ControlReply {
        pipeline.setPaused(isPaused)
        pauseChanged(isPaused)
        return .done(
            isPaused ? "paused: heals under way end, no other begins until healctl queue resume" : "heals go on")
    }

    private func heal(_ file: FileReference, waits: Bool) async throws(ControlFailure) -> ControlReply {
        let gfid = try await gfid(of: file)
        guard waits else {
            pipeline.promote(gfid)
            return .done("\(file) is healed before others")
        }
        guard let report = await pipeline.heal(now: gfid) else {
            throw ControlFailure(.stopping, "the healer is leaving; \(file) keeps its marks")
        }
        switch report.outcome {
        case .clean: return .healed(nil)
        case .gone: throw ControlFailure(.unknownFile, "\(file) is on no replica any more")
        case .healed: return .healed(report.finished(names: pipeline.replicas.names, pipeline.time.wallClock()))
        case .failed(let error):
            throw ControlFailure(error.isSplitBrain ? .splitBrain : .healFailed, error.description)
        case .later(.replicaDown):
            throw ControlFailure(.replicaDown, "\(file): a replica is down; it is healed when all are up")
        case .later(let delay): throw ControlFailure(.busy, "\(file): \(delay.note); it is tried again by itself")
        }
    }

    // Names of files.

    private func gfid(of file: FileReference) async throws(ControlFailure) -> Gfid {
        switch file {
        case .gfid(let gfid): return gfid
        case .path(let path):
            guard let gfid = await pipeline.resolve(path) else {
                throw ControlFailure(
                    .unknownFile, "no file \(path) on any replica that is up; paths begin at the volume's root")
            }
            return gfid
        }
    }

    private func withPaths(_ files: [QueuedFile]) async -> [QueuedFile] {
        var files = files
        for position in files.indices { files[position].path = await pipeline.path(of: files[position].gfid) }
        return files
    }

    /// Status must be quick: only what fits a screen gets its name.
    private func withPaths(_ status: HealStatus) async -> HealStatus {
        var status = status
        for position in status.active.indices.prefix(20) {
            status.active[position].path = await pipeline.path(of: status.active[position].gfid)
        }
        for position in status.quarantine.indices.prefix(20) {
            status.quarantine[position].path = await pipeline.path(of: status.quarantine[position].gfid)
        }
        return status
    }

    private func queue(filesMax: Int) async -> ControlReply {
        let all = pipeline.queue()
        return .queue(await withPaths(Array(all.prefix(max(0, filesMax)))), total: all.count)
    }

    private func info(entriesMax: Int) async -> [BrickHealInfo] {
        var infos: [BrickHealInfo] = []
        for replica in pipeline.replicas.all {
            infos.append(await pipeline.info(of: replica, entriesMax: max(0, entriesMax)))
        }
        return infos
    }
}
