import HealEngine
import Synchronization
import TranslatorCore
import TranslatorTesting
import Translators

/// Files that are replaced atomically, by a mount that dies at any moment of it, and the next one that finishes what it
/// left half done (DESIGN §3.6). A seed decides all of it.
final class NamesWorld: @unchecked Sendable {
    // Safe because every task of a simulation runs on one thread; SeededExecutor traps on any other.
    static let temporary: EntryName = "temporary", file: EntryName = "file"
    static let rounds = 12

    let executor: SeededExecutor
    let replicas: SimulatedReplicas
    let journals: Bool
    /// What may stand under the file's name, none for nothing: what was acknowledged last, and what was begun since.
    private var possible: Set<Gfid> = [.none]
    private var client: SimulatedMount?
    private var settlers: [SimulatedMount] = []
    private var intents: [SimulatedNames] = []
    /// How many more changes on bricks somebody lives.
    private var changesLeft = Int.max
    private var seenChanges: UInt64 = 0
    private var isOver = false
    private(set) var deaths = 0, finished = 0
    private(set) var violation: String?
    private(set) var history: [String] = []

    /// `journals`: mounts say what they are about to do.
    init(seed: UInt64, journals: Bool = true) {
        let executor = SeededExecutor(seed: seed)
        (self.executor, self.journals) = (executor, journals)
        replicas = SimulatedReplicas(count: seed % 3 == 0 ? 3 : 2) {
            try? await executor.clock.sleep(for: .microseconds(executor.number(in: 20..<3_000)))
        }
    }

    func run() {
        executor.start { await self.play() }
        let hasEnded = executor.run(stepsMax: 500_000) {
            spring()
            return isOver || violation != nil
        }
        if !hasEnded { broken("it stands still") }
    }

    private func broken(_ why: String) {
        note("BROKEN: \(why)")
        violation = violation ?? why
    }
    private func note(_ what: String) { history.append(what) }

    /// The death, right after a change of names on some brick.
    private func spring() {
        let changes = replicas.bricks.reduce(0) { $0 + $1.changeCount }
        guard changes != seenChanges else { return }
        seenChanges = changes
        changesLeft -= 1
        guard changesLeft == 0 else { return }
        if settlers.isEmpty { intents.last?.die() }
        for process in settlers.isEmpty ? [client].compactMap(\.self) : settlers where process.isAlive {
            note("\(process.name) dies; \(names)")
            deaths += 1
            process.die(replicas: replicas.bricks.count, landsLate: executor.happens(50))
        }
    }
    private func dies(within changes: Range<Int>, percent: Int) {
        changesLeft = executor.happens(percent) ? executor.number(in: changes) : .max
    }

    private var frame: Frame { Frame(caller: Caller(pid: 7, uid: 0, gid: 0)) }

    private func start(_ name: String) async throws -> SimulatedMount {
        let random: @Sendable () -> UInt64 = { [executor] in executor.number() }
        let environment = GraphEnvironment(time: executor.clock, log: .silent, executor: executor, random: random)
        let graph = try replicas.graph(
            of: "cluster/replicate", connections: ["testing/faulty"], environment: environment)
        try await graph.start()
        return SimulatedMount(name, graph, journal: nil)
    }

    private func play() async {
        do {
            for round in 0..<Self.rounds where violation == nil {
                if client?.isAlive != true {
                    try await settle()
                    let mount = try await start("client-\(round)")
                    let names = SimulatedNames(replicas.bricks[0])
                    if journals { (mount.top as! ReplicateTranslator).attach(names: names) }
                    intents.append(names)
                    client = mount
                }
                dies(within: 1..<12, percent: 70)
                await replace(client!)
                changesLeft = .max
            }
            if client?.isAlive != true { try await settle() }
        } catch { broken("\(error)") }
        isOver = true
    }

