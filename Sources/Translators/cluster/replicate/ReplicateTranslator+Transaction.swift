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
    private(set) var locks: [ReplicaLock]
    let subjects: [Subject]
    /// The name whose directory goes with the change, if it is one's.
    private(set) var removedName: (parent: Inode, name: EntryName)?
    /// The directory that goes, as far as is known yet: it has to be empty, must not change meanwhile and is locked
    /// whole.
    private(set) var removed: Inode?
    /// What whoever finishes a dead client's changes has to know of it.
    private(set) var note: NameChange?

    /// It is about an object that may be losing its last name at this moment, on one replica after the other.
    var mayBeGoing = false

    /// Better not done at all than left to a heal: for want of something of this process's, or of what is going anyway.
    func isBetterUndone(_ error: FopError) -> Bool {
        error.isAboutThisProcess || mayBeGoing && error.isAbsence
    }

    static func metadata(_ target: ReplicaTarget) -> LockedChange {
        LockedChange(
            kind: .metadata, locks: [.range(.metadata, target.inode, target.fd)],
            subjects: [Subject(inode: target.inode, fd: target.fd)])
    }

    /// `kind`: what is done to the names; `made`: what gets the name, where that is known.
    static func entry(
        _ names: [(parent: Inode, name: EntryName)], noting kind: NameChange.Kind? = nil, of made: Gfid = .none
    ) -> LockedChange {
        LockedChange(
            kind: .entry, locks: locks(of: names, removed: nil),
            subjects: names.map { Subject(inode: $0.parent, name: $0.name) },
            note: kind.map { kind in
                let places = names.map { NameChange.Place($0.parent.gfid, $0.name) }
                return NameChange(kind, places[0], to: places.dropFirst().first, of: made)
            })
    }

    /// What stands under the last of `names` goes, if it is a directory.
    static func removal(
        _ names: [(parent: Inode, name: EntryName)], _ removed: Inode? = nil, noting kind: NameChange.Kind
    ) -> LockedChange {
        var change = entry(names, noting: kind)
        change.removedName = names.last
        if let removed { change.remove(removed) }
        return change
    }

    mutating func remove(_ directory: Inode) {
        removed = directory
        let names = subjects.compactMap { subject in subject.name.map { (subject.inode, $0) } }
        locks = Self.locks(of: names, removed: directory)
    }

    private static func locks(of names: [(parent: Inode, name: EntryName)], removed: Inode?) -> [ReplicaLock] {
        let locks = names.map { ReplicaLock.name($0.name, $0.parent) } + (removed.map { [.name(nil, $0)] } ?? [])
        return locks.sorted(by: ReplicaLock.precedes)
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

/// What holds while a change has its locks.
struct UnderLocks: Sendable {
    let settings: ReplicateSettings
    /// As they were before the locks were taken.
    let connections: ReplicateTranslator.Connections
    let held: [Bool]
    let frame: Frame
    /// Whether marks go out before the change: somebody is missing from the start, or the volume wants it so.
    var marksFirst: Bool { held.contains(false) || !settings.isOptimistic }
}

extension ReplicateTranslator {
    /// Lock, pre-op, op, post-op, unlock.
    ///
    /// While all replicas are there and succeed no mark is sent at all ("optimistic changelog"); one that is missing
    /// from the start makes the others dirty first, one that fails in the op is counted after it. A change counts only
    /// if a replica took it that nobody accuses (`Standing`).
    ///
    /// `undo` takes away what the change made on a replica: one that does not count is not left lying where it
    /// happened. `restore` gives back what a replica without room could not take.
    func perform<Reply: Sendable>(
        _ change: LockedChange, making made: MadeObject? = nil, restoring restore: Restore? = nil, in frame: Frame,
        undo: Undo? = nil,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Outcome<Reply> {
        var change = change
        while true {
            let locked = try await lock(change, frame)
            let step: Result<Step<Reply>, FopError>
            do throws(FopError) {
                step = .success(try await attempt(change, making: made, restore, locked, undo, wind))
            } catch {
                step = .failure(error)
            }
            await unlock(change.locks, on: locked.held, in: locked.frame)
            switch try step.get() {
            case .done(let outcome): return outcome
            case .lockToo(let directory): change.remove(directory)
            }
        }
    }

    private enum Step<Reply: Sendable>: Sendable {
        case done(Outcome<Reply>)
        /// Nothing was done: this directory, which goes, was not locked.
        case lockToo(Inode)
    }
    /// Takes away on one replica what a change made there.
    typealias Undo = @Sendable (_ replica: Int, Frame) async throws(FopError) -> Void

    private func lock(_ change: LockedChange, _ frame: Frame) async throws(FopError) -> UnderLocks {
        let (connections, settings) = (connections, settings)
        try settings.quorum.check(connections.up)
        let own = Frame(caller: .root, lockOwner: .unique(), time: .zero, unique: frame.unique)
        let held = try await lock(change.locks, on: connections.up, in: own)
        return UnderLocks(settings: settings, connections: connections, held: held, frame: own)
    }

    private func attempt<Reply: Sendable>(
        _ change: LockedChange, making made: MadeObject?, _ restore: Restore?, _ locked: UnderLocks, _ undo: Undo?,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Step<Reply> {
        try locked.settings.quorum.check(locked.held)
        // Another client may have put it there before these locks were held.
        if let place = change.removedName,
            let directory = try await find(place.name, in: place.parent, locked.frame)?.directory,
            directory.gfid != change.removed?.gfid
        {
            return .lockToo(directory)
        }
        return .done(
            try await noting(change.note, on: locked.held) { () throws(FopError) in
                try await performLocked(change, making: made, restore, locked, undo, wind)
            })
    }

    private func performLocked<Reply: Sendable>(
        _ change: LockedChange, making made: MadeObject?, _ restore: Restore?, _ locked: UnderLocks, _ undo: Undo?,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async throws(FopError) -> Outcome<Reply> {
        let removed = await standingOfRemoved(change, locked)
        let taking = locked.marksFirst ? try await markFirst(change, removed, locked) : locked.held
        let outcome = Outcome(
            await windAll(taking) { [self] replica throws(FopError) in
                // A connection that was lost a moment ago took the locks with it, even if it is back.
                guard self.connections.losses[replica] == locked.connections.losses[replica] else {
                    throw .notConnected
                }
                return try await wind(replica)
            })
        if outcome.isRefused {
            if locked.marksFirst {
                _ = await send(change, blaming: nobody, dirty: -1, names: false, to: taking, locked)
            }
            throw outcome.error!
        }
        if let restore, let refusal = await restoreWithoutRoom(change, outcome, taking, locked, restore) {
            throw refusal
        }
        let good = outcome.succeeded
        // Where all that are there did it, there is nobody to contradict.
        let isMissed = zip(locked.connections.up, good).contains { $0 && !$1 }
        let standing = isMissed ? await standing(change, removed: removed, locked) : nil
        let lacksQuorum = !locked.settings.quorum.isMet(by: good)
        let unwanted = undo == nil ? nil : outcome.answers.compactMap { $0?.error }.first(where: change.isBetterUndone)
        if let refusal = standing?.refusal(of: outcome) ?? unwanted ?? (lacksQuorum ? outcome.error ?? .readOnly : nil)
        {
            let left = await takeBack(outcome, undo, locked)
            if !locked.marksFirst { await markDoubtful(change, outcome, left, standing, locked) }
            throw refusal
        }
        if good.contains(false) {
            let failed = good.map { !$0 }
            for subject in change.subjects { forget(subject.inode, failed, change.kind) }
            if let made { await mark(made, blaming: failed, on: good, locked.frame) }
            let marked = await send(
                change, blaming: failed, dirty: locked.marksFirst ? -1 : 0, names: !locked.marksFirst, to: good, locked)
            // Acknowledged, it must be known to be missing elsewhere. A file whose last name went meanwhile is missing
            // everywhere.
            guard marked.succeeded.contains(true) else {
                _ = await takeBack(outcome, undo, locked)
                throw marked.isGone ? .stale : marked.error.flatMap { $0.isAboutThisProcess ? $0 : nil } ?? .io
            }
        } else if locked.marksFirst {
            _ = await send(change, blaming: nobody, dirty: -1, names: false, to: good, locked)
        }
        return outcome
    }

    /// Pre-op: answers which replicas take part. Who cannot be marked does not; if only replicas are left that miss
    /// other changes, nothing happens at all.
    private func markFirst(
        _ change: LockedChange, _ removed: [Bool]?, _ locked: UnderLocks
    ) async throws(FopError) -> [Bool] {
        let marked = await send(change, blaming: nobody, dirty: 1, names: true, to: locked.held, locked)
        let taking = marked.succeeded
        guard taking.contains(true) else { throw marked.error ?? .notConnected }
        var refusal: FopError?
        if zip(locked.connections.up, taking).contains(where: { $0 && !$1 }) {
            refusal = await standing(change, removed: removed, locked).refusal(of: marked)
        }
        if !locked.settings.quorum.isMet(by: taking) { refusal = refusal ?? .readOnly }
        guard let refusal else { return taking }
        _ = await send(change, blaming: nobody, dirty: -1, names: false, to: taking, locked)
        throw refusal
    }

    /// Undoes a change that does not count where it happened. Answers whom a heal has to look at because of it: where
    /// it could not be undone, and all that did it where another replica was found to have had the name before.
    ///
    /// Nothing is undone while a replica may have done it that cannot be asked: it would be left as the only one.
    private func takeBack<Reply>(
        _ outcome: Outcome<Reply>, _ undo: Undo?, _ locked: UnderLocks
    ) async -> [Bool] {
        guard let undo, !outcome.mayBeHalfDone else { return outcome.succeeded }
        let undone = await windAll(outcome.succeeded) { replica throws(FopError) in
            try await undo(replica, locked.frame)
        }
        if outcome.answers.contains(where: { $0?.error == .exists }) { return outcome.succeeded }
        return zip(outcome.succeeded, undone).map { $0 && $1?.value == nil }
    }

    /// A change that failed may be there on some replicas. They blame nobody, because none is to be believed more than
    /// another, and are dirty, so that a heal looks. One that misses other changes is healed anyway: on a directory
    /// its being dirty would bring back all the names that it has too many, so that it only notes this one.
    ///
    /// Where nobody did it, but some replica's failure may have come in its middle, all that can be are dirty.
    private func markDoubtful<Reply>(
        _ change: LockedChange, _ outcome: Outcome<Reply>, _ did: [Bool], _ standing: Standing?, _ locked: UnderLocks
    ) async {
        guard did.contains(true) else {
            guard outcome.mayBeHalfDone else { return }
            _ = await send(change, blaming: nobody, dirty: 1, names: true, to: locked.held, locked)
            return
        }
        let speaks = standing?.speaks ?? did
        let dirty = zip(did, speaks).map { $0 && $1 }, stale = zip(did, speaks).map { $0 && !$1 }
        if dirty.contains(true) { _ = await send(change, blaming: nobody, dirty: 1, names: true, to: dirty, locked) }
        if stale.contains(true) && change.kind == .entry && locked.settings.notesNames {
            _ = await send(change, blaming: nobody, dirty: 0, names: true, to: stale, locked)
        }
    }

    /// Sends marks about every subject; a replica has succeeded that took all of them. `names`: notes the names in the
    /// granular index, which the brick keeps until they are healed.
    func send(
        _ change: LockedChange, blaming blamed: [Bool], dirty: Int32, names: Bool, to chosen: [Bool],
        _ locked: UnderLocks
    ) async -> Outcome<Void> {
        let notesNames = locked.settings.notesNames
        var missed = PendingCounts(change.kind, 1)
        // On a directory this asks for a crawl of all names: one of them cannot be noted.
        if notesNames && change.kind == .entry && change.subjects.contains(where: \.noting.isEmpty) { missed.data = 1 }
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
                try await mark(target, sent, on: replica, xdata: xdata, in: locked.frame)
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
