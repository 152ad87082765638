import CPosix
import Glibc
import HealProtocol
import Synchronization
import TranslatorCore

/// Sizes of a writer's journal.
public struct JournalSizes: Equatable, Sendable {
    public static let segmentBytesMin = 64 * 1024, segmentBytesDefault = 4 << 20, segmentBytesMax = 1 << 30
    public static let limitBytesDefault = 256 << 20

    /// Of one segment: a multiple of 4 KiB.
    public let segmentBytes: Int
    /// `journal-limit`: of all segments. Beyond it the oldest goes, and what it explained is a whole-file heal. At
    /// least four segments.
    public let limitBytes: Int

    public init(segmentBytes: Int = segmentBytesDefault, limitBytes: Int = limitBytesDefault) {
        precondition((Self.segmentBytesMin...Self.segmentBytesMax).contains(segmentBytes))
        precondition(segmentBytes.isMultiple(of: 4096))
        (self.segmentBytes, self.limitBytes) = (segmentBytes, max(limitBytes, 4 * segmentBytes))
    }
    var slots: Int { segmentBytes / WriteRecord.encodedBytes }
    var ordinarySlots: Int { slots - JournalSegmentHeader.reservedSlots }
}

/// Who keeps a journal, and for which replica.
public struct JournalIdentity: Equatable, Sendable {
    public var volume: Gfid, writer: Gfid, boot: Gfid
    public var replicaSet: UInt16, target: UInt16

    public init(volume: Gfid, writer: Gfid, boot: Gfid, replicaSet: UInt16, target: UInt16) {
        (self.volume, self.writer, self.boot) = (volume, writer, boot)
        (self.replicaSet, self.target) = (replicaSet, target)
    }
}

/// A bypass writer's journal on the target brick (DESIGN §3.2): says before each write what it may change, so that a
/// healer can tell when the writer is dead. Any number of threads append; a janitor thread prepares segments ahead, and
/// deletes those in which everything is healed.
///
/// It keeps its lock until `close()`. When no segment can be had it is *blind*: writes go on, the newest segment says
/// from which generation on they are not explained, and the janitor tries again every second.
public final class JournalWriter: Sendable {
    /// Whether a record is in the journal, or the journal is blind.
    public enum Appended: Sendable { case stored, blind }

    struct Sealed {
        let segment: JournalSegment
        /// What was healed since it became the active one: its records may be among it.
        var healed: [Gfid: Int32]
        let isBlind: Bool
    }
    struct State {
        var active: JournalSegment
        /// Ordinary slots given away in the active segment.
        var used = 0
        var spare: JournalSegment?
        /// No segment could be had: there is no room until the janitor finds some.
        var isFull = false
        /// What the active segment says of writes that were not stored: the lowest of their generations.
        var blindFrom: Int32?
        /// Full segments whose contents are not known yet, oldest first.
        var sealed: [Sealed] = []
        var healed: [Gfid: Int32] = [:]
        var trim = JournalTrim()
        var doomed: [UInt64] = []
        /// Numbers are given to segments in the making, and are lost with those that fail.
        var nextNumber: UInt64 = 2
        var isClosed = false
    }

    public let identity: JournalIdentity, sizes: JournalSizes
    /// Where it stands now.
    public let directory: String
    let state: Mutex<State>
    let wakeup = Wakeup()
    let log: Log
    private let lockDescriptor: Int32
    /// Where the journal is; our descriptors keep it alive as long as we live.
    private let instance: FileSystemInstance
    private let janitor = Mutex<ServiceThread?>(nil)

    /// Makes the journal of a new writer below `brick`, with its first segment. Throws when that cannot be had: then
    /// the writer must not bypass.
    public init(brick: String, identity: JournalIdentity, sizes: JournalSizes = JournalSizes(), log: Log = .silent)
        throws(JournalError)
    {
        (self.identity, self.sizes, self.log) = (identity, sizes, log)
        directory = JournalDirectory.path(brick: brick, writer: identity.writer)
        let newDirectory = JournalDirectory.pathInMaking(brick: brick, writer: identity.writer)
        guard access("\(brick)/.glusterfs", F_OK) == 0 else {
            throw .system("no journal can be kept in", "\(brick)/.glusterfs", remedy: "is \(brick) a brick?")
        }
        try JournalDirectory.create(JournalDirectory.parent(brick: brick))
        try JournalDirectory.create(newDirectory)
        do throws(JournalError) {
            lockDescriptor = try JournalLock.take("\(newDirectory)/\(JournalDirectory.lockName)")
            instance = FileSystemInstance(of: lockDescriptor)
            let first = try JournalSegment(
                header: Self.header(identity, instance, sizes, number: 1), directory: newDirectory)
            guard rename(newDirectory, directory) == 0 else { throw .system("cannot name the journal", directory) }
            state = Mutex(State(active: first))
        } catch {
            JournalDirectory.remove(newDirectory)
            throw error
        }
        janitor.withLock { $0 = ServiceThread(name: "journal") { [self] in keepHouse() } }
        wakeup.signal()
    }

