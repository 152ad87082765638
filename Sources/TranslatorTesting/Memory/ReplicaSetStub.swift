import TranslatorCore

/// `testing/replica-set`: what an engine needs of `cluster/replicate`, and nothing that writes. For healers, which work
/// on the replicas themselves; where transactions matter a test stands on the real one.
public final class ReplicaSetStub: ReplicaSet {
    public static let type: TranslatorType = "testing/replica-set"
    public static let needs: SubvolumeNeed = .atLeast(2)
    public static let options: [OptionDeclaration] = [
        .text("domain", default: nil, "The lock domain; by default this volume's name."),
        .flag("ensure-durability", default: true, "Whether sources are synced before marks go."),
    ]

    public let volume: Volume
    public init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    public var replicas: [any Translator] { subvolumes }
    public var pendingKeys: [String] { subvolumes.map { "trusted.afr." + $0.name } }
    public var lockDomain: String { volume.options.text(ifSet: "domain") ?? name }
    public var quorum: QuorumRule { subvolumes.count > 2 ? .auto : .none }
    public var up: [Bool] { subvolumes.map { _ in true } }
    public var ensuresDurability: Bool { volume.options.flag("ensure-durability") }
    public var locksEagerly: Bool { true }
    public var volumeID: Gfid? { nil }
    public func settle(_ inode: Inode) async {}
    public func descriptor(of fd: Fd, on replica: Int) -> Fd? { nil }
    public func rely(on replica: Int?, for inode: Inode) {}
}
