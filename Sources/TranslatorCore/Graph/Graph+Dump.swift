extension Graph {
    /// The state of everything: each volume from the top down, then what all of them share.
    public func dump() -> StateDump {
        var dump = StateDump()
        dump.add("volfile", volfile.file)
        for translator in translators.reversed() {
            let volume = translator.volume
            dump.add("\(volume.type).\(volume.name)", .table(Self.entries(of: translator)))
        }
        dump.add("iobuf-pool", environment.pool.dump().value)
        dump.add("inodes", .table([("living", .integer(Int64(environment.inodes.living.count)))]))
        return dump
    }

    /// The same as text.
    public var stateDump: String { dump().text }

    private static func entries(of translator: any Translator) -> [(String, StateDump.Value)] {
        var entries: [(String, StateDump.Value)] = []
        let options = translator.volume.options.shown
        if !options.isEmpty { entries.append(("option", .table(options.map { ($0.name, .text($0.text)) }))) }
        if !translator.subvolumes.isEmpty {
            entries.append(("subvolumes", .list(translator.subvolumes.map { .text($0.name) })))
        }
        if let state = translator.dump() { entries.append(("state", state.value)) }
        return entries
    }
}
