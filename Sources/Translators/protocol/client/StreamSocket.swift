import CPosix
import Glibc
import TranslatorCore

/// A connected stream socket that never blocks. Its descriptor is closed at the last reference, so that no other file
/// can get the number while a thread still sends.
final class StreamSocket: Sendable {
    /// What TCP sockets are set to; the defaults are GlusterFS's.
    struct Options: Sendable, Equatable {
        /// Probes on a silent connection, so that a peer that vanished is noticed while nothing is sent either: the
        /// first after `keepaliveTime`, then one each `keepaliveInterval`; it is lost when `keepaliveCount` in a row
        /// stay without an answer. In whole seconds. Source: GlusterFS `transport.socket.keepalive`, `-time`,
        /// `-interval`, `-count`.
        var keepsAlive = true
        var keepaliveTime: Int32 = 20, keepaliveInterval: Int32 = 2, keepaliveCount: Int32 = 9
        /// How long what was sent may stay unacknowledged; zero: the system's say. Source: GlusterFS
        /// `transport.tcp-user-timeout`, tcp(7) TCP_USER_TIMEOUT.
        var userTimeout = Duration.zero
        /// Small records go at once. Source: GlusterFS `transport.socket.nodelay`.
        var isUndelayed = true
        /// Bytes of the system's buffers, each way; nil: the system chooses, and changes them as needed. Source:
        /// GlusterFS `tcp-window-size`.
        var windowBytes: Int?
    }

    let descriptor: Int32
    /// What bytes go through; nil: they go as they are.
    private let tls: TLSSession?

