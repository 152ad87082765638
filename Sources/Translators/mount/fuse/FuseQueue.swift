import CFuse
import CPosix
import FuseProtocol
import Glibc
import Synchronization
import TranslatorCore

/// One of the kernel's request queues: a descriptor of /dev/fuse. A request read here must be answered here.
final class FuseQueue: Sendable {
    let descriptor: Int32
    /// Requests read and not yet done with, for an orderly end.
    let underWay = Atomic<Int>(0)
    private let log: Log

    init(descriptor: Int32, log: Log) { (self.descriptor, self.log) = (descriptor, log) }

    deinit { close(descriptor) }

    // A reply's answer tells whether the kernel took it: it does not when the request was aborted meanwhile, and then
    // what the reply gave away (a lookup, an open file) must be taken back.

    /// "Done", without a body.
    @discardableResult
    func reply(_ unique: UInt64) -> Bool { send(FuseReplyHeader.make(unique: unique)) }

    @discardableResult
    func reply(_ unique: UInt64, error: FopError) -> Bool {
        send(FuseReplyHeader.make(unique: unique, error: error.code))
    }

    /// A structure of linux/fuse.h.
    @discardableResult
    func reply<Body: BitwiseCopyable>(_ unique: UInt64, _ body: Body) -> Bool {
        withUnsafeBytes(of: body) { reply(unique, bytes: $0) }
    }

    @discardableResult
    func reply(_ unique: UInt64, bytes: UnsafeRawBufferPointer) -> Bool {
        send(FuseReplyHeader.make(unique: unique, bodyBytes: bytes.count), bytes) || endRefused(unique, bytes.count)
    }

    private func send(_ header: fuse_out_header, _ body: UnsafeRawBufferPointer = .init(start: nil, count: 0)) -> Bool {
        withUnsafeBytes(of: header) { header in
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                parts[0] = Self.part(header)
                parts[1] = Self.part(body)
                return send(parts.baseAddress!, count: 2)
            }
        }
    }

    private static func part(_ bytes: UnsafeRawBufferPointer) -> iovec {
        iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }

    /// A read's data, straight out of its iobufs.
    @discardableResult
    func reply(_ unique: UInt64, payload: Payload) -> Bool {
        guard payload.rest.isEmpty else { return reply(unique, slices: payload) }
        guard let slice = payload.first, slice.count > 0 else { return reply(unique) }
        return reply(unique, bytes: slice.bytes)
    }

    private func reply(_ unique: UInt64, slices payload: Payload) -> Bool {
        let header = FuseReplyHeader.make(unique: unique, bodyBytes: payload.count)
        let isSent = withUnsafeBytes(of: header) { header in
            payload.withIovecs { slices in
                let parts = [Self.part(header)] + slices
                return parts.withUnsafeBufferPointer { send($0.baseAddress!, count: $0.count) }
            }
        }
        return isSent || endRefused(unique, payload.count)
    }

    private func send(_ parts: UnsafePointer<iovec>, count: Int) -> Bool {
        while writev(descriptor, parts, Int32(count)) < 0 {
            if errno != EINTR { return false }
        }
        return true
    }

    /// A reply that the kernel refused for another reason than that nobody waits any more must still end the request.
    private func endRefused(_ unique: UInt64, _ bodyBytes: Int) -> Bool {
        let code = errno
        guard code != ENOENT, code != ENODEV else { return false }
        log.write(.error, volume: "fuse") {
            "reply of \(bodyBytes) bytes refused by the kernel: \(FopError(code)); answered as an I/O error instead"
        }
        reply(unique, error: .io)
        return false
    }

    /// What `FuseNotification` made. False when the kernel has no such node, or the mount is gone.
    @discardableResult
    func notify(_ message: [UInt8]) -> Bool {
        message.withUnsafeBytes { bytes in
            var part = Self.part(bytes)
            return send(&part, count: 1)
        }
    }
}
