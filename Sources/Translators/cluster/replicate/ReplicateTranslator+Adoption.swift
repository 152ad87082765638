import TranslatorCore

// What was put into the bricks from outside has no gfid.
extension ReplicateTranslator {
    /// Gives one gfid to what stands under a name without one on all replicas: under the name's lock, so that of
    /// several clients one decides. ENODATA while a replica is down or differs (lacks the name, has a gfid, has another
    /// type): it would get another gfid later, and the two could not be healed. Source: GlusterFS
    /// `afr-self-heal-name.c`, which asks for the same.
    func adopt(_ name: EntryName, in parent: Inode, as wanted: XdataValue, in frame: Frame) async throws(FopError) {
        let up = connections.up
        guard !up.contains(false) else { throw .noData }
        let look = LookupRequest(.name(name, parent: parent), xdata: [XdataKey.gfidlessLookup: .int(1)])
        let seen = await windAll(up) { [self] replica throws(FopError) in
            try await replicas[replica].lookup(look, in: frame).iatt
        }
        let found = seen.compactMap { $0?.value }
        guard found.count == up.count, Set(found.map(\.type)).count == 1, found.allSatisfy(\.gfid.isNone) else {
            throw .noData
        }
        let give = LookupRequest(.name(name, parent: parent), xdata: [XdataKey.gfidRequest: wanted])
        _ = try await perform(.entry([(parent, name)]), in: frame) { [self] replica throws(FopError) in
            try await replicas[replica].lookup(give, in: frame)
        }
    }
}
