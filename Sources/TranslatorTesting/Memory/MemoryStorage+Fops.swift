import ReplicaState
import TranslatorCore

extension MemoryStorage {
    public func lookup(_ request: LookupRequest, in frame: Frame) async throws(FopError) -> LookupReply {
        try await step { state throws(FopError) in
            let gfid: Gfid
            switch request.target {
            case .inode(let inode): gfid = inode.gfid
            case .name(let name, let parent):
                guard parent.gfid == .root, let found = state.names[name] else { throw .noEntry }
                gfid = found
            }
            guard let file = state.files[gfid] else { throw .stale }
            return LookupReply(iatt: file.iatt, xdata: answers(to: request.xdata, file, state))
        }
    }

    /// Xattrs by their names, and how many locks there are in a domain.
    private func answers(to asked: Xdata, _ file: MemoryFile, _ state: MemoryBrick.State) -> Xdata {
        var answers: Xdata = [:]
        for name in asked.keys { file.xattrs[name].map { answers[name] = .bytes($0) } }
        if asked[XdataKey.changeStamp] != nil { answers[XdataKey.changeStamp] = .uint(file.changeStamp) }
        if asked[XdataKey.listXattr] != nil { for (name, value) in file.xattrs { answers[name] = .bytes(value) } }
        if let domain = asked[XdataKey.inodelkDomainCount]?.string {
            answers[XdataKey.inodelkCount] = .int(Int64(state.locks.granted(file.iatt.gfid, domain).count))
        }
        return answers
    }

    private func file(_ state: MemoryBrick.State, _ inode: Inode) throws(FopError) -> MemoryFile {
        guard let file = state.files[inode.gfid] else { throw .stale }
        return file
    }

    /// Changes content; the times move on as on a real brick.
    private func change(
        _ inode: Inode, _ change: MemoryChange
    ) async throws(FopError) -> PrePostIatt {
        try await step { state throws(FopError) in
            let pre = try file(state, inode).iatt
            try state.apply(change, to: inode.gfid)
            state.now += 1
            let now = Timestamp(seconds: state.now, nanoseconds: 0)
            state.files[inode.gfid]!.iatt.mtime = now
            state.files[inode.gfid]!.iatt.ctime = now
            return PrePostIatt(pre: pre, post: state.files[inode.gfid]!.iatt)
        }
    }

