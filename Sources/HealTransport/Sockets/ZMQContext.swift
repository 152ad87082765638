import CZeroMQ

/// The process's one ZeroMQ context, with its I/O thread. Made at first use, which must come after any fork; it lives
/// as long as the process. Sockets are closed by their owners, so nothing is left to wait for at the end.
enum ZMQContext {
    // Safe because a context may be used by any thread (zmq_ctx_new(3)), and the pointer never changes.
    nonisolated(unsafe) static let pointer: UnsafeMutableRawPointer = {
        guard let context = zmq_ctx_new() else {
            fatalError("zmq_ctx_new: \(String(cString: zmq_strerror(zmq_errno())))")
        }
        zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 4_096)
        return context
    }()
}
