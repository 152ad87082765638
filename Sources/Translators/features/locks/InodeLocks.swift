import TranslatorCore

/// All locks of one inode in this process.
struct InodeLocks: Sendable {
    var inodelks: [String: LockTable<InodelkClaim>] = [:]
    var entrylks: [String: LockTable<EntrylkClaim>] = [:]
    var posix = PosixLockTable()

    var isEmpty: Bool { inodelks.isEmpty && entrylks.isEmpty && posix.isEmpty }
}

/// A claim whose locks live in domains: what `LocksTranslator` does for both kinds alike.
protocol DomainLockClaim: LockClaim {
    /// Tells the kinds apart in `LockPlace` and `LockTableKey`.
    static var kind: UInt8 { get }
    /// What the kernel holds for it.
    var holding: SpanHoldings.Holding { get }
    static func withTables<Result>(
        of inode: inout InodeLocks, _ body: (inout [String: LockTable<Self>]) -> Result
    ) -> Result
    /// What a holder of this claim is told when somebody else wants it.
    func contention(_ gfid: Gfid, domain: String) -> GraphEvent
}

extension InodelkClaim: DomainLockClaim {
    static let kind: UInt8 = 1
    var holding: SpanHoldings.Holding { .init(span: KernelSpan(range), level: mode == .write ? .write : .read) }

    static func withTables<Result>(
        of inode: inout InodeLocks, _ body: (inout [String: LockTable<Self>]) -> Result
    ) -> Result { body(&inode.inodelks) }

    func contention(_ gfid: Gfid, domain: String) -> GraphEvent {
        .inodelkContention(gfid, domain: range == .metadata ? InodelkDomain.asked(domain) : domain, range: range)
    }
}

extension EntrylkClaim: DomainLockClaim {
    static let kind: UInt8 = 2
    var holding: SpanHoldings.Holding { .init(span: name.map { KernelSpan($0) } ?? .whole, level: .write) }

    static func withTables<Result>(
        of inode: inout InodeLocks, _ body: (inout [String: LockTable<Self>]) -> Result
    ) -> Result { body(&inode.entrylks) }

    func contention(_ gfid: Gfid, domain: String) -> GraphEvent { .entrylkContention(gfid, domain: domain, name: name) }
}

/// AFR's metadata lock lives in a domain of its own, so that it never conflicts with data locks (gluster-wire.md §9).
enum InodelkDomain {
    private static let suffix = ":metadata"

    static func stored(_ domain: String, _ range: LockRange) -> String {
        range == .metadata ? domain + suffix : domain
    }
    /// The name by which the holder asked for it.
    static func asked(_ stored: String) -> String {
        stored.hasSuffix(suffix) ? String(stored.dropLast(suffix.count)) : stored
    }
}