    public func stat(_ request: StatRequest, in frame: Frame) async throws(FopError) -> StatReply {
        try await step { state throws(FopError) in
            let file = try file(state, request.target.inode)
            return StatReply(iatt: file.iatt, xdata: answers(to: request.xdata, file, state))
        }
    }
    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await step { state throws(FopError) in
            let file = try file(state, request.fd.inode)
            guard request.xdata[XdataKey.changeStamp] != nil else { return DoneReply() }
            return DoneReply(xdata: [XdataKey.changeStamp: .uint(file.changeStamp)])
        }
    }
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await open(OpenRequest(fd: request.fd), in: frame)
    }
    public func fsyncdir(_ request: FsyncdirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        _ = try await fsync(FsyncRequest(fd: request.fd, dataOnly: request.dataOnly), in: frame)
        return DoneReply()
    }
    public func release(_ fd: Fd) async {}
    public func releasedir(_ fd: Fd) async {}
    public func forget(_ inode: Inode) {}
    public func flush(_ request: FlushRequest, in frame: Frame) async throws(FopError) -> DoneReply { DoneReply() }

    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        let draft = volume.environment.pool.draft(bytes: max(1, request.bytes))
        let memory = draft.bytes
        let (count, isEnd) = try await step { state throws(FopError) in
            let file = try file(state, request.fd.inode)
            let bytes = file.read(request.bytes, at: Int(request.offset))
            bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
            return (bytes.count, Int(request.offset) + bytes.count >= file.content.count)
        }
        return ReadReply(payload: Payload(draft.freeze(count: count)), isEndOfFile: isEnd)
    }
    public func writev(_ request: WriteRequest, in frame: Frame) async throws(FopError) -> WriteReply {
        let bytes = request.payload.copiedBytes()
        let changed = try await change(request.fd.inode, .write(bytes, at: Int(request.offset)))
        return WriteReply(bytes: bytes.count, attributes: changed)
    }
    public func truncate(_ request: TruncateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(attributes: try await change(request.target.inode, .truncate(to: Int(request.size))))
    }
    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(
            attributes: try await change(
                request.fd.inode,
                .zero(offset: Int(request.offset), count: Int(request.bytes), keepsSize: true)))
    }
    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        AttributesReply(
            attributes: try await change(
                request.fd.inode,
                .zero(offset: Int(request.offset), count: Int(request.bytes), keepsSize: request.keepsSize)))
    }
    public func seek(_ request: SeekRequest, in frame: Frame) async throws(FopError) -> UInt64 {
        try await step { state throws(FopError) in
            guard let found = try file(state, request.fd.inode).seek(Int(request.offset), request.what) else {
                throw .noSuchAddress
            }
            return UInt64(found)
        }
    }
    /// Not the checksums of a real brick; equal bytes have equal ones.
    public func rchecksum(_ request: RchecksumRequest, in frame: Frame) async throws(FopError) -> RchecksumReply {
        try await step { state throws(FopError) in
            let bytes = Array(try file(state, request.fd.inode).read(request.bytes, at: Int(request.offset)))
            var sums = (UInt64(0xCBF2_9CE4_8422_2325), UInt64(bytes.count))
            for byte in bytes { sums = ((sums.0 ^ UInt64(byte)) &* 0x100_0000_01B3, sums.1 &* 31 &+ UInt64(byte)) }
            var strong = ByteWriter(capacity: 32)
            strong.uint64(sums.0)
            strong.uint64(sums.1)
            strong.zeros(16)
            return RchecksumReply(
                weak: UInt32(truncatingIfNeeded: sums.1), strong: strong.bytes, isSHA256: true,
                isAllZero: bytes.allSatisfy { $0 == 0 })
        }
    }
    public func fsync(_ request: FsyncRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await step { state throws(FopError) in
            let file = try file(state, request.fd.inode)
            state.disk?.synced(file.iatt.gfid, file)
            let iatt = file.iatt
            return AttributesReply(attributes: PrePostIatt(pre: iatt, post: iatt))
        }
    }
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await step { state throws(FopError) in
            guard var file = state.files[request.target.inode.gfid] else { throw .stale }
            let pre = file.iatt
            if request.valid.contains(.mode) {
                file.iatt.mode = file.iatt.type.rawValue | request.iatt.permissions
            }
            if request.valid.contains(.atime) { file.iatt.atime = request.iatt.atime }
            if request.valid.contains(.mtime) { file.iatt.mtime = request.iatt.mtime }
            if request.valid.contains(.ctime) { file.iatt.ctime = request.iatt.ctime }
            state.files[request.target.inode.gfid] = file
            return AttributesReply(attributes: PrePostIatt(pre: pre, post: file.iatt))
        }
    }

    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await step { state throws(FopError) in
            try state.apply(.xattrs(request.xattrs), to: request.target.inode.gfid)
            return DoneReply()
        }
    }
    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await step { state throws(FopError) in
            let gfid = request.target.inode.gfid
            let there = try file(state, request.target.inode).xattrs
            guard request.names.allSatisfy({ there[$0] != nil }) else { throw .noData }
            try state.apply(.xattrsRemoved(request.names), to: gfid)
            return DoneReply()
        }
    }

    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        guard request.operation == .addArray else { throw .notSupported }
        return try await step { state throws(FopError) in
            XattropReply(values: try state.addArrays(request.target.inode.gfid, request.values))
        }
    }
    public func getxattr(_ request: GetxattrRequest, in frame: Frame) async throws(FopError) -> GetxattrReply {
        try await step { state throws(FopError) in
            switch request.name {
            case "glusterfs.xattrop_index_gfid":
                return GetxattrReply(xattrs: ["glusterfs.xattrop_index_gfid": brick.xattropIndexGfid.bytes])
            case "glusterfs.xattrop_dirty_gfid":
                return GetxattrReply(xattrs: ["glusterfs.xattrop_dirty_gfid": brick.dirtyIndexGfid.bytes])
            case nil: return GetxattrReply(xattrs: try file(state, request.target.inode).xattrs)
            case let name?:
                guard let value = try file(state, request.target.inode).xattrs[name] else { throw .noData }
                return GetxattrReply(xattrs: [name: value])
            }
        }
    }

    public func readdir(_ request: ReaddirRequest, in frame: Frame) async throws(FopError) -> ReaddirReply {
        try await step { state throws(FopError) in
            let names: [EntryName]
            switch request.fd.inode.gfid {
            case brick.xattropIndexGfid: names = state.xattropIndex.sorted().map { EntryName("\($0)") }
            case brick.dirtyIndexGfid: names = state.dirtyIndex.sorted().map { EntryName("\($0)") }
            default: names = state.names.keys.sorted()
            }
            let left = names.dropFirst(Int(request.offset)).prefix(max(1, request.bytes / 64))
            let entries = left.enumerated().map { position, name in
                DirectoryEntry(
                    name: name, inodeNumber: 0, nextOffset: request.offset + UInt64(position) + 1, type: .regular)
            }
            return ReaddirReply(entries: entries, isEnd: Int(request.offset) + entries.count >= names.count)
        }
    }
}
