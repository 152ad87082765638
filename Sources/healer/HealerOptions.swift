import DaemonProcess
import HealEngine
import ReplicaState
import TranslatorCore

/// The healer's own options: one table for checking, `--help`, `--print-config` and the manual page. Those that a
/// volfile has in `cluster/replicate` are taken from there unless given here.
struct HealerOptions: Sendable {
    static let declarations: [OptionDeclaration] = [
        .choice(
            "data-self-heal-algorithm", default: nil, of: ["diff", "full"],
            "Compare before copying, or copy all. Without it: diff if any copy is not empty."),
        .integer(
            "data-self-heal-window-size", default: 8, in: 1...1024, "Windows of 128 KiB in flight in one file."),
        .integer("shd-max-threads", default: 4, in: 1...64, "Files healed at once.").alias("files-in-flight"),
        .duration(
            "heal-timeout", default: "600", in: .zero ... .seconds(86_400 * 30),
            "Between two walks of the indices; 0: only at start, on a brick's return and when records were lost."),
        .duration(
            "index-interval", default: "5", in: .zero ... .seconds(86_400),
            "Between two looks at the names in the indices: a file that stands there twice in a row, and of which no writer told, is inspected, and again at the 4th time, the 8th; 0: never. What clients without bypass left behind is found by it."
        ),
        .integer("shd-wait-qlength", default: 65_536, in: 1...4_194_304, "Files that wait for their turn.")
            .alias("files-waiting"),
        .choice(
            "favorite-child-policy", default: "none", of: FavoriteChildPolicy.allCases.map(\.rawValue),
            "Whom to believe in a split-brain without asking."),
        .flag(
            "direct", default: true,
            "With --volume: read and write data in the directories of bricks that are on this machine, and not through their processes. Off where those have to see all data: with quota, bitrot detection or geo-replication."
        ),
        .text("share", default: "00-ff", "First bytes of the gfids that this healer looks after, in hexadecimal."),
    ]

    let values: OptionValues
    /// Where each value comes from, by name: `command line`, `demo.vol:12`, `default`.
    let origins: [String: String]

    /// What the volfile says in a replicate volume, and over it what the command line says.
    init(volfile block: Volfile.VolumeBlock?, commandLine: [(name: String, text: String)]) throws(DaemonFailure) {
        let known = Dictionary(
            Self.declarations.flatMap { declaration in declaration.names.map { ($0, declaration.name) } }
        ) { first, _ in first }
        var texts: [String: String] = [:]
        var origins: [String: String] = [:]
        for option in block?.options ?? [] {
            guard let name = known[option.name] else { continue }
            (texts[name], origins[name]) = (option.text, "\(option.location)")
        }
        for (given, text) in commandLine {
            guard let name = known[given] else {
                let hint = NearestName.hint(Set(known.keys), to: given)
                throw DaemonFailure(.configuration, "unknown option \"\(given)\"\(hint)")
            }
            (texts[name], origins[name]) = (text, "command line")
        }
        do throws(OptionError) {
            values = try OptionValues(texts, declarations: Self.declarations)
        } catch {
            let place = error.option.flatMap { origins[$0] }.map { "\($0): " } ?? ""
            throw DaemonFailure(.configuration, place + error.description)
        }
        self.origins = origins
    }

    func settings() throws(DaemonFailure) -> HealSettings {
        var settings = HealSettings()
        settings.algorithm =
            values.text(ifSet: "data-self-heal-algorithm").flatMap(HealSettings.Algorithm.init) ?? .auto
        settings.windowsInFlight = values.integer("data-self-heal-window-size")
        settings.filesInFlight = values.integer("shd-max-threads")
        settings.crawlInterval = values.duration("heal-timeout")
        settings.glanceInterval = values.duration("index-interval")
        settings.waitingMax = values.integer("shd-wait-qlength")
        settings.favorite = FavoriteChildPolicy(rawValue: values.text("favorite-child-policy")) ?? .none
        settings.share = try share()
        return settings
    }

    private func share() throws(DaemonFailure) -> ClosedRange<UInt8> {
        let text = values.text("share")
        let ends = text.split(separator: "-").map { UInt8($0, radix: 16) }
        guard ends.count == 2, let low = ends[0], let high = ends[1], low <= high else {
            throw DaemonFailure(.configuration, "option \"share\" is \"\(text)\"; it looks like 00-7f")
        }
        return low...high
    }

    /// A line for each option: name, value, where it comes from.
    var table: String {
        Self.declarations.map { declaration in
            let value = values.text(ifSet: declaration.name) ?? "(unset)"
            return "\(declaration.name) = \(value)    # \(origins[declaration.name] ?? "default")\n"
        }.joined()
    }
}
