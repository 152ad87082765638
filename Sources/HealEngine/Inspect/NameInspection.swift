import ReplicaState
import TranslatorCore

/// A name under which the replicas have different objects.
public struct SplitName: Equatable, Sendable {
    public var name: EntryName
    /// What each replica has there, by its name; those that have nothing are left out.
    public var copies: [String: Iatt]
}

/// A directory whose names are marked, compared on all replicas (DESIGN §3.6): where they are all the same there is
/// nothing to heal, and the marks go; where they are different objects, somebody has to decide.
struct NameInspection: Sendable {
    enum Finding: Sendable {
        /// The marks are taken off.
        case alike
        /// Names that some replica lacks; they are left to a heal of names.
        case differ
        case split([SplitName])
        case busy
        case failed(replica: Int, FopError)
    }
    /// Names of one directory that are compared; larger ones are left alone.
    static let namesMax = 1 << 20
    private static let replyBytes = 128 * 1024

    let replicas: HealReplicas
    let directory: Inode

    /// Under the lock of healers and the lock of all names of the directory, both only tried.
    func run() async -> Finding {
        await locked(domain: replicas.locks.selfHeal) {
            await self.locked(domain: replicas.locks.data) { await self.compare() }
        }
    }

    private func locked(domain: String, _ body: () async -> Finding) async -> Finding {
        let frame = Frame.healer()
        func request(_ command: LockCommand) -> EntrylkRequest {
            EntrylkRequest(.inode(directory), domain: domain, name: nil, command: command)
        }
        let (take, give) = (request(.tryAcquire), request(.release))
        let answers = await replicas.wind(Array(replicas.all)) { subvolume throws(FopError) in
            _ = try await subvolume.entrylk(take, in: frame)
        }
        var finding: Finding?
        for case (let replica, .failure(let error)) in answers {
            finding = error == .tryAgain ? .busy : .failed(replica: replica, error)
        }
        if finding == nil { finding = await body() }
        let held = answers.filter { if case .success = $0.answer { true } else { false } }.map(\.replica)
        _ = await replicas.wind(held) { subvolume throws(FopError) in _ = try await subvolume.entrylk(give, in: frame) }
        return finding!
    }

    private func compare() async -> Finding {
        let zero = PendingCounts.zero.xattr
        let nothing = Dictionary(uniqueKeysWithValues: replicas.countKeys.map { ($0, zero) })
        let directory = directory
        let counts = await replicas.wind(Array(replicas.all)) { subvolume throws(FopError) in
            try await subvolume.xattrop(XattropRequest(.inode(directory), values: nothing), in: .healer()).values
        }
        let lists = await replicas.wind(Array(replicas.all)) { subvolume throws(FopError) in
            try await list(subvolume)
        }
        var values: [Xattrs] = [], names: [[EntryName: Iatt]] = []
        for (replica, answer) in counts {
            guard let value = answer.value else { return .failed(replica: replica, answer.failure!) }
            values.append(value)
        }
        for (replica, answer) in lists {
            guard let value = answer.value else { return .failed(replica: replica, answer.failure!) }
            names.append(value)
        }
        let split = splitNames(names)
        if !split.isEmpty { return .split(split) }
        guard names.allSatisfy({ $0.mapValues(\.gfid) == names[0].mapValues(\.gfid) }) else { return .differ }
        guard let matrix = try? PendingMatrix(keys: replicas.pendingKeys, xattr: { values[$0][$1] }) else {
            return .differ
        }
        await takeOff(matrix)
        return .alike
    }

    private func splitNames(_ names: [[EntryName: Iatt]]) -> [SplitName] {
        Set(names.flatMap(\.keys)).sorted().compactMap { name in
            let copies = names.enumerated().compactMap { replica, names in
                names[name].map { (replicas.names[replica], $0) }
            }
            guard Set(copies.map(\.1.gfid)).count > 1 else { return nil }
            return SplitName(name: name, copies: Dictionary(uniqueKeysWithValues: copies))
        }
    }

    private func takeOff(_ matrix: PendingMatrix) async {
        let deltas = matrix.undo(.entry, keys: replicas.pendingKeys, fullCrawl: true)
        let directory = directory
        for (replica, values) in deltas.enumerated() {
            _ = await replicas.wind([replica]) { subvolume throws(FopError) in
                try await subvolume.xattrop(XattropRequest(.inode(directory), values: values), in: .healer())
            }
        }
    }

    private func list(_ subvolume: any Translator) async throws(FopError) -> [EntryName: Iatt] {
        let fd = Fd(inode: directory, flags: [.directory])
        _ = try await subvolume.opendir(OpendirRequest(fd: fd), in: .healer())
        var found: [EntryName: Iatt] = [:]
        var failure: FopError?
        var offset: UInt64 = 0
        reading: while failure == nil {
            do throws(FopError) {
                let request = ReaddirRequest(fd: fd, offset: offset, bytes: Self.replyBytes)
                let reply = try await subvolume.readdirp(request, in: .healer())
                for entry in reply.entries where !entry.name.isDotOrDotDot && !isBrickOwn(entry.name) {
                    found[entry.name] = try await iatt(of: entry, on: subvolume)
                }
                guard found.count <= Self.namesMax else { throw .noMemory }
                guard let last = reply.entries.last, !reply.isEnd else { break reading }
                offset = last.nextOffset
            } catch {
                failure = error
            }
        }
        await subvolume.releasedir(fd)
        if let failure { throw failure }
        return found
    }

    private func isBrickOwn(_ name: EntryName) -> Bool { directory.gfid == .root && name == ".glusterfs" }

    /// What a brick could not say while it listed is looked up.
    private func iatt(of entry: DirectoryEntry, on subvolume: any Translator) async throws(FopError) -> Iatt {
        if let iatt = entry.iatt, !iatt.gfid.isNone { return iatt }
        let look = LookupRequest(.name(entry.name, parent: directory))
        return try await subvolume.lookup(look, in: .healer()).iatt
    }
}

extension Result {
    fileprivate var value: Success? { if case .success(let value) = self { value } else { nil } }
    fileprivate var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}