    /// Takes over a connected descriptor that does not block.
    init(adopting descriptor: Int32) { (self.descriptor, tls) = (descriptor, nil) }
    /// The same over TLS. Blocks the calling thread until the other side is known and trusted, or `deadline`.
    private init(
        encrypting socket: StreamSocket, _ settings: TLSSettings, by deadline: MonotonicTime
    ) throws(TLSProblem) {
        let copy = fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw TLSProblem(reason: "TLS: \(FopError.last)", advice: "raise ulimit -n") }
        descriptor = copy
        do throws(TLSProblem) {
            let session = try TLSSession(settings, over: copy)
            try session.shakeHands(by: deadline, settings)
            tls = session
        } catch {
            close(copy)
            throw error
        }
    }
    deinit { close(descriptor) }

    /// What came of one try to receive or to send.
    enum Transfer {
        /// How many; at least one.
        case bytes(Int)
        /// Nothing there, or no room.
        case wouldBlock
        case endOfStream
        case failed(String)
    }

    /// Into the first places first; with TLS, only into the first.
    func receive(into places: [iovec]) -> Transfer {
        if let tls {
            return tls.read(into: UnsafeMutableRawBufferPointer(start: places[0].iov_base, count: places[0].iov_len))
        }
        while true {
            let count = readv(descriptor, places, Int32(places.count))
            if count > 0 { return .bytes(count) }
            if count == 0 { return .endOfStream }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed("\(FopError.last)") }
        }
    }

    /// A part of it, from the beginning. What was not sent is to be tried again, the same bytes.
    func send(_ slices: UnsafeMutableBufferPointer<iovec>) -> Transfer {
        if let tls { return tls.write(UnsafeRawBufferPointer(start: slices[0].iov_base, count: slices[0].iov_len)) }
        var message = msghdr()
        message.msg_iov = slices.baseAddress
        message.msg_iovlen = slices.count
        while true {
            let count = sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed("\(FopError.last)") }
        }
    }

    /// Whether there is something to receive of which poll(2) does not tell.
    var hasPending: Bool { tls?.hasPending ?? false }
    /// Whether to receive on, room to send has to come first.
    var receivingWantsRoom: Bool { tls?.readWantsRoom ?? false }
    var isEncrypted: Bool { tls != nil }

    /// Both directions end, here and for the peer.
    func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Tries every address that the name has, until `limit` is over. Blocks the calling thread.
    static func connect(
        to address: BrickAddress, within limit: Duration, _ options: Options = Options(), tls: TLSSettings? = nil
    ) throws(BrickUnreachable) -> StreamSocket {
        let deadline = SystemTimeSource().now() + limit
        let socket = try connect(to: address, by: deadline, options)
        guard let tls else { return socket }
        do throws(TLSProblem) { return try StreamSocket(encrypting: socket, tls, by: deadline) } catch {
            throw BrickUnreachable(address: address, reason: error.reason, advice: error.advice)
        }
    }

    private static func connect(
        to address: BrickAddress, by deadline: MonotonicTime, _ options: Options
    ) throws(BrickUnreachable) -> StreamSocket {
        switch address {
        case .unix(let path):
            guard let name = unixName(path) else {
                throw BrickUnreachable(address: address, reason: "the path is longer than a socket's may be")
            }
            return try connected(try open(AF_UNIX, for: address), at: name, by: deadline, address)
        case .tcp(let host, let port, let family):
            var last = BrickUnreachable(address: address, reason: "the name has no address")
            for (family, name) in try resolve(host, port, family, for: address) {
                do throws(BrickUnreachable) {
                    let socket = try open(family, for: address)
                    // Before it connects: the window's scale is agreed on then.
                    socket.set(options)
                    return try connected(socket, at: name, by: deadline, address)
                } catch { last = error }
            }
            throw last
        }
    }

    private static func open(_ family: Int32, for address: BrickAddress) throws(BrickUnreachable) -> StreamSocket {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw BrickUnreachable(address: address, reason: "\(FopError.last)") }
        return StreamSocket(adopting: descriptor)
    }

    /// connect(2) without blocking: writable means decided, SO_ERROR says how.
    private static func connected(
        _ socket: StreamSocket, at name: [UInt8], by deadline: MonotonicTime, _ address: BrickAddress
    ) throws(BrickUnreachable) -> StreamSocket {
        let failed = name.withUnsafeBytes {
            cposix_connect(
                socket.descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard failed != 0 else { return socket }
        guard errno == EINPROGRESS else { throw BrickUnreachable(address: address, reason: "\(FopError.last)") }
        guard socket.isWritable(by: deadline) else {
            throw BrickUnreachable(address: address, reason: "no answer in time")
        }
        var error: Int32 = 0
        var bytes = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &error, &bytes)
        guard error == 0 else { throw BrickUnreachable(address: address, reason: "\(FopError(error))") }
        return socket
    }

    private func isWritable(by deadline: MonotonicTime) -> Bool {
        while true {
            let left = (deadline - SystemTimeSource().now()).wholeNanoseconds
            guard left > 0 else { return false }
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            // Rounded up, or the last millisecond is a busy loop.
            if poll(&entry, 1, Int32(clamping: (left + 999_999) / 1_000_000)) > 0 { return true }
        }
    }

    private func set(_ options: Options) {
        let tcp = Int32(IPPROTO_TCP)
        if options.isUndelayed { set(tcp, TCP_NODELAY, 1) }
        if options.keepsAlive {
            set(SOL_SOCKET, SO_KEEPALIVE, 1)
            set(tcp, TCP_KEEPIDLE, options.keepaliveTime)
            set(tcp, TCP_KEEPINTVL, options.keepaliveInterval)
            set(tcp, TCP_KEEPCNT, options.keepaliveCount)
        }
        if options.userTimeout > .zero {
            set(tcp, TCP_USER_TIMEOUT, Int32(clamping: options.userTimeout.wholeNanoseconds / 1_000_000))
        }
        if let bytes = options.windowBytes {
            set(SOL_SOCKET, SO_RCVBUF, Int32(clamping: bytes))
            set(SOL_SOCKET, SO_SNDBUF, Int32(clamping: bytes))
        }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// A `sockaddr_un`; nil for a path that does not fit with its NUL.
    private static func unixName(_ path: String) -> [UInt8]? {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &name.sun_path) { place in
            guard path.utf8.count < place.count else { return false }
            place.copyBytes(from: path.utf8)
            return true
        }
        return fits ? withUnsafeBytes(of: name) { Array($0) } : nil
    }

    private static func resolve(
        _ host: String, _ port: UInt16, _ family: BrickAddress.Family, for address: BrickAddress
    ) throws(BrickUnreachable) -> [(family: Int32, name: [UInt8])] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_family =
            switch family {
            case .any: AF_UNSPEC
            case .inet: AF_INET
            case .inet6: AF_INET6
            }
        var found: UnsafeMutablePointer<addrinfo>?
        let failed = getaddrinfo(host, String(port), &hints, &found)
        guard failed == 0 else {
            throw BrickUnreachable(address: address, reason: String(cString: gai_strerror(failed)))
        }
        defer { freeaddrinfo(found) }
        var names: [(family: Int32, name: [UInt8])] = []
        var next = found
        while let entry = next?.pointee {
            let name = UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
            names.append((entry.ai_family, Array(name)))
            next = entry.ai_next
        }
        return names
    }
}
