import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

/// What a write changes beside data is on the sinks as on the source when the marks go. Bricks in memory take
/// capabilities and set-ID bits off at every write, as the kernel does it to a healer without CAP_FSETID.
@Suite struct AttributeTests {
    static let base = pattern(1 << 16, seed: 1)
    static let capability = "security.capability"
    static let value: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0]

    @Test func `a capability and set-ID bits that a heal's writes take off the sink are put back`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([(0, pattern(10, seed: 2))])
        for brick in bench.replicas.bricks {
            for name in [Self.capability, "security.ima"] { brick.setXattr(bench.file, name, Self.value) }
            brick.setMode(bench.file, 0o6755)
        }
        // A kernel that measures files has made it anew there.
        bench.replicas.bricks[1].setXattr(bench.file, "security.ima", [9])
        #expect(await bench.heal().outcome == .healed(isAll: true))
        let sink = bench.replicas.bricks[1]
        #expect(bench.replicas.areEqual(bench.file))
        for name in [Self.capability, "security.ima"] { #expect(sink.xattr(bench.file, name) == Self.value) }
        #expect(sink.iatt(bench.file)?.permissions == 0o6755)
        let steps = bench.client.recorder(1).steps.filter { $0.ended == nil }
        let setattr = try #require(steps.lastIndex { $0.fop == .fsetattr })
        #expect(steps[setattr...].contains { $0.fop == .fsync }, "and are on its disk before the marks go")
    }

    @Test func `what a write took off the target goes from the sink too, which needed no byte`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.replicas.bricks[1].setXattr(bench.file, Self.capability, Self.value)
        bench.replicas.bricks[1].setMode(bench.file, 0o4755)
        bench.replicas.bricks[0].setMode(bench.file, 0o755)
        // A truncate to the size that it had: a mark, and no range.
        bench.epoch([])
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(bench.replicas.bricks[1].xattr(bench.file, Self.capability) == nil)
        #expect(bench.replicas.bricks[1].iatt(bench.file)?.permissions == 0o755)
    }

    @Test func `a source that missed a change of metadata gives the sink its times only`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([])
        bench.replicas.bricks[1].setXattr(bench.file, Self.capability, Self.value)
        bench.replicas.accuse(bench.file, on: 1, about: 0, PendingCounts(metadata: 1))
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(bench.replicas.bricks[1].xattr(bench.file, Self.capability) == Self.value)
    }

    @Test func `set-ID bits never go to a file of another owner`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([])
        bench.replicas.bricks[0].setMode(bench.file, 0o4755, uid: 1000)
        #expect(await bench.heal().outcome == .healed(isAll: true))
        #expect(bench.replicas.bricks[1].iatt(bench.file)?.permissions == 0o644)
    }

    @Test func `a sink that refuses the capability stays marked`() async throws {
        let bench = try await HealBench(content: [Self.base, Self.base])
        bench.epoch([])
        bench.replicas.bricks[0].setXattr(bench.file, Self.capability, Self.value)
        bench.client.faulty(1).fail(.fsetxattr, with: .notPermitted)
        guard case .failed = await bench.heal().outcome else {
            Issue.record("healed without it")
            return
        }
        #expect(bench.replicas.isDataPending(bench.file))
    }
}
