import TranslatorCore

/// From which replica to which others one kind of change has to be copied, or why not: GlusterFS's decision, from
/// xattrs and attributes read under the lock from **all** replicas. Source: gluster-disk-format.md §4.
public enum HealDirection: Equatable, Sendable {
    /// Sources, but no sink: nothing to copy. The counts stay as they are.
    case nothing
    /// Copy from `source`; every replica of `sources` is as good, `sinks` are all others.
    case copy(source: Int, sources: [Int], sinks: [Int])
    /// Names only: all replicas are sinks. Create where missing, delete nothing.
    case merge
    /// The accusations leave no source. The counts stay; an operator or `favorite-child-policy` decides.
    case splitBrain
}

extension HealDirection {
    /// For the content of a regular file. `iatts` in replica order; `local` is a replica to prefer as source, one whose
    /// brick is on this machine. `target`, that of bypass writers, is preferred among unaccused copies of one size,
    /// whatever the others witness: only its counts tell of epochs, and no heal begins while it is no source.
    public static func data(
        _ matrix: PendingMatrix, iatts: [Iatt], quorum: QuorumRule, local: Int? = nil,
        policy: FavoriteChildPolicy = .none, target: Int? = nil
    ) -> HealDirection {
        precondition(iatts.count == matrix.replicas.count)
        var roles = HealRoles(matrix, .data, quorum: quorum)
        if roles.isSplitBrain {
            // Nothing can be lost where there is nothing.
            if iatts.allSatisfy({ $0.size == 0 }) { return .only(0, of: iatts.count) }
            return policy.choice(among: iatts).map { .only($0, of: iatts.count) } ?? .splitBrain
        }
        let sources = matrix.replicas.filter { roles.isSource[$0] }
        let differ = Set(sources.map { iatts[$0].size }).count > 1
        if differ || sources.contains(where: { roles.witness[$0] > 0 }) {
            let best = sources.max { a, b in
                (iatts[a].size, a == target ? 1 : 0, roles.witness[a], iatts[a].ctime.seconds, a)
                    < (iatts[b].size, b == target ? 1 : 0, roles.witness[b], iatts[b].ctime.seconds, b)
            }
            roles.isSource = matrix.replicas.map { $0 == best }
        }
        roles.makeOthersSinks()
        return HealDirection(roles, local: local)
    }

    /// For owner, mode and xattrs. `xattrs` are all that each replica has; which of them count is decided here. Where
    /// nobody is accused and copies differ all the same, the healer first accuses the sinks on the source.
    public static func metadata(
        _ matrix: PendingMatrix, iatts: [Iatt], xattrs: [Xattrs], quorum: QuorumRule, local: Int? = nil,
        policy: FavoriteChildPolicy = .none
    ) -> HealDirection {
        precondition(iatts.count == matrix.replicas.count)
        precondition(xattrs.count == matrix.replicas.count)
        let copies = zip(iatts, xattrs).map { ComparedMetadata($0, $1) }
        var roles = HealRoles(matrix, .metadata, quorum: quorum)
        if roles.isSplitBrain {
            if copies.allSatisfy({ $0 == copies[0] }) {
                // Directories that differ in nothing but times: the newest is right.
                let newest = iatts.indices.max { iatts[$0].mtime < iatts[$1].mtime }
                return .only(iatts[0].isDirectory ? newest! : 0, of: iatts.count)
            }
            return policy.choice(among: iatts).map { .only($0, of: iatts.count) } ?? .splitBrain
        }
        if let witness = matrix.replicas.first(where: { roles.isSource[$0] && roles.witness[$0] > 0 }) {
            roles.isSource = matrix.replicas.map { $0 == witness }
        }
        let source = local.flatMap { roles.isSource[$0] ? $0 : nil } ?? roles.isSource.firstIndex(of: true)!
        for other in matrix.replicas where copies[other] != copies[source] { roles.isSource[other] = false }
        roles.makeOthersSinks()
        return HealDirection(roles, local: local)
    }

    /// For the names in a directory.
    public static func entry(_ matrix: PendingMatrix, local: Int? = nil) -> HealDirection {
        var roles = HealRoles(matrix, .entry, quorum: .none)
        if roles.isSplitBrain || !roles.isSink.contains(true) || roles.witness.contains(where: { $0 > 0 }) {
            return .merge
        }
        roles.makeOthersSinks()
        return HealDirection(roles, local: local)
    }

    private static func only(_ source: Int, of count: Int) -> HealDirection {
        .copy(source: source, sources: [source], sinks: (0..<count).filter { $0 != source })
    }

    private init(_ roles: HealRoles, local: Int?) {
        let sources = roles.isSource.indices.filter { roles.isSource[$0] }
        let sinks = roles.isSink.indices.filter { roles.isSink[$0] }
        guard !sinks.isEmpty else {
            self = .nothing
            return
        }
        let source = local.flatMap { sources.contains($0) ? $0 : nil } ?? sources[0]
        self = .copy(source: source, sources: sources, sinks: sinks)
    }
}

/// What must be equal for two replicas' metadata to be the same.
struct ComparedMetadata: Equatable {
    private let mode: UInt32, uid: UInt32, gid: UInt32
    private let xattrs: Xattrs

    init(_ iatt: Iatt, _ all: Xattrs) {
        (mode, uid, gid) = (iatt.mode, iatt.uid, iatt.gid)
        xattrs = all.filter { name, _ in
            !name.hasPrefix("trusted.afr.") && name != "security.selinux" && name != "trusted.glusterfs.quota.size"
        }
    }
}
