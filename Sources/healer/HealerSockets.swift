import CPosix
import Glibc
import HealEngine
import HealProtocol
import HealTransport
import TranslatorCore

/// The healer's sockets: hears writers, answers `healctl`, tells both what was healed.
final class HealerSockets: Sendable {
    let directory: RuntimeDirectory
    private let volume: String
    private let healer = Gfid.random()
    private let parts: [HealedPart]
    private let journals: [WriterJournals]
    private let publisher: HealerPublisher
    private let subscriber: RecordSubscriber
    private let control: ControlServer

    /// `remotes`: writers on other hosts.
    init(
        volume: String, id: Gfid, base: String?, remotes: [WriterLink], parts: [HealedPart],
        outdated: OutdatedGraph, log: Log
    ) throws(TransportError) {
        (self.volume, self.parts) = (volume, parts)
        directory = try RuntimeDirectory(volume: id, base: base)
        try directory.create()
        let boot: Gfid
        do throws(JournalError) { boot = try BootID.current() } catch {
            // Without it no journal is believed; everything else works.
            log.write(.warning, volume: volume) { error.description }
            boot = .none
        }
        let publisher = try HealerPublisher(directory: directory, healer: healer, remotes: remotes)
        self.publisher = publisher
        let healer = healer
        journals = parts.map {
            $0.attach(volume: volume, id: id, healer: healer, boot: boot, publisher: publisher, log: log)
        }
        var listening = RecordSubscriber.Options()
        listening.remotes = remotes
        do throws(TransportError) {
            subscriber = try RecordSubscriber(directory: directory, options: listening, log: log) { event in
                HealerSockets.hear(event, parts)
            }
        } catch {
            publisher.close()
            throw error
        }
        let subscriber = subscriber
        journals.forEach { $0.attach(subscriber) }
        let desk = ControlReception(
            volume: volume, id: id, healer: healer, parts: parts, subscriber: subscriber, directory: directory,
            outdated: outdated)
        desk.restorePause()
        self.desk = desk
        do throws(TransportError) {
            control = try ControlServer(directory: directory, healer: healer, log: log) { await desk.answer($0) }
        } catch {
            subscriber.close()
            publisher.close()
            throw error
        }
    }
    private let desk: ControlReception

    var status: HealStatus { desk.status }

    private static func hear(_ event: RecordEvent, _ parts: [HealedPart]) {
        switch event {
        case .records(let records):
            // One set is the rule: nothing is sorted then.
            if parts.count == 1 { return parts[0].pipeline.received(records.filter { $0.replicaSet == 0 }) }
            for part in parts { part.pipeline.received(records.filter { $0.replicaSet == part.position }) }
        case .writerAppeared(let writer): parts.forEach { $0.pipeline.writerAppeared(writer) }
        case .writerSilent:
            // Whether it is dead, its journal's lock tells: looked at every second.
            break
        case .recordsLost(let writer, _): parts.forEach { $0.pipeline.recordsLost(of: writer) }
        }
    }

    /// Every second: which writers have died, and what their journals name.
    func lookAtJournals() async {
        while !Task.isCancelled {
            for (part, journals) in zip(parts, journals) {
                let (died, unhealed) = journals.look()
                died.forEach { part.pipeline.writerDied($0) }
                if !unhealed.isEmpty { part.pipeline.mayBeBehind(unhealed) }
                await journals.settleNames(of: part.replicaSet)
            }
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
        }
    }

    func close() {
        control.close()
        subscriber.close()
        publisher.close()
    }
}

/// Answers `healctl` for all replica sets of the volume.
struct ControlReception: Sendable {
    let volume: String
    let id: Gfid, healer: Gfid
    let parts: [HealedPart]
    let subscriber: RecordSubscriber
    let directory: RuntimeDirectory
    let outdated: OutdatedGraph

    private var surroundings: HealSurroundings {
        var surroundings = HealSurroundings(volume: volume, volumeID: id, healer: healer)
        surroundings.writers = subscriber.writers
        let counters = subscriber.counters
        (surroundings.recordsLost, surroundings.recordGaps) = (counters.lost, counters.gaps)
        surroundings.recordsRefused = counters.refused
        surroundings.unseen =
            [outdated.blindSpot].compactMap(\.self)
            + subscriber.unheard.map { address in
                BlindSpot(
                    .writer, "\(address)", reason: "nothing is heard of the writer there",
                    remedy:
                        "see that its host, its mount's option listen and the keys are right; where no mount is any more, take its line out of --writers"
                )
            }
        return surroundings
    }

    private func desk(_ part: HealedPart) -> ControlDesk {
        ControlDesk(part.pipeline, surroundings: { surroundings }, pauseChanged: { rememberPause($0) })
    }

    var status: HealStatus { HealStatus.merged(parts.map { $0.pipeline.status(surroundings) }) }

    func answer(_ request: ControlRequest) async -> ControlReply {
        if parts.count == 1 { return await desk(parts[0]).answer(request) }
        var replies: [ControlReply] = []
        for part in parts { replies.append(await desk(part).answer(request)) }
        return ControlReply.merged(replies)
    }

    // Pausing outlives a restart: a file says so.

    private var pauseFile: String { directory.path + "/healer.paused" }

    private func rememberPause(_ isPaused: Bool) {
        if isPaused {
            let descriptor = cposix_open(pauseFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            if descriptor >= 0 { Glibc.close(descriptor) }
        } else {
            unlink(pauseFile)
        }
    }
    func restorePause() {
        if access(pauseFile, F_OK) == 0 { parts.forEach { $0.pipeline.setPaused(true) } }
    }
}
