import TranslatorCore

extension InodelkArguments {
    private static let tryCommand: UInt32 = 1, waitCommand: UInt32 = 2

    public init(_ request: InodelkRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        target = RemoteTarget(request.target, fd: fd)
        command = request.command == .acquire ? Self.waitCommand : Self.tryCommand
        type = request.command == .release ? WireFlock.unlock : request.mode.rawValue
        (flock, domain) = (WireFlock(type: type, range: request.range), request.domain)
        xdata = WireDict(xdata: request.xdata)
    }

    /// EINVAL, or EOPNOTSUPP for a command that bricks do not have, as they answer it. The mode of a release is not
    /// looked at.
    public func request(_ target: FopTarget) throws(FopError) -> InodelkRequest {
        let range = try flock.range()
        let command: LockCommand
        switch (self.command, type) {
        case (Self.tryCommand, WireFlock.unlock), (Self.waitCommand, WireFlock.unlock): command = .release
        case (Self.tryCommand, _): command = .tryAcquire
        case (Self.waitCommand, _): command = .acquire
        default: throw .notSupported
        }
        guard let mode = LockMode(rawValue: command == .release ? LockMode.write.rawValue : type) else {
            throw .invalid
        }
        return InodelkRequest(
            target, domain: domain, command: command, mode: mode, range: range, xdata: xdata.xdata)
    }
}

extension EntrylkArguments {
    private static let waitCommand: UInt32 = 0, unlockCommand: UInt32 = 1, tryCommand: UInt32 = 2

    public init(_ request: EntrylkRequest, fd: Int64 = RemoteFd.noNumber) {
        self.init()
        target = RemoteTarget(request.target, fd: fd)
        command =
            switch request.command {
            case .acquire: Self.waitCommand
            case .release: Self.unlockCommand
            case .tryAcquire: Self.tryCommand
            }
        (type, domain) = (request.mode.rawValue, request.domain)
        (named, name) = (request.name == nil ? 0 : 1, request.name ?? EntryName(""))
        xdata = WireDict(xdata: request.xdata)
    }

    /// EINVAL for a command or type that there is not.
    public func request(_ target: FopTarget) throws(FopError) -> EntrylkRequest {
        let command: LockCommand
        switch self.command {
        case Self.waitCommand: command = .acquire
        case Self.unlockCommand: command = .release
        case Self.tryCommand: command = .tryAcquire
        default: throw .invalid
        }
        guard let mode = LockMode(rawValue: type) else { throw .invalid }
        return EntrylkRequest(
            target, domain: domain, name: named == 0 ? nil : name, command: command, mode: mode, xdata: xdata.xdata)
    }
}

extension LkArguments {
    private static let commands: [LkRequest.Command] = [.get, .set, .setWait]

    /// `owner` is that of the credential: bricks want it in both places.
    public init(_ request: LkRequest, fd number: Int64, owner: LockOwner) {
        self.init()
        fd = RemoteFd(request.fd, number: number)
        command =
            switch request.command {
            case .get: 0
            case .set: 1
            case .setWait: 2
            }
        type = request.lock.kind.rawValue
        let bytes = withUnsafeBytes(of: owner.rawValue.bigEndian) { Array($0) }
        flock = WireFlock(type: type, range: request.lock.range, pid: request.lock.pid, owner: bytes)
        xdata = WireDict(xdata: request.xdata)
    }

    /// EINVAL for a command, type or range that there is not.
    public func request(_ fd: Fd) throws(FopError) -> LkRequest {
        guard Self.commands.indices.contains(Int(command)) else { throw .invalid }
        return LkRequest(fd: fd, command: Self.commands[Int(command)], lock: try flock.lock(), xdata: xdata.xdata)
    }
}

extension WireFlock {
    func lock() throws(FopError) -> PosixLock {
        guard let kind = PosixLock.Kind(rawValue: type) else { throw .invalid }
        return PosixLock(kind: kind, range: try range(), pid: Int32(bitPattern: pid))
    }
}
