import Synchronization
import TranslatorCore

/// Descriptors that were opened by gfid and are worth keeping: directories that names are looked up in, and files that
/// anonymous fds read and write. Bounded; whoever uses one keeps it open, so dropping is always safe.
final class DescriptorCache: Sendable {
    private struct Entry {
        let object: BrickObject
        var lastUse: UInt64
    }
    private struct State {
        var entries: [Gfid: Entry] = [:]
        var clock: UInt64 = 0
    }
    private let entriesMax: Int
    private let state = Mutex(State())

    init(entriesMax: Int) {
        precondition(entriesMax > 1)
        self.entriesMax = entriesMax
    }

    subscript(gfid: Gfid) -> BrickObject? {
        state.withLock { state in
            guard let found = state.entries[gfid] else { return nil }
            state.clock += 1
            state.entries[gfid]!.lastUse = state.clock
            return found.object
        }
    }

    func keep(_ object: BrickObject, as gfid: Gfid) {
        let dropped: [Entry?] = state.withLock { state in
            state.clock += 1
            let replaced = state.entries.updateValue(Entry(object: object, lastUse: state.clock), forKey: gfid)
            guard state.entries.count > entriesMax else { return [replaced] }
            // The older half goes at once, so that the sort is paid once per half.
            let median = state.entries.values.map(\.lastUse).sorted()[state.entries.count / 2]
            let old = state.entries.filter { $0.value.lastUse < median }
            for gfid in old.keys { state.entries[gfid] = nil }
            return Array(old.values) + [replaced]
        }
        // Descriptors are closed here, outside the lock.
        _ = dropped
    }

    func drop(_ gfid: Gfid) {
        let dropped = state.withLock { $0.entries.removeValue(forKey: gfid) }
        _ = dropped
    }

    func dropAll() {
        let dropped = state.withLock { state in
            defer { state.entries = [:] }
            return state.entries
        }
        _ = dropped
    }

    var count: Int { state.withLock { $0.entries.count } }
}
