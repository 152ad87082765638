import FuseMount
import TranslatorCore
import Translators

/// What stands after `-o`: options of mount/fuse, options of this process, and those that every file system has. The
/// tables here are the one source for checking, help and the manual page.
struct MountOptions: Sendable {
    var settings = FuseMountSettings()
    var process: OptionValues
    /// Options of `features/bypass`, as a volfile would have them. Those that a mount has too, such as
    /// `attribute-timeout`, are the mount's.
    var bypass: [String: String] = [:]
    /// Nothing is to be mounted: what is there is to get other flags of the kernel.
    private(set) var isRemount = false

    /// Options of the process, which fstab(5) can only give after `-o`; each is a long option of the command too.
    static let processDeclarations: [OptionDeclaration] = [
        .path(
            "log-file", default: nil,
            "Where log lines go; by default /var/log/volmount/DIR.log, or the terminal in the foreground."),
        .choice(
            "log-level", default: "info", of: LogLevel.allCases.map { "\($0)" },
            "The least important lines that are logged."),
        .path("pid-file", default: nil, "Gets the number of the serving process; removed when it ends."),
        .path(
            "runtime-dir", default: nil,
            "Where sockets and statedumps are; by default /run/volmount, or $XDG_RUNTIME_DIR/volmount without root."),
        .text("volume-name", default: nil, "The volume to mount; by default the last one of the volfile."),
        .flag(
            "create", default: false,
            "Make new, empty bricks of directories without volume-id though other bricks of the volume have one. Without it those are away: most likely their file systems are not mounted."
        ),
        .flag(
            "bypass", default: false,
            "With HOST:/VOLUME: write to one replica alone and leave the others to the healer. In a volfile: put features/bypass above cluster/replicate."
        ),
        .text(
            "target", default: nil,
            "With bypass: the replica, by the name of its volume or as HOST:/DIRECTORY of its brick. By default auto, the only one whose brick is a directory of this machine."
        ),
        .flag(
            "direct", default: true,
            "With bypass: read and write the replica's data in the directory of its brick, where that is on this machine, and not through the brick's process. Off where that process has to see all data: with quota, bitrot detection or geo-replication."
        ),
        .choice(
            "on-missing-target", default: "refuse", of: MissingTarget.Policy.allCases.map(\.rawValue),
            "While a replica is away that another mount bypassed to, and that may hold what the others lack: refuse to mount, and in a mount that runs answer reads and writes of content with EIO; read-only, read what the others hold; believe, take that for all there is."
        ),
        .text(
            "backup-volfile-servers", default: nil,
            "Further hosts that are asked for the volume HOST:/VOLUME, in order and separated by colons."),
        .integer("server-port", default: 24007, in: 1...65_535, "Where glusterd listens on these hosts."),
        .text(
            "listen", default: nil,
            "With bypass: tcp://ADDRESS:PORT, where healers on other hosts hear what was written; an address of this machine, or 0.0.0.0 for all. The two ports behind PORT are used too. Without it only healers of this machine do."
        ),
        .path(
            "curve-key", default: nil,
            "With listen: the file with this mount's own secret key; healctl keygen makes one. Only loopback can do without."
        ),
        .path(
            "healer-keys", default: nil,
            "With listen: the file with the public key of the healers that are let in, and a second one while keys are changed."
        ),
    ]

    /// `texts`: what followed each `-o`. `long`: process options given by themselves, which win.
    init(_ texts: [String], long: [String: String]) throws(OptionError) {
        var mount: [String: String] = [:]
        var process: [String: String] = [:]
        let mountNames = Set(FuseMountSettings.declarations.flatMap(\.names))
        let processNames = Set(Self.processDeclarations.flatMap(\.names))
        let bypassNames = Set(BypassTranslator.options.flatMap(\.names))
        var flags = KernelMountFlags()
        let words = texts.flatMap { $0.split(separator: ",") }.map(String.init)
        isRemount = words.contains("remount")
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let (name, value) = (parts[0], parts.count > 1 ? parts[1] : nil)
            if mountNames.contains(name) {
                mount[name] = value ?? "on"
            } else if name.hasPrefix("no"), mountNames.contains(String(name.dropFirst(2))), value == nil {
                mount[String(name.dropFirst(2))] = "off"
            } else if processNames.contains(name) {
                process[name] = value ?? (["bypass", "create"].contains(name) ? "on" : "")
            } else if bypassNames.contains(name) {
                bypass[name] = value ?? ""
            } else if isRemount, Self.isOfRemounts(name) {
                continue
            } else if !flags.take(word) {
                let known = mountNames.union(processNames).union(bypassNames).union(KernelMountFlags.names)
                throw OptionError(
                    "unknown mount option \"\(name)\"\(NearestName.hint(known, to: name)); volmount --help lists them",
                    option: name)
            }
        }
        process.merge(long) { $1 }
        settings = FuseMountSettings(try OptionValues(mount, declarations: FuseMountSettings.declarations))
        settings.kernelFlags = flags
        self.process = try OptionValues(process, declarations: Self.processDeclarations)
    }

    /// mount(8) adds what the kernel shows of the mount that is there.
    private static func isOfRemounts(_ name: String) -> Bool {
        ["remount", "user_id", "group_id", "rootmode", "default_permissions", "max_read", "blksize"].contains(name)
    }

    var logLevel: LogLevel {
        let name = process.text("log-level")
        return LogLevel.allCases.first { "\($0)" == name }!
    }
}
