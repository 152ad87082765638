/// A translator that knows who waits for the locks of a brick: `features/locks`. Holders of long locks (an epoch, an
/// eager lock) ask it at every roll and delayed post-op, beside the notices it sends up
/// (`GraphEvent.inodelkContention`).
public protocol LockContention: Translator {
    /// Whether another owner, in this process or in another that has the brick open, waits for an INODELK in `domain`
    /// that a write lock on `range` keeps out. Cheap: no I/O. A waiting owner that asks about itself is told so too.
    func isWanted(_ gfid: Gfid, domain: String, range: LockRange) -> Bool
}

extension Translator {
    /// The lock translator below, if every translator on the way down has one subvolume. A brick that is reached over
    /// the wire has none: there the upcalls are all that is told.
    public var lockContention: (any LockContention)? {
        var current: any Translator = self
        while true {
            if let locks = current as? any LockContention { return locks }
            guard current.subvolumes.count == 1 else { return nil }
            current = current.subvolume
        }
    }
}
