import ReplicaState
import Synchronization
import TranslatorCore

/// Marks of mounts that are gone, on the replicas' roots: taken off when nothing is left to heal (heal-protocol.md §3.1
/// step 9).
extension HealPipeline {
    /// Does so once; answers how many mounts' marks went. A mount that lives holds its lock.
    @discardableResult
    public func clearAhead() async -> Int {
        guard replicas.watch.allAreUp else { return 0 }
        let losses = replicas.watch.states.map(\.losses)
        let root = replicas.environment.inodes.inode(.root, type: .directory)
        var gone: [(mount: Gfid, lock: HealLock)] = []
        for mount in await mountsAhead(root) {
            let lock = HealLock(root, domain: replicas.locks.ahead(of: mount), range: .whole)
            let attempt = await lock.trying(on: Array(replicas.all), of: replicas)
            if attempt.lock.held.count == replicas.all.count {
                gone.append((mount, attempt.lock))
            } else {
                await attempt.lock.release(of: replicas)
            }
        }
        guard !gone.isEmpty else { return 0 }
        // What they left is in the indices since before they were found to be gone.
        let isHealed = await look() && hasHealedAll
        var count = 0
        for (mount, lock) in gone {
            // A lost connection has taken our lock along: a mount that lost its own may be back, and have marked anew.
            let holdsLock = replicas.watch.states.map(\.losses) == losses
            if isHealed, holdsLock, await takeOff(mount, root) { count += 1 }
            await lock.release(of: replicas)
        }
        return count
    }

    private func mountsAhead(_ root: Inode) async -> [Gfid] {
        let answers = await replicas.wind(Array(replicas.all)) { replica throws(FopError) in
            try await replica.getxattr(GetxattrRequest(.inode(root)), in: .healer()).xattrs
        }
        var mounts: Set<Gfid> = []
        for (_, answer) in answers {
            guard case .success(let xattrs) = answer else { continue }
            mounts.formUnion(xattrs.compactMap { AheadMark(key: $0.key, value: $0.value)?.mount })
        }
        return mounts.sorted()
    }

    private var hasHealedAll: Bool {
        replicas.watch.allAreUp
            && state.withLock { $0.hasCrawled && $0.filesLeft == 0 && $0.quarantine.entries.isEmpty }
    }

    private func takeOff(_ mount: Gfid, _ root: Inode) async -> Bool {
        let key = AheadMark.key(of: mount)
        let answers = await replicas.wind(Array(replicas.all)) { replica throws(FopError) in
            _ = try await replica.removexattr(RemovexattrRequest(.inode(root), names: [key]), in: .healer())
        }
        return answers.allSatisfy { _, answer in
            switch answer {
            case .success, .failure(.noData): true
            case .failure: false
            }
        }
    }
}
