import TranslatorCore

/// The options of `storage/posix`, read once.
struct PosixSettings: Sendable {
    let directory: String
    let volumeID: Gfid?
    /// Another process serves the brick; this one is there for the data of open files, and changes nothing else.
    let isVisiting: Bool
    let healthCheckInterval: Duration
    let healthCheckTimeout: Duration
    let checksumsAreSHA256: Bool
    let janitorSleep: Duration
    let recordsPaths: Bool
    let pathSeparator: String
    let reserve: DiskReserve.Amount

    init(_ volume: Volume) throws(VolfileError) {
        let options = volume.options
        guard let directory = options.text(ifSet: "directory") else {
            throw volume.error("option directory is missing: the absolute path of the brick")
        }
        var path = directory
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.directory = path
        if let text = options.text(ifSet: "volume-id") {
            guard let id = Gfid(text), !id.isNone else {
                throw volume.error("option volume-id \"\(text)\" is not a UUID")
            }
            volumeID = id
        } else {
            volumeID = nil
        }
        isVisiting = options.flag("visiting")
        guard !isVisiting || volumeID != nil else {
            throw volume.error("option visiting needs option volume-id: by it the brick is known")
        }
        healthCheckInterval = options.duration("health-check-interval")
        healthCheckTimeout = options.duration("health-check-timeout")
        checksumsAreSHA256 = options.flag("fips-mode-rchecksum")
        janitorSleep = options.duration("janitor-sleep-duration")
        recordsPaths = options.flag("gfid2path")
        pathSeparator = options.text("gfid2path-separator")
        reserve = DiskReserve.Amount(options.sizeOrPercent("reserve"))
    }
}

extension PosixTranslator {
    public static let options: [OptionDeclaration] = [
        .path("directory", default: nil, "The brick: the absolute path of a directory with trusted xattrs."),
        .text(
            "volume-id", default: nil,
            "The volume's UUID. Set on the root of a fresh, empty directory; a brick with another id is refused."),
        .flag(
            "visiting", default: false,
            "Another process, such as glusterfsd, serves the brick: read and write the data of open files beside it, and leave everything else to it. For performance/direct."
        ),
        .sizeOrPercent(
            "reserve", default: "0",
            "How much of the brick's file system is left free, of all of it or in bytes (up to 100 without a unit: per cent): past it whatever takes room is ENOSPC, but heals. Bricks of glusterd have 1% by default."
        ).reconfigurable(),
        .duration(
            "health-check-interval", default: "30",
            "How often .glusterfs/health_check is rewritten; a failure takes the brick down. 0: never."),
        .duration(
            "health-check-timeout", default: "20",
            "How long one health check may take before it counts as failed. 0: for ever."),
        .flag("fips-mode-rchecksum", default: true, "Strong checksums are SHA-256, not MD5."),
        .duration(
            "janitor-sleep-duration", default: "10",
            in: .milliseconds(1) ... .seconds(1 << 40),
            "How often directories removed recursively are deleted for good."),
        .flag("gfid2path", default: true, "Record in each file's xattrs under which names it stands."),
        .text("gfid2path-separator", default: ":", "What stands between the paths that glusterfs.gfid2path answers."),
    ]
}
