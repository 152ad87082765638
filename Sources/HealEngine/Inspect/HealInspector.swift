import ReplicaState
import TranslatorCore

/// Reads what a heal's decision stands on, from every replica (DESIGN §3.3, step 2).
struct HealInspector: Sendable {
    let replicas: HealReplicas
    let gfid: Gfid

    /// What a look-up without locks finds: enough to see that nothing is to be done, never enough to decide more.
    struct FirstLook: Sendable {
        var inode: Inode
        var matrix: PendingMatrix
        var iatts: [Iatt]
        /// The newest epoch on each replica.
        var opened: [Int32]
        var isDataPending: Bool { matrix.isPending(.data) || Set(iatts.map(\.size)).count > 1 }
        var otherKinds: Set<PendingKind> { Set([PendingKind.metadata, .entry].filter { matrix.isPending($0) }) }
    }
    enum Finding: Sendable {
        case found(FirstLook)
        /// On no replica, or on some with its gfid's handle and no name: a brick of GlusterFS keeps the handle of a
        /// file whose last two names go at the same time.
        case gone
        case failed(HealError)
    }

    func lookFirst() async -> Finding {
        let known = replicas.environment.inodes.find(gfid)
        let inode = known ?? Inode(gfid: gfid, type: .unknown)
        var asked = Dictionary(
            uniqueKeysWithValues: (replicas.countKeys + replicas.bypassKeys).map { ($0, XdataValue.int(0)) })
        // The names that we know are not all that there can be.
        asked[XdataKey.listXattr] = .int(1)
        let question = asked
        let answers = await replicas.wind(Array(replicas.all)) { subvolume throws(FopError) in
            try await subvolume.lookup(LookupRequest(.inode(inode), xdata: question), in: .healer())
        }
        var replies: [LookupReply] = []
        var missing: [Int] = []
        for (replica, answer) in answers {
            switch answer {
            case .success(let reply): replies.append(reply)
            case .failure(.noEntry), .failure(.stale): missing.append(replica)
            case .failure(let error):
                return .failed(.inspectionFailed(gfid, replica: replicas.names[replica], error))
            }
        }
        if replies.isEmpty || !missing.isEmpty && replies.allSatisfy(\.isNameless) { return .gone }
        guard missing.isEmpty else { return .failed(.missing(gfid, on: missing.map { replicas.names[$0] })) }
        guard Set(replies.map(\.iatt.type)).count == 1 else { return .failed(.typesDiffer(gfid)) }
        let unknown = unknownMarks(replies)
        guard unknown.isEmpty else { return .failed(.unknownMarks(gfid, unknown)) }
        do throws(HealError) {
            let matrix = try matrix { replies[$0].xdata[$1]?.bytes }
            let type = replies[0].iatt.type
            return .found(
                FirstLook(
                    inode: replicas.environment.inodes.inode(gfid, type: type), matrix: matrix,
                    iatts: replies.map(\.iatt),
                    opened: try replicas.all.map { replica throws(HealError) in
                        try bypassRow(replica) { replies[replica].xdata[$0]?.bytes }.map(\.opened).max() ?? 0
                    }))
        } catch {
            return .failed(error)
        }
    }

    /// By replica. Where there are any, the counts that are known are not all, and what they say is not believed.
    private func unknownMarks(_ replies: [LookupReply]) -> [String: [String]] {
        var unknown: [String: [String]] = [:]
        for (replica, reply) in replies.enumerated() {
            let xattrs = reply.xdata.lazy.compactMap { name, value in value.bytes.map { (key: name, value: $0) } }
            let names = UnknownMarks.names(in: xattrs) { replicas.pendingKeys.contains($0) }
            if !names.isEmpty { unknown[replicas.names[replica]] = names }
        }
        return unknown
    }

    private func matrix(_ xattr: (Int, String) -> [UInt8]?) throws(HealError) -> PendingMatrix {
        var asked = 0
        do throws(CodecError) {
            return try PendingMatrix(keys: replicas.pendingKeys) { replica, key in
                asked = replica
                return xattr(replica, key)
            }
        } catch {
            throw .xattrUnreadable(gfid, replica: replicas.names[asked], "\(error)")
        }
    }

    private func bypassRow(_ replica: Int, _ xattr: (String) -> [UInt8]?) throws(HealError) -> [BypassCounts] {
        try replicas.bypassKeys.map { key throws(HealError) in
            do throws(CodecError) { return try BypassCounts(xattr: xattr(key)) } catch {
                throw .xattrUnreadable(gfid, replica: replicas.names[replica], "\(error)")
            }
        }
    }

    /// Under the inspection lock: counts, *opened* and *healed* of every replica by one all-zero xattrop each, which a
    /// roll cannot straddle, and only then the attributes.
    func readAll(_ inode: Inode, markRefused: Set<Int>) async throws(HealError) -> HealFacts {
        let zero = PendingCounts.zero.xattr
        let deltas = Dictionary(
            uniqueKeysWithValues: (replicas.countKeys + replicas.bypassKeys).map { ($0, zero) })
        let counts = await replicas.wind(Array(replicas.all)) { subvolume throws(FopError) in
            try await subvolume.xattrop(XattropRequest(.inode(inode), values: deltas), in: .healer()).values
        }
        let values = try counts.map { replica, answer throws(HealError) in try value(answer, of: replica) }
        let looks = await replicas.wind(Array(replicas.all)) { subvolume throws(FopError) in
            try await subvolume.lookup(LookupRequest(.inode(inode)), in: .healer()).iatt
        }
        let iatts = try looks.map { replica, answer throws(HealError) in try value(answer, of: replica) }
        let matrix = try matrix { values[$0][$1] }
        let bypass = try replicas.all.map { replica throws(HealError) in try bypassRow(replica) { values[replica][$0] }
        }
        return HealFacts(gfid: gfid, matrix: matrix, bypass: bypass, iatts: iatts, markRefused: markRefused)
    }

    private func value<Value>(_ answer: Result<Value, FopError>, of replica: Int) throws(HealError) -> Value {
        do throws(FopError) { return try answer.get() } catch {
            throw .inspectionFailed(gfid, replica: replicas.names[replica], error)
        }
    }
}

extension LookupReply {
    fileprivate var isNameless: Bool { iatt.nlink == 0 && !iatt.isDirectory }
}
