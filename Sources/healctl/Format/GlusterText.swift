import HealProtocol
import TranslatorCore

/// Pending files brick by brick: `healctl info`, and with `--compat=gluster` word for word what scripts know from
/// `gluster volume heal VOLUME info [summary]`. Source: that command's output of GlusterFS 10.3.
enum GlusterText {
    static func info(_ bricks: [BrickHealInfo]) -> String {
        bricks.map { brick in
            var lines = ["Brick \(printable(brick.brick))"]
            for entry in brick.entries {
                let name = entry.path.map { $0.hasPrefix("/") ? $0 : "/" + $0 }.map(printable) ?? "<gfid:\(entry.gfid)>"
                // The space behind a file that is only pending is GlusterFS's own.
                let mark =
                    entry.isSplitBrain ? " - Is in split-brain" : entry.isHealing ? " - Possibly undergoing heal" : " "
                lines.append(name + mark)
            }
            lines.append("Status: \(brick.isSeen ? "Connected" : "Transport endpoint is not connected")")
            lines.append("Number of entries: \(brick.isSeen ? "\(brick.total)" : "-")\n")
            return lines.joined(separator: "\n") + "\n"
        }.joined()
    }

    static func summary(_ bricks: [BrickHealInfo]) -> String {
        bricks.map { brick in
            func count(_ count: Int) -> String { brick.isSeen ? "\(count)" : "-" }
            return """
                Brick \(printable(brick.brick))
                Status: \(brick.isSeen ? "Connected" : "Transport endpoint is not connected")
                Total Number of entries: \(count(brick.total))
                Number of entries in heal pending: \(count(brick.total - brick.splitBrain - brick.healing))
                Number of entries in split-brain: \(count(brick.splitBrain))
                Number of entries possibly healing: \(count(brick.healing))

                """ + "\n"
        }.joined()
    }
}

/// The same in our own form: a table for the summary, a list of names for each brick.
enum InfoText {
    static func summary(_ bricks: [BrickHealInfo]) -> [String] {
        var table = Table(indent: "", "BRICK", "STATE", "PENDING", "HEALING", "SPLIT")
        for brick in bricks {
            table.add(
                printable(brick.brick), !brick.isConnected ? "down" : brick.isSeen ? "up" : "unknown",
                brick.isSeen ? "\(brick.total)" : Units.none, brick.isSeen ? "\(brick.healing)" : Units.none,
                brick.isSeen ? "\(brick.splitBrain)" : Units.none)
        }
        return table.lines
    }

    static func info(_ bricks: [BrickHealInfo]) -> [String] {
        bricks.flatMap { brick in
            let count =
                if !brick.isConnected {
                    "cannot be reached"
                } else if let spot = brick.blindSpot {
                    "unknown: \(spot.reason); to fix: \(spot.remedy)"
                } else {
                    Units.count(brick.total, "pending file")
                }
            var lines = ["\(printable(brick.brick))  \(printable(count))"]
            for entry in brick.entries {
                let mark = entry.isSplitBrain ? "   split-brain" : entry.isHealing ? "   being healed" : ""
                lines.append("  " + StatusText.name(entry.path, entry.gfid) + mark)
                if let failure = entry.failure { lines.append("      not healed: " + printable(failure)) }
            }
            if brick.entries.count < brick.total {
                lines.append("  and \(brick.total - brick.entries.count) more: --all")
            }
            return lines
        }
    }
}
