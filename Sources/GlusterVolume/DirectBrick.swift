import TranslatorCore

extension [Volfile.VolumeBlock] {
    /// Puts `performance/direct` in the place of a brick's `protocol/client`, under its name, by which volumes above
    /// know the brick; the client stands below it as `NAME-wire`, beside the directory as `NAME-directory`. Nothing
    /// changes for a brick whose volume-id is not known: its directory could not be told from another's.
    /// `terms`: what the brick's own volfile says; where it has to see every write, nothing goes direct while it has
    /// to.
    mutating func goDirect(to brick: BrickPlace, _ terms: BrickTerms) {
        guard let volumeID = brick.volumeID, let position = firstIndex(where: { $0.name == brick.volume }) else {
            return
        }
        let client = self[position]
        let place = VolfileLocation(file: "-o direct", line: 0)
        func block(_ name: String, _ type: String, _ options: [(String, String)], _ subvolumes: [String] = [])
            -> Volfile.VolumeBlock
        {
            Volfile.VolumeBlock(
                name: name, type: type,
                options: options.map { Volfile.Option(name: $0.0, text: $0.1, location: place) },
                subvolumes: subvolumes, location: place)
        }
        let wire = Volfile.VolumeBlock(
            name: client.name + Volfile.VolumeBlock.wireSuffix, type: client.type, options: client.options,
            subvolumes: client.subvolumes, location: client.location, writer: client.writer)
        let directory = block(
            client.name + "-directory", "storage/posix",
            [
                ("directory", brick.directory), ("volume-id", "\(volumeID)"), ("visiting", "on"),
                ("reserve", terms.reserve ?? BrickTerms.reserveDefault),
            ])
        let watchers = terms.watchers.isEmpty ? [] : [("watchers", terms.watchers.joined(separator: ", "))]
        let direct = block(client.name, GlusterTranslators.direct, watchers, [wire.name, directory.name])
        replaceSubrange(position...position, with: [directory, wire, direct])
    }
}

extension Volfile.VolumeBlock {
    static var wireSuffix: String { "-wire" }
}
