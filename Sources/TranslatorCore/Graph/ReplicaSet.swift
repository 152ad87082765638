/// How many replicas must take part in a change. Source: GlusterFS `cluster.quorum-type`, `cluster.quorum-count`.
public enum QuorumRule: Equatable, Sendable {
    /// More than half, or exactly half with the first replica among them.
    case auto
    case fixed(Int)
    case none

    /// `up[i]` tells whether replica i takes part.
    public func isMet(by up: [Bool]) -> Bool {
        let count = up.count { $0 }
        return switch self {
        case .none: count > 0
        case .fixed(let needed): count >= needed
        case .auto: count * 2 > up.count || (count * 2 == up.count && up[0])
        }
    }
}

/// What `cluster/replicate` shows to a translator above it that works on single replicas (`features/bypass`), and to
/// the healer. Positions in these arrays are the replica's index everywhere.
public protocol ReplicaSet: Translator {
    /// The children, in volfile order.
    var replicas: [any Translator] { get }
    /// `trusted.afr.<name>` for each replica: from `afr-pending-xattr`, by default the children's names.
    var pendingKeys: [String] { get }
    /// The lock domain for data and names: this translator's name.
    var lockDomain: String { get }
    var quorum: QuorumRule { get }
    /// Which replicas serve fops now.
    var up: [Bool] { get }
    /// `ensure-durability`: marks reach the disk before what they mark, healed data before marks go.
    var ensuresDurability: Bool { get }
    /// `eager-lock`: with it off writers lock ranges only, and bypass refuses the volume.
    var locksEagerly: Bool { get }
    /// The volume's id from `option volume-id`, if the volfile has one.
    var volumeID: Gfid? { get }
    /// Ends what this translator itself still holds open on `inode`: the delayed post-op is sent and the eager lock let
    /// go before it returns. Before an epoch is opened on an inode that went through replicate until now.
    func settle(_ inode: Inode) async
    /// From now on only `replica` has everything of this file, and no change of its data may do without it; nil: every
    /// one that nobody accuses is as good. It is asked when a change begins, after its locks were waited for. Never
    /// blocks.
    func rely(on replica: Int?, for inode: Inode)
    /// What an open of a file through this translator holds on one of its replicas: it outlives the file's last name.
    /// Nil where it is not open there.
    func descriptor(of fd: Fd, on replica: Int) -> Fd?
}
