import Synchronization
import TranslatorCore
import Translators

/// A journal in memory: what a bypass writer told, in order, with numbers that compare with `RecordingTranslator`'s
/// steps.
final class RecordingObserver: WriteObserver {
    enum Event: Hashable, Sendable {
        case opening
        case opened(Int32)
        case began(Int32, offset: UInt64, bytes: UInt64)
        case ended(Int32, offset: UInt64, bytes: UInt64)
        case closed(Int32, records: UInt64, isExact: Bool)
        case wanted(Int32)
        case healed(Int32)
        case targetLost
    }
    struct Step: Sendable {
        let number: UInt64
        let gfid: Gfid
        let event: Event
    }
    private struct State {
        var steps: [Step] = []
        var sequence: UInt64 = 0
        var canJournal = true
        var refusesOpening = false
    }
    private let state = Mutex(State())

    var canJournal: Bool {
        get { state.withLock { $0.canJournal } }
        set { state.withLock { $0.canJournal = newValue } }
    }
    /// The journal has no room when an epoch is about to open.
    var refusesOpening: Bool {
        get { state.withLock { $0.refusesOpening } }
        set { state.withLock { $0.refusesOpening = newValue } }
    }
    var steps: [Step] { state.withLock { $0.steps } }
    var events: [Event] { steps.map(\.event) }
    func clear() { state.withLock { $0.steps = [] } }

    private func note(_ gfid: Gfid, _ event: Event) {
        state.withLock { $0.steps.append(Step(number: UniqueNumber.next(), gfid: gfid, event: event)) }
    }

    func epochOpening(_ gfid: Gfid) throws(FopError) {
        if refusesOpening { throw .noSpace }
        note(gfid, .opening)
    }
    func epochOpened(_ gfid: Gfid, generation: Int32) { note(gfid, .opened(generation)) }
    func writeBegins(_ gfid: Gfid, generation: Int32, offset: UInt64, bytes: UInt64) -> RecordedWrite {
        note(gfid, .began(generation, offset: offset, bytes: bytes))
        let sequence = state.withLock { state in
            state.sequence += 1
            return state.sequence
        }
        return RecordedWrite(gfid: gfid, generation: generation, sequence: sequence, offset: offset, bytes: bytes)
    }
    func writeEnded(_ write: RecordedWrite) {
        note(write.gfid, .ended(write.generation, offset: write.offset, bytes: write.bytes))
    }
    func epochClosed(_ gfid: Gfid, generation: Int32, records: UInt64, isExact: Bool) {
        note(gfid, .closed(generation, records: records, isExact: isExact))
    }
    func healWanted(_ gfid: Gfid, generation: Int32) { note(gfid, .wanted(generation)) }
    func epochsHealed(_ gfid: Gfid, through generation: Int32) { note(gfid, .healed(generation)) }
    func targetLost() { note(.none, .targetLost) }

    /// Generations told to be closed, with the number of records.
    var closed: [Int32: UInt64] {
        events.reduce(into: [:]) { closed, event in
            if case .closed(let generation, let records, _) = event { closed[generation] = records }
        }
    }
}
