import HealProtocol
import Synchronization
import TranslatorCore

/// The thread behind a `RecordSubscriber`: its sockets, and what it knows of each writer. Confined to that thread once
/// it runs.
final class RecordEar: @unchecked Sendable {
    // Safe because it is made by one thread and then used by the one that `run` is called on alone.

    /// Writers beyond that many are not told apart: their gaps are not noticed.
    private static let writersMax = 1_024
    /// Records decoded in one go, before the events are told; a message's more or less.
    private static let batchMax = 1_024
    /// Messages kept while the thread is busy.
    private static let queueMax = 1_000_000
    /// Between two looks for sockets that kill -9 left behind, so that a dead healer does not make every answer of
    /// `healctl` an incomplete one for long.
    private static let tidyPause = Duration.seconds(3)

    private final class Writer {
        let id: Gfid
        var heard: MonotonicTime
        var isSilent = true
        /// For each first gfid byte that was heard of.
        var trackers: [UInt8: SequenceTracker] = [:]
        /// The remote that its records come from; nil for the runtime directory.
        var remote: Int?

        init(_ id: Gfid, heard: MonotonicTime) { (self.id, self.heard) = (id, heard) }
    }

    private let owner: RecordSubscriber
    private let watch: DirectoryWatch
    private let local: ZMQSocket
    private let remotes: [RemoteEar]
    /// Of which the log was told that nothing is heard.
    private var missed: Set<WriterAddress> = []
    private let clock = SystemTimeSource()
    private let replays: ReplayClient
    private var connected: Set<Gfid> = []
    private var writers: [Gfid: Writer] = [:]
    /// Whose record was the last: mostly the next one is its too.
    private var latest: Writer?
    private var batch: [WriteRecord] = []
    private var counters = RecordSubscriber.Counters()

    init(_ owner: RecordSubscriber, watch: DirectoryWatch) throws(TransportError) {
        (self.owner, self.watch) = (owner, watch)
        local = Self.makeSocket(owner)
        var remotes: [RemoteEar] = []
        for link in owner.options.remotes {
            remotes.append(
                try RemoteEar(link, silence: owner.options.silence, now: clock.now()) { Self.makeSocket(owner) })
        }
        self.remotes = remotes
        replays = ReplayClient(timeout: owner.options.replayTimeout)
    }

    private static func makeSocket(_ owner: RecordSubscriber) -> ZMQSocket {
        let socket = ZMQSocket(.sub, messageBytesMax: WriteRecord.heartbeatBytes, queueMax: queueMax)
        let share = owner.options.share
        if share == 0...255 {
            socket.subscribe(owner.volume.bytes)
        } else {
            for byte in share { socket.subscribe(owner.volume.bytes + [byte]) }
            socket.subscribe(owner.volume.bytes + Gfid.none.bytes)  // heartbeats are for everybody
        }
        return socket
    }

    func run() {
        var tidyAt = clock.now() + Self.tidyPause, lookAt = clock.now()
        while !owner.state.withLock({ $0.isClosed }) {
            let now = clock.now()
            if now >= tidyAt {
                owner.directory.removeStaleSockets(olderThan: .seconds(1))
                tidyAt = now + Self.tidyPause
            }
            // A notice can be lost.
            if watch.drain() || now >= lookAt {
                lookAtDirectory()
                lookAt = now + .seconds(1)
            }
            ZMQPoll.wait(
                sockets: [local] + remotes.map(\.socket) + replays.sockets,
                descriptors: [watch.descriptor, owner.wakeup.descriptor],
                timeout: replays.isBusy ? .milliseconds(50) : min(.seconds(1), owner.options.silence))
            owner.wakeup.drain()
            while hear(local, remote: nil) {}
            for (position, ear) in remotes.enumerated() { while hear(ear.socket, remote: position) {} }
            takeWishes()
            replays.receive(now: clock.now())
            noticeSilence()
            renewDeafEars()
            publishState()
        }
        replays.close()
        takeWishes()
        local.close()
        for ear in remotes { ear.socket.close() }
    }

