/// What a translator tells those above it. Source: GlusterFS `notify`, and the upcalls of gluster-wire.md §4.6.
public enum GraphEvent: Sendable {
    /// This subvolume serves fops again, or for the first time.
    case subvolumeUp
    /// It does not, until further notice. Every lock held there is gone, every fd too.
    case subvolumeDown
    /// Somebody waits for a lock that conflicts with one this graph holds. Who is not to be seen.
    case inodelkContention(Gfid, domain: String, range: LockRange)
    case entrylkContention(Gfid, domain: String, name: EntryName?)
    /// From a `ReplicaSet` only, beside its own up and down: one of its replicas, by position, came or went.
    case replicaUp(Int)
    case replicaDown(Int)
}
