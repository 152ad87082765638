import Synchronization
import TranslatorCore

/// Who is told of changes of names before the first replica does them, and when none of them is in danger any more, so
/// that somebody can finish what this client leaves half done (DESIGN §3.6). `cluster/replicate` declares it;
/// `volmount` supplies one that keeps a journal. Calls come while the locks of the change are held, and must not block.
public protocol NameObserver: AnyObject, Sendable {
    /// Answers what to call `changeEnded` with; nil: nothing was noted.
    func changeBegins(_ change: NameChange) -> Int?
    func changeEnded(_ number: Int)
}

extension ReplicateTranslator {
    /// Before the first fop.
    public func attach(names observer: any NameObserver) { state.withLock { $0.names = observer } }

    /// Does a change that several replicas take part in between its two notes.
    func noting<Result>(
        _ change: NameChange?, on held: [Bool], _ body: () async throws(FopError) -> Result
    ) async throws(FopError) -> Result {
        guard let change, held.count(where: \.self) > 1, let observer = state.withLock({ $0.names }),
            let number = observer.changeBegins(change)
        else { return try await body() }
        // What failed on some is marked by now, or was done nowhere.
        defer { observer.changeEnded(number) }
        return try await body()
    }
}
