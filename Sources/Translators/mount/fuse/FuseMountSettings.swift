import CPosix
import Glibc
import TranslatorCore

/// How a volume is mounted: the options of `mount/fuse`, by which `volmount -o` and its manual page know them.
/// Names are GlusterFS's where it has the option.
public struct FuseMountSettings: Sendable {
    /// How the kernel caches (DESIGN §8).
    public enum CacheMode: String, Sendable { case writeThrough = "write-through", writebackCache = "writeback-cache" }

    public static let declarations: [OptionDeclaration] = [
        .choice(
            "cache-mode", default: "write-through", of: ["write-through", "writeback-cache"],
            "write-through: every write reaches the volume before it returns. writeback-cache: the kernel gathers writes, "
                + "as for a local disk; no other mount of ours can write the volume meanwhile, and genuine GlusterFS "
                + "clients must not."),
        .choice(
            "beside-writeback", default: "refuse", of: ["refuse", "read-only"],
            "What a write-through mount does while another mount has the volume in writeback-cache mode: refuse: it "
                + "does not mount. read-only: it mounts read-only."),
        .duration(
            "attribute-timeout", default: "1", "How long the kernel believes attributes; 0 asks every time."),
        .duration(
            "entry-timeout", default: "1", "How long the kernel believes that a name means a file; 0 asks every time."),
        .duration(
            "negative-timeout", default: "0", "How long the kernel believes that a name is absent; 0 asks every time."),
        .integer(
            "workers", default: 0, in: 0...256,
            "Threads that read requests, each with a queue of its own; 0: one for each processor, at least 2."),
        .integer(
            "background-qlen", default: 64, in: 1...65_535,
            "Requests that nobody waits for, readahead and cached writes, which the kernel has under way at once."),
        // GlusterFS: 48. A congested mount's flusher rests until a writer pauses next, and a writer that is held back
        // pauses up to 200 ms: with four writers and the writeback cache, both rested most of the time.
        .integer(
            "congestion-threshold", default: 65_535, in: 1...65_535,
            "With so many of them the kernel begins no more, and writers to a full writeback cache are slowed down."),
        .flag(
            "fopen-keep-cache", default: false,
            "Keep a file's pages from one open to the next unless its size or mtime changed. Off: each open reads anew. "
                + "Always on with writeback-cache."),
        .flag("use-readdirp", default: true, "Let the kernel ask for attributes together with names."),
        .flag("acl", default: true, "Let the kernel check POSIX access control lists."),
        .flag(
            "resolve-gids", default: true,
            "Send the caller's supplementary groups to the bricks of other hosts, which check permissions by them."),
        .duration(
            "gid-timeout", default: "2", "How long a caller's groups are believed; 0 reads them for each request."),
        .flag(
            "allow-other", default: true,
            "Let all users in, not only the one who mounts. Default when root mounts; others need user_allow_other in /etc/fuse.conf."
        )
        .alias("allow_other"),
        .text("fsname", default: nil, "What df shows as the source; by default the volfile's top volume."),
    ]

    public var cacheMode = CacheMode.writeThrough
    /// Beside a mount with the writeback cache this one may only read, instead of not being mounted.
    public var yieldsToWriteback = false
    public var attributeTimeout = Duration.seconds(1), entryTimeout = Duration.seconds(1),
        negativeTimeout = Duration.zero
    /// 0: `max(2, processors)`.
    public var workerCount = 0
    /// Of requests that nobody waits for (`FuseInitReply`).
    public var maxBackground: UInt16 = 64, congestionThreshold = UInt16.max
    public var keepsCache = false, usesReaddirplus = true, checksACLs = true, resolvesGroups = true
    public var groupsTimeout = Duration.seconds(2)
    /// By default when root mounts; others need `user_allow_other` in /etc/fuse.conf.
    public var allowsOthers = geteuid() == 0
    public var fsname: String?
    /// What mount(2) takes: read-only, no set-user-ID programs, …
    public var kernelFlags = KernelMountFlags()

    public init() {}

    public init(_ values: OptionValues) {
        cacheMode = CacheMode(rawValue: values.text("cache-mode"))!
        yieldsToWriteback = values.text("beside-writeback") == "read-only"
        attributeTimeout = values.duration("attribute-timeout")
        entryTimeout = values.duration("entry-timeout")
        negativeTimeout = values.duration("negative-timeout")
        workerCount = values.integer("workers")
        maxBackground = UInt16(values.integer("background-qlen"))
        congestionThreshold = UInt16(values.integer("congestion-threshold"))
        keepsCache = values.flag("fopen-keep-cache")
        usesReaddirplus = values.flag("use-readdirp")
        checksACLs = values.flag("acl")
        resolvesGroups = values.flag("resolve-gids")
        groupsTimeout = values.duration("gid-timeout")
        if values.given.contains("allow-other") { allowsOthers = values.flag("allow-other") }
        fsname = values.text(ifSet: "fsname")
    }

    /// Without writes there is nothing to gather, and the kernel had better believe the volume's sizes.
    public var isWriteback: Bool { cacheMode == .writebackCache && !kernelFlags.isReadOnly }
}