    /// Connects to writers that came, and lets go of those that went.
    private func lookAtDirectory() {
        let present = owner.directory.members(.records)
        for writer in present.subtracting(connected) {
            do throws(TransportError) { try local.connect(owner.directory.endpoint(writer, .records)) } catch {
                owner.log.write(.warning, volume: "records") { "\(error); this writer is not heard" }
            }
        }
        for writer in connected.subtracting(present) {
            if let endpoint = try? owner.directory.endpoint(writer, .records) { local.disconnect(endpoint) }
            replays.forget(writer)
        }
        connected = present
    }

    /// Takes up to a batch off one socket. False when it is empty.
    private func hear(_ socket: ZMQSocket, remote: Int?) -> Bool {
        let now = clock.now()
        var count = 0
        while count < Self.batchMax, let heard = socket.receive({ hear($0, remote: remote, now) }) { count += heard }
        tellBatch()
        return count >= Self.batchMax
    }

    /// Takes the records of one message; answers how many.
    private func hear(_ message: UnsafeRawBufferPointer, remote: Int?, _ now: MonotonicTime) -> Int {
        WriteRecord.forEach(inMessage: message) { record in
            guard let record, record.volume == owner.volume else { return refuse() }
            take(record, remote: remote, now)
        }
    }

    private func refuse() {
        counters.refused += 1
        guard counters.refused == 1 else { return }
        owner.log.write(.warning, volume: "records") {
            "a message that is no record of this version was received and is passed over; more of them are only counted"
        }
    }

    private func take(_ record: WriteRecord, remote: Int?, _ now: MonotonicTime) {
        if let remote { remotes[remote].heardSomething(at: now) }
        guard let writer = writer(record.writer, now) else {
            if record.isPublished { batch.append(record) }
            return
        }
        (writer.heard, writer.remote) = (now, remote)
        if writer.isSilent {
            writer.isSilent = false
            tellBatch()
            owner.onEvent(.writerAppeared(writer.id))
        }
        switch record.kind {
        case .heartbeat(let sequences): beat(writer, sequences)
        case .range, .close: track(record, writer)
        case .wanted: batch.append(record)
        // Nobody publishes these.
        case .opening, .opened, .blind: refuse()
        }
    }

    /// Nil for one too many.
    private func writer(_ id: Gfid, _ now: MonotonicTime) -> Writer? {
        if let latest, latest.id == id { return latest }
        if let known = writers[id] {
            latest = known
            return known
        }
        guard writers.count < Self.writersMax else { return nil }
        let writer = Writer(id, heard: now)
        (writers[id], latest) = (writer, writer)
        return writer
    }

    private func track(_ record: WriteRecord, _ writer: Writer) {
        let byte = record.gfid.firstByte
        guard owner.options.share.contains(byte) else { return }
        var loss: SequenceTracker.Loss?
        let isFresh = writer.trackers[byte, default: SequenceTracker(after: record.sequence - 1)]
            .receive(record.sequence, loss: &loss)
        counters.received += 1
        if !isFresh, record.sequence > 0 { counters.duplicate += 1 }
        // Told all the same: a healer counts distinct sequences, and one that came late is still of use.
        batch.append(record)
        if let loss { noticeLoss(loss, of: writer.id, byte) }
    }

    /// All up to these sequences has been published: what is not here by now is lost.
    private func beat(_ writer: Writer, _ sequences: [UInt64]) {
        for byte in owner.options.share {
            let through = sequences[Int(byte)]
            guard through > 0 else { continue }
            if let loss = writer.trackers[byte, default: SequenceTracker(after: through)].settle(through: through) {
                noticeLoss(loss, of: writer.id, byte)
            }
        }
    }

