import Synchronization
import TranslatorCore

/// Answers the lock counts of gluster-wire.md §8 in the replies to LOOKUP, STAT, WRITE and FSYNC. A request without
/// such a key costs one look at its xdata.
extension LocksTranslator {
    private enum Key {
        static let entrylkCount = "glusterfs.entrylk-count"
        static let posixlkCount = "glusterfs.posixlk-count"
        static let manyDomains = "glusterfs.multi-dom-lk-cnt-req"
        static let domainPrefix = "glusterfs.inodelk-dom-prefix:"
        static let parentEntrylk = "glusterfs.parent-entrylk"
    }

    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        var reply = try await subvolume.lookup(request, in: frame)
        if request.xdata.isEmpty { return reply }
        addCounts(to: &reply.xdata, asked: request.xdata, gfid: reply.iatt.gfid)
        if request.xdata[Key.parentEntrylk] != nil, case .name(let name, let parent) = request.target,
            isEntryLocked(name, in: parent.gfid)
        {
            reply.xdata[Key.parentEntrylk] = .int(1)
        }
        return reply
    }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        var reply = try await subvolume.stat(request, in: frame)
        if !request.xdata.isEmpty {
            addCounts(to: &reply.xdata, asked: request.xdata, gfid: request.target.inode.gfid)
        }
        return reply
    }

    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        if request.xdata.isEmpty { return try await subvolume.writev(request, in: frame) }
        var reply = try await subvolume.writev(request, in: frame)
        addCounts(to: &reply.xdata, asked: request.xdata, gfid: request.fd.inode.gfid)
        return reply
    }

    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        var reply = try await subvolume.fsync(request, in: frame)
        if !request.xdata.isEmpty { addCounts(to: &reply.xdata, asked: request.xdata, gfid: request.fd.inode.gfid) }
        return reply
    }

    private func addCounts(to answer: inout Xdata, asked: Xdata, gfid: Gfid) {
        if let domain = asked[XdataKey.inodelkDomainCount]?.string {
            answer[XdataKey.inodelkCount] = .int(inodelkCount(gfid, domain: domain))
        } else if asked[XdataKey.inodelkCount] != nil {
            answer[XdataKey.inodelkCount] = .int(inodelkCount(gfid, domain: nil))
        }
        if asked[Key.manyDomains] != nil {
            for key in asked.keys where key.hasPrefix(Key.domainPrefix) {
                answer[key] = .int(inodelkCount(gfid, domain: String(key.dropFirst(Key.domainPrefix.count))))
            }
        }
        if asked[Key.entrylkCount] != nil {
            answer[Key.entrylkCount] = .int(count(gfid) { $0.entrylks.values.reduce(0) { $0 + $1.count } })
        }
        if asked[Key.posixlkCount] != nil { answer[Key.posixlkCount] = .int(count(gfid) { $0.posix.count }) }
    }

    /// Granted and waiting, in `domain` or (nil) in all. In a domain other processes count too, as one that holds and
    /// one that waits: the kernel tells no more. In all domains together they cannot be found.
    func inodelkCount(_ gfid: Gfid, domain: String?) -> Int64 {
        guard let domain else { return count(gfid) { $0.inodelks.values.reduce(0) { $0 + $1.count } } }
        let key = LockTableKey(gfid: gfid, kind: InodelkClaim.kind, domain: domain)
        let whole = InodelkClaim(range: .whole, mode: .write)
        let result = stripe(gfid).state.withLock { stripe in
            withTable(key, in: &stripe) { (table: inout LockTable<InodelkClaim>, others) in
                table.count + (others.isHeldElsewhere() ? 1 : 0) + (others.isWanted(whole) ? 1 : 0)
            }
        }
        return Int64((try? result.get()) ?? 0)
    }

    private func count(_ gfid: Gfid, _ count: (InodeLocks) -> Int) -> Int64 {
        stripe(gfid).state.withLock { stripe in Int64(stripe.inodes[gfid].map(count) ?? 0) }
    }

    private func isEntryLocked(_ name: EntryName, in parent: Gfid) -> Bool {
        stripe(parent).state.withLock { stripe in
            stripe.inodes[parent]?.entrylks.values.contains { table in
                table.grants.contains { $0.claim.name == nil || $0.claim.name == name }
            } ?? false
        }
    }
}
