import Synchronization
import TranslatorCore

/// Work that is done when somebody wants it, by one task at a time: wanted while it is under way, it is done once more.
final class WantedWork: Sendable {
    private struct State {
        var isWanted = false
        var isEnding = false
        var task: Task<Void, Never>?
    }
    private let state = Mutex(State())

    /// `work` answers after which pause it is done again though nobody wants it; nil: it is not.
    func want(in environment: GraphEnvironment, _ work: @escaping @Sendable () async -> Duration?) {
        state.withLock { state in
            state.isWanted = true
            guard !state.isEnding, state.task == nil else { return }
            state.task = Task(executorPreference: environment.executor) { await self.run(work, environment.time) }
        }
    }

    private func run(_ work: () async -> Duration?, _ time: any TimeSource) async {
        var isDue = false
        while goesOn(isDue) {
            let pause = await work()
            isDue = pause != nil
            guard let pause, !state.withLock({ $0.isWanted }) else { continue }
            try? await time.sleep(for: pause)
        }
    }

    private func goesOn(_ isDue: Bool) -> Bool {
        state.withLock { state in
            let goesOn = (state.isWanted || isDue) && !state.isEnding
            state.isWanted = false
            if !goesOn { state.task = nil }
            return goesOn
        }
    }

    /// Returns when nothing is done any more, nor will be.
    func end() async {
        let task = state.withLock { state in
            state.isEnding = true
            return state.task
        }
        task?.cancel()
        await task?.value
    }
}
