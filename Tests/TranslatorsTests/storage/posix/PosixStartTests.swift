import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Which directories become bricks, what a fresh one gets, and the sentence for every other.
@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: run as root"))
struct PosixStartTests {
    let scratch = TemporaryDirectory("posix-start")
    static let id = "25312cdb-1111-4000-8000-000000000070"
    static let otherID = "9a2b3c4d-1111-4000-8000-000000000071"

    /// The sentence with which the graph refuses, or nil when it starts.
    func refusal(_ options: String) async -> String? {
        do throws(VolfileError) {
            let graph = try Graph.fromText("volume brick\n    type storage/posix\n\(options)\nend-volume\n")
            try await graph.start()
            await graph.stop()
            return nil
        } catch {
            return error.description
        }
    }

    func refusal(of directory: String, id: String? = nil) async -> String? {
        await refusal("    option directory \(directory)\n" + (id.map { "    option volume-id \($0)\n" } ?? ""))
    }

    @Test func `a fresh directory gets the layout that genuine bricks have`() async throws {
        let brick = scratch.subdirectory("fresh")
        #expect(await refusal(of: brick, id: Self.id) == nil)
        #expect(XattrReading.gfid(at: brick) == .root)
        #expect(XattrReading.value(of: "trusted.glusterfs.volume-id", at: brick) == Gfid(Self.id)!.bytes)
        #expect(ScratchBrick.status(brick + "/.glusterfs")?.st_mode == S_IFDIR | 0o600)
        for name in ["00", "7f", "ff", "unlink", "landfill"] {
            let mode = ScratchBrick.status("\(brick)/.glusterfs/\(name)")?.st_mode
            #expect(mode.map { FileType(mode: $0) } == .directory, "\(name)")
        }
        #expect(ScratchBrick.linkTarget(brick + "/.glusterfs/00/00/\(Gfid.root)") == "../../..")
        #expect(ScratchBrick.status(brick + "/.glusterfs/health_check")?.st_size == 25)
        // The probe leaves nothing.
        #expect(Set(XattrReading.all(at: brick).keys) == ["trusted.gfid", "trusted.glusterfs.volume-id"])
    }

    @Test func `a brick starts again, with its own id and without one in the volfile`() async throws {
        let brick = scratch.subdirectory("again")
        #expect(await refusal(of: brick, id: Self.id) == nil)
        #expect(await refusal(of: brick, id: Self.id) == nil)
        #expect(await refusal(of: brick) == nil)
        let graph = try Graph.fromText("volume b\n type storage/posix\n option directory \(brick)\nend-volume\n")
        try await graph.start()
        #expect(graph.top.localBrick?.volumeID == Gfid(Self.id))
        await graph.stop()
    }

    @Test func `a directory without an id option needs no id and gets none`() async throws {
        let brick = scratch.subdirectory("plain")
        close(creat(brick + "/old", 0o644))
        #expect(await refusal(of: brick) == nil)
        #expect(XattrReading.value(of: "trusted.glusterfs.volume-id", at: brick) == nil)
    }

