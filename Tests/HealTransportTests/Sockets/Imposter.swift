import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// A program that is none of ours and listens at a port: takes every connection, says the same to all, and hears
/// nothing. What it says is sent at once, as by a server of another protocol that speaks first.
final class Imposter: Sendable {
    let accepted = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false), hasEnded = Atomic<Bool>(false)

    /// Nil when the port is not to be had.
    init?(port: UInt16, saying words: [UInt8]) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        var name = sockaddr_in()
        (name.sin_family, name.sin_port) = (sa_family_t(AF_INET), port.bigEndian)
        name.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let failed = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard failed == 0, listen(listener, 16) == 0 else {
            close(listener)
            return nil
        }
        WorkerThread.start(name: "imposter") { [self] in serve(listener, words) }
    }

    private func serve(_ listener: Int32, _ words: [UInt8]) {
        var taken: [Int32] = []
        while !isStopped.load(ordering: .relaxed) {
            var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 20) > 0 else { continue }
            let connection = accept(listener, __SOCKADDR_ARG(__sockaddr__: nil), nil)
            guard connection >= 0 else { continue }
            _ = send(connection, words, words.count, Int32(MSG_NOSIGNAL))
            taken.append(connection)
            accepted.wrappingAdd(1, ordering: .relaxed)
        }
        for descriptor in taken + [listener] { close(descriptor) }
        hasEnded.store(true, ordering: .releasing)
    }

    /// Lets the port go; true once it has.
    func stop() -> Bool {
        isStopped.store(true, ordering: .relaxed)
        return hasEnded.load(ordering: .acquiring)
    }

    /// What other programs say, as far as a ZeroMQ socket tells them apart.
    static let speeches: [[UInt8]] = [
        Array("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".utf8), Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), [],
        // ZMTP 3 of another mechanism, and of a socket that is no PUB: READY with Socket-Type DEALER.
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, 0] + mechanism("XYZZY"),
        [0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, 0] + mechanism("NULL") + [4, 28, 5] + Array("READY".utf8) + [11]
            + Array("Socket-Type".utf8) + [0, 0, 0, 6] + Array("DEALER".utf8),
    ]
    private static func mechanism(_ name: String) -> [UInt8] {
        let padding = [UInt8](repeating: 0, count: 20 - name.utf8.count)
        return Array(name.utf8) + padding + [UInt8](repeating: 0, count: 32)
    }
}
