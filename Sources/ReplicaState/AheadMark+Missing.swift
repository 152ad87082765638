import TranslatorCore

/// Which marks speak of replicas that are not there.
extension AheadMark {
    /// Those whose target is away, or is none of these names: then nobody can say that it is there. `own`: mounts that
    /// know themselves what only their target has.
    public static func missing(
        _ marks: [AheadMark], names: [String], up: [Bool], own: Set<Gfid>
    ) -> [AheadMark] {
        var seen: Set<Gfid> = []
        return marks.filter { mark in
            guard !own.contains(mark.mount), seen.insert(mark.mount).inserted else { return false }
            guard let replica = names.firstIndex(of: mark.target) else { return true }
            return !up[replica]
        }
    }
}
