import Testing
import TranslatorCore
import WireProtocol

/// From a reply of the stack to bytes and back, as a server and a client do it together.
@Suite struct FopReplyTests {
    private let xdata: Xdata = ["k": .int(-1)]

    private func iatt(_ number: UInt64, _ mode: UInt32 = 0o100644) -> Iatt {
        var iatt = Iatt()
        (iatt.gfid, iatt.mode, iatt.size, iatt.nlink) = (Gfid(high: 1, low: number), mode, number * 10, 1)
        return iatt
    }
    private func prePost(_ number: UInt64) -> PrePostIatt { PrePostIatt(pre: iatt(number), post: iatt(number + 1)) }

    private func crossed<Result: FopResult>(_ result: Result) throws -> Result {
        let record = result.reply(xid: 4)
        return try XDRReader.whole(Array(record.dropFirst(Record.markBytes)), as: "reply") { xdr throws(CodecError) in
            guard try RPCMessage(from: &xdr) == .reply(ReplyHeader(xid: 4)) else { throw CodecError("another head") }
            return try Result(of: .stat, from: &xdr)
        }
    }

    @Test func `attributes cross`() throws {
        #expect(try crossed(IattResult(StatReply(iatt: iatt(2), xdata: xdata))).statReply().iatt == iatt(2))
        let attributes = try crossed(TwoIattResult(AttributesReply(attributes: prePost(5)))).attributesReply()
        #expect(attributes.attributes == prePost(5))
        let removed = try crossed(TwoIattResult(RemoveReply(parent: prePost(5), xdata: xdata))).removeReply()
        #expect(removed.parent == prePost(5) && removed.xdata == xdata)
        let found = try crossed(TwoIattResult(LookupReply(iatt: iatt(1), parent: iatt(2), xdata: xdata))).lookupReply()
        #expect(found.iatt == iatt(1) && found.parent == iatt(2) && found.xdata == xdata)
        let entry = EntryReply(iatt: iatt(1), parent: prePost(2), xdata: xdata)
        #expect(try crossed(ThreeIattResult(entry)).entryReply().parent == prePost(2))
        let (number, created) = try crossed(CreateResult(entry, fd: 12)).createReply()
        #expect(number == 12 && created.iatt == iatt(1) && created.parent == prePost(2) && created.xdata == xdata)
        let rename = try crossed(
            RenameResult(RenameReply(iatt: iatt(1), oldParent: prePost(2), newParent: prePost(4)))
        ).renameReply()
        #expect(rename.iatt == iatt(1) && rename.oldParent == prePost(2) && rename.newParent == prePost(4))
    }

