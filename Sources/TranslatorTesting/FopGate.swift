import Synchronization
import TranslatorCore

/// Holds fops until a test lets them go: `hold` of `FaultyTranslator` makes one.
public final class FopGate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    init() {}

    /// How many calls it holds now.
    public var heldCount: Int { state.withLock { $0.waiting.count } }

    /// Waits until `count` calls are held; false when that did not happen within ten seconds.
    public func holds(_ count: Int = 1) async -> Bool { await eventually { heldCount >= count } }

    /// Lets everything pass, now and later.
    public func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        waiting.forEach { $0.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if passes { continuation.resume() }
        }
    }
}
