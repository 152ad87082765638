import HealProtocol
import Synchronization
import TranslatorCore

/// What a healer hears of writers.
public enum RecordEvent: Sendable {
    /// Ranges, closes and wishes, in the order in which they came; also those that a replay brought, which may have
    /// come before. Never a heartbeat.
    case records([WriteRecord])
    /// A writer was heard for the first time, or again after silence.
    case writerAppeared(Gfid)
    /// Three heartbeats were missed. Whether it is dead, its journal's lock tells.
    case writerSilent(Gfid)
    /// Records of files with this first gfid byte were lost, and a replay cannot bring them back: what is not complete
    /// stays so.
    case recordsLost(writer: Gfid, firstByte: UInt8)
}

/// Hears every writer of a volume: those whose sockets are in the runtime directory, and remote ones by name. Notices
/// what was lost, and asks for it again.
///
/// All events come from one thread of this class, one at a time; it must not be held up for long.
public final class RecordSubscriber: Sendable {
    /// What a subscriber listens to, and how long it waits.
    public struct Options: Sendable {
        /// First gfid bytes that this healer looks after, when several share a volume.
        public var share: ClosedRange<UInt8> = 0...255
        /// Writers on other hosts.
        public var remotes: [WriterLink] = []
        /// After which a writer counts as silent: three heartbeats.
        public var silence = Duration.seconds(3)
        /// How long to wait for a replay, and how often to ask.
        public var replayTimeout = Duration.seconds(1), replayTries = 3
        public init() {}
    }

    /// What was heard so far.
    public struct Counters: Equatable, Sendable {
        public var received = 0, duplicate = 0
        /// Sequences that never came, or came late by a replay.
        public var lost = 0
        public var gaps = 0
        /// Messages that were no records.
        public var refused = 0
        public init() {}
    }

    struct Wish {
        var writer: Gfid, byte: UInt8, from: UInt64
        var answer: @Sendable (ReplayReply?) -> Void
    }
    struct State {
        var wishes: [Wish] = []
        var heard: [Gfid: MonotonicTime] = [:]
        var counters = Counters()
        var unheard: Set<WriterAddress> = []
        var isClosed = false
    }

    let volume: Gfid
    let directory: RuntimeDirectory
    let options: Options
    let log: Log
    let state = Mutex(State())
    let wakeup = Wakeup()
    let onEvent: @Sendable (RecordEvent) -> Void
    private let thread = Mutex<ServiceThread?>(nil)

    public init(
        directory: RuntimeDirectory, options: Options = Options(), log: Log = .silent,
        onEvent: @escaping @Sendable (RecordEvent) -> Void
    ) throws(TransportError) {
        (volume, self.directory, self.options, self.log, self.onEvent) = (
            directory.volume, directory, options, log, onEvent
        )
        state.withLock { $0.unheard = Set(options.remotes.map(\.address)) }
        try directory.create()
        directory.removeStaleSockets()
        let ear = try RecordEar(self, watch: DirectoryWatch(directory.path))
        thread.withLock { $0 = ServiceThread(name: "records") { ear.run() } }
    }

    /// Ends the thread; replays under way are answered with nil.
    public func close() {
        state.withLock { $0.isClosed = true }
        wakeup.signal()
        thread.withLock { $0.take() }?.join()
    }

    public var counters: Counters { state.withLock { $0.counters } }

    /// Writers on other hosts of whom nothing is heard, though one may live: addresses at which nobody listens are not
    /// among them.
    public var unheard: [WriterAddress] {
        state.withLock { $0.unheard }.sorted { $0.description < $1.description }
    }

    /// When each writer that is not silent was last heard.
    public var writers: [Gfid: MonotonicTime] { state.withLock { $0.heard } }

    /// Everything that a living writer still keeps of `gfid`, by ascending sequence. Nil if it does not answer. A
    /// record that is not among it may be gone: whether an epoch is complete, its close decides.
    public func replay(_ gfid: Gfid, of writer: Gfid) async -> [WriteRecord]? {
        var records: [WriteRecord] = [], from: UInt64 = 1
        while true {
            guard let reply = await ask(writer, gfid.firstByte, from: from) else { return nil }
            records += reply.records.filter { $0.gfid == gfid }
            guard reply.hasMore, let last = reply.records.last, last.sequence >= from else { return records }
            from = last.sequence + 1
        }
    }

    private func ask(_ writer: Gfid, _ byte: UInt8, from: UInt64) async -> ReplayReply? {
        await withCheckedContinuation { continuation in
            let isClosed: Bool = state.withLock { state in
                if !state.isClosed {
                    state.wishes.append(
                        Wish(writer: writer, byte: byte, from: from) { continuation.resume(returning: $0) })
                }
                return state.isClosed
            }
            if isClosed { continuation.resume(returning: nil) } else { wakeup.signal() }
        }
    }
}