    private func noticeLoss(_ loss: SequenceTracker.Loss, of writer: Gfid, _ byte: UInt8) {
        counters.gaps += 1
        counters.lost += Int(clamping: loss.count)
        askAgain(writer, byte, from: loss.from, triesLeft: owner.options.replayTries)
    }

    /// Asks for what was lost, and tells what comes; when nothing does, that.
    private func askAgain(_ writer: Gfid, _ byte: UInt8, from: UInt64, triesLeft: Int) {
        guard triesLeft > 0 else { return owner.onEvent(.recordsLost(writer: writer, firstByte: byte)) }
        ask(writer, byte, from: from) { [self] reply in
            guard let reply else { return askAgain(writer, byte, from: from, triesLeft: triesLeft - 1) }
            if !reply.records.isEmpty { owner.onEvent(.records(reply.records)) }
            if reply.goneThrough > 0 { owner.onEvent(.recordsLost(writer: writer, firstByte: byte)) }
            if reply.hasMore, let last = reply.records.last, last.sequence >= from {
                askAgain(writer, byte, from: last.sequence + 1, triesLeft: owner.options.replayTries)
            }
        }
    }

    private func ask(_ writer: Gfid, _ byte: UInt8, from: UInt64, _ answer: @escaping (ReplayReply?) -> Void) {
        let route: (endpoint: Endpoint, security: SocketSecurity)?
        if let remote = writers[writer]?.remote {
            let link = owner.options.remotes[remote]
            route = (link.address.replay, link.security)
        } else {
            route = (try? owner.directory.endpoint(writer, .replay)).map { ($0, .none) }
        }
        guard let route else { return answer(nil) }
        replays.ask(writer, byte, from: from, at: route.endpoint, route.security, now: clock.now(), answer)
    }

    private func takeWishes() {
        let (wishes, isClosed) = owner.state.withLock { state in
            defer { state.wishes = [] }
            return (state.wishes, state.isClosed)
        }
        for wish in wishes {
            if isClosed { wish.answer(nil) } else { ask(wish.writer, wish.byte, from: wish.from, wish.answer) }
        }
    }

    private func noticeSilence() {
        let now = clock.now()
        for (id, writer) in writers where !writer.isSilent && now - writer.heard > owner.options.silence {
            writer.isSilent = true
            owner.onEvent(.writerSilent(id))
        }
        // The silent are remembered while there is room: a stopped process may go on with the sequences it had.
        if writers.count >= Self.writersMax {
            writers = writers.filter { !$0.value.isSilent }
            latest = nil
        }
    }

    private func renewDeafEars() {
        let now = clock.now()
        for ear in remotes where ear.renewIfDeaf(at: now) {
            let address = ear.link.address
            guard !isHeard(address, now), missed.insert(address).inserted else { continue }
            owner.log.write(.warning, volume: "records") {
                "nothing is heard of a writer at \(address): the connection is begun anew, and again until something is"
            }
        }
        for address in missed where isHeard(address, now) {
            missed.remove(address)
            owner.log.write(.info, volume: "records") { "the writer at \(address) is heard" }
        }
    }

    /// A writer has an ear for each key that it may have by now.
    private func isHeard(_ address: WriterAddress, _ now: MonotonicTime) -> Bool {
        remotes.contains { $0.link.address == address && $0.hears(at: now) }
    }

    private func publishState() {
        let now = clock.now()
        let deaf = Set(remotes.filter { $0.isDeaf(at: now) && !isHeard($0.link.address, now) }.map(\.link.address))
        owner.state.withLock { state in
            state.counters = counters
            state.unheard = deaf
            state.heard = writers.filter { !$0.value.isSilent }.mapValues(\.heard)
        }
    }

    private func tellBatch() {
        guard !batch.isEmpty else { return }
        let records = batch
        batch = []
        batch.reserveCapacity(Self.batchMax)
        owner.onEvent(.records(records))
    }
}
