import ReplicaState
import TranslatorCore

// What one replica has no room for. The others may have: marks and a user's xattrs share an inode's space, and marks
// stand on one replica alone. GlusterFS blames the full one, which no heal can fill.
extension ReplicateTranslator {
    /// Takes a change back on `done`, as `witness`, which has not done it, has it. Answers where that worked.
    typealias Restore = @Sendable (_ witness: Int, _ done: [Bool]) async -> [Bool]

    /// Where a replica that nobody accuses has no room for what others took, they give it back: the change has failed
    /// everywhere, and the copies are equal. Whoever cannot is dirty, and so is who may have done it half. Answers the
    /// error to hand up; nil: no room is not the trouble, or only stale copies lack it.
    func restoreWithoutRoom<Reply>(
        _ change: LockedChange, _ outcome: Outcome<Reply>, _ taking: [Bool], _ locked: UnderLocks, _ restore: Restore
    ) async -> FopError? {
        let lacksRoom = outcome.answers.map { $0?.error?.isLackOfRoom ?? false }
        guard lacksRoom.contains(true), outcome.succeeded.contains(true) else { return nil }
        let speaks = await standing(change, removed: nil, locked).speaks
        guard let witness = replicas.indices.first(where: { lacksRoom[$0] && speaks[$0] }) else { return nil }
        let restored = await restore(witness, outcome.succeeded)
        let isDirty = replicas.indices.map { replica in
            let isLeft = outcome.succeeded[replica] && !restored[replica]
            return taking[replica] && (isLeft || outcome.answers[replica]?.error?.saysLittle ?? false)
        }
        let isClean = zip(taking, isDirty).map { $0 && !$1 }
        if locked.marksFirst {
            _ = await send(change, blaming: nobody, dirty: -1, names: false, to: isClean, locked)
        } else if isDirty.contains(true) {
            _ = await send(change, blaming: nobody, dirty: 1, names: true, to: isDirty, locked)
        }
        return outcome.answers[witness]?.error
    }

    /// Gives xattrs the values that `witness` has.
    func restoreXattrs(_ names: [String], of target: ReplicaTarget, in frame: Frame) -> Restore {
        { [self] witness, done in
            do throws(FopError) {
                let old = try await xattrs(names, of: target, on: witness, in: frame)
                let answers = await windAll(done) { [self] replica throws(FopError) in
                    let target = try await self.target(target, on: replica, in: frame)
                    // What goes first makes room.
                    for name in names where old[name] == nil {
                        _ = try await replicas[replica].removexattr(
                            RemovexattrRequest(target, names: [name]), in: frame)
                    }
                    if old.isEmpty { return }
                    _ = try await replicas[replica].setxattr(SetxattrRequest(target, xattrs: old), in: frame)
                }
                return answers.map { $0?.value != nil }
            } catch { return nobody }
        }
    }

    private func xattrs(
        _ names: [String], of target: ReplicaTarget, on replica: Int, in frame: Frame
    ) async throws(FopError) -> Xattrs {
        let target = try await self.target(target, on: replica, in: frame)
        var found: Xattrs = [:]
        for name in names {
            do throws(FopError) {
                let reply = try await replicas[replica].getxattr(GetxattrRequest(target, name: name), in: frame)
                found[name] = reply.xattrs[name]
            } catch {
                guard error == .noData else { throw error }
            }
        }
        return found
    }
}

extension FopError {
    var isLackOfRoom: Bool { self == .noSpace || self == .quotaExceeded }

    /// It may have been done all the same, or half.
    var saysLittle: Bool { [.notConnected, .timedOut, .io].contains(self) }
}
