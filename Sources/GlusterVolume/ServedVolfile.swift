import TranslatorCore

/// What we serve of a volfile that glusterd makes for its clients: the same volume without what the kernel does for a
/// mount, with `features/bypass` instead of `performance/write-behind` where it is asked for. Pure: a volfile in, a
/// volfile out.
public struct ServedVolfile: Sendable {
    public let volfile: Volfile
    /// The types that were left out of the graph, in the order of the volfile.
    public let passedThrough: [TranslatorType]

    /// Throws one sentence that names the volume and what of it cannot be served. `isHere` tells whether a brick is a
    /// directory of this machine; it is asked for bypass only. `terms`: of such bricks, by their volumes' names.
    /// `isWriteback`: the kernel gathers writes.
    public init(
        _ fetched: Volfile, bypass: BypassRequest? = nil, isWriteback: Bool = false,
        terms: [String: BrickTerms] = [:], isHere: (BrickPlace) -> Bool = { _ in false }
    ) throws(VolfileError) {
        var blocks: [Volfile.VolumeBlock] = []
        var passed: [TranslatorType] = []
        // By name: who stands where that volume stood.
        var standIns: [String: String] = [:]
        for block in fetched.volumes {
            let kept = block.standing(on: block.subvolumes.map { standIns[$0] ?? $0 })
            switch try GlusterTranslators.treatment(
                of: block, servesWriteBehind: bypass == nil && !isWriteback)
            {
            case .passThrough:
                standIns[block.name] = kept.subvolumes[0]
                if !passed.contains(block.type) { passed.append(block.type) }
            case .serve:
                blocks.append(kept)
                guard let bypass, block.type == GlusterTranslators.replicate else { continue }
                let target = try bypass.target.chosen(of: BrickPlace.of(kept, in: fetched), for: kept, isHere)
                if bypass.isDirect, isHere(target) { blocks.goDirect(to: target, terms[target.volume] ?? BrickTerms()) }
                let above = bypass.block(above: kept, target: target)
                standIns[block.name] = above.name
                blocks.append(above)
            }
        }
        if bypass != nil, !blocks.contains(where: { $0.type == GlusterTranslators.replicate }) {
            throw VolfileError(
                fetched.top.location,
                "volume \"\(fetched.top.name)\": there is no cluster/replicate to bypass; mount it without -o bypass")
        }
        let top = standIns[fetched.top.name] ?? fetched.top.name
        let whole = try Volfile(blocks, file: fetched.file, top: top)
        // By itself, so that nobody is warned of what stood on a volume that was left out.
        volfile = try Volfile(whole.volumes, file: fetched.file)
        passedThrough = passed
    }

    /// Of a volfile that changed while `running`, an earlier `volfile` of the same volume, is mounted: bypass writes to
    /// the brick that it wrote to, and what was a directory of this machine is one. Throws when another brick stands in
    /// the target's place: its journal, and what was written there, belong to the one before.
    public init(
        _ fetched: Volfile, bypass: BypassRequest?, isWriteback: Bool = false, terms: [String: BrickTerms] = [:],
        as running: Volfile
    ) throws(VolfileError) {
        var bypass = bypass
        let target = running.volumes.first { $0.type == GlusterTranslators.bypass }?.option("target")
        if let asked = bypass, let target {
            guard Self.replacedTarget(fetched, of: running) == nil else {
                throw VolfileError(
                    fetched[target]?.location ?? fetched.top.location,
                    "volume \"\(target)\": another brick stands in the place of the one that bypass writes to")
            }
            bypass = BypassRequest(.named(target), options: asked.options, isDirect: asked.isDirect)
        }
        try self.init(fetched, bypass: bypass, isWriteback: isWriteback, terms: terms) {
            running[$0.volume]?.type == GlusterTranslators.direct
        }
    }

    /// The client of the brick that bypass writes to in `running`, by its volume's name, when another brick stands in
    /// that one's place.
    public static func replacedTarget(_ fetched: Volfile, of running: Volfile) -> String? {
        guard let target = running.volumes.first(where: { $0.type == GlusterTranslators.bypass })?.option("target"),
            let client = running.client(of: target), client.brick != fetched.client(of: target)?.brick
        else { return nil }
        return client.name
    }

