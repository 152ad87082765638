import HealProtocol
import ReplicaState
import Synchronization
import TranslatorCore

/// What operators ask about single files.
extension HealPipeline {
    /// Everything that waits, is healed or is put off; the oldest first.
    func queue() -> [QueuedFile] {
        let (now, wall) = (time.now(), time.wallClock())
        return state.withLock { state in
            let gfids = Set(state.ledger.behind.keys).union(state.schedule.waiting).union(state.schedule.resting).union(
                state.quarantine.entries.keys
            )
            .union(state.ledger.active.keys)
            return gfids.map { gfid in
                let since = state.ledger.behind[gfid] ?? now
                let active = state.ledger.active[gfid]
                let backlog = state.knowledge.targets.compactMap {
                    state.knowledge.backlog(EpochKnowledge.File(gfid: gfid, target: $0))
                }
                let error = state.quarantine.entries[gfid]
                return QueuedFile(
                    gfid: gfid, state: active != nil ? .active : error != nil ? .quarantined : .waiting,
                    sinks: active?.plan?.sinks.map { replicas.names[$0.replica] } ?? error?.sinks ?? [],
                    method: active?.plan?.method, ranges: backlog.reduce(0) { $0 + $1.ranges },
                    bytes: backlog.reduce(0) { $0.addingCapped($1.bytes) }, since: wall.earlier(by: now - since),
                    note: error?.error.description ?? state.notes[gfid]?.note ?? "")
            }.sorted { ($0.since, $0.gfid) < ($1.since, $1.gfid) }
        }
    }

    /// Before others, without waiting for it.
    func promote(_ gfid: Gfid) {
        state.withLock { _ = $0.want(gfid, .promoted) }
        wakeHeals()
    }

    /// The first of the file's paths that a replica knows; nil when none does.
    func path(of gfid: Gfid) async -> String? {
        let key = "glusterfs.gfid2path"
        for (replica, state) in zip(replicas.replicas, replicas.watch.states) where state.isUp {
            let inode = replicas.environment.inodes.find(gfid) ?? Inode(gfid: gfid, type: .unknown)
            guard
                let answer = try? await replica.getxattr(GetxattrRequest(.inode(inode), name: key), in: .healer()),
                let bytes = answer.xattrs[key], let path = Self.firstPath(in: bytes)
            else { continue }
            return path
        }
        return nil
    }

    /// Of what `glusterfs.gfid2path` answers: the paths of a file from the volume's root, joined by ":". A brick that
    /// has looked up no parent of it since it started answers "<gfid:GFID>" instead: nil. Seen of glusterfsd 10.3.
    static func firstPath(in answer: [UInt8]) -> String? {
        let text = String(decoding: answer, as: UTF8.self)
        guard text.hasPrefix("/") else { return nil }
        return text.split(separator: ":/", maxSplits: 1).first.map { String($0.dropFirst()) }
    }

    /// The file at a path from the volume's root, by the first replica that has it.
    func resolve(_ path: String) async -> Gfid? {
        let names = path.split(separator: "/").filter { $0 != "." }.map { EntryName(String($0)) }
        for (replica, state) in zip(replicas.replicas, replicas.watch.states) where state.isUp {
            var inode: Inode? = replicas.environment.inodes.inode(.root, type: .directory)
            for name in names {
                guard let parent = inode,
                    let reply = try? await replica.lookup(LookupRequest(.name(name, parent: parent)), in: .healer())
                else {
                    inode = nil
                    break
                }
                inode = replicas.environment.inodes.inode(reply.iatt.gfid, type: reply.iatt.type)
            }
            if let inode { return inode.gfid }
        }
        return nil
    }

    /// What one brick's indices hold, in GlusterFS's terms.
    func info(of replica: Int, entriesMax: Int) async -> BrickHealInfo {
        let brick = replicas.replicas[replica].shownBrick ?? replicas.names[replica]
        guard replicas.watch.states[replica].isUp else {
            return BrickHealInfo(brick: brick, isConnected: false, total: 0)
        }
        var found: Set<Gfid> = []
        var blindSpot: BlindSpot?
        do throws(FopError) {
            found = try await IndexCrawl(replicas: replicas).names(of: replica)
        } catch {
            guard error != .notConnected else { return BrickHealInfo(brick: brick, isConnected: false, total: 0) }
            blindSpot = self.blindSpot(replica, error)
        }
        let (failures, active) = state.withLock { state in
            (state.quarantine.entries.mapValues(\.error), Set(state.ledger.active.keys))
        }
        let splitBrain = Set(failures.filter(\.value.isSplitBrain).keys)
        var entries: [BrickHealInfo.Entry] = []
        for gfid in found.sorted().prefix(entriesMax) {
            entries.append(
                BrickHealInfo.Entry(
                    gfid: gfid, path: await path(of: gfid), isSplitBrain: splitBrain.contains(gfid),
                    isHealing: active.contains(gfid), failure: failures[gfid]?.description))
        }
        return BrickHealInfo(
            brick: brick, isConnected: true, blindSpot: blindSpot, total: found.count,
            splitBrain: found.intersection(splitBrain).count,
            healing: found.intersection(active).count, entries: entries)
    }
}

extension Timestamp {
    func earlier(by duration: Duration) -> Timestamp {
        let total = seconds * 1_000_000_000 + Int64(nanoseconds) - duration.wholeNanoseconds
        return Timestamp(seconds: total / 1_000_000_000, nanoseconds: UInt32(max(0, total % 1_000_000_000)))
    }
}

extension HealReport {
    func finished(names: [String], _ wall: Timestamp) -> FinishedHeal {
        FinishedHeal(
            gfid: gfid, sinks: plan?.sinks.map { names[$0.replica] } ?? [], method: plan?.method ?? .range,
            reason: plan?.reason ?? "", bytesMoved: bytesMoved, bytesSkipped: bytesSkipped, took: took, finished: wall)
    }
}
