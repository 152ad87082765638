import COpenSSL
import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// One TLS session over a connected socket that does not block.
///
/// OpenSSL's sessions are for one thread at a time: every call is made under one lock. None waits under it, because the
/// socket never blocks, so that the thread that hears a connection and those that send take turns of microseconds.
/// Source: ssl(7), SSL_get_error(3).
final class TLSSession: Sendable {
    typealias Transfer = StreamSocket.Transfer

    fileprivate struct State {
        /// Of the SSL*; as a number, because it is not to leave the lock.
        let address: UInt
        var session: OpaquePointer { OpaquePointer(bitPattern: address)! }
        /// To be read on, something has to be sent first: an answer to new keys.
        var readWantsRoom = false
        /// It failed, and must not be used any more.
        var isBroken = false
    }
    private let state: Mutex<State>
    private let descriptor: Int32

    /// `descriptor` stays the caller's, and open for as long as this.
    init(_ settings: TLSSettings, over descriptor: Int32) throws(TLSProblem) {
        let session = try settings.makeSession()
        self.descriptor = descriptor
        state = Mutex(State(address: UInt(bitPattern: session)))
        guard copenssl_set_socket(session, descriptor) == 1 else {
            throw TLSProblem(reason: "TLS: \(OpenSSLError.last)", advice: "check the OpenSSL library")
        }
    }
    deinit { state.withLock { SSL_free($0.session) } }

    /// Whether a read that waits can only go on once there is room to send.
    var readWantsRoom: Bool { state.withLock { $0.readWantsRoom } }
    /// Whether there is more to read that the socket does not tell of.
    var hasPending: Bool { state.withLock { !$0.isBroken && copenssl_has_pending($0.session) != 0 } }

    /// The client's handshake. Blocks the calling thread, until `deadline` at most.
    func shakeHands(by deadline: MonotonicTime, _ settings: TLSSettings) throws(TLSProblem) {
        while true {
            let (error, problem) = state.withLock { state -> (Int32, TLSProblem?) in
                ERR_clear_error()
                let answer = SSL_connect(state.session)
                if answer == 1 { return (SSL_ERROR_NONE, nil) }
                let error = SSL_get_error(state.session, answer)
                return (error, error.isWait ? nil : Self.problem(of: state.session, error, settings))
            }
            if error == SSL_ERROR_NONE { return }
            if let problem { throw problem }
            guard wait(for: error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, by: deadline) else {
                throw TLSProblem(reason: "TLS: no answer in time", advice: "check that the other side speaks TLS")
            }
        }
    }

    private static func problem(of session: OpaquePointer, _ error: Int32, _ settings: TLSSettings) -> TLSProblem {
        let verdict = SSL_get_verify_result(session)
        guard verdict == X509_V_OK else {
            let text = X509_verify_cert_error_string(verdict).map { String(cString: $0) } ?? "error \(verdict)"
            return TLSProblem(
                reason: "TLS: the other side's certificate is not trusted: \(text)",
                advice: "transport.socket.ssl-ca-list, \(settings.authorities), must have the authority that signed it")
        }
        let isEnd = error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0
        return TLSProblem(
            reason: "TLS: " + (isEnd ? "the other side closed the connection" : OpenSSLError.last),
            advice: "check that server.ssl is on there, and that it trusts who signed \(settings.certificate)")
    }

    private func wait(for events: Int32, by deadline: MonotonicTime) -> Bool {
        while true {
            let left = (deadline - SystemTimeSource().now()).wholeNanoseconds
            guard left > 0 else { return false }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            if poll(&entry, 1, Int32(clamping: (left + 999_999) / 1_000_000)) > 0 { return true }
        }
    }

    func read(into place: UnsafeMutableRawBufferPointer) -> Transfer {
        state.withLock { state in
            var count = 0
            let result = state.transfer { SSL_read_ex($0, place.baseAddress, place.count, &count) }
            guard let error = result else {
                state.readWantsRoom = false
                return .bytes(count)
            }
            state.readWantsRoom = error == SSL_ERROR_WANT_WRITE
            return state.outcome(of: error)
        }
    }

    /// What was not taken must be handed in again, from wherever it lies then.
    func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        state.withLock { state in
            var count = 0
            let result = state.transfer { SSL_write_ex($0, bytes.baseAddress, bytes.count, &count) }
            guard let error = result else { return .bytes(count) }
            // Without renegotiation a write never waits for something to read.
            if error == SSL_ERROR_WANT_READ {
                state.isBroken = true
                return .failed("TLS: renegotiation")
            }
            return state.outcome(of: error)
        }
    }
}

extension TLSSession.State {
    /// Nil: it went well; else what SSL_get_error says.
    fileprivate mutating func transfer(_ call: (OpaquePointer) -> Int32) -> Int32? {
        guard !isBroken else { return SSL_ERROR_ZERO_RETURN }
        ERR_clear_error()
        let answer = call(session)
        return answer == 1 ? nil : SSL_get_error(session, answer)
    }

    fileprivate mutating func outcome(of error: Int32) -> TLSSession.Transfer {
        if error.isWait { return .wouldBlock }
        if error == SSL_ERROR_ZERO_RETURN { return .endOfStream }
        isBroken = true
        return .failed("TLS: \(OpenSSLError.last)")
    }
}

extension Int32 {
    fileprivate var isWait: Bool { self == SSL_ERROR_WANT_READ || self == SSL_ERROR_WANT_WRITE }
}