    private static func header(
        _ identity: JournalIdentity, _ instance: FileSystemInstance, _ sizes: JournalSizes, number: UInt64
    ) -> JournalSegmentHeader {
        JournalSegmentHeader(
            volume: identity.volume, writer: identity.writer, boot: identity.boot, instance: instance,
            replicaSet: identity.replicaSet, target: identity.target, number: number, slots: sizes.slots)
    }

    /// Whether records can be stored now: no new epoch may be opened while they cannot.
    public var canJournal: Bool { state.withLock { !$0.isFull && !$0.isClosed } }

    /// Stores a record, in less than a microsecond. When it returns `.stored` the record outlives this process. When
    /// it returns `.blind` it is not there, and for a range the journal says so: either way the write may begin.
    public func append(_ record: WriteRecord) -> Appended {
        let place: (JournalSegment, Int)? = state.withLock { state in
            if let slot = takeSlot(in: &state) { return (state.active, slot) }
            if case .range = record.kind { goBlind(from: record.generation, &state) }
            return nil
        }
        guard let (segment, slot) = place else { return .blind }
        segment.store(record, slot: slot)
        return .stored
    }

    /// Decided under the lock: a slot of the active segment, or nil when there is none to be had.
    private func takeSlot(in state: inout State) -> Int? {
        if state.used == sizes.ordinarySlots, !state.isFull, !state.isClosed { advance(&state) }
        guard !state.isFull, !state.isClosed else { return nil }
        state.used += 1
        return JournalSegmentHeader.reservedSlots - 1 + state.used
    }

    /// The active segment is full: goes on in the spare one, or, if the janitor was too slow, in one made here and now.
    /// The others wait for the lock meanwhile, which they would have to anyway.
    private func advance(_ state: inout State) {
        if let next = state.spare ?? (try? JournalSegment(header: header(takeNumber(&state)), directory: directory)) {
            state.spare = nil
            activate(next, &state)
        } else {
            state.isFull = true
        }
        wakeup.signal()
    }

    func activate(_ segment: JournalSegment, _ state: inout State) {
        precondition(segment.number > state.active.number)
        state.sealed.append(Sealed(segment: state.active, healed: state.healed, isBlind: state.blindFrom != nil))
        (state.active, state.used, state.healed) = (segment, 0, [:])
        (state.isFull, state.blindFrom) = (false, nil)
    }

    func takeNumber(_ state: inout State) -> UInt64 {
        defer { state.nextNumber += 1 }
        return state.nextNumber
    }
    func header(_ number: UInt64) -> JournalSegmentHeader { Self.header(identity, instance, sizes, number: number) }

    private func goBlind(from generation: Int32, _ state: inout State) {
        if let already = state.blindFrom, already <= generation { return }
        state.blindFrom = generation
        state.active.storeBlind(
            WriteRecord(
                volume: identity.volume, replicaSet: identity.replicaSet, target: identity.target,
                writer: identity.writer, boot: identity.boot, gfid: .none, generation: generation, sequence: 0,
                kind: .blind))
    }

    /// Every sink has healed `gfid` through `generation`.
    public func healed(_ gfid: Gfid, through generation: Int32) {
        let isWorkLeft: Bool = state.withLock { state in
            state.healed[gfid] = max(state.healed[gfid] ?? .min, generation)
            for position in state.sealed.indices {
                state.sealed[position].healed[gfid] = max(state.sealed[position].healed[gfid] ?? .min, generation)
            }
            let done = state.trim.healed(gfid, through: generation)
            state.doomed += done
            return !done.isEmpty
        }
        if isWorkLeft { wakeup.signal() }
    }

    func path(_ number: UInt64) -> String { "\(directory)/\(JournalDirectory.segmentName(number))" }

    /// Ends the journal: removes it if everything in it is healed, else leaves it for a healer to read, with its lock
    /// free. No append may be under way or follow.
    public func close() {
        guard let thread = janitor.withLock({ $0.take() }) else { return }
        state.withLock { $0.isClosed = true }
        wakeup.signal()
        thread.join()
        let isNeeded: Bool = state.withLock { state in
            let rest = state.active.newestGenerations(count: state.used).filter {
                (state.healed[$0.key] ?? .min) < $0.value
            }
            if let spare = state.spare { unlink(path(spare.number)) }
            return !rest.isEmpty || !state.trim.isEmpty
        }
        if !isNeeded { JournalDirectory.remove(directory) }
        Glibc.close(lockDescriptor)
    }
}
