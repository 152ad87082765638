import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

extension BypassTests {
    @Suite struct BypassReadTests {
        /// replicate would read the second replica.
        private static let readsSecond = "option read-subvolume v-client-1"

        @Test func `what was written is read back, in the epoch, after it, and through a new descriptor`() async throws
        {
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            #expect(try await stack.read(fd) == "hello")
            #expect(try await stack.stat(fd).size == 5)
            #expect(await stack.passIdle(fd))
            #expect(try await stack.read(fd) == "hello")
            #expect(try await stack.stat(fd).size == 5)
            try await stack.close(fd)
            let again = try await stack.open("file")
            #expect(try await stack.read(again) == "hello")
            try await stack.close(again)
            await stack.stop()
        }

        enum Look: CaseIterable { case open, fcntl, flock }

        @Test(arguments: Look.allCases, [false, true])
        func `whoever opens or locks a file sees what another mount wrote before`(
            look: Look, hasWritten: Bool
        ) async throws {
            // Goal: close-to-open. Method: the clock stands still, so that nothing grows old by itself; the other mount
            // has found both copies good and reads the one that a bypass writer leaves behind.
            let writer = try await BypassStack()
            let reader = try await BypassStack(replicate: Self.readsSecond, target: 1, at: writer)
            let a = try await writer.create("file")
            var b = try await reader.open("file")
            #expect(try await reader.read(b) == "")
            if hasWritten {
                // What it wrote itself is healed, and it has not heard of that.
                try await reader.write("old", to: b)
                try await reader.close(b)
                b = try await reader.open(b.inode)
                #expect(try await reader.read(b) == "old")
                reader.heal("file", on: 0, from: 1)
            }
            try await writer.write("new", to: a)
            switch look {
            case .open:
                try await reader.close(b)
                b = try await reader.open(b.inode)
            case .fcntl:
                let lock = PosixLock(kind: .read, range: .whole, pid: 1)
                _ = try await reader.bypass.lk(LkRequest(fd: b, command: .set, lock: lock), in: reader.frame)
            case .flock:
                let lock = InodelkRequest(.fd(b), domain: "mount/fuse:flock", command: .tryAcquire, range: .whole)
                _ = try await reader.bypass.inodelk(lock, in: reader.frame)
            }
            #expect(try await reader.read(b) == "new")
            #expect(try await reader.stat(b).size == 3)
            try await reader.close(b)
            try await writer.close(a)
            for stack in [writer, reader] { await stack.stop() }
        }

        @Test func `a file whose last name another mount takes away is read and synced by who has it open`()
            async throws
        {
            let stack = try await BypassStack(replicate: Self.readsSecond), other = try await BypassStack(at: stack)
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            try await stack.close(fd)
            let reader = try await stack.open(fd.inode)
            _ = try await other.lookup("file")
            _ = try await other.bypass.unlink(UnlinkRequest(parent: other.root, name: "file"), in: other.frame)
            #expect(try await stack.read(reader) == "hello")
            #expect(try await stack.stat(reader).size == 5)
            try await stack.fsync(reader)
            try await stack.write("HE", to: reader)
            #expect(try await stack.read(reader) == "HEllo")
            try await stack.close(reader)
            for stack in [stack, other] { await stack.stop() }
        }

        @Test func `every reply with attributes has the size that was written`() async throws {
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            for isOpen in [true, false] {
                #expect(try await stack.lookup("file").size == 5)
                let directory = Fd(inode: stack.root, flags: .directory)
                _ = try await stack.bypass.opendir(OpendirRequest(fd: directory), in: stack.frame)
                let entries = try await stack.bypass.readdirp(
                    ReaddirRequest(fd: directory, offset: 0, bytes: 4096), in: stack.frame
                ).entries
                // Nil: look it up.
                #expect(entries.first { $0.name == "file" }?.iatt?.size ?? 5 == 5)
                await stack.bypass.releasedir(directory)
                var iatt = Iatt()
                iatt.mode = 0o600
                let changed = try await stack.bypass.setattr(
                    SetattrRequest(.inode(fd.inode), iatt: iatt, valid: .mode), in: stack.frame)
                #expect(changed.attributes.post.size == 5 && changed.attributes.pre.size == 5)
                #expect(changed.attributes.post.permissions == 0o600)
                if isOpen {
                    let linked = try await stack.bypass.link(
                        LinkRequest(inode: fd.inode, parent: stack.root, name: "second"), in: stack.frame)
                    #expect(linked.iatt.size == 5 && linked.iatt.nlink == 2)
                    let moved = try await stack.bypass.rename(
                        RenameRequest(
                            oldParent: stack.root, oldName: "second", newParent: stack.root, newName: "third"),
                        in: stack.frame)
                    #expect(moved.iatt.size == 5)
                    try await stack.close(fd)
                }
            }
            await stack.stop()
        }

