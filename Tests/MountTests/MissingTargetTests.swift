import CPosix
import DaemonProcess
import FuseMount
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import volmount

/// A mount without the replica that another one may have written to: heal-protocol.md §3.1 step 9.
@Suite(.serialized, .enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and trusted xattrs"))
struct MissingTargetTests {
    private final class Scene: Sendable {
        let scratch = TemporaryDirectory("missing")
        let clock = ManualClock()
        let graph: Graph
        let links: [CuttableLink]
        let gate = WriteGate()
        let mount = Gfid.random()

        init() async throws {
            let bricks = (0..<2).map { [scratch] in scratch.subdirectory("brick\($0)") }
            let text =
                BrickVolumes.volfile(bricks, above: [("link", "testing/link")])
                + "volume set\n type cluster/replicate\n subvolumes link-0 link-1\nend-volume\n"
            graph = try Graph.fromText(text, environment: GraphEnvironment(time: clock, log: .silent))
            links = (0..<2).map { [graph] in graph["link-\($0)"] as! CuttableLink }
            try await graph.start()
            let mark = AheadMark(mount: mount, since: 1, target: "link-0")
            for brick in bricks { XattrReading.set(mark.key, to: mark.value, at: brick) }
        }

        func watch(_ policy: MissingTarget.Policy, _ settings: inout FuseMountSettings) async throws -> [MissingTarget]
        {
            try await MissingTarget.watch(graph, policy, &settings, gate: gate)
        }
    }

    @Test func `it refuses and names the brick, or reads only, or believes, as it was told`() async throws {
        let scene = try await Scene()
        await scene.links[0].cut()
        var settings = FuseMountSettings()
        do throws(DaemonFailure) {
            _ = try await MissingTarget.watch(scene.graph, .refuse, &settings, gate: scene.gate)
            Issue.record("it mounts")
        } catch {
            #expect(error.description.contains(scene.scratch.appending("brick0")), "\(error.description)")
            #expect(error.description.contains("on-missing-target"), "\(error.description)")
        }
        for watch in try await scene.watch(.believe, &settings) { await watch.stop() }
        #expect(!settings.kernelFlags.isReadOnly && scene.gate.isOpen)
        for watch in try await scene.watch(.readOnly, &settings) { await watch.stop() }
        #expect(settings.kernelFlags.isReadOnly)
        await scene.graph.stop()
    }

    @Test func `the other replica may be away`() async throws {
        let scene = try await Scene()
        await scene.links[1].cut()
        var settings = FuseMountSettings()
        for watch in try await scene.watch(.refuse, &settings) { await watch.stop() }
        await scene.graph.stop()
    }

    @Test func `marks that are taken off by hand while their target is away let the mount go on`() async throws {
        let scene = try await Scene()
        var settings = FuseMountSettings()
        let watches = try await scene.watch(.refuse, &settings)
        await scene.links[0].cut()
        #expect(await eventually { scene.gate.isBlind })
        #expect(removexattr(scene.scratch.appending("brick1"), AheadMark.key(of: scene.mount)) == 0)
        #expect(
            await eventually {
                scene.clock.advance(by: .seconds(1))
                return !scene.gate.isBlind
            })
        for watch in watches { await watch.stop() }
        await scene.graph.stop()
    }

    @Test(arguments: MissingTarget.Policy.allCases)
    func `a mount that runs does the same from the moment when the target goes until it is back`(
        _ policy: MissingTarget.Policy
    ) async throws {
        let scene = try await Scene()
        var settings = FuseMountSettings()
        let watches = try await scene.watch(policy, &settings)
        #expect(scene.gate.isOpen)
        await scene.links[0].cut()
        let isAsTold: @Sendable () -> Bool = {
            switch policy {
            case .refuse: scene.gate.isBlind
            case .readOnly: !scene.gate.isOpen && !scene.gate.isBlind
            case .believe: scene.gate.isOpen
            }
        }
        #expect(await eventually { isAsTold() })
        scene.links[0].mend()
        #expect(
            await eventually {
                scene.clock.advance(by: .seconds(1))
                return scene.gate.isOpen && !scene.gate.isBlind
            })
        for watch in watches { await watch.stop() }
        await scene.graph.stop()
    }
}
