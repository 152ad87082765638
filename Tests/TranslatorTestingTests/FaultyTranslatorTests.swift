import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct FaultyTranslatorTests {
    let graph: Graph
    let faulty: FaultyTranslator
    let recorder: RecordingTranslator
    let file = Fd(inode: Inode(gfid: .random(), type: .regular), flags: .readWrite)
    let frame = Frame(caller: .root)

    init() throws {
        graph = try Graph.fromText(
            """
            volume disk
                type testing/inert
            end-volume
            volume seen
                type testing/recording
                subvolumes disk
            end-volume
            volume network
                type testing/faulty
                subvolumes seen
            end-volume
            """)
        faulty = try #require(graph["network"] as? FaultyTranslator)
        recorder = try #require(graph["seen"] as? RecordingTranslator)
    }

    @Test func `exactly the calls that a rule names fail`() async throws {
        faulty.fail(.fsync, with: .noSpace, from: 2, times: 1)
        let fsync = FsyncRequest(fd: file, dataOnly: false)
        _ = try await faulty.fsync(fsync, in: frame)
        await #expect(throws: FopError.noSpace) { try await faulty.fsync(fsync, in: frame) }
        _ = try await faulty.fsync(fsync, in: frame)
        #expect(recorder.fops == [.fsync, .fsync])
        #expect(faulty.callCount(of: .fsync) == 3)
    }

    @Test func `a lost reply leaves the work done`() async throws {
        faulty.fail(.stat, with: .notConnected, at: .after)
        await #expect(throws: FopError.notConnected) { try await faulty.stat(StatRequest(.fd(file)), in: frame) }
        #expect(recorder.fops == [.fstat])
        faulty.mend()
        _ = try await faulty.stat(StatRequest(.inode(file.inode)), in: frame)
        #expect(recorder.fops == [.fstat, .stat])
    }

    @Test func `a held fop waits for its gate`() async throws {
        let gate = faulty.hold(.flush)
        let flush = Task { try await faulty.flush(FlushRequest(fd: file), in: frame) }
        #expect(await gate.holds())
        #expect(recorder.fops.isEmpty)
        gate.open()
        _ = try await flush.value
        #expect(recorder.fops == [.flush])
    }

    @Test func `what is down answers ENOTCONN until it is up again`() async throws {
        faulty.goDown()
        await #expect(throws: FopError.notConnected) { try await faulty.flush(FlushRequest(fd: file), in: frame) }
        faulty.comeUp()
        _ = try await faulty.flush(FlushRequest(fd: file), in: frame)
        #expect(recorder.steps.map(\.ended) == [nil, .replied("")])
    }
}
