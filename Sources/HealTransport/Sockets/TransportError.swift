import CPosix
import CZeroMQ
import Glibc

/// Why messages cannot be carried: one sentence that names the endpoint and what to do.
public struct TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of trouble it is.
    public enum Reason: Sendable {
        /// Somebody else listens there.
        case inUse
        /// Whoever listened there has ended, or died.
        case ended
        case badEndpoint, notAllowed, noAnswer, system, badMessage
    }
    public let reason: Reason
    public let description: String

    init(_ reason: Reason, _ description: String) { (self.reason, self.description) = (reason, description) }

    /// libzmq's last error on this thread.
    static func zmq(_ what: String, _ endpoint: String) -> TransportError {
        let code = zmq_errno()
        return TransportError(
            code == EADDRINUSE ? .inUse : .system, "cannot \(what) \(endpoint): \(String(cString: zmq_strerror(code)))")
    }
    static func system(_ what: String, _ path: String) -> TransportError {
        TransportError(.system, "cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
