import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite struct DistributeTranslatorTests {
    @Test func `a new directory gets a layout that covers every hash, other objects get none`() async throws {
        let stack = try DebugStack("cluster/distribute")
        let root = Inode(gfid: .root, type: .directory)
        func entry() -> NewEntry { NewEntry(parent: root, name: "n", inode: Inode(gfid: .random(), type: .directory)) }
        _ = try await stack.top.mkdir(MkdirRequest(entry: entry(), mode: 0o755), in: stack.frame)
        _ = try await stack.top.symlink(SymlinkRequest(entry: entry(), target: [0x78]), in: stack.frame)
        let down = stack.recorder.steps.filter { $0.ended == nil }
        #expect(down.map(\.fop) == [.mkdir, .symlink])
        let layout: XdataValue = .bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])
        #expect(down[0].xdata == ["trusted.glusterfs.dht": layout])
        #expect(down[1].xdata.isEmpty)
    }

    @Test func `it does not stand on two subvolumes`() {
        let text = """
            volume a
                type testing/inert
            end-volume
            volume b
                type testing/inert
            end-volume
            volume d
                type cluster/distribute
                subvolumes a b
            end-volume
            """
        #expect { try Graph.fromText(text) } throws: { "\($0)".contains("cluster/distribute needs") }
    }
}
