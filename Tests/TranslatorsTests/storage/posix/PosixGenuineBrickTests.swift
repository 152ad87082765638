import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// The proof of the on-disk format: GlusterFS's own brick process serves what we made, and we serve what it made.
@Suite(
    .serialized,
    .enabled(
        if: TemporaryDirectory.allowsTrustedXattrs && ChildProcess.isInstalled(GenuineBrick.server)
            && access("/dev/fuse", R_OK | W_OK) == 0,
        "needs root, /dev/fuse and glusterfs-server"))
struct PosixGenuineBrickTests {
    static let id = "25312cdb-1111-4000-8000-000000000070"

    @Test func `a brick that we made is served by glusterfsd, and its changes are found by us`() async throws {
        let scratch = TemporaryDirectory("posix-genuine")
        let directory = scratch.subdirectory("brick")
        let ours = try await ScratchBrick(options: "    option volume-id \(Self.id)", directory: directory)
        let a = try await ours.mkdir("a"), b = try await ours.mkdir("b", in: a)
        let file = try await ours.create(
            "file", in: b, mode: 0o640, as: Frame(caller: Caller(pid: 1, uid: 11, gid: 12)))
        try await ours.write(Array("hello".utf8), to: file)
        await ours.posix.release(file)
        _ = try await ours.posix.link(LinkRequest(inode: file.inode, parent: ours.root, name: "link"), in: ours.frame)
        let symlink = ours.entry("symlink", .symlink)
        _ = try await ours.posix.symlink(SymlinkRequest(entry: symlink, target: Array("a/b".utf8)), in: ours.frame)
        _ = try await ours.rename("b", in: a, to: "moved")
        _ = try await ours.posix.setxattr(SetxattrRequest(.inode(a), xattrs: ["user.x": [1]]), in: ours.frame)
        await ours.stop()

        let genuine = try #require(await GenuineBrick(directory, id: Self.id, scratch))
        let mounted = genuine.mountPoint
        for (path, gfid) in [
            ("a", a.gfid), ("moved", b.gfid), ("moved/file", file.inode.gfid), ("link", file.inode.gfid),
            ("symlink", symlink.inode.gfid),
        ] {
            let seen = try #require(ScratchBrick.status("\(mounted)/\(path)"), "\(path)")
            #expect(UInt64(seen.st_ino) == gfid.low, "\(path)")
        }
        let seen = try #require(ScratchBrick.status(mounted + "/moved/file"))
        #expect((seen.st_mode & 0o7777, seen.st_uid, seen.st_gid, seen.st_nlink, seen.st_size) == (0o640, 11, 12, 2, 5))
        #expect(ScratchBrick.linkTarget(mounted + "/symlink") == "a/b")
        #expect(XattrReading.value(of: "user.x", at: mounted + "/a") == [1])
        let pathOfLink = XattrReading.value(of: "glusterfs.gfid2path", at: mounted + "/moved/file")
        // It ends the text with a NUL, as for every string of its own.
        let pathText = String(decoding: try #require(pathOfLink).prefix { $0 != 0 }, as: UTF8.self)
        #expect(Set(pathText.split(separator: ":")).isSubset(of: ["/moved/file", "/link"]), "\(pathText)")

        // Now it makes, moves and removes.
        #expect(mkdir(mounted + "/theirs", 0o755) == 0)
        #expect(rename(mounted + "/moved", mounted + "/theirs/again") == 0)
        #expect(link(mounted + "/theirs/again/file", mounted + "/theirs/hard") == 0)
        #expect(unlink(mounted + "/link") == 0)
        #expect(Glibc.symlink("target", mounted + "/theirs/symlink") == 0)
        let made = cposix_open(mounted + "/theirs/new", O_WRONLY | O_CREAT, 0o600)
        #expect(write(made, "genuine", 7) == 7)
        close(made)
        #expect(rmdir(mounted + "/a") == 0)

        // While it serves, we refuse.
        await #expect(throws: VolfileError.self) { _ = try await ScratchBrick(at: ours) }
        await genuine.stop()

        let again = try await ScratchBrick(options: "    option volume-id \(Self.id)", directory: directory)
        let theirs = try await again.lookup("theirs").iatt
        let theirsInode = Inode(gfid: theirs.gfid, type: .directory)
        #expect(Set(try await again.list(theirsInode).map(\.name)) == [".", "..", "again", "hard", "symlink", "new"])
        #expect(try await again.lookup("again", in: theirsInode).iatt.gfid == b.gfid)
        let hard = try await again.lookup("hard", in: theirsInode).iatt
        #expect((hard.gfid, hard.nlink) == (file.inode.gfid, 2))
        #expect(try await again.read(.anonymous(file.inode)) == Array("hello".utf8))
        let new = try await again.lookup("new", in: theirsInode).iatt
        #expect(try await again.read(.anonymous(Inode(gfid: new.gfid, type: .regular))) == Array("genuine".utf8))
        #expect(await failure { _ = try await again.lookup("a") } == .noEntry)
        #expect(await failure { _ = try await again.lookup(a) } == .stale)
        let paths = try await again.posix.getxattr(
            GetxattrRequest(.inode(file.inode), name: "glusterfs.gfid2path"), in: again.frame)
        let text = String(decoding: paths.xattrs["glusterfs.gfid2path"]!, as: UTF8.self)
        #expect(Set(text.split(separator: ":")) == ["/theirs/again/file", "/theirs/hard"])
        await again.stop()
    }
}

/// A genuine brick process on loopback, and a genuine mount of it.
final class GenuineBrick: Sendable {
    static let server = "/usr/sbin/glusterfsd", client = "/usr/sbin/glusterfs"
    let mountPoint: String
    private let processes: [ChildProcess]

