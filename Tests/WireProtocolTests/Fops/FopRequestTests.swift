import Testing
import TranslatorCore
import WireProtocol

/// From a request of the stack to bytes and back to a request, as a client and a server do it together.
@Suite struct FopRequestTests {
    private let file = Inode(gfid: Gfid(high: 0x1111, low: 0x2222), type: .regular)
    private let directory = Inode(gfid: Gfid(high: 0x3333, low: 0x4444), type: .directory)
    private let fd: Fd
    private let xdata: Xdata = ["k": .string("v"), "n": .uint(7)]

    init() { fd = Fd(inode: file, flags: [.readWrite, .append]) }

    /// Over the wire: what a server reads of what a client wrote, and the fop it was called by.
    private func crossed<Arguments: FopArguments>(_ arguments: Arguments) throws -> Arguments {
        let record = arguments.call(xid: 9, credential: GlusterCredential(Frame(caller: .root), timeFlags: []))
        return try XDRReader.whole(Array(record.dropFirst(Record.markBytes)), as: "call") { xdr throws(CodecError) in
            guard case .call(let header) = try RPCMessage(from: &xdr), header.program == .fop,
                let fop = Fop(rawValue: Int(header.procedure)), fop.arguments == Arguments.self
            else {
                throw CodecError("not what was sent")
            }
            return try Arguments(fop, from: &xdr)
        }
    }

    @Test func `a fop by fd has another number and the fd's`() throws {
        let byInode = try crossed(StatArguments(StatRequest(.inode(file), xdata: xdata)))
        #expect(byInode.fop == .stat && byInode.target == .inode(file.gfid))
        let byFd = try crossed(StatArguments(StatRequest(.fd(fd)), fd: 3))
        #expect(byFd.fop == .fstat && byFd.target == .fd(RemoteFd(file.gfid, number: 3)))
        let anonymous = try crossed(StatArguments(StatRequest(.fd(.anonymous(file))), fd: 3))
        #expect(anonymous.target == .fd(RemoteFd(file.gfid, number: -2)))
        #expect(byInode.request(.inode(file)).xdata == xdata)
    }

    @Test func `a write's head counts its payload and does not hold it`() throws {
        let pool = IobufPool()
        let draft = pool.draft(bytes: 4096)
        draft.bytes.initializeMemory(as: UInt8.self, repeating: 0xab)
        let payload = Payload(draft.freeze(count: 3000))
        let request = WriteRequest(
            fd: fd, offset: 1 << 40, payload: payload, flags: [.writeOnly, .dsync], xdata: xdata)
        let arguments = WriteArguments(request, fd: 5)
        let credential = GlusterCredential(Frame(caller: .root), timeFlags: [])
        let head = arguments.call(xid: 1, credential: credential, payloadBytes: payload.count)
        #expect(!head.contains(0xab))
        #expect(head.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } == 1 << 31 | UInt32(head.count - 4 + 3000))
        let read = try crossed(arguments)
        #expect(read == arguments && read.size == 3000)
        let back = read.request(fd, payload: payload)
        #expect(back.offset == request.offset && back.flags == request.flags && back.xdata == xdata)
        #expect(back.payload.first?.iobuf === payload.first?.iobuf)
    }

    @Test func `ranges, sizes and times cross`() throws {
        let truncate = try crossed(TruncateArguments(TruncateRequest(.fd(fd), size: 77), fd: 1))
        #expect(truncate.fop == .ftruncate && truncate.request(.fd(fd)).size == 77)
        let read = try crossed(ReadArguments(ReadRequest(fd: fd, offset: 5, bytes: 1 << 20), fd: 1)).request(fd)
        #expect(read.offset == 5 && read.bytes == 1 << 20)
        let allocate = try crossed(
            FallocateArguments(FallocateRequest(fd: fd, offset: 1, bytes: 2, keepsSize: true), fd: 1)
        ).request(fd)
        #expect(allocate.keepsSize && allocate.offset == 1 && allocate.bytes == 2)
        let discard = try crossed(DiscardArguments(DiscardRequest(fd: fd, offset: 1, bytes: 2), fd: 1))
        let zerofill = try crossed(DiscardArguments(ZerofillRequest(fd: fd, offset: 3, bytes: 4), fd: 1))
        #expect(discard.fop == .discard && discard.discard(fd).bytes == 2)
        #expect(zerofill.fop == .zerofill && zerofill.zerofill(fd).offset == 3)
        var iatt = Iatt()
        iatt.mtime = Timestamp(seconds: 5, nanoseconds: 6)
        let setattr = try crossed(SetattrArguments(SetattrRequest(.inode(file), iatt: iatt, valid: .mtime)))
        #expect(setattr.request(.inode(file)).iatt.mtime == iatt.mtime && setattr.valid == 0x20)
        let seek = try crossed(SeekArguments(SeekRequest(fd: fd, offset: 9, what: .hole), fd: 1))
        #expect(try seek.request(fd).what == .hole)
        let copy = CopyFileRangeRequest(source: fd, sourceOffset: 1, sink: fd, sinkOffset: 2, bytes: .max)
        let crossedCopy = try crossed(CopyFileRangeArguments(copy, source: 6, sink: 7))
        #expect(crossedCopy.sourceFd == 6 && crossedCopy.sinkFd == 7 && crossedCopy.size == 1 << 30)
        let fsync = try crossed(FsyncArguments(FsyncRequest(fd: fd, dataOnly: true), fd: 1))
        #expect(fsync.request(fd).dataOnly)
    }

