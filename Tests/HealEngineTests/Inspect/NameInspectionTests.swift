import HealProtocol
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// Directories whose names are marked, on real bricks.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct NameInspectionTests {
    /// The root is dirty on both bricks, and the first accuses the second.
    private func bench() async throws -> BrickBench {
        let bench = try await BrickBench()
        _ = try await bench.create("f")
        for replica in 0..<2 {
            XattrReading.set(PendingCounts.dirtyKey, to: PendingCounts(entry: 1).xattr, at: bench.brick(replica))
        }
        let accused = PendingCounts(data: 1, entry: 2)
        XattrReading.set(bench.replicaSet.pendingKeys[1], to: accused.xattr, at: bench.brick(0))
        return bench
    }
    private func root(_ bench: BrickBench) -> Inode { bench.environment.inodes.inode(.root, type: .directory) }
    private func marks(_ bench: BrickBench) -> [PendingCounts] {
        [PendingCounts.dirtyKey, bench.replicaSet.pendingKeys[1]].flatMap { key in
            (0..<2).map { XattrReading.counts(of: key, at: bench.brick($0)) }
        }
    }
    private func add(_ name: EntryName, to replica: Int, of bench: BrickBench) async throws -> Gfid {
        let inode = bench.environment.inodes.inode(.random(), type: .regular)
        let entry = NewEntry(parent: root(bench), name: name, inode: inode)
        let request = MknodRequest(entry: entry, mode: FileType.regular.rawValue | 0o644, device: 0)
        _ = try await bench.replicaSet.replicas[replica].mknod(request, in: Frame(caller: .root))
        return inode.gfid
    }

    @Test func `where all names are the same the marks go`() async throws {
        let bench = try await bench()
        #expect(await bench.heal(root(bench)).outcome == .clean(others: []))
        #expect(marks(bench) == Array(repeating: .zero, count: 4))
        await bench.graph.stop()
    }

    @Test func `a name that one replica lacks is left to a heal of names, with its marks`() async throws {
        let bench = try await bench()
        let before = marks(bench)
        _ = try await add("g", to: 1, of: bench)
        #expect(await bench.heal(root(bench)).outcome == .clean(others: [.entry]))
        #expect(marks(bench) == before)
        await bench.graph.stop()
    }

    @Test func `different files under one name are a split-brain that is told, until somebody decides`() async throws {
        let bench = try await bench()
        let before = marks(bench)
        let gfids = [try await add("g", to: 0, of: bench), try await add("g", to: 1, of: bench)]
        guard case .failed(.splitNames(.root, let names)) = await bench.heal(root(bench)).outcome else {
            Issue.record("no split name was found")
            return
        }
        #expect(names.map(\.name) == ["g"])
        #expect(names[0].copies.mapValues(\.gfid) == ["demo-client-0": gfids[0], "demo-client-1": gfids[1]])
        #expect(marks(bench) == before)
        let told = await bench.pipeline.splitBrains()
        #expect(told.map(\.path) == ["g"] && told.map(\.kind) == [.name])
        #expect(told[0].copies.map(\.gfid) == gfids)
        let sentence = try await bench.pipeline.keep("/g", of: "demo-client-1", discarding: true)
        #expect(sentence == "/g: that of demo-client-1 is kept")
        guard case .alike = await NameInspection(replicas: bench.pipeline.replicas, directory: root(bench)).run() else {
            Issue.record("the names still differ")
            return
        }
        #expect(marks(bench) == Array(repeating: .zero, count: 4))
        await bench.graph.stop()
    }

    @Test func `a directory whose names somebody is changing is looked at another time`() async throws {
        let bench = try await bench()
        let before = marks(bench)
        let frame = Frame(caller: .root)
        let domain = bench.replicaSet.lockDomain
        let lock = EntrylkRequest(.inode(root(bench)), domain: domain, name: "f", command: .acquire)
        _ = try await bench.replicaSet.replicas[1].entrylk(lock, in: frame)
        #expect(await bench.heal(root(bench)).outcome == .clean(others: [.entry]))
        #expect(marks(bench) == before)
        let unlock = EntrylkRequest(.inode(root(bench)), domain: domain, name: "f", command: .release)
        _ = try await bench.replicaSet.replicas[1].entrylk(unlock, in: frame)
        await bench.graph.stop()
    }
}
