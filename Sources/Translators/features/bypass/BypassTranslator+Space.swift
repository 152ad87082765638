import TranslatorCore

/// What allocating, punching and zeroing ask alike: a range of an open file.
private protocol SpaceRequest: Sendable {
    var fd: Fd { get }
    var offset: UInt64 { get }
    var bytes: UInt64 { get }
    /// The file does not become longer.
    var keepsSize: Bool { get }
    /// The same, of another descriptor.
    func on(_ fd: Fd) -> Self
}

extension FallocateRequest: SpaceRequest {
    fileprivate func on(_ fd: Fd) -> FallocateRequest {
        FallocateRequest(fd: fd, offset: offset, bytes: bytes, keepsSize: keepsSize, xdata: xdata)
    }
}
extension DiscardRequest: SpaceRequest {
    fileprivate var keepsSize: Bool { true }
    fileprivate func on(_ fd: Fd) -> DiscardRequest {
        DiscardRequest(fd: fd, offset: offset, bytes: bytes, xdata: xdata)
    }
}
extension ZerofillRequest: SpaceRequest {
    fileprivate func on(_ fd: Fd) -> ZerofillRequest {
        ZerofillRequest(fd: fd, offset: offset, bytes: bytes, keepsSize: keepsSize, xdata: xdata)
    }
}

// Room on the disk: DESIGN §3.1 step 3. The record is of the whole range, behind the end of the file too.
extension BypassTranslator {
    public func fallocate(_ request: FallocateRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await changeSpace(request, in: frame) { (volume, request) throws(FopError) in
            try await volume.fallocate(request, in: frame)
        }
    }

    public func discard(_ request: DiscardRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await changeSpace(request, in: frame) { (volume, request) throws(FopError) in
            try await volume.discard(request, in: frame)
        }
    }

    public func zerofill(_ request: ZerofillRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await changeSpace(request, in: frame) { (volume, request) throws(FopError) in
            try await volume.zerofill(request, in: frame)
        }
    }

    private func changeSpace<Request: SpaceRequest>(
        _ request: Request, in frame: Frame,
        _ wind: (any Translator, Request) async throws(FopError) -> AttributesReply
    ) async throws(FopError) -> AttributesReply {
        try await together(
            context(request.fd.inode), offset: request.offset, bytes: request.bytes,
            size: request.keepsSize ? .none : .atLeast(request.offset &+ request.bytes), in: frame
        ) { (fd) throws(FopError) in
            try await wind(target, request.on(fd))
        } onReplicas: { () throws(FopError) in
            try await wind(subvolume, request)
        }
    }
}
