import CPosix
import DaemonProcess
import FuseMount
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import volmount

/// A replicated volume as one mount has it; several of them on the same bricks are several mounts.
private final class LeaseStack: Sendable {
    let scratch: TemporaryDirectory
    let graph: Graph
    let clock: ManualClock
    let gate = WriteGate()
    let links: [CuttableLink]

    init(_ count: Int = 2, options: String = "", at other: LeaseStack? = nil) async throws {
        scratch = other?.scratch ?? TemporaryDirectory("lease")
        clock = other?.clock ?? ManualClock()
        let scratch = scratch
        let bricks = (0..<count).map { scratch.appending("brick\($0)") }
        bricks.forEach { mkdir($0, 0o755) }
        var text = BrickVolumes.volfile(bricks, above: [("link", "testing/link")])
        let links = (0..<count).map { "link-\($0)" }
        text += """
            volume v-replicate-0
                type cluster/replicate
                \(options)
                subvolumes \(links.joined(separator: " "))
            end-volume
            """
        graph = try Graph.fromText(text, environment: GraphEnvironment(time: clock, log: .silent))
        self.links = links.map { [graph] in graph[$0] as! CuttableLink }
        try await graph.start()
    }

    func lease(_ share: RootLease.Share) -> RootLease {
        RootLease(LeasedRoot.all(of: graph)[0], share: share, gate: gate)
    }

    /// What `volmount` does: nil when it mounts, else its sentence.
    func refusal(_ settings: inout FuseMountSettings, _ directory: String = "/srv/other") async -> String? {
        do throws(DaemonFailure) {
            let lease = try await VolumeLease(graph, &settings, directory: directory, gate: gate)
            await lease.giveBack()
            return nil
        } catch { return error.description }
    }

    /// Moves the clock on until `condition` holds.
    func pass(until condition: () -> Bool) async -> Bool {
        await eventually {
            clock.advance(by: .milliseconds(500))
            return condition()
        }
    }
}

extension FuseMountSettings {
    fileprivate static var writeback: FuseMountSettings {
        var settings = FuseMountSettings()
        settings.cacheMode = .writebackCache
        return settings
    }
}

@Suite struct RootLeaseTests {
    @Test func `of two mounts with the writeback cache the second is refused, until the first is gone`() async throws {
        let first = try await LeaseStack()
        let second = try await LeaseStack(at: first)
        let held = first.lease(.alone)
        try await held.take()
        #expect(first.links.map(\.heldLocks) == [["v-replicate-0:bypass"], ["v-replicate-0:bypass"]])
        let refused = second.lease(.alone)
        await #expect(throws: RootLease.Refusal.heldByOthers) { try await refused.take() }
        #expect(second.links.allSatisfy { $0.heldLocks.isEmpty }, "a refused one keeps nothing")
        await held.giveBack()
        try await refused.take()
        await refused.giveBack()
        #expect(second.links.allSatisfy { $0.heldLocks.isEmpty })
        await first.graph.stop()
        await second.graph.stop()
    }

    @Test func `mounts that write through stand beside each other and keep the writeback cache out`() async throws {
        let first = try await LeaseStack()
        let second = try await LeaseStack(at: first)
        let (one, two) = (first.lease(.together), second.lease(.together))
        try await one.take()
        try await two.take()
        await two.giveBack()
        let alone = second.lease(.alone)
        await #expect(throws: RootLease.Refusal.heldByOthers) { try await alone.take() }
        await one.giveBack()
        try await alone.take()
        await #expect(throws: RootLease.Refusal.heldByOthers) { try await one.take() }
        await alone.giveBack()
        await first.graph.stop()
        await second.graph.stop()
    }