    @Test func `what the wire has no word for is EINVAL before it is sent`() {
        let rename = RenameRequest(
            oldParent: directory, oldName: "a", newParent: directory, newName: "b", flags: .exchange)
        #expect(throws: FopError.invalid) { try RenameArguments(rename) }
        let zerofill = ZerofillRequest(fd: fd, offset: 0, bytes: 1, keepsSize: true)
        #expect(throws: FopError.invalid) { try DiscardArguments(zerofill, fd: 1) }
    }

    @Test func `whatever makes an object says which gfid it gets`() throws {
        let entry = NewEntry(parent: directory, name: "new", inode: file, xdata: xdata)
        let newFd = Fd(inode: file, flags: [.writeOnly, .truncate])
        let create = try crossed(CreateArguments(CreateRequest(entry: entry, fd: newFd, mode: 0o640)))
        #expect(create.xdata.requestedGfid == file.gfid && create.parent == directory.gfid)
        #expect(create.openFlags == [.writeOnly, .truncate, .create, .exclusive] && create.mode == 0o100640)
        #expect(create.request(parent: directory, inode: file, fd: newFd).mode == 0o640)
        let mknod = try crossed(MknodArguments(MknodRequest(entry: entry, mode: 0o20600, device: 0x103)))
        #expect(mknod.xdata.requestedGfid == file.gfid)
        #expect(mknod.request(parent: directory, inode: file).device == 0x103)
        let symlink = try crossed(SymlinkArguments(SymlinkRequest(entry: entry, target: [0xff, 1])))
        #expect(symlink.xdata.requestedGfid == file.gfid)
        #expect(symlink.request(parent: directory, inode: file).target == [0xff, 1])
        let mkdir = try crossed(MkdirArguments(MkdirRequest(entry: entry, mode: 0o750)))
        #expect(mkdir.xdata.requestedGfid == file.gfid)
        #expect(
            mkdir.xdata["trusted.glusterfs.dht"] == .bytes([UInt8](repeating: 0, count: 12) + [255, 255, 255, 255]))
        #expect(WireDict(xdata: ["gfid-req": .gfid(.none)]).requestedGfid == nil)
    }

    @Test func `the brick takes the umask off`() {
        var mkdir = MkdirArguments()
        (mkdir.mode, mkdir.umask) = (0o777, 0o022)
        #expect(mkdir.request(parent: directory, inode: directory).mode == 0o755)
    }

    @Test func `names cross, and a lookup goes by name or by gfid`() throws {
        let byName = try crossed(LookupArguments(LookupRequest(.name("f", parent: directory), xdata: xdata)))
        #expect(byName.name == "f" && byName.parent == directory.gfid && byName.gfid.isNone)
        let byGfid = try crossed(LookupArguments(LookupRequest(.inode(file))))
        #expect(byGfid.name == "" && byGfid.parent.isNone && byGfid.gfid == file.gfid)
        let rename = try crossed(
            RenameArguments(RenameRequest(oldParent: directory, oldName: "a", newParent: directory, newName: "b")))
        #expect(rename.oldName == "a" && rename.newName == "b")
        let rmdir = try crossed(RmdirArguments(RmdirRequest(parent: directory, name: "d", isRecursive: true)))
        #expect(rmdir.flags == 1 && rmdir.request(parent: directory).isRecursive)
        let link = try crossed(LinkArguments(LinkRequest(inode: file, parent: directory, name: "l")))
        #expect(link.object == file.gfid && link.parent == directory.gfid)
        let release = try crossed(FlushArguments(releasing: Fd(inode: directory, flags: []), number: 4))
        #expect(release.fop == .releasedir && release.fd.number == 4)
        let reopened = OpenArguments(
            OpenRequest(fd: Fd(inode: file, flags: [.writeOnly, .append, .truncate])), isAgain: true)
        #expect(reopened.openFlags == [.writeOnly, .append])
    }

    @Test func `xattrs cross as PTR, and several to be removed as keys`() throws {
        let set = try crossed(SetxattrArguments(SetxattrRequest(.inode(file), xattrs: ["a": [1]], mode: .create)))
        #expect(set.dict.pairs == [.init("a", .bytes([1]))])
        #expect(try set.request(.inode(file)).mode == .create)
        let one = try crossed(RemovexattrArguments(RemovexattrRequest(.inode(file), names: ["a"], xdata: xdata)))
        #expect(one.name == "a" && one.request(.inode(file)).names == ["a"] && one.xdata.xdata == xdata)
        let two = try crossed(RemovexattrArguments(RemovexattrRequest(.inode(file), names: ["a", "b"], xdata: xdata)))
        #expect(two.name == "" && two.request(.inode(file)).names == ["a", "b"])
        let all = try crossed(GetxattrArguments(GetxattrRequest(.fd(fd)), fd: 2))
        #expect(all.fop == .fgetxattr && all.named == 0 && all.request(.fd(fd)).name == nil)
        let counts = XattropRequest(.inode(file), operation: .addArray64, values: ["t": [0, 1]])
        let xattrop = try crossed(XattropArguments(counts))
        #expect(try xattrop.request(.inode(file)).operation == .addArray64)
        #expect(try xattrop.request(.inode(file)).values == ["t": [0, 1]])
    }

    @Test(arguments: [LockCommand.tryAcquire, .acquire, .release], [LockMode.read, .write])
    func `locks cross`(command: LockCommand, mode: LockMode) throws {
        let inodelk = InodelkRequest(.inode(file), domain: "d", command: command, mode: mode, range: .metadata)
        let crossedInodelk = try crossed(InodelkArguments(inodelk)).request(.inode(file))
        #expect(crossedInodelk.command == command && crossedInodelk.range == .metadata)
        #expect(crossedInodelk.domain == "d" && (command == .release || crossedInodelk.mode == mode))
        for name in ["n", nil] as [EntryName?] {
            let entrylk = EntrylkRequest(.inode(directory), domain: "d", name: name, command: command, mode: mode)
            let crossedEntrylk = try crossed(EntrylkArguments(entrylk)).request(.inode(directory))
            #expect(crossedEntrylk.name == name && crossedEntrylk.command == command && crossedEntrylk.mode == mode)
        }
    }

    @Test func `a POSIX lock says its owner twice`() throws {
        let lock = PosixLock(kind: .write, range: LockRange(start: 1, length: 2), pid: 99)
        let owner = LockOwner(rawValue: 0x0102_0304_0506_0708)
        for command in [LkRequest.Command.get, .set, .setWait] {
            let request = LkRequest(fd: fd, command: command, lock: lock)
            let lk = try crossed(LkArguments(request, fd: 1, owner: owner))
            #expect(lk.flock.owner == [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(try lk.request(fd).lock == lock && lk.request(fd).command == command)
        }
    }

    @Test func `a request that no brick would take is refused with the brick's errno`() {
        var inodelk = InodelkArguments()
        inodelk.flock = WireFlock(type: 1, range: .whole)
        (inodelk.command, inodelk.type) = (0, 1)
        #expect(throws: FopError.notSupported) { try inodelk.request(.inode(file)) }
        (inodelk.command, inodelk.type) = (1, 7)
        #expect(throws: FopError.invalid) { try inodelk.request(.inode(file)) }
        (inodelk.type, inodelk.flock.start) = (1, 1 << 63)
        #expect(throws: FopError.invalid) { try inodelk.request(.inode(file)) }
        var entrylk = EntrylkArguments()
        entrylk.command = 3
        #expect(throws: FopError.invalid) { try entrylk.request(.inode(directory)) }
        var lk = LkArguments()
        lk.command = 3
        #expect(throws: FopError.invalid) { try lk.request(fd) }
        (lk.command, lk.flock.type) = (1, 3)
        #expect(throws: FopError.invalid) { try lk.request(fd) }
        var seek = SeekArguments()
        seek.what = 2
        #expect(throws: FopError.invalid) { try seek.request(fd) }
        var xattrop = XattropArguments()
        xattrop.operation = 2
        #expect(throws: FopError.invalid) { try xattrop.request(.inode(file)) }
        var setxattr = SetxattrArguments()
        setxattr.flags = 3
        #expect(throws: FopError.invalid) { try setxattr.request(.inode(file)) }
    }
}
