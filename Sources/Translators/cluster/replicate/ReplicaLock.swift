import ReplicaState
import TranslatorCore

/// One lock that a transaction takes on every replica, in the domain of this translator.
enum ReplicaLock: Sendable {
    /// On bytes of the file, or on its metadata: `LockRange.metadata`. By fd where a replica has it open.
    case range(LockRange, Inode, ReplicaFd?)
    /// On a name in a directory; nil: on the whole directory.
    case name(EntryName?, Inode)

    /// The order in which all clients take several: by gfid, the whole directory before its names.
    static func precedes(_ a: ReplicaLock, _ b: ReplicaLock) -> Bool {
        guard case .name(let x, let directory) = a, case .name(let y, let other) = b else { return false }
        if directory.gfid != other.gfid { return directory.gfid < other.gfid }
        guard let y else { return false }
        return x.map { $0 < y } ?? true
    }
}

extension ReplicateTranslator {
    /// Takes all `locks` on the `chosen` replicas: tried on all at once; if anybody is in the way, all are let go and
    /// taken one by one, in the order of the replicas, waiting. Answers where all are held; a replica that cannot lock
    /// for another reason is left out. Throws that reason when there is no replica left, EINTR when the task was
    /// cancelled while it waited; nothing is held then.
    func lock(_ locks: [ReplicaLock], on chosen: [Bool], in frame: Frame) async throws(FopError) -> [Bool] {
        let tries = await windAll(chosen) { [self] replica throws(FopError) in
            try await lock(locks[...], on: replica, .tryAcquire, in: frame)
        }
        let held = tries.map { $0?.value != nil }
        if tries.contains(where: { $0?.error == .tryAgain }) {
            await unlock(locks, on: held, in: frame)
            return try await lockInOrder(locks, on: chosen, in: frame)
        }
        guard held.contains(true) else { throw Outcome(tries).error ?? .notConnected }
        return held
    }

    private func lockInOrder(_ locks: [ReplicaLock], on chosen: [Bool], in frame: Frame) async throws(FopError)
        -> [Bool]
    {
        var counts = [Int](repeating: 0, count: chosen.count)
        var failures: Answers<Void> = Array(repeating: nil, count: chosen.count)
        for (position, lock) in locks.enumerated() {
            for replica in chosen.indices where chosen[replica] && counts[replica] == position {
                do throws(FopError) {
                    try await self.lock([lock], on: replica, .acquire, in: frame)
                    counts[replica] += 1
                } catch {
                    failures[replica] = .failure(error)
                    if error == .interrupted { break }
                }
            }
        }
        let isInterrupted = failures.contains { $0?.error == .interrupted }
        let held = counts.map { $0 == locks.count && !isInterrupted }
        for replica in chosen.indices where !held[replica] {
            for lock in locks[..<counts[replica]].reversed() { await unlock(lock, on: replica, in: frame) }
        }
        if isInterrupted { throw .interrupted }
        guard held.contains(true) else { throw Outcome(failures).error ?? .notConnected }
        return held
    }

    /// All of them or none.
    private func lock(
        _ locks: ArraySlice<ReplicaLock>, on replica: Int, _ command: LockCommand, in frame: Frame
    ) async throws(FopError) {
        for (position, lock) in locks.enumerated() {
            do throws(FopError) {
                try await send(lock, command, to: replica, in: frame)
            } catch {
                for taken in locks.prefix(position).reversed() { await unlock(taken, on: replica, in: frame) }
                throw error
            }
        }
    }

    func unlock(_ locks: [ReplicaLock], on held: [Bool], in frame: Frame) async {
        _ = await windAll(held) { [self] replica throws(FopError) in
            for lock in locks.reversed() { await unlock(lock, on: replica, in: frame) }
        }
    }

    private func unlock(_ lock: ReplicaLock, on replica: Int, in frame: Frame) async {
        do throws(FopError) {
            try await send(lock, .release, to: replica, in: frame)
        } catch {
            // A lost connection has taken its locks with it; anything else would leave one behind.
            if error != .notConnected {
                volume.log(.error, "cannot release a lock on \"\(replicas[replica].name)\": \(error)")
            }
        }
    }

    private func send(
        _ lock: ReplicaLock, _ command: LockCommand, to replica: Int, in frame: Frame
    ) async throws(FopError) {
        switch lock {
        case .range(let range, let inode, let fd):
            let target = fd?.target(on: replica) ?? .inode(inode)
            _ = try await replicas[replica].inodelk(
                InodelkRequest(target, domain: lockDomain, command: command, range: range), in: frame)
        case .name(let name, let directory):
            _ = try await replicas[replica].entrylk(
                EntrylkRequest(.inode(directory), domain: lockDomain, name: name, command: command), in: frame)
        }
    }
}
