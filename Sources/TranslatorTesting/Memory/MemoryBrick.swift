import ReplicaState
import Synchronization
import TranslatorCore

/// A brick that lives in memory: files with holes, xattrs, the xattrop and dirty indices and the locks of a genuine
/// brick (gluster-wire.md §9 to §11). Any number of `MemoryStorage` translators are connections to it, so that a test
/// can have writers and healers of several processes, kill one, and look at what is left.
public final class MemoryBrick: Sendable {
    struct State {
        var files: [Gfid: MemoryFile] = [:]
        var names: [EntryName: Gfid] = [:]
        var xattropIndex: Set<Gfid> = [], dirtyIndex: Set<Gfid> = []
        var locks = MemoryLocks()
        var now: Int64 = 1_700_000_000
        /// Grows with everything that changes a file.
        var changeCount: UInt64 = 0
        /// What a power cut leaves; nil where none is to come.
        var disk: MemoryDisk?
        /// Grows with every power cut.
        var boot = 0
        var connections: [UInt64: @Sendable (Gfid, String, LockRange) -> Void] = [:]

        /// Every change of a file goes through here.
        mutating func apply(_ change: MemoryChange, to gfid: Gfid) throws(FopError) {
            guard files[gfid] != nil else { throw .stale }
            files[gfid]!.apply(change)
            disk?.changed(gfid, change)
            changeCount += 1
        }
    }
    let state = Mutex(State())
    /// Called before and after every fop's effect: where a simulator lets others go first, or kills.
    let pause: @Sendable () async -> Void
    let xattropIndexGfid = Gfid(high: 0x1000, low: 0x8000_0000_0000_0001)
    let dirtyIndexGfid = Gfid(high: 0x1000, low: 0x8000_0000_0000_0002)

    /// `losesPower`: it keeps what `losePower` needs to know.
    public init(losesPower: Bool = false, pause: @escaping @Sendable () async -> Void = {}) {
        self.pause = pause
        state.withLock { state in
            if losesPower { state.disk = MemoryDisk() }
            let root = MemoryFile(gfid: .root, type: .directory)
            state.files[.root] = root
            state.disk?.synced(.root, root)
            for index in [xattropIndexGfid, dirtyIndexGfid] {
                state.files[index] = MemoryFile(gfid: index, type: .directory)
            }
        }
    }

    // Behind the stack's back, for tests.