        @Test func `a link that is made is no failure, though the file has lost its names when it is asked after`()
            async throws
        {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            stack.faulty[0].fail(.stat, with: .stale)
            let link = LinkRequest(inode: fd.inode, parent: stack.root, name: "second")
            _ = try await stack.bypass.link(link, in: stack.frame)
            stack.faulty[0].mend()
            #expect(stack.text(0, "second") == "hello")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a file asked for by name while its last descriptor is closed has its attributes all the same`()
            async throws
        {
            // Found by rsync, which closes each file and asks for its name at once.
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            let gate = stack.faulty[0].hold(.stat)
            let asked = Task { try await stack.bypass.stat(StatRequest(.inode(fd.inode)), in: stack.frame).iatt.size }
            #expect(await gate.holds())
            try await stack.close(fd)
            gate.open()
            #expect(try await asked.value == 5)
            await stack.stop()
        }

        @Test func `once everything is healed reads are replicate's again`() async throws {
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            #expect(await stack.passIdle(fd))
            #expect(stack.bypass.status.backlogBytes == 5)
            stack.heal("file", on: 1)
            stack.bypass.confirmed(gfid: fd.inode.gfid, generation: 1, replica: 1)
            #expect(await eventually { stack.bypass.status.backlogFiles == 0 })
            stack.clearRecords()
            #expect(try await stack.read(fd) == "hello")
            #expect(stack.recording[0].fops.filter { $0 == .readv } == [])
            #expect(stack.observer.events == [] && stack.bypass.status.backlogBytes == 0)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a target that is accused meanwhile is believed for attribute-timeout and no longer`() async throws {
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file")
            try await stack.write("mine", to: fd)
            #expect(await stack.passIdle(fd))
            #expect(try await stack.read(fd) == "mine")
            // Somebody else wrote while the target was away, and healed the rest.
            stack.heal("file", on: 1)
            XattrReading.set(
                BypassCounts.key(for: stack.keys[1]), to: BypassCounts(opened: 2, healed: 1).xattr,
                at: stack.path(0, "file"))
            stack.accuse(0, 1, .zero, "file")
            stack.accuse(1, 0, PendingCounts(data: 1), "file")
            stack.clearRecords()
            #expect(try await stack.read(fd) == "mine")
            #expect(stack.recording[1].fops.isEmpty)
            stack.clock.advance(by: .milliseconds(1_001))
            _ = try await stack.read(fd)
            #expect(stack.recording[0].fops.filter { $0 == .readv }.count == 1)
            #expect(stack.recording[1].fops.contains(.readv))
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `no read-side fop starts a heal or writes anything`() async throws {
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file")
            try await stack.write("hello", to: fd)
            try await stack.close(fd)
            stack.clearRecords()
            let again = try await stack.open("file", [])
            _ = try await stack.read(again)
            _ = try await stack.stat(again)
            _ = try await stack.bypass.seek(SeekRequest(fd: again, offset: 0, what: .data), in: stack.frame)
            _ = try await stack.bypass.getxattr(GetxattrRequest(.fd(again)), in: stack.frame)
            _ = try await stack.bypass.access(AccessRequest(inode: again.inode, mask: 4), in: stack.frame)
            stack.clock.advance(by: .seconds(2))
            _ = try await stack.read(again)
            try await stack.close(again)
            #expect(stack.observer.events.isEmpty)
            for replica in 0...1 {
                #expect(stack.changes(replica).isEmpty)
                let locks = stack.recording[replica].fops.filter { [.inodelk, .finodelk, .entrylk].contains($0) }
                #expect(locks.isEmpty)
            }
            #expect(stack.text(1, "file") == "")
            await stack.stop()
        }

        @Test func `a file that this mount never wrote is read as if bypass were not there`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            stack.observer.canJournal = false
            try await stack.write("hello", to: fd)
            try await stack.close(fd)
            let again = try await stack.open("file", [])
            stack.clearRecords()
            #expect(try await stack.read(again) == "hello")
            #expect(stack.bypass.status.readsLocal == 0 && stack.bypass.status.readsReplicated == 1)
            try await stack.close(again)
            await stack.stop()
        }

        @Test func `what an earlier mount left unhealed is read from its target`() async throws {
            let first = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await first.create("file")
            try await first.write("hello", to: fd)
            try await first.close(fd)
            await first.stop()
            let second = try await BypassStack(replicate: Self.readsSecond, at: first)
            let again = try await second.open("file")
            #expect(try await second.read(again) == "hello")
            #expect(try await second.lookup("file").size == 5)
            try await second.write("!", to: again, at: 5)
            #expect(second.observer.events.contains(.opened(2)))
            try await second.close(again)
            await second.stop()
        }

        @Test func `replicate appends where the file ends, not where an old copy does`() async throws {
            let stack = try await BypassStack(replicate: Self.readsSecond)
            let fd = try await stack.create("file", flags: [.readWrite, .append])
            #expect(try await stack.lookup("file").size == 0)
            try await stack.write("hello", to: fd)
            stack.observer.canJournal = false
            #expect(await stack.passIdle(fd))
            try await stack.write("!", to: fd)
            #expect(stack.text(0, "file") == "hello!")
            #expect(stack.content(1, "file") == [0, 0, 0, 0, 0, 33])
            try await stack.close(fd)
            await stack.stop()
        }
    }
}
