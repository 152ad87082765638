import TranslatorCore

/// What a brick's own volfile says of its data that whoever writes in its directory, beside its process, has to know.
public struct BrickTerms: Equatable, Sendable {
    /// `storage.reserve` as it stands there; nil: as by default.
    public var reserve: String?
    /// What has to see every write in the brick's process: bitrot, quota, geo-replication, ... Nothing goes direct
    /// then.
    public var watchers: [String] = []

    /// GlusterFS's default where a volfile does not say.
    public static let reserveDefault = "1%"

    public init() {}

    /// `volfile`: of one brick, as glusterd hands it to the brick's process.
    public init(_ volfile: Volfile) {
        for block in volfile.volumes {
            if block.type == "storage/posix" { reserve = block.option("reserve") }
            for watcher in Self.known where watcher.type == block.type {
                guard let text = block.option(watcher.option), !Self.isOff(text) else { continue }
                if !watchers.contains(watcher.name) { watchers.append(watcher.name) }
            }
        }
    }

    private static let known: [(type: String, option: String, name: String)] = [
        ("features/bitrot-stub", "bitrot", "bitrot detection"), ("features/quota", "server-quota", "quota"),
        ("features/marker", "quota", "quota"), ("features/marker", "inode-quota", "quota"),
        ("features/marker", "xtime", "geo-replication"), ("features/changelog", "changelog", "the changelog"),
        ("features/worm", "worm", "worm"), ("features/worm", "worm-file-level", "worm"),
        ("features/read-only", "read-only", "read-only"),
    ]
    private static func isOff(_ text: String) -> Bool {
        ["off", "no", "false", "disable", "0"].contains(text.lowercased())
    }
}

extension BrickPlace {
    /// The name under which glusterd has the brick's volfile: VOLUME.HOST.DIRECTORY, with "-" for "/". Source:
    /// GlusterFS `glusterd-volgen.c`, and what `ps` shows behind `--volfile-id`.
    func volfileName(in volume: String) -> String {
        let path = directory.drop { $0 == "/" }.map { $0 == "/" ? "-" : $0 }
        return "\(volume).\(host).\(String(path))"
    }
}
