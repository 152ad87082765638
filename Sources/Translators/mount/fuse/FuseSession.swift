import CFuse
import FuseProtocol
import Synchronization
import TranslatorCore

/// One mounted volume while it is mounted: what requests of all workers share.
final class FuseSession: Sendable {
    let top: any Translator
    let environment: GraphEnvironment
    let settings: FuseMountSettings
    let features: FuseFeatures
    let nodes: NodeTable
    let newGfids = NewGfids()
    let handles = HandleTable()
    let lockWaits = LockWaits()
    let secondWalks = SecondWalks()
    let writeGate: WriteGate
    let callerGroups: CallerGroups
    /// Asked before a read-only mount is remounted for writing.
    let becomeWriter: @Sendable () async throws(FopError) -> Void
    /// Whether bricks of a GlusterFS cluster stand below, which its own mounts use too.
    let isClustered: Bool
    let entryValid: FuseValidity, attributesValid: FuseValidity, absentValid: FuseValidity
    /// Set once, at the end: requests that are still read are refused.
    let isEnding = Atomic<Bool>(false)

    init(
        top: any Translator, environment: GraphEnvironment, settings: FuseMountSettings, features: FuseFeatures,
        writeGate: WriteGate, isClustered: Bool, becomeWriter: @escaping @Sendable () async throws(FopError) -> Void
    ) {
        (self.top, self.environment, self.settings, self.features) = (top, environment, settings, features)
        (self.writeGate, self.isClustered, self.becomeWriter) = (writeGate, isClustered, becomeWriter)
        callerGroups = CallerGroups(timeout: settings.groupsTimeout)
        nodes = NodeTable(root: environment.inodes.inode(.root, type: .directory))
        entryValid = FuseValidity(settings.entryTimeout)
        attributesValid = FuseValidity(settings.attributeTimeout)
        absentValid = FuseValidity(settings.negativeTimeout)
    }

    var isWriteback: Bool { features.contains(.writebackCache) }

    func node(_ number: UInt64) throws(FopError) -> Node {
        guard let node = nodes[number] else { throw .stale }
        return node
    }

    func handle(_ number: UInt64) throws(FopError) -> OpenHandle {
        guard let handle = handles[number] else { throw .badDescriptor }
        return handle
    }

    /// Until when a fact seen now is believed.
    var beliefEnd: MonotonicTime { environment.time.now() + settings.attributeTimeout }

    func frame(_ call: FuseCall, lockOwner: UInt64? = nil) -> Frame {
        let caller = Caller(
            pid: Int32(truncatingIfNeeded: call.pid), uid: call.uid, gid: call.gid, groups: groups(call))
        return Frame(
            caller: caller, lockOwner: lockOwner.map(Self.owner) ?? .unique(), time: environment.time.wallClock(),
            unique: call.unique)
    }

    /// Nobody checks by them on bricks that are directories here, as the kernel has.
    private func groups(_ call: FuseCall) -> [UInt32] {
        guard isClustered, settings.resolvesGroups, call.uid != 0 else { return [] }
        return callerGroups.of(pid: call.pid, uid: call.uid, gid: call.gid, at: environment.time.now())
    }

    /// The kernel scrambles a pointer into a lock's owner; the result could be 0, which GlusterFS's bricks refuse.
    static func owner(_ kernelOwner: UInt64) -> LockOwner { LockOwner(rawValue: kernelOwner == 0 ? .max : kernelOwner) }
}

/// Who asks, for what, and where to answer: what all of a request's code needs of its header.
struct FuseCall: Sendable {
    let unique: UInt64
    let node: UInt64
    let uid: UInt32, gid: UInt32, pid: UInt32
    let queue: FuseQueue

    init(_ header: FuseRequestHeader, queue: FuseQueue) {
        (unique, node, uid, gid, pid) = (header.unique, header.node, header.uid, header.gid, header.pid)
        self.queue = queue
    }
}
