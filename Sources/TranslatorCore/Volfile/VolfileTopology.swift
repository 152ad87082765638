/// How the volumes of a file stand on each other: every name known and above, no rings, one top.
struct VolfileTopology {
    /// What the top stands on, and the top, in the order of the file.
    let used: [Volfile.VolumeBlock]
    let unused: [Volfile.VolumeBlock]

    init(_ volumes: [Volfile.VolumeBlock], file: String, top: String?) throws(VolfileError) {
        guard let last = volumes.last else {
            throw VolfileError(VolfileLocation(file: file, line: 0), "no volume in it")
        }
        var positions: [String: Int] = [:]
        for (position, volume) in volumes.enumerated() {
            if let twin = positions.updateValue(position, forKey: volume.name) {
                throw VolfileError(
                    volume.location,
                    "volume \"\(volume.name)\" is already defined in line \(volumes[twin].location.line)")
            }
        }
        for (position, volume) in volumes.enumerated() {
            for name in volume.subvolumes {
                guard let below = positions[name], below < position else {
                    throw Self.missing(name, of: position, volumes, positions)
                }
            }
        }
        let topName = top ?? last.name
        guard let topPosition = positions[topName] else {
            let hint = NearestName.hint(positions.keys, to: topName)
            throw VolfileError(VolfileLocation(file: file, line: 0), "no volume \"\(topName)\" in it\(hint)")
        }
        var reached: Set<Int> = [topPosition]
        for position in volumes.indices.reversed() where reached.contains(position) {
            reached.formUnion(volumes[position].subvolumes.compactMap { positions[$0] })
        }
        used = volumes.indices.filter(reached.contains).map { volumes[$0] }
        unused = volumes.indices.filter { !reached.contains($0) }.map { volumes[$0] }
    }

    /// The sentence for a subvolume that is not above: not there at all, below, or standing on this one itself.
    private static func missing(
        _ name: String, of position: Int, _ volumes: [Volfile.VolumeBlock], _ positions: [String: Int]
    ) -> VolfileError {
        let volume = volumes[position]
        func error(_ message: String) -> VolfileError {
            VolfileError(volume.location, "volume \"\(volume.name)\": \(message)")
        }
        guard let below = positions[name] else {
            let hint = NearestName.hint(volumes[..<position].map(\.name), to: name)
            return error("no volume \"\(name)\" above\(hint)")
        }
        if below == position { return error("stands on itself") }
        if let ring = ring(from: position, by: below, volumes, positions) {
            return error("the volumes stand on each other in a ring: \(ring.joined(separator: " -> "))")
        }
        let line = volumes[below].location.line
        return error(
            "\"\(name)\" is defined below it, in line \(line): a volume comes after those that it stands on")
    }

    /// The names on a way from `start` by `next` back to `start`, if there is one.
    private static func ring(
        from start: Int, by next: Int, _ volumes: [Volfile.VolumeBlock], _ positions: [String: Int]
    ) -> [String]? {
        var cameFrom: [Int: Int] = [next: start]
        var waiting = [next]
        while let current = waiting.popLast() {
            for below in volumes[current].subvolumes.compactMap({ positions[$0] }) where cameFrom[below] == nil {
                cameFrom[below] = current
                waiting.append(below)
            }
        }
        guard var step = cameFrom[start] else { return nil }
        var way = [volumes[start].name]
        while step != start {
            way.append(volumes[step].name)
            step = cameFrom[step]!
        }
        return [volumes[start].name] + way.reversed()
    }
}