    @Test func `the refusal names the other mount and what to do`() async throws {
        let first = try await LeaseStack()
        let second = try await LeaseStack(at: first)
        var settings = FuseMountSettings.writeback
        let lease = try await VolumeLease(first.graph, &settings, directory: "/srv/vm images", gate: first.gate)
        var other = FuseMountSettings.writeback
        let writeback = try #require(await second.refusal(&other))
        var through = FuseMountSettings()
        let writeThrough = try #require(await second.refusal(&through))
        for sentence in [writeback, writeThrough] {
            let words = [
                "v-replicate-0", "process \(getpid())", "at /srv/vm images (writeback-cache)", "unmount", "-o ro",
            ]
            for word in words { #expect(sentence.contains(word), "\(sentence)") }
        }
        await lease.giveBack()
        #expect(await second.refusal(&other) == nil)
        await first.graph.stop()
        await second.graph.stop()
    }

    @Test func `beside a writeback cache a mount becomes read-only if it was told to, and needs no lease`() async throws
    {
        let first = try await LeaseStack()
        let second = try await LeaseStack(at: first)
        let held = first.lease(.alone)
        try await held.take()
        var settings = FuseMountSettings()
        settings.yieldsToWriteback = true
        #expect(await second.refusal(&settings) == nil)
        #expect(settings.kernelFlags.isReadOnly)
        // Asked to be read-only from the start: whatever the cache mode.
        var readOnly = FuseMountSettings.writeback
        _ = readOnly.kernelFlags.take("ro")
        #expect(await second.refusal(&readOnly) == nil)
        #expect(!readOnly.isWriteback)
        // Without another mount it writes.
        await held.giveBack()
        var alone = FuseMountSettings()
        alone.yieldsToWriteback = true
        #expect(await second.refusal(&alone) == nil)
        #expect(!alone.kernelFlags.isReadOnly)
        await first.graph.stop()
        await second.graph.stop()
    }

    @Test func `a lost replica that leaves a quorum costs nothing, and its lock is taken again`() async throws {
        let stack = try await LeaseStack(3)
        let lease = stack.lease(.alone)
        try await lease.take()
        await stack.links[2].cut()
        #expect(lease.isWon && stack.gate.isOpen)
        stack.links[2].mend()
        #expect(await eventually { stack.links[2].heldLocks == ["v-replicate-0:bypass"] })
        await lease.giveBack()
        #expect(stack.links.allSatisfy { $0.heldLocks.isEmpty })
        await stack.graph.stop()
    }

    @Test func `without a quorum nothing is written until the replicas are back`() async throws {
        let stack = try await LeaseStack(3)
        let lease = stack.lease(.alone)
        try await lease.take()
        await stack.links[1].cut()
        await stack.links[2].cut()
        #expect(!stack.gate.isOpen)
        stack.links[1].mend()
        #expect(await stack.pass { stack.gate.isOpen })
        stack.links[2].mend()
        #expect(await eventually { stack.links.allSatisfy { !$0.heldLocks.isEmpty } })
        #expect(stack.gate.isOpen)
        await lease.giveBack()
        await stack.graph.stop()
    }

    @Test func `who comes back and finds another mount there writes only when that is gone`() async throws {
        let first = try await LeaseStack(3)
        let second = try await LeaseStack(3, at: first)
        let (old, new) = (first.lease(.alone), second.lease(.alone))
        try await old.take()
        for link in first.links { await link.cut() }
        #expect(!first.gate.isOpen)
        try await new.take()
        for link in first.links { link.mend() }
        // It tries, is refused, and keeps nothing that would be in the other's way.
        #expect(!(await eventually(within: .milliseconds(200)) { first.gate.isOpen }))
        #expect(second.gate.isOpen)
        await new.giveBack()
        #expect(await first.pass { first.gate.isOpen })
        await old.giveBack()
        await first.graph.stop()
        await second.graph.stop()
    }

    @Test func `too few replicas are a reason of its own, and mounts that write through do not mind`() async throws {
        let stack = try await LeaseStack(3)
        await stack.links[1].cut()
        await stack.links[2].cut()
        var settings = FuseMountSettings.writeback
        let sentence = try #require(await stack.refusal(&settings))
        #expect(sentence.contains("too few") && sentence.contains("write-through"))
        #expect(stack.links[0].heldLocks.isEmpty)
        var through = FuseMountSettings()
        #expect(await stack.refusal(&through) == nil)
        await stack.graph.stop()
    }
}