    @Test func `a brick of another volume is refused and stays as it was`() async throws {
        let brick = scratch.subdirectory("foreign")
        #expect(await refusal(of: brick, id: Self.id) == nil)
        let sentence = await refusal(of: brick, id: Self.otherID)
        #expect(
            sentence
                == "test.vol:1: volume \"brick\": brick \(brick): belongs to volume-id \(Self.id), not to \(Self.otherID); check options directory and volume-id"
        )
        #expect(XattrReading.value(of: "trusted.glusterfs.volume-id", at: brick) == Gfid(Self.id)!.bytes)
    }

    @Test func `a directory that has content but no id is refused where an id is wanted`() async throws {
        let brick = scratch.subdirectory("full")
        close(creat(brick + "/precious", 0o644))
        let sentence = await refusal(of: brick, id: Self.id)
        #expect(sentence?.contains("is not empty (\"precious\") and has no volume-id") == true)
        #expect(ScratchBrick.status(brick + "/.glusterfs") == nil)
        #expect(XattrReading.all(at: brick).isEmpty)
    }

    @Test func `a brick that was emptied is refused`() async throws {
        let brick = scratch.subdirectory("emptied")
        XattrReading.set("trusted.glusterfs.volume-id", to: Gfid(Self.id)!.bytes, at: brick)
        #expect(await refusal(of: brick, id: Self.id)?.contains("has a volume-id but no .glusterfs") == true)
    }

    @Test func `a directory inside of a brick is refused`() async throws {
        let brick = scratch.subdirectory("inner")
        XattrReading.set("trusted.gfid", to: Gfid.random().bytes, at: brick)
        #expect(await refusal(of: brick)?.contains("is a directory inside of a brick") == true)
    }

    @Test func `what is no directory, or missing, or misspelled, is refused with the line`() async throws {
        let file = scratch.appending("file")
        close(creat(file, 0o644))
        #expect(await refusal(of: file) == "test.vol:1: volume \"brick\": brick \(file): is not a directory")
        let missing = scratch.appending("missing")
        #expect(
            await refusal(of: missing)
                == "test.vol:1: volume \"brick\": brick \(missing): no such directory; make it, or mount the file system that holds it"
        )
        #expect(
            await refusal("")
                == "test.vol:1: volume \"brick\": option directory is missing: the absolute path of the brick")
        #expect(
            await refusal(of: file, id: "not-a-uuid")?.contains("option volume-id \"not-a-uuid\" is not a UUID") == true
        )
        #expect(
            await refusal("    option directory relative\n")?.contains("option \"directory\" cannot be \"relative\"")
                == true)
    }

    @Test func `a read-only file system is refused`() async throws {
        let source = scratch.subdirectory("source"), mounted = scratch.subdirectory("readonly")
        try #require(mount(source, mounted, nil, UInt(MS_BIND), nil) == 0)
        defer { umount2(mounted, 0) }
        try #require(
            mount(nil, mounted, nil, UInt(MS_BIND | MS_REMOUNT | MS_RDONLY), nil) == 0)
        #expect(await refusal(of: mounted)?.hasSuffix("its file system is read-only") == true)
    }

    @Test func `a file system without trusted xattrs is refused`() async throws {
        let mounted = scratch.subdirectory("ramfs")
        try #require(mount("none", mounted, "ramfs", 0, nil) == 0)
        defer { umount2(mounted, 0) }
        #expect(await refusal(of: mounted)?.contains("its file system has no trusted xattrs") == true)
    }

    @Test func `a brick that a glusterfsd has open is refused, by whatever path`() async throws {
        let brick = scratch.subdirectory("served")
        // Any program of that name that holds the directory, as brick processes do.
        let program = scratch.appending("glusterfsd")
        try copyProgram("/bin/sleep", to: program)
        let server = try #require(ChildProcess(program, ["60"], holding: brick))
        defer { server.stop() }
        let linked = scratch.appending("linked")
        symlink(brick, linked)
        for path in [brick, linked] {
            let sentence = await refusal(of: path)
            #expect(sentence?.contains("glusterfsd (process \(server.pid)) serves it") == true)
        }
        #expect(ScratchBrick.status(brick + "/.glusterfs") == nil)
        #expect(await refusal(of: scratch.subdirectory("free")) == nil)
    }

    @Test func `an ext4 orders its metadata only with a journal, whose task has a number`() {
        #expect(OrderedMetadata.hasJournal(task: "312\n"))
        for text in ["<none>\n", "", "0\n", "-1"] { #expect(!OrderedMetadata.hasJournal(task: text), "\(text)") }
    }

    private func copyProgram(_ source: String, to sink: String) throws {
        let (from, to) = (cposix_open(source, O_RDONLY, 0), cposix_open(sink, O_WRONLY | O_CREAT, 0o755))
        try #require(from >= 0 && to >= 0)
        while copy_file_range(from, nil, to, nil, 1 << 20, 0) > 0 {}
        close(from)
        close(to)
    }
}
