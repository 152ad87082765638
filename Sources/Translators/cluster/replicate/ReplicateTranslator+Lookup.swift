import ReplicaState
import Synchronization
import TranslatorCore

extension ReplicateTranslator {
    /// Looks on all replicas, and answers what the good ones agree on. EIO where they do not: other gfids or types
    /// under one name. Starts no heal. `gfid-req` gives a gfid to what has none on any replica (`Adoption`).
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        var request = request
        let wanted = request.xdata.removeValue(forKey: XdataKey.gfidRequest)
        if case .inode(let inode) = request.target, let iatt = standing(for: inode) { return LookupReply(iatt: iatt) }
        do throws(FopError) { return try await find(request, in: frame) } catch {
            if error == .io, case .name(let name, let parent) = request.target,
                let reply = await splitName(name, in: parent, frame)
            {
                return reply
            }
            guard error == .noData, let wanted, case .name(let name, let parent) = request.target else { throw error }
            // Whoever is making it gives it a gfid before the name's lock is free.
            do throws(FopError) { return try await findUnderLock(request, name, parent, in: frame) } catch {
                guard error == .noData else { throw error }
            }
            try await adopt(name, in: parent, as: wanted, in: frame)
            return try await find(request, in: frame)
        }
    }

    private func find(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        var request = request
        let isSettled = request.xdata.removeValue(forKey: XdataKey.settledName) != nil
        if isSettled, case .name(let name, let parent) = request.target {
            return try await findUnderLock(request, name, parent, in: frame)
        }
        let first = try await look(request, in: frame)
        guard case .name(let name, let parent) = request.target, first.differ else {
            return try answer(request, first, trusted: first.found, in: frame)
        }
        let good = try await readable(.inode(parent), in: frame).data
        if !first.differ(among: good) {
            return try answer(request, first, trusted: first.trusted(among: good), in: frame)
        }
        return try await findUnderLock(request, name, parent, in: frame)
    }

    /// Good replicas differ about a name: while it is being changed they do so for a moment, one after the other. With
    /// its lock held nobody changes it, and what they say then is how it is.
    private func findUnderLock(
        _ request: LookupRequest, _ name: EntryName, _ parent: Inode, in frame: Frame
    ) async throws(FopError) -> LookupReply {
        let own = Frame(caller: .root, lockOwner: .unique(), time: .zero, unique: frame.unique)
        let locks = [ReplicaLock.name(name, parent)]
        let held = try await lock(locks, on: connections.up, in: own)
        let result: Result<LookupReply, FopError>
        do throws(FopError) {
            let settled = try await look(request, in: frame)
            // Whoever was at it may have noted that a replica missed it.
            let good = settled.differ ? try await refresh(.inode(parent), in: frame).data : nobody
            let trusted = settled.differ ? settled.trusted(among: good) : settled.found
            let reply = try answer(request, settled, trusted: trusted, in: frame)
            if let inode = reply.inode { context(inode).state.withLock { $0.isLacked = settled.differ } }
            result = .success(reply)
        } catch {
            result = .failure(error)
        }
        await unlock(locks, on: held, in: own)
        return try result.get()
    }

    private func look(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> Look {
        let (connections, doubts) = (connections, doubtCount)
        guard connections.up.contains(true) else { throw .notConnected }
        if settings.readsNeedQuorum { try settings.quorum.check(connections.up) }
        let xdata = request.xdata.merging(readableQuestions) { asked, _ in asked }
        let answers = await windAll(connections.up) { [self] replica throws(FopError) in
            try await replicas[replica].lookup(LookupRequest(request.target, xdata: xdata), in: frame)
        }
        return Look(answers: answers, connections: connections, doubts: doubts)
    }

    private func answer(
        _ request: LookupRequest, _ look: Look, trusted: [Bool], in frame: Frame
    ) throws(FopError) -> LookupReply {
        guard let first = trusted.firstIndex(of: true), let found = look.answers[first]?.value else {
            throw Self.refusal(look.answers)
        }
        let iatt = found.iatt
        for (replica, isTrusted) in trusted.enumerated() where isTrusted {
            guard let other = look.answers[replica]?.value?.iatt else { continue }
            guard other.gfid == iatt.gfid, other.type == iatt.type else {
                throw disagreement(request.target, iatt, first, other, replica)
            }
        }
        return merge(look.answers, like: iatt, look.connections, look.doubts, in: frame)
    }

    /// What the replicas said of one object at about the same time.
    private struct Look {
        let answers: Answers<LookupReply>
        let connections: Connections
        /// Doubts, ever, when they were asked.
        let doubts: UInt64
        let found: [Bool]
        private let lacking: [Bool]
        /// Who says that it is there, or that it is not. A brick that is in the middle of making it says ENODATA, one
        /// that has lost its directory ESTALE.
        private let isSure: [Bool]

        init(answers: Answers<LookupReply>, connections: Connections, doubts: UInt64) {
            (self.answers, self.connections, self.doubts) = (answers, connections, doubts)
            found = answers.map { $0?.value != nil }
            lacking = answers.map { $0?.error == .noEntry }
            let isAbsent = answers.map { [.noEntry, .noData, .stale].contains($0?.error) }
            isSure = zip(found, isAbsent).map { $0 || $1 }
        }

        var differ: Bool { differ(among: isSure) }

        func differ(among chosen: [Bool]) -> Bool {
            var first: Iatt??
            for replica in chosen.indices where chosen[replica] && isSure[replica] {
                let iatt = answers[replica]?.value?.iatt
                if let first, first?.gfid != iatt?.gfid || first?.type != iatt?.type { return true }
                first = .some(iatt)
            }
            return false
        }

        /// Whose answer counts: those that have the object and whose directory misses no names. If one of the latter
        /// says that it does not exist and none says that it does, it does not.
        func trusted(among good: [Bool]) -> [Bool] {
            let trusted = zip(found, good).map { $0 && $1 }
            if trusted.contains(true) { return trusted }
            let isDenied = zip(lacking, good).contains { $0 && $1 }
            return isDenied ? found.map { _ in false } : found
        }
    }

    private static func refusal(_ answers: Answers<LookupReply>) -> FopError {
        let errors = answers.compactMap { $0?.error }
        return errors.first { $0 == .noEntry } ?? errors.first { $0 != .notConnected } ?? errors.first ?? .noEntry
    }

    private func disagreement(
        _ target: LookupRequest.Target, _ a: Iatt, _ first: Int, _ b: Iatt, _ second: Int
    ) -> FopError {
        var what = "gfid \(a.gfid)"
        if case .name(let name, let parent) = target { what = "\"\(name)\" in gfid \(parent.gfid)" }
        let (one, other) = (replicas[first].name, replicas[second].name)
        volume.log(
            .error,
            "\(what): \"\(one)\" has \(a.type) \(a.gfid), \"\(other)\" has \(b.type) \(b.gfid); to fix: healctl split-brain list"
        )
        return .io
    }

    /// One reply from all: attributes from a replica that misses no metadata, size from one that misses no data.
    private func merge(
        _ answers: Answers<LookupReply>, like iatt: Iatt, _ connections: Connections, _ doubts: UInt64, in frame: Frame
    ) -> LookupReply {
        let same = answers.map { answer in answer?.value.flatMap { $0.iatt.gfid == iatt.gfid ? $0 : nil } }
        // The name may stand for another file there by now.
        let lost = zip(answers, same).map { answer, same in
            answer?.value != nil && same == nil || answer?.error?.isAbsence ?? false
        }
        let inode = volume.environment.inodes.inode(iatt.gfid, type: iatt.type)
        let readable = learn(
            inode, iatts: same.map { $0?.iatt }, xdata: same.map { $0?.xdata ?? [:] },
            isComplete: !answers.contains { $0?.error?.isSilence ?? false }, lost: lost, connections, doubts)
        let settings = settings
        func best(_ good: [Bool]) -> LookupReply? {
            order(good, for: inode, in: frame, settings).lazy.compactMap { same[$0] }.first
        }
        let anybody = same.compactMap(\.self).first!
        var reply = best(readable.both) ?? best(readable.metadata) ?? anybody
        let data = best(readable.both) ?? best(readable.data) ?? anybody
        reply.iatt.takeContent(of: data.iatt)
        reply.xdata = reply.xdata.filter { !$0.key.hasPrefix("trusted.afr.") }
        reply.inode = inode
        return reply
    }
}

extension Iatt {
    /// What follows from content, from a replica that is good for it.
    mutating func takeContent(of other: Iatt) { (size, blocks, mtime) = (other.size, other.blocks, other.mtime) }
}
