import ReplicaState
import TranslatorCore

extension ReplicateTranslator: NameSettling {
    /// Finishes a change of names that a dead client left half done, under its locks (DESIGN §3.6): does it on every
    /// replica that is as it was *before*, if all the others are as they are *after*. Idempotent, and touches nothing
    /// that is not exactly as the change says. ENOTCONN while a replica is down.
    public func settle(_ change: NameChange, isBelieved: Bool) async throws(FopError) -> SettledName {
        let (connections, settings) = (connections, settings)
        guard !connections.up.contains(false) else { throw .notConnected }
        let named = change.places.map { (parent: directory($0.parent), name: $0.name) }
        let locks = LockedChange.entry(named)
        let frame = Frame(caller: .root, time: volume.environment.time.wallClock())
        let held: [Bool]
        do throws(FopError) { held = try await lock(locks.locks, on: connections.up, in: frame) } catch {
            // The directory is gone everywhere, and its names with it.
            if error.isAbsence { return .alike }
            throw error
        }
        let result: Result<SettledName, FopError>
        do throws(FopError) {
            guard !held.contains(false) else { throw .notConnected }
            let locked = UnderLocks(settings: settings, connections: connections, held: held, frame: frame)
            let settled = try await settleLocked(isBelieved ? change : nil, named, locks, locked)
            await mendPaths(of: [change.object, change.replaced], locked)
            if isBelieved, settled != .told { await removeNameless(change, in: named[0].parent, locked) }
            result = .success(settled)
        } catch {
            result = .failure(error)
        }
        await unlock(locks.locks, on: held, in: frame)
        return try result.get()
    }

    /// Of what lost a name; what has one gets it recorded where it is looked up.
    private func mendPaths(of objects: [Gfid], _ locked: UnderLocks) async {
        for object in objects where !object.isNone {
            let inode = Inode(gfid: object, type: .unknown)
            _ = await windAll(locked.held) { [self] replica throws(FopError) in
                _ = try await replicas[replica].lookup(
                    LookupRequest(.inode(inode), xdata: [XdataKey.mendPaths: .uint(1)]), in: locked.frame)
            }
        }
    }

    func directory(_ gfid: Gfid) -> Inode { volume.environment.inodes.inode(gfid, type: .directory) }

    private func settleLocked(
        _ change: NameChange?, _ named: [(parent: Inode, name: EntryName)], _ locks: LockedChange, _ locked: UnderLocks
    ) async throws(FopError) -> SettledName {
        let found = try await standing(at: named, locked.frame)
        guard Set(found).count > 1 else { return .alike }
        let names = named.map { "\"\($0.name)\" in gfid \($0.parent.gfid)" }.joined(separator: ", ")
        if let change, await finish(change, found, named, locked) {
            volume.log(.info, "\(change.kind) of \(names): finished what a client that died had begun")
            return .finished
        }
        _ = await send(locks, blaming: nobody, dirty: 1, names: true, to: locked.held, locked)
        volume.log(.warning, "\(names): the replicas differ since a client died, and nothing says which is right")
        return .told
    }

    /// For each replica the gfids at these names, none for nothing.
    func standing(at named: [(parent: Inode, name: EntryName)], _ frame: Frame) async throws(FopError) -> [[Gfid]] {
        let answers = await windAll(connections.up) { [self] replica throws(FopError) -> [Gfid] in
            var found: [Gfid] = []
            for (parent, name) in named {
                do throws(FopError) {
                    let look = LookupRequest(.name(name, parent: parent), xdata: [XdataKey.mendPaths: .uint(1)])
                    found.append(try await replicas[replica].lookup(look, in: frame).iatt.gfid)
                } catch {
                    guard error == .noEntry else { throw error }
                    found.append(.none)
                }
            }
            return found
        }
        var result: [[Gfid]] = []
        for answer in answers {
            guard let found = try answer?.get() else { throw .notConnected }
            result.append(found)
        }
        return result
    }

    /// Does the change on the replicas that are before it. False where it does not explain how they differ, or where
    /// one of them did not.
    private func finish(
        _ change: NameChange, _ found: [[Gfid]], _ named: [(parent: Inode, name: EntryName)], _ locked: UnderLocks
    ) async -> Bool {
        let progress = found.map { change.progress($0) }
        guard !progress.contains(.neither) else { return false }
        let lacking = progress.map { $0 == .before }
        let (parent, name) = named[0], frame = locked.frame
        if change.kind == .make {
            guard let source = lacking.firstIndex(of: false) else { return false }
            return await bring(change.object, as: name, in: parent, from: source, to: lacking, locked)
        }
        let outcome = Outcome(
            await windAll(lacking) { [self] replica throws(FopError) in
                let brick = replicas[replica]
                switch change.kind {
                case .make: break
                case .link:
                    let inode = volume.environment.inodes.inode(change.object, type: .unknown)
                    _ = try await brick.link(LinkRequest(inode: inode, parent: parent, name: name), in: frame)
                case .unlink: _ = try await brick.unlink(UnlinkRequest(parent: parent, name: name), in: frame)
                case .rmdir: _ = try await brick.rmdir(RmdirRequest(parent: parent, name: name), in: frame)
                case .rename, .exchange:
                    let flags: RenameFlags = change.kind == .exchange ? .exchange : []
                    let request = RenameRequest(
                        oldParent: parent, oldName: name, newParent: named[1].parent, newName: named[1].name,
                        flags: flags)
                    _ = try await brick.rename(request, in: frame)
                }
            })
        return outcome.succeeded == lacking
    }

    /// What lost its last name may have kept its handle where the client died between the two: a file that nobody can
    /// reach, whose marks nobody can heal. It gets a name for a moment, and loses it as any other does.
    private func removeNameless(_ change: NameChange, in parent: Inode, _ locked: UnderLocks) async {
        let lost: Gfid = change.kind == .unlink ? change.object : change.kind == .rename ? change.replaced : .none
        guard !lost.isNone else { return }
        let name = EntryName(".\(lost).gone"), inode = Inode(gfid: lost, type: .unknown)
        _ = await windAll(locked.held) { [self] replica throws(FopError) in
            let brick = replicas[replica], frame = locked.frame
            let found = try await brick.lookup(LookupRequest(.inode(inode)), in: frame).iatt
            guard found.nlink == 0, !found.isDirectory else { return }
            _ = try await brick.link(LinkRequest(inode: inode, parent: parent, name: name), in: frame)
            _ = try await brick.unlink(UnlinkRequest(parent: parent, name: name), in: frame)
        }
    }
}
