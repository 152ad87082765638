import TranslatorCore

/// One lock of a heal, on every replica that granted it.
struct HealLock: Sendable {
    let inode: Inode
    let domain: String
    let range: LockRange
    let frame: Frame
    private(set) var held: [Int] = []

    /// How a try went, replica by replica. The lock holds what was granted.
    struct Attempt: Sendable {
        var lock: HealLock
        /// Somebody else holds it there.
        var refused: [Int] = []
        /// No answer, or another error than EAGAIN.
        var failed: [Int: FopError] = [:]
    }

    init(_ inode: Inode, domain: String, range: LockRange) {
        (self.inode, self.domain, self.range, frame) = (inode, domain, range, .healer())
    }

    private func request(_ command: LockCommand) -> InodelkRequest {
        InodelkRequest(.inode(inode), domain: domain, command: command, range: range)
    }

    /// Asks every one of `positions`, at once and without waiting.
    func trying(on positions: [Int], of replicas: HealReplicas) async -> Attempt {
        var attempt = Attempt(lock: self)
        let (request, frame) = (request(.tryAcquire), frame)
        for (replica, answer) in await replicas.wind(
            positions,
            { subvolume throws(FopError) in
                try await subvolume.inodelk(request, in: frame)
            })
        {
            switch answer {
            case .success: attempt.lock.held.append(replica)
            case .failure(.tryAgain): attempt.refused.append(replica)
            case .failure(let error): attempt.failed[replica] = error
            }
        }
        return attempt
    }

    /// Gets it on all of `positions` that answer: tries, and where somebody is in the way lets go of all and waits for
    /// one after the other in child order, so that two who do the same cannot wait for each other.
    func acquired(on positions: [Int], of replicas: HealReplicas) async -> Attempt {
        var attempt = await trying(on: positions, of: replicas)
        guard !attempt.refused.isEmpty else { return attempt }
        await attempt.lock.release(of: replicas)
        attempt = Attempt(lock: self, failed: attempt.failed)
        for replica in positions.sorted() where attempt.failed[replica] == nil {
            do throws(FopError) {
                _ = try await replicas.replicas[replica].inodelk(request(.acquire), in: frame)
                attempt.lock.held.append(replica)
            } catch {
                attempt.failed[replica] = error
            }
        }
        return attempt
    }

    /// Lets go of it wherever it is held. A replica that does not answer has forgotten it.
    func release(of replicas: HealReplicas) async {
        let (request, frame) = (request(.release), frame)
        _ = await replicas.wind(held) { subvolume throws(FopError) in try await subvolume.inodelk(request, in: frame) }
    }
}