    /// Of a changed volfile that `running` cannot become: `running`, with the places of its bricks as they are now. The
    /// target of bypass is left where it was. Throws when the replica sets are not those of the same volume, with more
    /// bricks at most.
    public static func bricks(of fetched: Volfile, in running: Volfile) throws(VolfileError) -> Volfile {
        for set in running.volumes where set.type == GlusterTranslators.replicate {
            let now = fetched[set.name]
            guard let now, now.type == set.type, now.option("volume-id") == set.option("volume-id"),
                Set(set.subvolumes).isSubset(of: now.subvolumes)
            else {
                throw VolfileError(
                    now?.location ?? fetched.top.location, "\"\(set.name)\" is not the replica set that it was")
            }
        }
        let target = replacedTarget(fetched, of: running)
        let blocks = running.volumes.map { block in
            guard block.type == GlusterTranslators.client, block.name != target, let new = fetched[block.replica],
                new.type == block.type
            else { return block }
            return Volfile.VolumeBlock(
                name: block.name, type: block.type,
                options: block.options.filter { !Self.place.contains($0.name) }
                    + new.options.filter { Self.place.contains($0.name) },
                subvolumes: block.subvolumes, location: new.location, writer: new.writer)
        }
        return try Volfile(blocks, file: fetched.file)
    }
    /// The options that say where a brick is.
    private static let place: Set = ["remote-host", "remote-port", "remote-subvolume"]

    /// The bricks that a changed volfile adds to replica sets, or to the one brick, of `running`: what a mount of that
    /// one writes, they miss, and nobody says so on the others.
    public static func addedReplicas(_ fetched: Volfile, to running: Volfile) -> [BrickPlace] {
        fetched.volumes.flatMap { block -> [BrickPlace] in
            guard block.type == GlusterTranslators.replicate else { return [] }
            let places = BrickPlace.of(block, in: fetched)
            let added = places.filter { running[$0.volume] == nil }
            // All of them: another set of a distributed volume, with files of its own.
            return added.count < places.count ? added : []
        }
    }

    /// One volfile for each replica set of a fetched one, in its order: what healers need. What stands above, and how
    /// files are spread over the sets, is for mounts. The data of bricks that are here is read and written in their
    /// directories.
    public static func replicaSets(
        of fetched: Volfile, terms: [String: BrickTerms] = [:], isHere: (BrickPlace) -> Bool = { _ in false }
    ) throws(VolfileError) -> [Volfile] {
        var sets: [Volfile] = []
        for block in fetched.volumes where block.type == GlusterTranslators.replicate {
            try GlusterTranslators.refuseArbiter(block)
            let cut = try Volfile(fetched.volumes, file: fetched.file, top: block.name)
            var blocks = cut.volumes
            for brick in BrickPlace.of(block, in: fetched) where isHere(brick) {
                blocks.goDirect(to: brick, terms[brick.volume] ?? BrickTerms())
            }
            sets.append(try Volfile(blocks, file: fetched.file))
        }
        return sets
    }
}

extension Volfile.VolumeBlock {
    func standing(on subvolumes: [String]) -> Volfile.VolumeBlock {
        Volfile.VolumeBlock(
            name: name, type: type, options: options, subvolumes: subvolumes, location: location, writer: writer)
    }
    func option(_ name: String) -> String? { options.first { $0.name == name }?.text }
    /// Of the way to a replica's process: the replica's name.
    fileprivate var replica: String {
        name.hasSuffix(Self.wireSuffix) ? String(name.dropLast(Self.wireSuffix.count)) : name
    }
    fileprivate var brick: [String?] { [option("remote-host"), option("remote-subvolume")] }
}

extension Volfile {
    /// The way to a replica's process, whether or not its data goes direct.
    fileprivate func client(of replica: String) -> VolumeBlock? {
        self[replica + VolumeBlock.wireSuffix] ?? self[replica]
    }
}
