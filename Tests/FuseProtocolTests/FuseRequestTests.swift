import FuseProtocol
import Testing
import TranslatorCore

/// A whole message as the worker takes it apart.
private func decode(_ message: [UInt8]) throws(CodecError) -> (header: FuseRequestHeader, request: FuseRequest) {
    let result = message.withUnsafeBytes { raw -> Result<(FuseRequestHeader, FuseRequest), CodecError> in
        var bytes = ByteReader(raw)
        do throws(CodecError) {
            let header = try FuseRequestHeader(from: &bytes)
            return .success((header, try FuseRequest(opcode: header.opcode, from: &bytes)))
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}

private func request(_ message: [UInt8]) throws -> FuseRequest { try decode(message).request }

@Suite struct FuseRequestTests {
    @Test func `the header says who asks for what, and how the request is named`() throws {
        let header = try decode(GoldenRequests.create).header
        #expect(header.known == .create)
        #expect(header.messageBytes == 61 && header.extensionBytes == 0)
        #expect(header.unique == 8 && header.node == 1)
        #expect(header.uid == 0 && header.gid == 0 && header.pid == 0x5796)
    }

    @Test func `INIT offers both halves of the features`() throws {
        guard case .initialize(let offer) = try request(GoldenRequests.initialize) else { Issue.record(); return }
        #expect(offer.major == 7 && offer.minor == 45 && offer.maxReadahead == 131_072)
        #expect(offer.features.isSuperset(of: [.initExtended, .writebackCache, .posixACL, .handleKillPrivV2]))
        #expect(offer.features.isSuperset(of: [.passthrough]))
    }

    @Test func `INIT of a kernel before 7 36 has no upper half`() throws {
        let old = Array(GoldenRequests.initialize[40..<56])
        let offer = try ByteReader.decode(old) { bytes throws(CodecError) in try FuseInitRequest(from: &bytes) }
        #expect(offer.features.rawValue >> 32 == 0 && offer.features.contains(.asyncRead))
    }

    @Test func `names arrive without their NUL`() throws {
        guard case .lookup(let name) = try request(GoldenRequests.lookup) else { Issue.record(); return }
        #expect(name == "file")
        guard case .unlink(let gone) = try request(GoldenRequests.unlink) else { Issue.record(); return }
        #expect(gone == "file")
        guard case .removexattr(let xattr) = try request(GoldenRequests.removexattr) else { Issue.record(); return }
        #expect(xattr == Array("user.name".utf8))
    }

    @Test func `new objects carry mode, umask and device`() throws {
        guard case .create(let create) = try request(GoldenRequests.create) else { Issue.record(); return }
        #expect(create.name == "file" && create.mode == 0o100640 && create.umask == 0o027)
        #expect(create.flags.contains([.create, .exclusive]) && create.flags.accessMode == 2)
        guard case .mkdir(let directory, let mode, let umask) = try request(GoldenRequests.mkdir) else {
            Issue.record(); return
        }
        #expect(directory == "dir" && mode == 0o750 && umask == 0o027)
        guard case .mknod(let fifo, 0o010600, 0, 0o027) = try request(GoldenRequests.mknodFifo) else {
            Issue.record(); return
        }
        #expect(fifo == "fifo")
        guard case .mknod(let null, 0o020666, let device, _) = try request(GoldenRequests.mknodNull) else {
            Issue.record(); return
        }
        #expect(null == "null" && device == 0x103)
        guard case .symlink(let link, let target) = try request(GoldenRequests.symlink) else { Issue.record(); return }
        #expect(link == "sym" && target == Array("target".utf8))
        guard case .link(let hard, let linked) = try request(GoldenRequests.link) else { Issue.record(); return }
        #expect(hard == "hard" && linked == 0x17)
    }

    @Test func `a rename has two names and renameat2's flags`() throws {
        for (message, old, new, parent, flags) in [
            (GoldenRequests.rename, "hard", "renamed", UInt64(0x1b), UInt32(0)),
            (GoldenRequests.rename2NoReplace, "renamed", "r2", 0x1b, 1),
            (GoldenRequests.rename2Exchange, "r2", "sym", 1, 2),
        ] {
            guard case .rename(let oldName, parent, let newName, flags) = try request(message) else {
                Issue.record(); return
            }
            #expect(oldName == EntryName(old) && newName == EntryName(new))
        }
    }

    @Test func `reads and writes say where`() throws {
        guard case .read(let read) = try request(GoldenRequests.read) else { Issue.record(); return }
        #expect(read.handle == 0x1_0000_0001 && read.offset == 0 && read.bytes == 4096)
        guard case .write(let write) = try request(GoldenRequests.write) else { Issue.record(); return }
        #expect(write.handle == 0x1_0000_0001 && write.offset == 0 && write.bytes == 12)
        #expect(!write.isFromCache && !write.killsPrivileges)
        #expect(GoldenRequests.write.count == FuseRequestHeader.writeBytes + 12)
        guard case .readdirplus(let more) = try request(GoldenRequests.readdirplus) else { Issue.record(); return }
        #expect(more.offset == 0 && more.bytes == 32768)
        guard case .readdir(let end) = try request(GoldenRequests.readdir) else { Issue.record(); return }
        #expect(end.offset == FuseLock.endOfFile)
        guard case .copyFileRange(let copy) = try request(GoldenRequests.copyFileRange64) else {
            Issue.record(); return
        }
        #expect(copy.isReply64 && copy.sinkNode == 0x17 && copy.sinkOffset == 12288 && copy.bytes == 100)
        guard case .lseek(_, 0, 4) = try request(GoldenRequests.seekHole) else { Issue.record(); return }
    }

    @Test func `fallocate keeps its mode`() throws {
        for (message, offset, bytes, mode) in [
            (GoldenRequests.fallocate, UInt64(4096), UInt64(8192), UInt32(0)), (GoldenRequests.punchHole, 0, 4096, 3),
            (GoldenRequests.zeroRange, 0, 4096, 0x10),
        ] {
            guard case .fallocate(let fallocate) = try request(message) else { Issue.record(); return }
            #expect(fallocate.offset == offset && fallocate.bytes == bytes && fallocate.mode == mode)
        }
    }

    @Test func `setattr names just what changes`() throws {
        func setattr(_ message: [UInt8]) throws -> FuseSetattr? {
            if case .setattr(let change) = try request(message) { change } else { nil }
        }
        let chmod = try setattr(GoldenRequests.chmod)
        #expect(chmod?.mode == 0o100604 && chmod?.uid == nil && chmod?.size == nil && chmod?.mtime == nil)
        let chown = try setattr(GoldenRequests.chown)
        #expect(chown?.uid == 12 && chown?.gid == 34 && chown?.mode == nil && chown?.killsPrivileges == true)
        let utimens = try setattr(GoldenRequests.utimens)
        #expect(utimens?.atime == .at(Timestamp(seconds: 1, nanoseconds: 7)))
        #expect(utimens?.mtime == .at(Timestamp(seconds: 2, nanoseconds: 9)))
        let now = try setattr(GoldenRequests.utimeNow)
        #expect(now?.atime == .now && now?.mtime == .now)
        let ftruncate = try setattr(GoldenRequests.ftruncate)
        #expect(ftruncate?.size == 8192 && ftruncate?.handle == 0x1_0000_0001)
        let truncate = try setattr(GoldenRequests.truncate)
        #expect(truncate?.size == 9000 && truncate?.handle == nil)
    }

    @Test func `xattr requests carry names, values and sizes`() throws {
        guard case .setxattr(let set) = try request(GoldenRequests.setxattr) else { Issue.record(); return }
        #expect(set.name == Array("user.name".utf8) && set.value == Array("value".utf8) && set.mode == 1)
        #expect(!set.killsGroupID)
        guard case .getxattr(let name, 0) = try request(GoldenRequests.getxattrCapability) else {
            Issue.record(); return
        }
        #expect(name == Array("security.capability".utf8))
        guard case .listxattr(256) = try request(GoldenRequests.listxattr) else { Issue.record(); return }
    }

    @Test func `locks have owner, kind and range, and flock's are told apart`() throws {
        guard case .setlkw(let write) = try request(GoldenRequests.setlkwWrite) else { Issue.record(); return }
        #expect(write.lock == PosixLock(kind: .write, range: LockRange(start: 5, length: 10), pid: 0x5796))
        #expect(write.owner == 0x0786_FFAC_44DF_BE7C && !write.isFlock)
        guard case .setlk(let read) = try request(GoldenRequests.setlkRead) else { Issue.record(); return }
        #expect(read.lock.kind == .read && read.lock.range == .whole)
        guard case .getlk(let query) = try request(GoldenRequests.getlk) else { Issue.record(); return }
        #expect(query.lock.kind == .write && query.lock.range == .whole)
        guard case .setlkw(let unlock) = try request(GoldenRequests.setlkwUnlock) else { Issue.record(); return }
        #expect(unlock.lock.kind == .unlock)
        guard case .setlkw(let flock) = try request(GoldenRequests.flockExclusive) else { Issue.record(); return }
        #expect(flock.isFlock && flock.lock.kind == .write && flock.owner != write.owner)
    }

    @Test func `closing names the lock's owner`() throws {
        guard case .flush(0x1_0000_0001, let owner) = try request(GoldenRequests.flush) else { Issue.record(); return }
        #expect(owner == 0xB534_C813_B227_15B8)
        guard case .release(let held) = try request(GoldenRequests.releaseWithFlock) else { Issue.record(); return }
        #expect(held.unlocksFlock && held.lockOwner == 0xA8E5_EAB6_1115_F1A0)
        guard case .release(let plain) = try request(GoldenRequests.releaseWithoutFlock) else { Issue.record(); return }
        #expect(!plain.unlocksFlock && plain.handle == 0x1_0000_0007)
    }

    @Test func `forgetting counts lookups, alone and in a batch`() throws {
        let one = try decode(GoldenRequests.forget)
        guard case .forget(3) = one.request else { Issue.record(); return }
        #expect(one.header.node == 0x21 && one.header.known?.hasReply == false)
        guard case .batchForget(let many) = try request(GoldenRequests.batchForget) else { Issue.record(); return }
        #expect(many.map(\.node) == [0x11, 0x1b, 0x2b, 0x17] && many.map(\.lookups) == [2, 3, 3, 6])
    }

    @Test func `an interrupt names the other request`() throws {
        let (header, request) = try decode(GoldenRequests.interrupt)
        guard case .interrupt(0x80) = request else { Issue.record(); return }
        #expect(header.unique == 0x81)
    }

    @Test func `the rest: handles and flags`() throws {
        guard case .getattr(0x1_0000_0001?) = try request(GoldenRequests.getattrByHandle) else {
            Issue.record(); return
        }
        guard case .fsync(0x1_0000_0001, false) = try request(GoldenRequests.fsync) else { Issue.record(); return }
        guard case .fsync(0x1_0000_0001, true) = try request(GoldenRequests.fdatasync) else { Issue.record(); return }
        guard case .fsyncdir(_, false) = try request(GoldenRequests.fsyncdir) else { Issue.record(); return }
        guard case .opendir = try request(GoldenRequests.opendir) else { Issue.record(); return }
        guard case .statfs = try request(GoldenRequests.statfs) else { Issue.record(); return }
        guard case .readlink = try request(GoldenRequests.readlink) else { Issue.record(); return }
        guard case .open(let open) = try request(GoldenRequests.openTruncate) else { Issue.record(); return }
        #expect(open.flags.contains([.truncate, .append, .writeOnly]))
        guard case .ioctl(0x8008_6601) = try request(GoldenRequests.ioctl) else { Issue.record(); return }
    }

    @Test func `an opcode of a newer kernel is unsupported, not an error`() throws {
        var bytes = ByteReader(UnsafeRawBufferPointer(start: nil, count: 0))
        guard case .unsupported(4711) = try FuseRequest(opcode: 4711, from: &bytes) else { Issue.record(); return }
    }

    @Test(arguments: [
        GoldenRequests.lookup, GoldenRequests.create, GoldenRequests.rename, GoldenRequests.rename2Exchange,
        GoldenRequests.setxattr,
        GoldenRequests.write, GoldenRequests.batchForget, GoldenRequests.getlk, GoldenRequests.chown,
        GoldenRequests.symlink,
    ])
    func `a request cut short anywhere is refused, never read beyond`(message: [UInt8]) {
        // A WRITE's payload is not among its arguments.
        let whole = min(message.count, message == GoldenRequests.write ? FuseRequestHeader.writeBytes : message.count)
        for count in 0..<whole {
            #expect(throws: CodecError.self, "cut to \(count)") { _ = try decode(Array(message[..<count])) }
        }
    }

    @Test func `a lock that ends before it begins is refused`() {
        var message = GoldenRequests.setlkwWrite
        message.replaceSubrange(64..<72, with: [1, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: CodecError.self) { _ = try decode(message) }
    }
}
