import CPosix
import Glibc
import Testing
import TranslatorCore

@testable import Translators

@Suite struct OutboxTests {
    private static func iobuf(_ bytes: [UInt8], _ pool: IobufPool) -> Iobuf {
        let draft = pool.draft(bytes: max(1, bytes.count))
        draft.bytes.copyBytes(from: bytes)
        return draft.freeze(count: bytes.count)
    }

    /// Length of the payload, then who sent it and its number; the payload is of that sender's byte.
    private static func head(_ sender: UInt8, _ number: UInt8, payloadBytes: Int) -> [UInt8] {
        [UInt8(payloadBytes >> 16), UInt8(payloadBytes >> 8 & 255), UInt8(payloadBytes & 255), sender, number]
    }

    @Test func `records of many threads over a full socket come whole, each thread's in order`() async throws {
        // Goal: neither cut nor mixed. Method: a socket with room for a few KiB, read slowly by the thread that also
        // resumes the sending; 8 senders with payload in pieces and without.
        var ends: [Int32] = [0, 0]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        try #require(socketpair(AF_UNIX, type, 0, &ends) == 0)
        let far = StreamSocket(adopting: ends[1])
        var room: Int32 = 4096
        setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, 4)
        let outbox = Outbox(StreamSocket(adopting: ends[0]))
        let pool = IobufPool()
        let senders = 8, records = 40

        await withTaskGroup(of: Void.self) { group in
            for sender in 0..<senders {
                group.addTask {
                    for number in 0..<records {
                        let bytes = number.isMultiple(of: 3) ? 0 : (number * 977) % 20_000 + 1
                        let payload = [UInt8](repeating: UInt8(sender), count: bytes)
                        let slices = [payload[..<(bytes / 3)], payload[(bytes / 3)...]].map {
                            IobufSlice(Self.iobuf(Array($0), pool))
                        }
                        let head = Self.head(UInt8(sender), UInt8(number), payloadBytes: bytes)
                        _ = outbox.send(head, payload: bytes == 0 ? .empty : Payload(slices))
                    }
                }
            }
        }
        #expect(outbox.isFull)

        var stream: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 3001)
        while true {
            let count = read(far.descriptor, &buffer, buffer.count)
            if count > 0 { stream += buffer[..<count] }
            if outbox.isFull { _ = outbox.roomCame() } else if count < 0 { break }
        }
        var next = [Int](repeating: 0, count: senders), position = 0
        while position < stream.count {
            let bytes = Int(stream[position]) << 16 | Int(stream[position + 1]) << 8 | Int(stream[position + 2])
            let sender = Int(stream[position + 3])
            try #require(Int(stream[position + 4]) == next[sender])
            next[sender] += 1
            position += 5
            try #require(stream[position..<position + bytes].allSatisfy { $0 == UInt8(sender) })
            position += bytes
        }
        #expect(next == [Int](repeating: records, count: senders))
    }
}
