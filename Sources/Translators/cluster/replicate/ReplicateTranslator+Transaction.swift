import ReplicaState
import Synchronization
import TranslatorCore

/// A change of names or of metadata: what it locks, what it marks. Source: gluster-disk-format.md §3.
struct LockedChange: Sendable {
    /// Where a mark goes: the inode, or the directory and the name in it that changes.
    struct Subject: Sendable {
        let inode: Inode
        var fd: ReplicaFd?
        var name: EntryName?
    }
    let kind: PendingKind
    let locks: [ReplicaLock]
    let subjects: [Subject]

    static func metadata(_ target: ReplicaTarget) -> LockedChange {
        LockedChange(
            kind: .metadata, locks: [.range(.metadata, target.inode, target.fd)],
            subjects: [Subject(inode: target.inode, fd: target.fd)])
    }

    /// `whole`: a directory that must not change at all meanwhile.
    static func entry(_ names: [(parent: Inode, name: EntryName)], whole: Inode? = nil) -> LockedChange {
        var locks = names.map { ReplicaLock.name($0.name, $0.parent) }
        if let whole { locks.append(.name(nil, whole)) }
        return LockedChange(
            kind: .entry, locks: locks.sorted(by: ReplicaLock.precedes),
            subjects: names.map { Subject(inode: $0.parent, name: $0.name) })
    }
}

/// An object that a change made, to be marked itself while a replica misses it.
struct MadeObject: Sendable {
    let inode: Inode
    let type: FileType

    /// What a replica without it has missed of it.
    var missed: PendingCounts {
        switch type {
        case .regular: PendingCounts(data: 1, metadata: 1)
        case .directory: PendingCounts(data: 1, metadata: 1, entry: 1)
        default: PendingCounts(metadata: 1)
        }
    }
}

extension ReplicateTranslator {
    /// Lock, pre-op, op, post-op, unlock.
    ///
    /// While all replicas are there and succeed no mark is sent at all ("optimistic changelog"); one that is missing
    /// from the start makes the others dirty first, one that fails in the op is counted after it.
    func perform<Reply: Sendable>(
        _ change: LockedChange, making made: MadeObject? = nil, in frame: Frame,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Outcome<Reply> {
        let (connections, settings) = (connections, settings)
        try settings.quorum.check(connections.up)
        let own = Frame(caller: .root, lockOwner: .unique(), time: .zero, unique: frame.unique)
        let held = try await lock(change.locks, on: connections.up, in: own)
        let result: Result<Outcome<Reply>, FopError>
        do throws(FopError) {
            try settings.quorum.check(held)
            result = .success(try await performLocked(change, making: made, on: held, settings, own, wind))
        } catch {
            result = .failure(error)
        }
        await unlock(change.locks, on: held, in: own)
        return try result.get()
    }

    private func performLocked<Reply: Sendable>(
        _ change: LockedChange, making made: MadeObject?, on held: [Bool], _ settings: ReplicateSettings, _ own: Frame,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Outcome<Reply> {
        let marksFirst = held.contains(false) || !settings.isOptimistic
        var taking = held
        if marksFirst {
            let answers = await send(change, blaming: nobody, dirty: 1, names: true, to: held, own)
            taking = answers.succeeded
            guard taking.contains(true) else { throw answers.error ?? .notConnected }
            do throws(FopError) {
                try settings.quorum.check(taking)
            } catch {
                _ = await send(change, blaming: nobody, dirty: -1, names: false, to: taking, own)
                throw error
            }
        }
        let outcome = Outcome(await windAll(taking, wind))
        if outcome.isRefused {
            if marksFirst { _ = await send(change, blaming: nobody, dirty: -1, names: false, to: taking, own) }
            throw outcome.error!
        }
        let good = outcome.succeeded
        guard settings.quorum.isMet(by: good) else {
            // Nobody is to be believed more than another: whoever did it is dirty, and stays so.
            if !marksFirst { _ = await send(change, blaming: nobody, dirty: 1, names: true, to: good, own) }
            throw outcome.error ?? .readOnly
        }
        if good.contains(false) {
            let failed = good.map { !$0 }
            for subject in change.subjects { forget(subject.inode, failed, change.kind) }
            if let made { await mark(made, blaming: failed, on: good, own) }
            let marked = await send(
                change, blaming: failed, dirty: marksFirst ? -1 : 0, names: !marksFirst, to: good, own)
            // Acknowledged, it must be known to be missing elsewhere. A file whose last name went meanwhile is missing
            // everywhere.
            guard marked.succeeded.contains(true) else { throw marked.isGone ? .stale : .io }
        } else if marksFirst {
            _ = await send(change, blaming: nobody, dirty: -1, names: false, to: good, own)
        }
        return outcome
    }

    /// Sends marks about every subject; a replica has succeeded that took all of them. `names`: notes the names in the
    /// granular index, which the brick keeps until they are healed.
    private func send(
        _ change: LockedChange, blaming blamed: [Bool], dirty: Int32, names: Bool, to chosen: [Bool], _ own: Frame
    ) async -> Outcome<Void> {
        let notesNames = settings.notesNames
        var missed = PendingCounts(change.kind, 1)
        // On a directory this asks for a crawl of all names: one of them cannot be noted.
        if notesNames && change.subjects.contains(where: { $0.name != nil && $0.noting.isEmpty }) { missed.data = 1 }
        let values = marks(blaming: blamed, by: missed, dirty: PendingCounts(change.kind, dirty))
        let notes = names && notesNames
        let answers = await windAll(chosen) { [self] replica throws(FopError) in
            for (position, subject) in change.subjects.enumerated() {
                let isAgain = change.subjects[..<position].contains { $0.inode === subject.inode }
                let xdata: Xdata = notes ? subject.noting : [:]
                // Two names of one directory are one change of it; the second mark only notes the name.
                if isAgain && xdata.isEmpty { continue }
                let sent = isAgain ? marks(blaming: nobody, by: .zero, dirty: .zero) : values
                let target = subject.fd?.target(on: replica) ?? .inode(subject.inode)
                try await mark(target, sent, on: replica, xdata: xdata, in: own)
            }
        }
        return Outcome(answers)
    }

    /// A new object accuses those that miss it, so that it is healed by itself, whatever becomes of its directory.
    private func mark(_ made: MadeObject, blaming failed: [Bool], on good: [Bool], _ own: Frame) async {
        let values = marks(blaming: failed, by: made.missed, dirty: nil)
        _ = await windAll(good) { [self] replica throws(FopError) in
            try await mark(.inode(made.inode), values, on: replica, in: own)
        }
    }

    private func forget(_ inode: Inode, _ failed: [Bool], _ kind: PendingKind) {
        guard let context: ReplicaInode = inode.contexts.context(at: slot) else { return }
        context.state.withLock { $0.readable?.replicas.fail(failed.map { !$0 }, kind) }
    }
}

extension LockedChange.Subject {
    /// Bricks are told names as text; one that is not UTF-8 cannot be noted.
    var noting: Xdata {
        guard let name, let text = String(validating: name.bytes, as: UTF8.self) else { return [:] }
        return [XdataKey.xattropEntryCreate: .string(text)]
    }
}
