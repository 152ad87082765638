import Testing
import TranslatorCore
import WireProtocol

/// That bytes are read in the right order says nothing about which field is called what. Here captured messages whose
/// neighbouring fields differ are read by name.
@Suite struct CapturedMeaningTests {
    private func call<Arguments: FopArguments>(_ name: String, _: Arguments.Type) throws -> Arguments {
        let exchange = try #require(Golden.exchanges.first { $0.name == name })
        return try XDRReader.whole(Golden.record(exchange.request), as: name) { xdr throws(CodecError) in
            guard case .call(let header) = try RPCMessage(from: &xdr) else { throw CodecError("no call") }
            let arguments = try Arguments(Fop(rawValue: Int(header.procedure))!, from: &xdr)
            if arguments.fop == .writev { _ = try xdr.raw(xdr.remaining, "payload") }
            return arguments
        }
    }

    private func reply<Result: FopResult>(_ name: String, _: Result.Type) throws -> Result {
        let exchange = try #require(Golden.exchanges.first { $0.name == name })
        return try XDRReader.whole(Golden.record(exchange.reply), as: name) { xdr throws(CodecError) in
            _ = try RPCMessage(from: &xdr)
            let result = try Result(from: &xdr)
            if result is ReadResult { _ = try xdr.raw(xdr.remaining, "payload") }
            return result
        }
    }

    private let file = Gfid("012736cc-2400-47f6-b94f-23a66b71086a")!
    private let directory = Gfid("c8eb81c7-7a8b-45b6-b81a-6e3c04d34e45")!

    @Test func `reads and writes`() throws {
        let write = try call("write-osync", WriteArguments.self)
        #expect(write.fd.number == 3 && write.offset == 0 && write.size == 4 && write.flag == 0o4010000)
        #expect(try call("write-with-xdata", WriteArguments.self).offset == 512)
        let read = try call("read", ReadArguments.self)
        #expect(read.fd == RemoteFd(file, number: 0) && read.offset == 500 && read.size == 64 && read.flag == 0)
        let content = try reply("read", ReadResult.self)
        #expect(content.status.opRet == 20 && content.status.isEnd && content.size == 20 && content.iatt.size == 520)
        let written = try reply("write-anonymous-fd", TwoIattResult.self).writeReply()
        #expect(written.bytes == 3 && written.attributes?.pre.size == 517 && written.attributes?.post.size == 520)
        #expect(try call("ftruncate", TruncateArguments.self).size == 100)
        let truncated = try reply("truncate", TwoIattResult.self).attributesReply().attributes
        #expect(truncated.pre.size == 100 && truncated.post.size == 1000)
        #expect(try call("fsync-datasync", FsyncArguments.self).dataOnly == 1)
    }

    @Test func `ranges and checksums`() throws {
        let copy = try #require(Golden.exchanges.first { $0.op == "COPY_FILE_RANGE" })
        let copied = try call(copy.name, CopyFileRangeArguments.self)
        #expect(copied.source.description.hasPrefix("d522bce8") && copied.sink.description.hasPrefix("66fd9e4e"))
        #expect(copied.sourceFd == 0 && copied.sinkFd == 1 && copied.size == 4096)
        for exchange in Golden.exchanges where exchange.op == "FALLOCATE" {
            let allocate = try call(exchange.name, FallocateArguments.self)
            #expect(allocate.keepsSize < 4 && allocate.length >= 4096, "\(exchange.name)")
        }
        let checksum = try call("rchecksum-fips-empty", RchecksumArguments.self)
        #expect(checksum.offset == 0 && checksum.length == 131_072 && checksum.flags == 0)
        let answer = try reply("rchecksum-fips-one-zero", RchecksumResult.self).rchecksumReply()
        #expect(answer.isSHA256 && answer.isAllZero == true && answer.strong.starts(with: [0x6e, 0x34, 0x0b, 0x9c]))
        let discard = try #require(Golden.exchanges.first { $0.op == "ZEROFILL" })
        #expect(try call(discard.name, DiscardArguments.self).length == 8192)
    }

    @Test func `what makes and moves names`() throws {
        let create = try call("create", CreateArguments.self)
        #expect(create.parent == .root && create.name == "f1" && create.xdata.requestedGfid == file)
        #expect(create.flags == 32834 && create.mode == 0o100644 && create.umask == 0o022)
        let created = try reply("create-existing-nonexcl", CreateResult.self).createReply()
        #expect(created.number == 1 && created.reply.iatt.gfid == file && created.reply.parent.pre.gfid == .root)
        let device = try call("mknod-chr", MknodArguments.self)
        #expect(device.device == 0x103 && device.mode == 0o20600 && device.umask == 0 && device.parent == directory)
        #expect(try reply("mknod-chr", ThreeIattResult.self).entryReply().iatt.rdev == 0x103)
        let mkdir = try call("mkdir", MkdirArguments.self)
        #expect(mkdir.mode == 0o755 && mkdir.umask == 0o022 && mkdir.name == "d1")
        let made = try reply("mkdir", ThreeIattResult.self).entryReply()
        #expect(made.iatt.gfid == directory && made.parent.pre.nlink == 3 && made.parent.post.nlink == 4)
        let symlink = try call("symlink", SymlinkArguments.self)
        #expect(symlink.name == "s1" && symlink.target == Array("../f1".utf8) && symlink.parent == directory)
        let link = try call("link", LinkArguments.self)
        #expect(link.object == file && link.parent == directory && link.name == "h1")
        let rename = try call("rename", RenameArguments.self)
        #expect(rename.oldParent == directory && rename.newParent == .root)
        #expect(rename.oldName == "h1" && rename.newName == "h2")
        let renamed = try reply("rename-dir", RenameResult.self).renameReply()
        #expect(renamed.oldParent.pre.gfid == .root && renamed.oldParent.pre.nlink == 7)
        #expect(renamed.oldParent.post.nlink == 6 && renamed.newParent.pre.nlink == 2)
        #expect(renamed.newParent.post.nlink == 3 && renamed.iatt.gfid.description.hasPrefix("715c82ad"))
        #expect(try call("rmdir-recursive-flag", RmdirArguments.self).flags == 1)
        let removed = try reply("rmdir", TwoIattResult.self).removeReply().parent
        #expect(removed.pre.nlink == 5 && removed.post.nlink == 4)
    }

