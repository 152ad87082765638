import DaemonProcess
import Synchronization
import TranslatorCore

/// One of the tasks that a service is made of.
struct Companion: Sendable {
    /// For people: "the healing of vol-replicate-0".
    let name: String
    /// Whether it ends by itself when the service is asked to leave; the others are cancelled then.
    let mayEnd: Bool
    let run: @Sendable () async -> Void

    init(_ name: String, mayEnd: Bool = false, _ run: @escaping @Sendable () async -> Void) {
        (self.name, self.mayEnd, self.run) = (name, mayEnd, run)
    }
}

/// Whether the healer was asked to leave, or to begin anew: only then may any of its tasks end. One that ends without
/// is never taken for a clean stop, however it came about: it would leave a process that heals nothing, or a silent
/// end.
final class Departure: Sendable {
    private struct State {
        var isAsked = false
        var comesBack = false
    }
    private let state = Mutex(State())

    /// False when that was so already. `comesBack`: to begin anew, unless somebody asks it to leave for good.
    func ask(comesBack: Bool = false) -> Bool {
        state.withLock { state in
            let isFirst = !state.isAsked || (state.comesBack && !comesBack)
            if isFirst { (state.isAsked, state.comesBack) = (true, comesBack) }
            return isFirst
        }
    }

    /// Whether it was asked to begin anew.
    var comesBack: Bool { state.withLock { $0.comesBack } }

    /// Runs all of them side by side until those that may end have, then cancels the rest. Answers the sentence for
    /// people when one ended that was not to.
    func run(_ companions: [Companion], on executor: any TaskExecutor) async -> DaemonFailure? {
        await withTaskGroup(of: Companion.self) { group in
            for companion in companions {
                group.addTask(executorPreference: executor) {
                    await companion.run()
                    return companion
                }
            }
            var left = companions.count { $0.mayEnd }
            var failure: DaemonFailure?
            while left > 0, failure == nil, let ended = await group.next() {
                if !ended.mayEnd || !state.withLock({ $0.isAsked }) {
                    failure = DaemonFailure(
                        .unasked,
                        "\(ended.name) has ended although nobody asked it to: a defect. Marks are kept; start the healer again"
                    )
                }
                left -= 1
            }
            group.cancelAll()
            return failure
        }
    }
}
