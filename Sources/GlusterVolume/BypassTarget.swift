import TranslatorCore

/// What `-o bypass` asks for.
public struct BypassRequest: Sendable {
    public let target: BypassTarget
    /// Further options of `features/bypass`, checked when the graph is built.
    public let options: [String: String]
    /// Whether the target's data is read and written in the brick's directory, where that is on this machine.
    public let isDirect: Bool

    public init(_ target: BypassTarget, options: [String: String] = [:], isDirect: Bool = true) {
        (self.target, self.options, self.isDirect) = (target, options, isDirect)
    }

    /// The `features/bypass` on top of `replicate`, which writes to `target`.
    func block(above replicate: Volfile.VolumeBlock, target: BrickPlace) -> Volfile.VolumeBlock {
        let place = VolfileLocation(file: "-o bypass", line: 0)
        let all = [("target", target.volume)] + options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return Volfile.VolumeBlock(
            name: "\(replicate.name)-bypass", type: GlusterTranslators.bypass,
            options: all.map { Volfile.Option(name: $0.0, text: $0.1, location: place) },
            subvolumes: [replicate.name], location: place)
    }
}

/// Which replica `-o bypass` writes to.
public enum BypassTarget: Equatable, Sendable {
    /// The only one whose brick is a directory of this machine.
    case auto
    /// By the name of its volume, or as `gluster volume info` shows its brick: `HOST:/DIRECTORY`.
    case named(String)

    /// `auto` or a name, as the option has it; without one, `auto`.
    public init(_ text: String?) { self = text.map { $0 == "auto" ? .auto : .named($0) } ?? .auto }

    func chosen(
        of bricks: [BrickPlace], for replicate: Volfile.VolumeBlock, _ isHere: (BrickPlace) -> Bool
    ) throws(VolfileError) -> BrickPlace {
        func error(_ why: String) -> VolfileError {
            let all = bricks.map(\.description).joined(separator: ", ")
            return VolfileError(
                replicate.location, "volume \"\(replicate.name)\": \(why); name one with -o bypass,target=NAME: \(all)")
        }
        switch self {
        case .named(let name):
            guard let brick = bricks.first(where: { $0.volume == name || $0.place == name }) else {
                throw error("no replica is called \"\(name)\"\(NearestName.hint(bricks.map(\.volume), to: name))")
            }
            return brick
        case .auto:
            let here = bricks.filter(isHere)
            guard here.count <= 1 else {
                throw error(
                    "target=auto is ambiguous, because bricks of \(here.map(\.volume).joined(separator: " and ")) are on this machine"
                )
            }
            guard let only = here.first else { throw error("target=auto finds no brick on this machine") }
            return only
        }
    }
}

/// Where a replica's brick is, from its `protocol/client`.
public struct BrickPlace: Equatable, Sendable, CustomStringConvertible {
    /// The name of the volume.
    public let volume: String
    public let host: String, directory: String
    /// The volume's, if the volfile says it.
    public let volumeID: Gfid?

    /// `HOST:/DIRECTORY`, as `gluster volume info` shows it.
    public var place: String { "\(host):\(directory)" }
    public var description: String { "\(volume) (\(place))" }

    /// Of the subvolumes of `replicate`, in order; those that are no clients are left out.
    static func of(_ replicate: Volfile.VolumeBlock, in volfile: Volfile) -> [BrickPlace] {
        replicate.subvolumes.compactMap { name in
            guard let client = volfile[name], let host = client.option("remote-host"),
                let directory = client.option("remote-subvolume")
            else { return nil }
            let volumeID = replicate.option("volume-id").flatMap { Gfid($0) }
            return BrickPlace(volume: name, host: host, directory: directory, volumeID: volumeID)
        }
    }
}