    @Test func `look-ups and listings`() throws {
        let exchange = try #require(Golden.exchanges.first { $0.op == "LOOKUP" && !$0.arguments[3].isEmpty })
        let lookup = try call(exchange.name, LookupArguments.self)
        #expect(lookup.gfid.isNone || lookup.parent != lookup.gfid)
        #expect(lookup.parent.description == exchange.arguments[1])
        let root = try reply("lookup-root-by-gfid", TwoIattResult.self)
        #expect(root.pre.gfid == .root && root.pre.inodeNumber == 1 && root.post.isNone)
        #expect(try root.lookupReply().xdata["link-count"] == .int(0))
        let again = try call("readdir-eof", ReaddirArguments.self)
        #expect(again.fd.number == 2 && again.offset == UInt64(Int64.max) && again.size == 4096)
        let listed = try reply("readdirp", ReaddirpResult.self).readdirReply()
        #expect(listed.isEnd && listed.entries.count == 6)
        let fifo = try #require(listed.entries.first { $0.name == "fifo" })
        #expect(fifo.type == .fifo && fifo.nextOffset == 6_357_504_699_377_170_974 && fifo.iatt?.mode == 0o10600)
        let plain = try reply("readdir", ReaddirResult.self).readdirReply().entries
        #expect(plain.first?.inodeNumber == 8_217_099 && plain.first?.type == .directory && plain.first?.iatt == nil)
    }

    @Test func `attributes and xattrs`() throws {
        let times = try call("setattr-times", SetattrArguments.self)
        #expect(AttributeMask(rawValue: times.valid) == [.atime, .mtime])
        #expect(times.iatt.mtime == Timestamp(seconds: 222, nanoseconds: 2) && times.iatt.atime.seconds == 111)
        let changed = try reply("setattr-mode-uid-gid", TwoIattResult.self).attributesReply().attributes
        #expect(changed.pre.mode == 0o100644 && changed.post.mode == 0o100600)
        #expect(changed.post.uid == 1000 && changed.post.gid == 1001 && changed.post.nlink == 1)
        #expect(changed.post.ctime.nanoseconds == 282_119_640 && changed.post.mtime.nanoseconds == 281_538_988)
        #expect(changed.post.blockSize == 4096 && changed.post.dev == 65024 && changed.post.blocks == 2)
        let counts = try call("xattrop-entry-purge", XattropArguments.self)
        #expect(counts.operation == 0 && counts.dict.pairs?.count == 3)
        #expect(counts.xdata["glusterfs.xattrop-purge-index"] == .int(1))
        let values = try reply("xattrop-readd", DictResult.self).xattropReply().values
        #expect(values == ["trusted.afr.pv-client-1": [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]])
        let captured = try #require(Golden.exchanges.first { $0.op == "FGETXATTR" })
        #expect(try call(captured.name, GetxattrArguments.self).name == "user.foo")
        #expect(try reply(captured.name, DictResult.self).getxattrReply().xattrs == ["user.foo": Array("bar".utf8)])
    }

    @Test func `locks`() throws {
        let blocking = try call("inodelk-wrlck-blocking", InodelkArguments.self)
        #expect(blocking.command == 2 && blocking.type == 1 && blocking.domain == "pv-replicate-0")
        let nested = try call("inodelk-unlock", InodelkArguments.self)
        #expect(nested.type == 2 && nested.flock.type == 2 && nested.flock.length == 131_072 && nested.flock.start == 0)
        #expect(try call("inodelk-metadata-range", InodelkArguments.self).flock.range == .metadata)
        let name = try call("fentrylk-name-nb", EntrylkArguments.self)
        #expect(name.command == 2 && name.type == 1 && name.named == 1)
        #expect(name.name == "q" && name.domain == "pv-replicate-0")
        let lk = try call("lk-setlkw", LkArguments.self)
        #expect(lk.command == 2 && lk.type == 1 && lk.flock.start == 5 && lk.flock.length == 10 && lk.flock.pid == 200)
        let holder = try reply("lk-getlk", LkResult.self).lkReply().lock
        #expect(holder == PosixLock(kind: .write, range: LockRange(start: 0, length: 10), pid: 100))
    }

    @Test func `the eleven words of STATFS, in the order of statvfs(3)`() throws {
        var xdr = XDRWriter()
        FopStatus().write(to: &xdr)
        WireDict.none.write(to: &xdr)
        for word: UInt64 in 1...11 { xdr.write(word) }
        let room = try StatfsResult(decoding: xdr.bytes, as: "statfs").room
        #expect(
            [room.blockSize, room.fragmentSize, room.blocks, room.blocksFree, room.blocksAvailable] == [1, 2, 3, 4, 5])
        #expect([room.files, room.filesFree, room.filesAvailable] == [6, 7, 8])
        #expect([room.fileSystemID, room.flags, room.nameBytesMax] == [9, 10, 11])
    }
}

extension WireFlock {
    fileprivate var range: LockRange { LockRange(start: start, length: length) }
}
