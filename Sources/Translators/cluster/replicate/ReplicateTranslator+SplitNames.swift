import ReplicaState
import Synchronization
import TranslatorCore

// A name under which good replicas have different objects, and nothing says which is right.
extension ReplicateTranslator {
    /// What a look-up answers for such a name, looked at again under its lock; nil if it is none. An object of no
    /// replica, which has attributes and nothing else: the name can be removed, and another moved over it, on every
    /// replica whatever stands there; all else fails. Its directory is made dirty, so that healers find and tell it.
    func splitName(_ name: EntryName, in parent: Inode, _ frame: Frame) async -> LookupReply? {
        let change = LockedChange.entry([(parent, name)])
        let own = Frame(caller: .root, time: frame.time, unique: frame.unique)
        let (connections, settings) = (connections, settings)
        guard let held = try? await lock(change.locks, on: connections.up, in: own) else { return nil }
        let locked = UnderLocks(settings: settings, connections: connections, held: held, frame: own)
        let copies = await windAll(held) { [self] replica throws(FopError) in
            try await replicas[replica].lookup(LookupRequest(.name(name, parent: parent)), in: own).iatt
        }
        let found = copies.compactMap { $0?.value }
        var reply: LookupReply?
        if Set(found.map(\.gfid)).count > 1 {
            await tell(change, of: parent, locked)
            reply = stand(for: found)
        }
        await unlock(change.locks, on: held, in: own)
        return reply
    }

    /// Raises the directory's dirty, if nobody has.
    private func tell(_ change: LockedChange, of parent: Inode, _ locked: UnderLocks) async {
        let asked: Xdata = [PendingCounts.dirtyKey: .int(0)]
        let answers = await windAll(locked.held) { [self] replica throws(FopError) in
            let look = LookupRequest(.inode(parent), xdata: asked)
            let said = try await replicas[replica].lookup(look, in: locked.frame).xdata[PendingCounts.dirtyKey]
            return (try? PendingCounts(xattr: said?.bytes)) ?? .zero
        }
        if answers.contains(where: { ($0?.value ?? .zero).entry != 0 }) { return }
        _ = await send(change, blaming: nobody, dirty: 1, names: true, to: locked.held, locked)
    }

    private func stand(for found: [Iatt]) -> LookupReply {
        var iatt = found[0]
        // Of no object, and the same at every look.
        let mixed = Set(found.map(\.gfid)).reduce((high: UInt64(0), low: UInt64(0))) {
            ($0.high ^ $1.high, $0.low ^ $1.low)
        }
        iatt.gfid = Gfid(high: mixed.high & ~0xF000 | 0x8000, low: mixed.low & ~(3 << 62) | (2 << 62))
        let type = found.allSatisfy { $0.type == iatt.type } ? iatt.type : .regular
        (iatt.mode, iatt.nlink, iatt.size, iatt.blocks) = (type.rawValue, 1, 0, 0)
        let inode = volume.environment.inodes.inode(iatt.gfid, type: type)
        let stand = iatt
        context(inode).state.withLock { $0.standsFor = stand }
        return LookupReply(iatt: iatt, inode: inode)
    }

    /// The attributes of an object that stands for several.
    func standing(for inode: Inode) -> Iatt? {
        guard let context: ReplicaInode = inode.contexts.context(at: slot) else { return nil }
        return context.state.withLock { $0.standsFor }
    }

    /// Keeps what `kept` has under a name on which the replicas differ, and brings it to the others (DESIGN §3.6). What
    /// they have there instead gets a name of its own beside it, on all replicas, or with `discarding` goes. Answers
    /// the names it was given. ENOTEMPTY for a directory with something in it, ENOENT where `kept` has nothing.
    public func keep(
        _ place: NameChange.Place, of kept: Int, discarding: Bool
    ) async throws(FopError) -> [EntryName] {
        let (connections, settings) = (connections, settings)
        guard !connections.up.contains(false) else { throw .notConnected }
        let parent = directory(place.parent)
        let frame = Frame(caller: .root, time: volume.environment.time.wallClock())
        // All names of the directory: more than one changes.
        let locks = [ReplicaLock.name(nil, parent)]
        let held = try await lock(locks, on: connections.up, in: frame)
        let result: Result<[EntryName], FopError>
        do throws(FopError) {
            guard !held.contains(false) else { throw .notConnected }
            let locked = UnderLocks(settings: settings, connections: connections, held: held, frame: frame)
            result = .success(try await keep(place.name, in: parent, of: kept, discarding, locked))
        } catch {
            result = .failure(error)
        }
        await unlock(locks, on: held, in: frame)
        return try result.get()
    }

    private func keep(
        _ name: EntryName, in parent: Inode, of kept: Int, _ isDiscarding: Bool, _ locked: UnderLocks
    ) async throws(FopError) -> [EntryName] {
        let found = try await standing(at: [(parent, name)], locked.frame).map { $0[0] }
        guard !found[kept].isNone else { throw .noEntry }
        var aside: [EntryName] = []
        for other in Set(found).sorted() where !other.isNone && other != found[kept] {
            let holders = found.map { $0 == other }
            guard let name = try await clear(name, in: parent, of: other, on: holders, isDiscarding, locked) else {
                continue
            }
            aside.append(name)
            let isThere = await bring(
                other, as: name, in: parent, from: holders.firstIndex(of: true)!, to: holders.map { !$0 }, locked)
            if !isThere { throw .io }
        }
        let lacking = found.map { $0 != found[kept] }
        if lacking.contains(true) {
            guard await bring(found[kept], as: name, in: parent, from: kept, to: lacking, locked) else { throw .io }
        }
        return aside
    }

    /// Takes the name from an object on the replicas that have it there; answers the one it has now, nil for none.
    private func clear(
        _ name: EntryName, in parent: Inode, of gfid: Gfid, on holders: [Bool], _ isDiscarding: Bool,
        _ locked: UnderLocks
    ) async throws(FopError) -> EntryName? {
        let suffix = Array(".split-brain-\(gfid.description.prefix(8))".utf8)
        let aside = EntryName(bytes: name.bytes.prefix(EntryName.bytesMax - suffix.count) + suffix)
        let answers = await windAll(holders) { [self] replica throws(FopError) -> Bool in
            let brick = replicas[replica], frame = locked.frame
            let look = LookupRequest(.name(name, parent: parent))
            if try await brick.lookup(look, in: frame).iatt.isDirectory {
                _ = try await brick.rmdir(RmdirRequest(parent: parent, name: name), in: frame)
                return false
            }
            if isDiscarding {
                _ = try await brick.unlink(UnlinkRequest(parent: parent, name: name), in: frame)
                return false
            }
            let move = RenameRequest(oldParent: parent, oldName: name, newParent: parent, newName: aside)
            _ = try await brick.rename(move, in: frame)
            return true
        }
        var isAside = false
        for answer in answers {
            guard let answer else { continue }
            isAside = try answer.get()
        }
        return isAside ? aside : nil
    }
}
