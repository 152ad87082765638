import ReplicaState
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
            try await adopt(name, in: parent, as: wanted, in: frame)
            return try await find(request, in: frame)
        }
    }

    private func find(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        let (connections, doubts) = (connections, doubtCount)
        guard connections.up.contains(true) else { throw .notConnected }
        if settings.readsNeedQuorum { try settings.quorum.check(connections.up) }
        let xdata = request.xdata.merging(readableQuestions) { asked, _ in asked }
        let answers = await windAll(connections.up) { [self] replica throws(FopError) in
            try await replicas[replica].lookup(LookupRequest(request.target, xdata: xdata), in: frame)
        }
        let trusted = try await trusted(request.target, answers, in: frame)
        guard let first = trusted.firstIndex(of: true), let found = answers[first]?.value else {
            throw Self.refusal(answers)
        }
        let iatt = found.iatt
        for (replica, isTrusted) in trusted.enumerated() where isTrusted {
            guard let other = answers[replica]?.value?.iatt else { continue }
            guard other.gfid == iatt.gfid, other.type == iatt.type else {
                throw disagreement(request.target, iatt, first, other, replica)
            }
        }
        return merge(answers, like: iatt, connections, doubts, in: frame)
    }

    /// Whose answer counts: those that have the object and whose directory misses no names. If one of the latter says
    /// that it does not exist and none says that it does, it does not.
    private func trusted(
        _ target: LookupRequest.Target, _ answers: Answers<LookupReply>, in frame: Frame
    ) async throws(FopError) -> [Bool] {
        let found = answers.map { $0?.value != nil }
        guard case .name(_, let parent) = target else { return found }
        let lacking = answers.map { $0?.error == .noEntry }
        // Where all agree there is nothing to ask.
        guard lacking.contains(true), found.contains(true) else {
            return try await disagree(answers) ? trusted(found, lacking, parent, in: frame) : found
        }
        return try await trusted(found, lacking, parent, in: frame)
    }

    private func trusted(
        _ found: [Bool], _ lacking: [Bool], _ parent: Inode, in frame: Frame
    ) async throws(FopError) -> [Bool] {
        let good = try await readable(.inode(parent), in: frame).data
        let trusted = zip(found, good).map { $0 && $1 }
        if trusted.contains(true) { return trusted }
        let isDenied = zip(lacking, good).contains { $0 && $1 }
        return isDenied ? nobody : found
    }

    private func disagree(_ answers: Answers<LookupReply>) -> Bool {
        Set(answers.compactMap { $0?.value?.iatt.gfid }).count > 1
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
        let inode = volume.environment.inodes.inode(iatt.gfid, type: iatt.type)
        let readable = learn(
            inode, iatts: same.map { $0?.iatt }, xdata: same.map { $0?.xdata ?? [:] },
            isComplete: !answers.contains { $0?.error?.isSilence ?? false }, connections, doubts)
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
