import TranslatorCore

/// Which call fails, and how. Decides, never acts.
struct FaultPlan: Sendable {
    struct Settings: Sendable {
        var fops: FopSet
        /// 0…1 of the calls fail.
        var share: Double
        var isRandom: Bool
        /// nil: drawn among those that fit the fop.
        var error: FopError?
    }
    var settings: Settings
    /// Calls of enabled fops, and those that failed.
    private(set) var calls = 0, failed = 0
    private var random: SeededRandom
    /// At equal distances: grows by `share` with each call, and each whole number reached is a fault.
    private var due = 0.0

    init(seed: UInt64, settings: Settings) { (random, self.settings) = (SeededRandom(seed: seed), settings) }

    mutating func next(_ fop: Fop) -> FopError? {
        guard settings.fops.contains(fop), settings.share > 0 else { return nil }
        calls += 1
        guard isFault() else { return nil }
        failed += 1
        return settings.error ?? Self.errors(of: fop.byInode).randomElement(using: &random)!
    }

    private mutating func isFault() -> Bool {
        if settings.isRandom { return Double.random(in: 0..<1, using: &random) < settings.share }
        due += settings.share
        // Shares such as 1/10 have no exact form: a hair below a whole number counts as reached.
        guard due > 1 - 1e-9 else { return false }
        due -= 1
        return true
    }

    /// What a brick could really answer. Source: the man pages of the system calls.
    static func errors(of fop: Fop) -> [FopError] {
        switch fop {
        case .writev, .fallocate, .zerofill, .copyFileRange: [.io, .noSpace, .quotaExceeded, .readOnly]
        case .readv, .rchecksum, .seek, .fsync, .flush, .readdir, .readdirp, .fsyncdir:
            [.io, .badDescriptor, .notConnected]
        case .create, .mknod, .mkdir, .symlink, .link, .rename:
            [.io, .noSpace, .quotaExceeded, .accessDenied, .readOnly]
        case .unlink, .rmdir, .setattr, .setxattr, .removexattr, .truncate, .discard, .xattrop:
            [.io, .notPermitted, .readOnly, .stale]
        case .inodelk, .entrylk, .lk: [.tryAgain, .notConnected, .noMemory]
        default: [.io, .noEntry, .stale, .notConnected, .noMemory]
        }
    }
}
