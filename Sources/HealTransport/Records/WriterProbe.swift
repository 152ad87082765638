import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// Whether anybody listens at a writer's address: asked by connecting to it, on a thread of its own, because names
/// have to be resolved and a host that is down answers nothing.
final class WriterProbe: Sendable {
    enum Finding: Sendable {
        case unasked
        /// The host answers, and says that nobody listens: no writer lives there.
        case refused
        case answers
        /// Nobody can say: the host does not answer, or has no address.
        case silent
    }
    private static let timeoutMilliseconds: Int32 = 2_000

    private let host: String, port: String
    private let state = Mutex<(finding: Finding, isAsking: Bool)>((.unasked, false))

    init(_ address: WriterAddress) {
        host = String(address.host.drop { $0 == "[" }.prefix { $0 != "]" })
        port = "\(address.port)"
    }

    var finding: Finding { state.withLock { $0.finding } }

    /// Asks again, unless it is asking.
    func ask() {
        let begins = state.withLock { state in
            defer { state.isAsking = true }
            return !state.isAsking
        }
        guard begins else { return }
        WorkerThread.start(name: "writer-probe") { [self] in
            let finding = look()
            state.withLock { $0 = (finding, false) }
        }
    }

    private func look() -> Finding {
        var hints = addrinfo(), found: UnsafeMutablePointer<addrinfo>?
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        guard getaddrinfo(host, port, &hints, &found) == 0, let first = found else { return .silent }
        defer { freeaddrinfo(first) }
        var worst = Finding.refused
        for address in sequence(first: first, next: { $0.pointee.ai_next }) {
            switch Self.connect(address.pointee) {
            case .answers: return .answers
            case .refused: break
            case .silent, .unasked: worst = .silent
            }
        }
        return worst
    }

    private static func connect(_ address: addrinfo) -> Finding {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.ai_family, flags, 0)
        guard descriptor >= 0 else { return .silent }
        defer { close(descriptor) }
        if cposix_connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return .answers }
        if errno == ECONNREFUSED { return .refused }
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard errno == EINPROGRESS, poll(&entry, 1, timeoutMilliseconds) > 0 else { return .silent }
        var failure: Int32 = 0, length = socklen_t(4)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length)
        return failure == 0 ? .answers : failure == ECONNREFUSED ? .refused : .silent
    }
}