    @Test func `a write says how much, with attributes or without`() throws {
        let bare = try crossed(TwoIattResult(WriteReply(bytes: 100, xdata: xdata))).writeReply()
        #expect(bare.bytes == 100 && bare.attributes == nil && bare.xdata == xdata)
        #expect(throws: FopError.io) {
            try crossed(TwoIattResult(WriteReply(bytes: 100))).writeReply(asked: 99)
        }
        let full = try crossed(TwoIattResult(WriteReply(bytes: 100, attributes: prePost(1)))).writeReply()
        #expect(full.attributes == prePost(1))
    }

    @Test func `a read knows its end, and payload of another length than said is EIO`() throws {
        let pool = IobufPool()
        let payload = Payload(pool.draft(bytes: 10).freeze(count: 10))
        let reply = ReadReply(payload: payload, isEndOfFile: true, iatt: iatt(1))
        let result = try crossed(ReadResult(reply))
        #expect(result.size == 10)
        let back = try result.readReply(payload: payload)
        #expect(back.isEndOfFile && back.iatt == iatt(1) && back.payload.count == 10)
        #expect(throws: FopError.io) { try result.readReply(payload: .empty) }
        let middle = try crossed(ReadResult(ReadReply(payload: payload, isEndOfFile: false)))
        #expect(try middle.readReply(payload: payload).isEndOfFile == false)
        #expect(try middle.readReply(payload: payload).iatt == nil)
    }

    @Test func `entries cross, with attributes where there are some`() throws {
        let entries = [
            DirectoryEntry(name: ".", inodeNumber: 1, nextOffset: 2, type: .directory),
            DirectoryEntry(
                name: EntryName(bytes: [0xff]), inodeNumber: 3, nextOffset: .max, type: .regular, iatt: iatt(3),
                xdata: xdata),
        ]
        let plus = try crossed(ReaddirpResult(ReaddirReply(entries: entries, isEnd: true))).readdirReply()
        #expect(plus.isEnd && plus.entries.map(\.name) == entries.map(\.name))
        #expect(plus.entries[0].iatt == nil && plus.entries[1].iatt == iatt(3) && plus.entries[1].xdata == xdata)
        let plain = try crossed(ReaddirResult(ReaddirReply(entries: entries, isEnd: false))).readdirReply()
        #expect(!plain.isEnd && plain.entries.map(\.type) == [.directory, .regular])
        #expect(plain.entries.map(\.nextOffset) == [2, .max])
        #expect(try crossed(ReaddirResult(ReaddirReply(entries: [], isEnd: false))).readdirReply().isEnd)
    }

    @Test func `the rest crosses`() throws {
        #expect(try crossed(CommonResult(DoneReply(xdata: xdata))).doneReply().xdata == xdata)
        let (number, opened) = try crossed(OpenResult(DoneReply(xdata: xdata), fd: 3)).openReply()
        #expect(number == 3 && opened.xdata == xdata)
        let link = try crossed(ReadlinkResult(ReadlinkReply(target: [1, 0xff], iatt: iatt(1))))
        #expect(try link.readlinkReply().target == [1, 0xff] && link.status.opRet == 2)
        var room = FileSystemStatus()
        (room.blocks, room.nameBytesMax, room.filesAvailable) = (1, 2, 3)
        #expect(try crossed(StatfsResult(room)).statfsReply() == room)
        #expect(try crossed(SeekResult(1 << 50)).seekReply() == 1 << 50)
        let lock = PosixLock(kind: .read, range: LockRange(start: 1, length: 0), pid: -5)
        #expect(try crossed(LkResult(LkReply(lock: lock))).lkReply().lock == lock)
        let xattrs = try crossed(DictResult(GetxattrReply(xattrs: ["a": [1], "b": []]))).getxattrReply()
        #expect(xattrs.xattrs == ["a": [1], "b": []])
        let counts = try crossed(DictResult(XattropReply(values: ["t": [9]], xdata: xdata))).xattropReply()
        #expect(counts.values == ["t": [9]] && counts.xdata == xdata)
        for isAllZero in [true, false, nil] {
            let checksum = RchecksumReply(
                weak: 7, strong: [UInt8](repeating: 1, count: 32), isSHA256: true, isAllZero: isAllZero)
            #expect(try crossed(RchecksumResult(checksum)).rchecksumReply() == checksum)
        }
        #expect(try crossed(ThreeIattResult(CopyFileRangeReply(bytes: 4096))).copyFileRangeReply().bytes == 4096)
    }

    @Test func `a failure has the whole layout and throws its errno`() throws {
        for fop in Fop.allCases { try failure(of: fop.arguments) }
    }
    private func failure<Arguments: FopArguments>(of _: Arguments.Type) throws {
        let result = try crossed(Arguments.Result(.noSpace))
        #expect(result.status.error == .noSpace)
        #expect(result.encoded.count == Arguments.Result().encoded.count)
    }

    @Test(arguments: [0, -1, 134, 512, .max, .min] as [Int32])
    func `an errno that Linux does not have is EIO`(code: Int32) {
        #expect(FopStatus(opRet: -1, opErrno: code).error == .io)
    }

    @Test func `an errno means nothing when the fop did what it should`() {
        #expect(FopStatus(opRet: 0, opErrno: 22).error == nil)
        #expect(!FopStatus(opRet: 0, opErrno: 22).isEnd && FopStatus(opRet: 3, opErrno: 2).isEnd)
        #expect(FopStatus(opRet: -1, opErrno: 116).error == .stale && !FopStatus(opRet: -1, opErrno: 2).isEnd)
    }

    @Test func `a captured error reaches the stack as the brick said it`() throws {
        let exchange = try #require(Golden.exchanges.first { $0.name == "read-bad-fd" })
        let error = #expect(throws: FopError.self) {
            try XDRReader.whole(Golden.record(exchange.reply), as: "reply") { xdr throws(CodecError) in
                _ = try RPCMessage(from: &xdr)
                return try ReadResult(of: .readv, from: &xdr)
            }.readReply(payload: .empty)
        }
        #expect(error == .badDescriptor)
    }
}
