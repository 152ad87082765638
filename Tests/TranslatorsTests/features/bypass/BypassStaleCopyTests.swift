import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    /// What only the target has is neither read from old copies nor changed on them, whatever becomes of the target and
    /// whatever the mount has forgotten.
    @Suite struct BypassStaleCopyTests {
        /// "new", healed nowhere, over "old" on the other copies.
        private func written(_ count: Int = 2) async throws -> (BypassStack, Fd) {
            let stack = try await BypassStack(count)
            let fd = try await stack.create("file")
            stack.observer.canJournal = false
            try await stack.write("old", to: fd)
            stack.observer.canJournal = true
            stack.clock.advance(by: .seconds(2))
            try await stack.write("new", to: fd)
            try await stack.fsync(fd)
            #expect(stack.text(0, "file") == "new" && stack.text(1, "file") == "old")
            return (stack, fd)
        }

        private func isTargetBlamed(_ stack: BypassStack) -> Bool {
            stack.bricks.indices.dropFirst().contains { !stack.counts($0, about: 0, "file").isZero }
        }

        @Test(arguments: [2, 3])
        func `when the target's disk breaks nobody blames it, and its file is not read from old copies`(
            count: Int
        ) async throws {
            let (stack, fd) = try await written(count)
            stack.faulty[0].failDisk()
            for _ in 0..<4 {
                await #expect(throws: FopError.io) { try await stack.read(fd) }
                await #expect(throws: FopError.io) { try await stack.write("mad", to: fd) }
                await #expect(throws: FopError.io) { try await stack.fsync(fd) }
                _ = await failure { try await stack.flush(fd) }
                await #expect(throws: FopError.io) { try await stack.lookup("file") }
                await #expect(throws: FopError.io) { try await stack.stat(fd) }
                for _ in 0..<12 { stack.clock.advance(by: .milliseconds(100)) }
            }
            #expect(!isTargetBlamed(stack))
            stack.faulty[0].mend()
            #expect(await stack.pass(.milliseconds(100)) { (try? await stack.read(fd)) == "new" })
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a failed fsync of what went through replicate has failed, where only old copies could sync`()
            async throws
        {
            let (stack, fd) = try await written()
            #expect(await stack.passIdle(fd))
            stack.observer.canJournal = false
            stack.clock.advance(by: .seconds(2))
            try await stack.write("NEW", to: fd)
            #expect(stack.text(1, "file") == "NEW")
            // Nothing is locked any more.
            await stack.replicate.settle(fd.inode)
            // Its disk cannot say either that the other copy is old.
            stack.faulty[0].failDisk()
            stack.faulty[0].mend(.fsync)
            stack.faulty[0].fail(.fsync, with: .noSpace)
            await #expect(throws: FopError.noSpace) { try await stack.fsync(fd) }
            #expect(!isTargetBlamed(stack))
            await stack.stop()
        }

        /// Changes of data by whoever has no open file, or none yet.
        enum Change: CaseIterable { case truncate, openTruncating, write, allocate }

        private func perform(_ change: Change, _ stack: BypassStack, _ inode: Inode) async throws {
            switch change {
            case .truncate:
                _ = try await stack.bypass.truncate(TruncateRequest(.inode(inode), size: 1), in: stack.frame)
            case .openTruncating: _ = try await stack.open(inode, [.readWrite, .truncate])
            case .write: try await stack.write("mad", to: .anonymous(inode))
            case .allocate:
                let request = FallocateRequest(fd: .anonymous(inode), offset: 0, bytes: 9, keepsSize: false)
                _ = try await stack.bypass.fallocate(request, in: stack.frame)
            }
        }

        @Test(arguments: Change.allCases, [false, true])
        func `what the mount wrote and then forgot is not changed on old copies while its target is away`(
            change: Change, isAway: Bool
        ) async throws {
            var (stack, fd): (BypassStack, Fd?) = try await written()
            let gfid = fd!.inode.gfid
            try await stack.close(fd!)
            fd = nil
            #expect(await stack.pass(.seconds(1)) { stack.graph.environment.inodes.find(gfid) == nil })
            if isAway { await stack.links[0].cut() } else { stack.faulty[0].failDisk() }
            await #expect(throws: FopError.io) { try await perform(change, stack, stack.inode(gfid)) }
            #expect(stack.text(1, "file") == "old")
            #expect(!isTargetBlamed(stack))
            await stack.stop()
        }

        @Test(arguments: [false, true])
        func `attributes that only the target knows are EIO without it, opened or forgotten`(
            isOpen: Bool
        ) async throws {
            var (stack, fd): (BypassStack, Fd?) = try await written()
            let gfid = fd!.inode.gfid
            if !isOpen {
                try await stack.close(fd!)
                fd = nil
                #expect(await stack.pass(.seconds(1)) { stack.graph.environment.inodes.find(gfid) == nil })
            }
            await stack.links[0].cut()
            let inode = stack.inode(gfid)
            let (bypass, frame, root) = (stack.bypass, stack.frame, stack.root)
            await #expect(throws: FopError.io) { try await stack.lookup("file") }
            await #expect(throws: FopError.io) { try await bypass.lookup(LookupRequest(.inode(inode)), in: frame) }
            await #expect(throws: FopError.io) { try await bypass.stat(StatRequest(.inode(inode)), in: frame) }
            await #expect(throws: FopError.io) {
                var iatt = Iatt()
                iatt.mode = 0o600
                _ = try await bypass.setattr(SetattrRequest(.inode(inode), iatt: iatt, valid: .mode), in: frame)
            }
            await #expect(throws: FopError.io) {
                try await bypass.link(LinkRequest(inode: inode, parent: root, name: "second"), in: frame)
            }
            // And nothing was done.
            var status = Glibc.stat()
            #expect(lstat(stack.path(1, "file"), &status) == 0 && status.st_mode & 0o777 != 0o600)
            #expect(access(stack.path(1, "second"), F_OK) != 0)
            let directory = Fd(inode: root, flags: .directory)
            _ = try await bypass.opendir(OpendirRequest(fd: directory), in: frame)
            let entries = try await bypass.readdirp(ReaddirRequest(fd: directory, offset: 0, bytes: 4096), in: frame)
            let file = try #require(entries.entries.first { $0.name == "file" })
            #expect(file.iatt == nil)
            await bypass.releasedir(directory)
            // Names are on every copy.
            _ = try await bypass.rename(
                RenameRequest(oldParent: root, oldName: "file", newParent: root, newName: "moved"), in: frame)
            stack.links[0].mend()
            await stack.stop()
        }

        @Test(arguments: [true, false])
        func `once a healer has been there a forgotten file is everybody's again`(isAway: Bool) async throws {
            var (stack, fd): (BypassStack, Fd?) = try await written()
            let gfid = fd!.inode.gfid
            try await stack.close(fd!)
            fd = nil
            // Known again, before anybody heals it.
            let inode = stack.inode(gfid)
            _ = try await stack.bypass.stat(StatRequest(.inode(inode)), in: stack.frame)
            _ = try await stack.lookup("file")
            stack.heal("file", on: 1)
            stack.bypass.confirmed(gfid: gfid, generation: stack.epochs(0, about: 1, "file").opened, replica: 1)
            #expect(await eventually { stack.bypass.status.backlogFiles == 0 })
            if isAway { await stack.links[0].cut() } else { stack.faulty[0].failDisk() }
            let again = try await stack.open("file")
            #expect(try await stack.read(again) == "new")
            try await stack.write("!", to: again, at: 3)
            #expect(stack.text(1, "file") == "new!")
            try await stack.close(again)
            await stack.stop()
        }
    }
}