    /// Nil when they do not come up; `scratch` then has their logs.
    init?(_ directory: String, id: String, _ scratch: TemporaryDirectory) async {
        mountPoint = scratch.subdirectory("mounted")
        let port = 20_000 + Int(getpid()) % 10_000
        Self.write(
            """
            volume posix
                type storage/posix
                option directory \(directory)
                option volume-id \(id)
            end-volume
            volume locks
                type features/locks
                subvolumes posix
            end-volume
            volume \(directory)
                type debug/io-stats
                subvolumes locks
            end-volume
            volume server
                type protocol/server
                option transport-type tcp
                option transport.socket.bind-address 127.0.0.1
                option transport.socket.listen-port \(port)
                option auth.addr.\(directory).allow *
                subvolumes \(directory)
            end-volume
            """, to: scratch.appending("brick.vol"))
        Self.write(
            """
            volume client
                type protocol/client
                option remote-host 127.0.0.1
                option remote-port \(port)
                option remote-subvolume \(directory)
                option transport-type tcp
            end-volume
            """, to: scratch.appending("client.vol"))
        func arguments(_ role: String) -> [String] {
            [
                "-N", "-f", scratch.appending(role + ".vol"), "-l", scratch.appending(role + ".log"), "-p",
                scratch.appending(role + ".pid"),
            ]
        }
        guard let brick = ChildProcess(Self.server, arguments("brick")) else { return nil }
        guard let mount = ChildProcess(Self.client, arguments("client") + [mountPoint]) else {
            brick.stop()
            return nil
        }
        processes = [mount, brick]
        let path = mountPoint
        let isUp = await eventually(within: .seconds(60)) { ScratchBrick.status(path)?.st_ino == 1 }
        if !isUp {
            await stop()
            return nil
        }
    }

    func stop() async {
        umount2(mountPoint, Int32(MNT_DETACH))
        processes.forEach { $0.stop() }
    }

    private static func write(_ text: String, to path: String) {
        let number = cposix_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        precondition(Glibc.write(number, text, text.utf8.count) == text.utf8.count, "cannot write \(path)")
        close(number)
    }
}
