extension StateDump: CustomStringConvertible {
    /// One `name=value` a line, tables inside by dotted names: `fops.writev.count=12`.
    public var description: String {
        var lines: [String] = []
        for (name, value) in entries { Self.append(value, named: name, to: &lines) }
        return lines.joined(separator: "\n")
    }

    private static func append(_ value: Value, named name: String, to lines: inout [String]) {
        switch value {
        case .integer(let number): lines.append("\(name)=\(number)")
        case .real(let number): lines.append("\(name)=\(number)")
        case .text(let text): lines.append("\(name)=\(text)")
        case .flag(let flag): lines.append("\(name)=\(flag ? "on" : "off")")
        case .list(let values):
            for (position, value) in values.enumerated() { append(value, named: "\(name).\(position)", to: &lines) }
        case .table(let values):
            for (inner, value) in values { append(value, named: "\(name).\(inner)", to: &lines) }
        }
    }
}

extension Graph {
    /// The state of every translator that has one to show, top first, in GlusterFS's sections: `[debug/io-stats.vol]`.
    public var stateDump: String {
        translators.reversed().compactMap { translator in
            translator.dump().map { "[\(translator.volume.type).\(translator.name)]\n\($0)\n" }
        }.joined(separator: "\n")
    }
}