    /// Puts a file there as if it had always been.
    public func place(_ gfid: Gfid, name: EntryName? = nil, _ content: [UInt8] = [], type: FileType = .regular) {
        state.withLock { state in
            var file = MemoryFile(gfid: gfid, type: type)
            file.write(content, at: 0)
            state.files[gfid] = file
            state.disk?.synced(gfid, file)
            if let name { state.names[name] = gfid }
        }
    }
    public func remove(_ gfid: Gfid) {
        state.withLock { state in
            state.files[gfid] = nil
            state.names = state.names.filter { $0.value != gfid }
        }
    }
    /// Leaves the gfid's handle alone.
    public func removeNames(_ gfid: Gfid) {
        state.withLock { state in
            state.files[gfid]!.iatt.nlink = 0
            state.names = state.names.filter { $0.value != gfid }
        }
    }
    public func change(_ gfid: Gfid, write bytes: [UInt8], at offset: Int) {
        state.withLock { $0.files[gfid]!.write(bytes, at: offset) }
    }
    public func punch(_ gfid: Gfid, _ offset: Int, _ count: Int) {
        state.withLock { $0.files[gfid]!.zero(offset, count, keepsSize: true) }
    }
    public func truncate(_ gfid: Gfid, to size: Int) { state.withLock { $0.files[gfid]!.truncate(to: size) } }
    public func content(_ gfid: Gfid) -> [UInt8]? { state.withLock { $0.files[gfid]?.content } }
    /// Numbers of the 4 KiB blocks that hold data.
    public func dataMap(_ gfid: Gfid) -> [Int]? { state.withLock { $0.files[gfid]?.dataMap } }
    public func iatt(_ gfid: Gfid) -> Iatt? { state.withLock { $0.files[gfid]?.iatt } }
    public func xattr(_ gfid: Gfid, _ name: String) -> [UInt8]? { state.withLock { $0.files[gfid]?.xattrs[name] } }
    public func xattrNames(_ gfid: Gfid) -> [String] {
        state.withLock { $0.files[gfid]?.xattrs.keys.sorted() ?? [] }
    }
    public func setXattr(_ gfid: Gfid, _ name: String, _ value: [UInt8]) {
        state.withLock { state in
            try! state.apply(.xattrs([name: value]), to: gfid)
            state.updateIndex(gfid, watched: name, isNonZero: value.contains { $0 != 0 })
        }
    }
    public func removeXattr(_ gfid: Gfid, _ name: String) { state.withLock { $0.files[gfid]!.xattrs[name] = nil } }
    /// Owner and permissions as if they had always been.
    public func setMode(_ gfid: Gfid, _ permissions: UInt32, uid: UInt32 = 0) {
        state.withLock { state in
            let type = state.files[gfid]!.iatt.type
            (state.files[gfid]!.iatt.mode, state.files[gfid]!.iatt.uid) = (type.rawValue | permissions, uid)
        }
    }
    public func counts(_ gfid: Gfid, _ name: String) -> PendingCounts {
        guard let counts = try? PendingCounts(xattr: xattr(gfid, name)) else { fatalError("\(name) is not 12 bytes") }
        return counts
    }
    /// Makes content and holes of the file those of another brick's.
    public func copy(_ gfid: Gfid, from other: MemoryBrick) {
        let file = other.state.withLock { $0.files[gfid]! }
        state.withLock { state in
            let xattrs = state.files[gfid]?.xattrs ?? [:]
            state.files[gfid] = file
            state.files[gfid]!.xattrs = xattrs
        }
    }
    /// Takes all xattrs off without the index hearing of it.
    public func dropXattrs(_ gfid: Gfid) { state.withLock { $0.files[gfid]!.xattrs = [:] } }
    public var indexed: Set<Gfid> { state.withLock { $0.xattropIndex } }
    public var dirtyIndexed: Set<Gfid> { state.withLock { $0.dirtyIndex } }
    /// Grows with every change of content or xattrs.
    public var changeCount: UInt64 { state.withLock { $0.changeCount } }
    /// Nobody holds or waits for any lock.
    public var isUnlocked: Bool { state.withLock { $0.locks.isEmpty } }
    /// Ranges granted in a domain.
    public func granted(_ gfid: Gfid, domain: String) -> [LockRange] {
        state.withLock { $0.locks.granted(gfid, domain).map(\.range) }
    }
}

extension MemoryBrick.State {
    static func isPendingKey(_ name: String) -> Bool {
        name.hasPrefix("trusted.afr.") && !name.hasPrefix("trusted.afr.bypass.") && name != PendingCounts.dirtyKey
    }

    mutating func updateIndex(_ gfid: Gfid, watched name: String, isNonZero: Bool) {
        guard isNonZero else { return }
        if name == PendingCounts.dirtyKey { dirtyIndex.insert(gfid) }
        if Self.isPendingKey(name) { xattropIndex.insert(gfid) }
    }

    /// XATTROP with ADD_ARRAY, and what the index translator does about it.
    mutating func addArrays(_ gfid: Gfid, _ deltas: Xattrs) throws(FopError) -> Xattrs {
        guard let file = files[gfid] else { throw .stale }
        var answers: Xattrs = [:]
        for (name, delta) in deltas {
            let old = file.xattrs[name] ?? Array(repeating: 0, count: delta.count)
            guard old.count == delta.count, delta.count.isMultiple(of: 4) else { throw .invalid }
            var sum = ByteWriter(capacity: delta.count)
            for at in stride(from: 0, to: delta.count, by: 4) {
                let word = { (bytes: [UInt8]) in (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(bytes[at + $1]) } }
                sum.uint32(word(old) &+ word(delta))
            }
            answers[name] = sum.bytes
            updateIndex(gfid, watched: name, isNonZero: delta.contains { $0 != 0 })
        }
        let watched = answers.filter { Self.isPendingKey($0.key) }
        if !watched.isEmpty, watched.values.allSatisfy({ $0.allSatisfy { $0 == 0 } }) { xattropIndex.remove(gfid) }
        if let dirty = answers[PendingCounts.dirtyKey], dirty.allSatisfy({ $0 == 0 }) { dirtyIndex.remove(gfid) }
        let changed = answers.filter { deltas[$0.key]!.contains { $0 != 0 } }
        if !changed.isEmpty { try apply(.xattrs(changed), to: gfid) }
        return answers
    }
}