    /// Write a temporary, rename it over the file; sometimes the file is removed.
    private func replace(_ mount: SimulatedMount) async {
        for _ in 0..<executor.number(in: 1..<4) where mount.isAlive {
            let inodes = mount.graph.environment.inodes
            let root = inodes.inode(.root, type: .directory)
            let gfid = Gfid(high: executor.number() | 1 << 12, low: executor.number() | 1 << 63)
            let made = NewEntry(parent: root, name: Self.temporary, inode: inodes.inode(gfid, type: .regular))
            do {
                if executor.happens(20), possible != [.none] {
                    possible.insert(.none)
                    _ = try await mount.top.unlink(UnlinkRequest(parent: root, name: Self.file), in: frame)
                    if mount.isAlive { possible = [.none] }
                    continue
                }
                _ = try await mount.top.mknod(
                    MknodRequest(entry: made, mode: FileType.regular.rawValue | 0o644, device: 0), in: frame)
                possible.insert(gfid)
                let move = RenameRequest(oldParent: root, oldName: Self.temporary, newParent: root, newName: Self.file)
                _ = try await mount.top.rename(move, in: frame)
                if mount.isAlive { possible = [gfid] }
            } catch {
                note("\(mount.name): \(error)")
                // A temporary that a dead predecessor left is in the way of the next.
                if error as? FopError == .exists {
                    _ = try? await mount.top.unlink(UnlinkRequest(parent: root, name: Self.temporary), in: frame)
                }
            }
        }
    }

    /// The next mount, and sometimes a healer beside it, finish what the dead have noted; they may die over it too. Not
    /// before what these had on its way has landed.
    private func settle() async throws {
        repeat {
            try? await executor.clock.sleep(for: .seconds(1))
            settlers = [try await start("settler")]
            if executor.happens(40) { settlers.append(try await start("second settler")) }
            dies(within: 1..<4, percent: 25)
            await withDiscardingTaskGroup { group in
                for settler in settlers { group.addTask { await self.settle(by: settler) } }
            }
            changesLeft = .max
        } while !settlers.allSatisfy(\.isAlive)
        for settler in settlers { await settler.graph.stop() }
        settlers = []
        intents = []
        check()
    }

    private func settle(by settler: SimulatedMount) async {
        for change in intents.flatMap(\.left) {
            do {
                let how = try await (settler.top as! ReplicateTranslator).settle(change, isBelieved: true)
                note("\(change.kind) settled: \(how); \(names)")
                if how == .finished { finished += 1 }
            } catch { note("\(settler.name): \(error)") }
        }
    }

    private var names: String { "\(replicas.bricks.map { $0.names.sorted { $0.key < $1.key }.map { "\($0)" } })" }

    /// When all is settled: the same names everywhere, and the acknowledged file among them.
    private func check() {
        let found = replicas.bricks.map(\.names)
        guard found.allSatisfy({ $0 == found[0] }) else { return broken("names differ: \(names)") }
        let there = found[0][Self.file] ?? .none
        if !possible.contains(there) { broken("\(there) has the name, where one of \(possible) may have it") }
        possible = [there]
        if replicas.bricks.contains(where: { !$0.isUnlocked }) { broken("a lock is left") }
    }
}

/// What one mount noted of changes of names, in memory; it outlives the mount as a mapped file does.
final class SimulatedNames: NameObserver {
    private let brick: MemoryBrick
    private struct State {
        var intents: [Int: NameChange] = [:]
        var next = 0
        var isAlive = true
    }
    private let state = Mutex(State())
    init(_ brick: MemoryBrick) { self.brick = brick }

    /// As `volmount` does it: what is not known of the change is as its own brick has it then.
    func changeBegins(_ change: NameChange) -> Int? {
        var change = change
        let names = brick.names
        if change.object.isNone { change.object = names[change.place.name] ?? .none }
        if let place = change.newPlace { change.replaced = names[place.name] ?? .none }
        return state.withLock { state in
            state.next += 1
            state.intents[state.next] = change
            return state.next
        }
    }
    func changeEnded(_ number: Int) { state.withLock { if $0.isAlive { $0.intents[number] = nil } } }
    /// From now on it stays as it is.
    func die() { state.withLock { $0.isAlive = false } }
    var left: [NameChange] { state.withLock { $0.intents.sorted { $0.key < $1.key }.map(\.value) } }
}
