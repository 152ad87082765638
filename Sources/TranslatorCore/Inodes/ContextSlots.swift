import Synchronization

/// What the translators of one graph remember about one inode or one open file: one object each.
///
/// A translator reads and writes its own place only, by `volume.slot`. The objects die with the inode or fd: that is
/// GlusterFS's `inode_ctx`/`fd_ctx` with ARC as the destructor; `forget` and `release` are for work beyond memory.
public struct ContextSlots: ~Copyable, Sendable {
    @usableFromInline let objects = Mutex<[(any AnyObject & Sendable)?]>([])

    public init() {}

    /// The object at `slot`, or nil.
    public subscript(slot: Int) -> (any AnyObject & Sendable)? {
        objects.withLock { slot < $0.count ? $0[slot] : nil }
    }

    public func set(_ object: (any AnyObject & Sendable)?, at slot: Int) {
        let dropped = objects.withLock { objects in
            while objects.count <= slot { objects.append(nil) }
            defer { objects[slot] = object }
            return objects[slot]
        }
        // What it held dies here, outside the lock.
        _ = dropped
    }

    /// The object at `slot`, made by `make` if there is none yet; two callers get the same one.
    public func findOrSet<Context: AnyObject & Sendable>(at slot: Int, _ make: () -> Context) -> Context {
        objects.withLock { objects in
            while objects.count <= slot { objects.append(nil) }
            if let found = objects[slot] { return unsafeDowncast(found, to: Context.self) }
            let made = make()
            objects[slot] = made
            return made
        }
    }

    /// The object at `slot` as the type that its translator always puts there. Inlined: every fop of every layer asks.
    @inlinable
    public func context<Context: AnyObject & Sendable>(at slot: Int, as: Context.Type = Context.self) -> Context? {
        objects.withLock { slot < $0.count ? $0[slot].map { unsafeDowncast($0, to: Context.self) } : nil }
    }
}
