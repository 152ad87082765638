import TranslatorCore

/// What the bricks of one volume on this machine are to be, by what stands in their places. Decides, never acts.
///
/// A volume is born where no brick has a volume-id, of all its bricks at once. Beside a brick that has one, a directory
/// without is most likely the mount point of a file system that is not mounted: it is away, and never made a brick
/// unless somebody asks for it.
struct VolumeSurvey {
    enum Role: Equatable {
        /// Opened, or waited for.
        case member
        /// Its making goes on, or begins, with those of all others.
        case founder
        /// An empty one beside others that are not: those must say what it misses before it is one.
        case replacement
        case away(String)

        var isMade: Bool { self == .founder || self == .replacement }
    }
    enum Verdict: Equatable {
        case roles([Role], volumeID: Gfid)
        /// The position of the brick, and the end of a sentence about it.
        case refused(Int, String)
    }

    let sights: [BrickSight]
    /// From the volfile.
    let wanted: Gfid?
    let makesBricks: Bool

    func verdict(ifBorn fresh: Gfid) -> Verdict {
        let ids = sights.map { if case .brick(let id) = $0 { id } else { Gfid?.none } }
        guard let known = ids.compactMap(\.self).first else { return birth(fresh) }
        let id = wanted ?? known
        if let foreign = ids.firstIndex(where: { $0 != nil && $0 != id }) {
            return .refused(
                foreign,
                "belongs to volume-id \(ids[foreign]!), the other bricks of the volume to \(id); check option directory"
            )
        }
        let roles = sights.map { sight -> Role in
            switch sight {
            case .brick: .member
            case .blank(intended: id): .founder
            case .blank: makesBricks ? .replacement : .away(BrickSight.blankBesideOthers)
            case .away(let why): .away(why)
            }
        }
        return .roles(roles, volumeID: id)
    }

    /// Not of some of them: one that comes later could not be told from a mount point.
    private func birth(_ fresh: Gfid) -> Verdict {
        var id = wanted
        for (position, sight) in sights.enumerated() {
            switch sight {
            case .away(let why): return .refused(position, why)
            case .blank(let intended): id = id ?? intended
            case .brick: preconditionFailure("a brick with an id has been seen before")
            }
        }
        return .roles(sights.map { _ in .founder }, volumeID: id ?? fresh)
    }
}
