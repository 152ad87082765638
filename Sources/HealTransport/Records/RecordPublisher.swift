import HealProtocol
import Synchronization
import TranslatorCore

/// What a bypass writer needs to be heard: journals each record, then publishes it, answers replays, and hears healers'
/// confirmations (DESIGN §3.2). One for each bypass translator; `volmount` hands it over as that translator's observer.
///
/// The calls come from threads that write. They take short locks and store into memory; sockets belong to two threads
/// of this class. A healer that is slow, or a queue that is full, loses records and never holds up a write.
public final class RecordPublisher: Sendable {
    /// Bounds and sockets of a publisher.
    public struct Options: Sendable {
        /// Records between the writers and the publishing thread; more are dropped from the stream (48 bytes each).
        public var queueMax = 65_536
        /// Records kept for replay (48 bytes each).
        public var replayMax = 262_144
        public var heartbeatInterval = Duration.seconds(1)
        /// For healers on other hosts, beside the socket files in the runtime directory.
        public var link: WriterLink?

        public init() {}
    }

    struct State {
        var ledger = SequenceLedger()
        var pending: [QueuedRecord] = []
        /// Whether the publishing thread waits, and must be woken.
        var isAsleep = false
        var dropped: UInt64 = 0
        /// For each first gfid byte, the highest sequence that was dropped.
        var droppedThrough = [UInt64](repeating: 0, count: WriteRecord.sequenceCount)
        var isClosed = false
    }

    public let identity: JournalIdentity
    let journal: JournalWriter?
    let options: Options
    let log: Log
    let state = Mutex(State())
    let window: Mutex<ReplayWindow>
    let settled = Mutex<[UInt64]>([UInt64](repeating: 0, count: WriteRecord.sequenceCount))
    let publishWakeup = Wakeup(), listenWakeup = Wakeup()
    let onConfirmation: @Sendable (HealConfirmation) -> Void
    private let threads = Mutex<[ServiceThread]>([])

    /// `journal` nil: the target is reached over the wire only, and a dead writer's files are healed whole. Throws when
    /// an endpoint is in use or cannot be had. `onConfirmation` is called on a thread of this class, for this target
    /// only.
    public init(
        identity: JournalIdentity, journal: JournalWriter?, directory: RuntimeDirectory, options: Options = Options(),
        log: Log = .silent, onConfirmation: @escaping @Sendable (HealConfirmation) -> Void
    ) throws(TransportError) {
        (self.identity, self.journal, self.options, self.log) = (identity, journal, options, log)
        self.onConfirmation = onConfirmation
        window = Mutex(ReplayWindow(countMax: options.replayMax))
        try directory.create()
        let stream = try makeStream(directory), listener = try makeListener(directory)
        threads.withLock {
            $0 = [
                ServiceThread(name: "publish") { [self] in publish(on: stream) },
                ServiceThread(name: "replay") { [self] in listen(listener) },
            ]
        }
    }

    /// Ends both threads and the journal. No write may be under way or follow.
    public func close() {
        state.withLock { $0.isClosed = true }
        publishWakeup.signal()
        listenWakeup.signal()
        let ending = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in ending { thread.join() }
        journal?.close()
    }

    /// Records that were dropped because the publishing thread could not keep up.
    public var droppedCount: UInt64 { state.withLock { $0.dropped } }
}

/// What `features/bypass` tells its observer.
extension RecordPublisher {
    /// Whether a journal exists and has room, so that bypassing may begin at all.
    public var canJournal: Bool { journal?.canJournal ?? true }

    /// Before an epoch's first xattrop. Throws when nothing can be journalled: then the epoch must not be opened.
    public func epochOpening(_ gfid: Gfid) throws(FopError) {
        guard let journal else { return }
        guard case .stored = journal.append(record(.opening, gfid, generation: 0)) else { throw .noSpace }
    }

    /// After the xattrop was answered, before the epoch's first record.
    public func epochOpened(_ gfid: Gfid, generation: Int32) {
        // Blind here leaves the epoch without its *opened*: not complete by the journal, and that is all.
        _ = journal?.append(record(.opened, gfid, generation: generation))
    }

    /// Before the data write begins. Returns its sequence; the record is in the journal by then, or the journal says
    /// *blind*.
    public func writeBegins(_ gfid: Gfid, generation: Int32, offset: UInt64, bytes: UInt64) -> UInt64 {
        let sequence = state.withLock { $0.ledger.begin(gfid.firstByte) }
        _ = journal?.append(
            record(.range(offset: offset, bytes: bytes), gfid, generation: generation, sequence: sequence))
        return sequence
    }

    /// After the data write has ended, well or not: publishes it.
    public func writeEnded(_ gfid: Gfid, generation: Int32, sequence: UInt64, offset: UInt64, bytes: UInt64) {
        push(
            QueuedRecord(
                gfid: gfid, sequence: sequence, first: offset, second: bytes, generation: generation, kind: .range))
    }

    /// After the last write of the epoch has landed.
    public func epochClosed(_ gfid: Gfid, generation: Int32, records: UInt64, isExact: Bool) {
        let sequence = state.withLock { $0.ledger.begin(gfid.firstByte) }
        let close = WriteRecord.Kind.close(records: records, isExact: isExact)
        _ = journal?.append(record(close, gfid, generation: generation, sequence: sequence))
        push(
            QueuedRecord(
                gfid: gfid, sequence: sequence, first: records, second: 0, generation: generation,
                kind: isExact ? .exactClose : .inexactClose))
    }

    /// An fsync waits for this file: the healer shall take it now.
    public func healWanted(_ gfid: Gfid, generation: Int32) {
        push(QueuedRecord(gfid: gfid, sequence: 0, first: 0, second: 0, generation: generation, kind: .wanted))
    }

    /// The connection to the target's brick was lost: no replay tells any more of what was numbered before.
    public func targetLost() {
        let assigned = state.withLock { $0.ledger.assigned }
        window.withLock { $0.forget(through: assigned) }
    }

    /// Every sink has healed up to `generation`, or the file is gone (`.max`): the journal may forget it.
    public func epochsHealed(_ gfid: Gfid, through generation: Int32) { journal?.healed(gfid, through: generation) }

    private func record(_ kind: WriteRecord.Kind, _ gfid: Gfid, generation: Int32, sequence: UInt64 = 0) -> WriteRecord
    {
        WriteRecord(
            volume: identity.volume, replicaSet: identity.replicaSet, target: identity.target, writer: identity.writer,
            boot: identity.boot, gfid: gfid, generation: generation, sequence: sequence, kind: kind)
    }

    /// Queues a record for the publishing thread, and wakes that where it sleeps, or where somebody waits for the
    /// record.
    private func push(_ record: QueuedRecord) {
        let mustWake: Bool = state.withLock { state in
            if record.sequence > 0 { state.ledger.end(record.gfid.firstByte, sequence: record.sequence) }
            if state.pending.count < options.queueMax {
                state.pending.append(record)
            } else {
                // The gap in the sequence tells the healers.
                let byte = Int(record.gfid.firstByte)
                state.dropped += 1
                state.droppedThrough[byte] = max(state.droppedThrough[byte], record.sequence)
            }
            defer { state.isAsleep = false }
            return state.isAsleep || record.kind != .range || state.pending.count == options.queueMax / 2
        }
        if mustWake { publishWakeup.signal() }
    }
}
