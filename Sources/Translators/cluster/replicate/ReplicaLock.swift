import ReplicaState
import Synchronization
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
    /// How often it begins again where a replica lacks what is to be locked.
    static let lockRoundsMax = 4
    /// Before the second round; before each further one four times as long.
    private static let lackPause = Duration.milliseconds(2)

    /// Takes all `locks` on the `chosen` replicas: tried on all at once; if anybody is in the way, all are let go and
    /// taken one by one, in the order of the replicas, waiting. Answers where all are held.
    ///
    /// A replica that cannot lock for a reason of its own is left out: it is down, or has not what is to be locked.
    /// That it lacks a directory is believed when it goes on to: whoever makes it may not have come to that replica
    /// yet, or, having failed there, be about to take it away from the others again. Throws, and nothing is held, when
    /// none is left, when the reason is this process's (`isAboutThisProcess`: another client may hold there what this
    /// one goes on without), and EINTR when the task was cancelled while it waited.
    func lock(_ locks: [ReplicaLock], on chosen: [Bool], in frame: Frame) async throws(FopError) -> [Bool] {
        var round = 1
        while true {
            var answers = await windAll(chosen) { [self] replica throws(FopError) in
                try await lock(locks[...], on: replica, .tryAcquire, in: frame)
            }
            let isInTheWay = answers.contains { $0?.error == .tryAgain }
            if isInTheWay {
                await unlock(locks, on: answers.map { $0?.value != nil }, in: frame)
                answers = try await lockInOrder(locks, on: chosen, in: frame)
            }
            let held = answers.map { $0?.value != nil }
            let isLacked = held.contains(true) && answers.contains { $0?.error?.isAbsence ?? false }
            guard isLacked, isInTheWay || mayBeInTheMaking(locks) else {
                return try await settle(locks, answers, in: frame)
            }
            guard round < Self.lockRoundsMax else {
                rememberLack(locks)
                return try await settle(locks, answers, in: frame)
            }
            await unlock(locks, on: held, in: frame)
            if !isInTheWay { await pause(beforeRound: round + 1) }
            round += 1
        }
    }

    private func pause(beforeRound round: Int) async {
        let time = (2..<round).reduce(Self.lackPause) { time, _ in time * 4 }
        try? await volume.environment.time.sleep(for: time)
    }

    /// A directory that no replica is known to lack.
    private func mayBeInTheMaking(_ locks: [ReplicaLock]) -> Bool {
        locks.contains { lock in
            guard case .name(_, let directory) = lock else { return false }
            return !context(directory).state.withLock { $0.isLacked }
        }
    }

    private func rememberLack(_ locks: [ReplicaLock]) {
        for case .name(_, let directory) in locks { context(directory).state.withLock { $0.isLacked = true } }
    }

    /// Where all are held, or why they cannot be.
    private func settle(
        _ locks: [ReplicaLock], _ answers: Answers<Void>, in frame: Frame
    ) async throws(FopError) -> [Bool] {
        let held = answers.map { $0?.value != nil }
        let failure = answers.compactMap { $0?.error }.first(where: \.isAboutThisProcess)
        guard held.contains(true), failure == nil else {
            await unlock(locks, on: held, in: frame)
            throw failure ?? Outcome(answers).error ?? .notConnected
        }
        return held
    }

    /// Nothing is held of a replica that failed, and nothing at all when the wait was interrupted.
    private func lockInOrder(
        _ locks: [ReplicaLock], on chosen: [Bool], in frame: Frame
    ) async throws(FopError) -> Answers<Void> {
        var answers: Answers<Void> = chosen.map { $0 ? .success(()) : nil }
        for (position, lock) in locks.enumerated() {
            for replica in chosen.indices where answers[replica]?.value != nil {
                do throws(FopError) {
                    try await send(lock, .acquire, to: replica, in: frame)
                } catch {
                    answers[replica] = .failure(error)
                    for taken in locks[..<position].reversed() { await unlock(taken, on: replica, in: frame) }
                    guard error == .interrupted else { continue }
                    await unlock(locks[..<position], and: lock, before: replica, in: frame, answers)
                    throw error
                }
            }
        }
        return answers
    }

    /// Gives back what `lockInOrder` had come to: `taken` everywhere, `last` on the replicas before `replica`.
    private func unlock(
        _ taken: ArraySlice<ReplicaLock>, and last: ReplicaLock, before replica: Int, in frame: Frame,
        _ answers: Answers<Void>
    ) async {
        for other in answers.indices where answers[other]?.value != nil {
            if other < replica { await unlock(last, on: other, in: frame) }
            for lock in taken.reversed() { await unlock(lock, on: other, in: frame) }
        }
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

extension FopError {
    /// What this process has no more of: it says nothing of the replica, and others may lock there meanwhile.
    var isAboutThisProcess: Bool {
        switch self {
        case .interrupted, .noMemory, .noLocks: true
        default: isOutOfDescriptors
        }
    }
}
