import TranslatorCore

/// The lock domains and reserved ranges by which writers, our healer and GlusterFS's exclude each other (DESIGN §3).
public struct ReplicaLocks: Sendable, Equatable {
    /// The replicate translator's name: data and entry locks.
    public let data: String
    public init(replicate name: String) { data = name }

    /// The exclusion between healers, ours and GlusterFS's ("SH").
    public var selfHeal: String { data + ":self-heal" }
    /// The bypass writer's lease.
    public var lease: String { data + ":bypass" }
    /// The epoch mark: held while an epoch is open.
    public var epochMark: String { data + ":bypass-epoch" }

    /// On the root, as long as a mount lives whose target may be ahead (`AheadMark`).
    public func ahead(of mount: Gfid) -> String { "\(data):bypass-ahead:\(mount)" }

    /// In `data`: excludes whoever locks the whole file, but neither heal windows nor AFR's metadata range.
    public static let epochLock = LockRange(start: 1 << 63 - 3, length: 1)
    /// In `data`: excludes whole-file lockers, passes an epoch.
    public static let inspectionLock = LockRange(start: 1 << 63 - 5, length: 1)
    /// In `data`: from `start` up to and not including 2^63 − 6, so that the reserved bytes stay free.
    public static func tail(from start: UInt64) -> LockRange { LockRange(start: start, length: 1 << 63 - 6 - start) }
}
