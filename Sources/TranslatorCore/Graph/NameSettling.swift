/// What came of a change of names that a dead client had under way.
public enum SettledName: Equatable, Sendable {
    /// All replicas have the same under its names: all did it, or none, or somebody has come after it.
    case alike
    /// It was done where it was not.
    case finished
    /// They differ in a way that the change does not explain, or it could not be finished there: the directories are
    /// dirty, so that a heal of names looks.
    case told
}

/// A replica set that finishes what dead clients left half done: `cluster/replicate`.
public protocol NameSettling: ReplicaSet {
    /// Under the locks of the change; idempotent. `isBelieved`: false where the note of it may be older than what is on
    /// the bricks: then it is only looked whether they differ. ENOTCONN while a replica is down.
    func settle(_ change: NameChange, isBelieved: Bool) async throws(FopError) -> SettledName
    /// Where the replicas have different objects under a name: keeps that of replica `kept` and brings it to all. The
    /// others get names of their own beside it, which are answered, or with `discarding` they go.
    func keep(_ place: NameChange.Place, of kept: Int, discarding: Bool) async throws(FopError) -> [EntryName]
}
