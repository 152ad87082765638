import CPosix
import Glibc
import Testing
import TranslatorCore
import WireProtocol

@testable import Translators

/// What comes off a socket, in any pieces.
@Suite struct ReplyStreamTests {
    /// A pair of connected sockets: what is written to the first is read from the second.
    private struct Pair {
        let near: Int32, far: StreamSocket
        init() throws {
            var ends: [Int32] = [0, 0]
            let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            try #require(socketpair(AF_UNIX, type, 0, &ends) == 0)
            (near, far) = (ends[0], StreamSocket(adopting: ends[1]))
        }
        func send(_ bytes: ArraySlice<UInt8>) throws {
            try #require(bytes.withUnsafeBytes { write(near, $0.baseAddress, $0.count) } == bytes.count)
        }
    }
    private static let asked = 5000

    private static func read(_ xid: UInt32, _ payload: [UInt8]) -> [UInt8] {
        var result = ReadResult()
        (result.status, result.size) = (FopStatus(count: payload.count, isEnd: false), UInt32(payload.count))
        return result.reply(xid: xid, payloadBytes: payload.count) + payload
    }

    /// Everything there is; xids from 100 on are READs.
    private static func drain(
        _ stream: inout ReplyStream, _ socket: StreamSocket, _ arrive: (ReplyStream.Arrival) -> Void
    ) throws(CodecError) -> ReplyStream.Ending {
        while true {
            let ending = try stream.receive(
                from: socket, isReading: true, payloadBytesMax: { $0 >= 100 ? asked : nil }, arrive)
            if let ending { return ending }
        }
    }

    @Test(arguments: 0..<40) func `answers are whole, whatever pieces they come in`(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let pair = try Pair()
        let payloads = (0..<12).map { _ in
            (0..<Int.random(in: 0...Self.asked, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        var bytes: [UInt8] = []
        for (number, payload) in payloads.enumerated() {
            bytes += CommonResult().reply(xid: UInt32(number))
            bytes += Self.read(UInt32(100 + number), payload)
        }
        bytes += ServerCallback.childUp("/b").call(xid: 1)
        let pool = IobufPool()
        var stream = ReplyStream(pool: pool, owner: "test")
        var plain: [UInt32] = [], read: [UInt32: [UInt8]] = [:], callbacks: [ServerCallback] = []
        var position = 0
        while position < bytes.count {
            let piece = Int.random(in: 1...(seed.isMultiple(of: 2) ? 300 : 9000), using: &random)
            let end = min(bytes.count, position + piece)
            try pair.send(bytes[position..<end])
            position = end
            let ending = try Self.drain(&stream, pair.far) { arrival in
                switch arrival {
                case .reply(let xid, .success, _, let payload):
                    if xid < 100 { plain.append(xid) } else { read[xid] = payload.copiedBytes() }
                case .callback(let callback): callbacks.append(callback)
                default: Issue.record("\(arrival)")
                }
            }
            #expect(ending == .wouldBlock)
        }
        #expect(plain == Array(0..<12))
        for (number, payload) in payloads.enumerated() {
            #expect(read[UInt32(100 + number)] == payload, "seed \(seed)")
        }
        #expect(callbacks == [.childUp("/b")])
        close(pair.near)
        #expect(try Self.drain(&stream, pair.far) { _ in } == .endOfStream)
    }

    @Test func `more payload than was asked for ends the stream before a byte of it is taken`() throws {
        let pair = try Pair()
        defer { close(pair.near) }
        try pair.send(Self.read(100, [UInt8](repeating: 1, count: Self.asked + 1))[...])
        var stream = ReplyStream(pool: IobufPool(), owner: "test")
        let error = #expect(throws: CodecError.self) { try Self.drain(&stream, pair.far) { _ in } }
        #expect("\(try #require(error))".contains("5001 bytes of payload, 5000 were asked for"))
    }

    @Test func `calls that no client has are told, and the stream goes on`() throws {
        let pair = try Pair()
        defer { close(pair.near) }
        let call = StatArguments().call(xid: 7, credential: GlusterCredential(caller: .root, lockOwner: [1]))
        try pair.send((call + CommonResult().reply(xid: 8))[...])
        var stream = ReplyStream(pool: IobufPool(), owner: "test")
        var seen: [String] = []
        _ = try Self.drain(&stream, pair.far) { arrival in
            switch arrival {
            case .unreadable(let what): seen.append(what)
            case .reply(let xid, _, _, _): seen.append("reply \(xid)")
            case .callback: seen.append("callback")
            }
        }
        #expect(seen == ["a call of program 1298437 version 400, which no client has", "reply 8"])
    }
}
