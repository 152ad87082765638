import ReplicaState
import TranslatorCore

/// Which replicas may speak for what a change is about, while some of them missed it.
///
/// A replica that is accused lacks earlier changes. Where only such ones take a change and every good one fails it, the
/// change must not count: the stale would accuse the good, the good accuse the stale already, and the object would be
/// in split-brain; of a directory, names would be taken away that only the good replica has. GlusterFS knows the case
/// for data and metadata as "in-flight split-brain" (`afr-transaction.c`).
struct Standing: Sendable {
    let kind: PendingKind
    /// For each subject of the change, which replicas nobody accuses.
    let subjects: [[Bool]]
    /// The same for the content of a directory that the change takes away. Only that of the good ones has to be empty.
    let removed: [Bool]?

    /// Whom nobody accuses, whatever the subject.
    var speaks: [Bool] { subjects.dropFirst().reduce(subjects[0]) { zip($0, $1).map { $0 && $1 } } }

    /// Why a change does not count; nil: it does, as far as these replicas go. In a directory of which every replica
    /// misses something nobody's word is better than another's: its names will be merged.
    func refusal<Reply>(of outcome: Outcome<Reply>) -> FopError? {
        for unaccused in subjects {
            if kind == .entry && !unaccused.contains(true) { continue }
            guard zip(unaccused, outcome.succeeded).contains(where: { $0 && $1 }) else {
                return outcome.error(of: unaccused) ?? .io
            }
            // What stands in the way there is not to be lost: a heal would take it for a leftover.
            if kind == .entry && removed == nil, let taken = outcome.obstacle(on: unaccused) { return taken }
        }
        guard let removed else { return nil }
        let unaccused = removed.contains(true) ? removed : removed.map { _ in true }
        if outcome.obstacle(on: unaccused) != nil { return .notEmpty }
        return zip(unaccused, outcome.succeeded).contains { $0 && $1 } ? nil : outcome.error(of: unaccused) ?? .io
    }
}

extension Outcome {
    /// What one of `chosen` says that failed because a name is taken or a directory is not empty.
    fileprivate func obstacle(on chosen: [Bool]) -> FopError? {
        zip(chosen, answers).compactMap { $0 ? $1?.error : nil }.first { $0 == .exists || $0 == .notEmpty }
    }
}

extension ReplicateTranslator {
    /// Who speaks for the content of the directory that a change takes away, asked before: later it is too late.
    func standingOfRemoved(_ change: LockedChange, _ locked: UnderLocks) async -> [Bool]? {
        guard let removed = change.removed else { return nil }
        let (accused, _) = await accused(by: locked.connections.up, removed, nil, of: .entry, in: locked.frame)
        return accused.map { !$0 }
    }

    /// What replicas hold against each other now; of one that does not answer any more, what was known while it did.
    func standing(_ change: LockedChange, removed: [Bool]?, _ locked: UnderLocks) async -> Standing {
        var subjects: [[Bool]] = []
        for subject in change.subjects {
            let (accused, isComplete) = await accused(
                by: locked.connections.up, subject.inode, subject.fd, of: change.kind, in: locked.frame)
            var unaccused = accused.map { !$0 }
            if !isComplete, let known = lastKnown(subject.inode, generation: locked.connections.generation) {
                let good = change.kind == .metadata ? known.metadata : known.data
                unaccused = zip(unaccused, good).map { $0 && $1 }
            }
            subjects.append(unaccused)
        }
        return Standing(kind: change.kind, subjects: subjects, removed: removed)
    }

    /// Whom those that are asked accuse, and whether all of them answered.
    func accused(
        by asked: [Bool], _ inode: Inode, _ fd: ReplicaFd?, of kind: PendingKind, in frame: Frame
    ) async -> (accused: [Bool], isComplete: Bool) {
        guard asked.contains(true) else { return (nobody, true) }
        let questions = readableQuestions
        let answers: Answers<Xdata> = await windAll(asked) { [self] replica throws(FopError) in
            if let fd = fd?.target(on: replica).fd {
                return try await replicas[replica].stat(StatRequest(.fd(fd), xdata: questions), in: frame).xdata
            }
            return try await replicas[replica].lookup(LookupRequest(.inode(inode), xdata: questions), in: frame).xdata
        }
        let accused = pendingKeys.map { key in
            answers.contains { answer in
                let counts = try? PendingCounts(xattr: answer?.value?[key]?.bytes)
                return (counts ?? .zero)[kind] != 0
            }
        }
        return (accused, zip(asked, answers).allSatisfy { !$0 || $1?.value != nil })
    }
}
