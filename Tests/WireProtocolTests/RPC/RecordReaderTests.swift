import Testing
import TranslatorCore
import WireProtocol

/// A stream's consumer: puts records and payloads together as a connection would.
private struct Consumer {
    var reader = RecordReader(recordBytesMax: 1 << 17)
    /// Where payload begins, or nil for records without.
    var headBytes: Int?
    var heads: [[UInt8]] = [], payloads: [[UInt8]] = []
    private var payload: [UInt8] = []
    /// Pieces that were not copied out of what had arrived, but landed.
    var landedBytes = 0

    init(headBytes: Int? = nil) { self.headBytes = headBytes }

    private func extent(_ bytes: UnsafeRawBufferPointer) -> HeadExtent {
        guard let headBytes else { return .whole }
        return bytes.count < min(4, headBytes) ? .needs(min(4, headBytes)) : .bytes(headBytes)
    }

    mutating func take(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { raw in
            var stream = ByteReader(raw)
            repeat {
                if reader.payloadBytesToLand > 0, !payload.isEmpty {
                    let count = min(reader.payloadBytesToLand, stream.remaining)
                    payload += try stream.bytes(count)
                    reader.landed(count)
                    landedBytes += count
                } else if reader.payloadBytesLeft > 0 {
                    let place = UnsafeMutableRawBufferPointer.allocate(byteCount: reader.payloadBytesLeft, alignment: 1)
                    defer { place.deallocate() }
                    let count = try reader.takePayload(from: &stream, into: place)
                    payload += Array(place.prefix(count))
                }
                if reader.payloadBytesLeft == 0 {
                    if !payload.isEmpty { payloads.append(payload) }
                    payload = []
                    let extent = extent
                    let head = try reader.next(&stream, extent: { bytes in extent(bytes) }) { ($0.bytes.map { $0 }) }
                    guard let head else { return }
                    heads.append(head)
                }
            } while !stream.isAtEnd || reader.payloadBytesLeft > reader.payloadBytesToLand
        }
        if reader.payloadBytesLeft == 0, !payload.isEmpty {
            payloads.append(payload)
            payload = []
        }
    }
}

private func mark(_ count: Int, isLast: Bool = true) -> [UInt8] {
    var xdr = XDRWriter()
    xdr.write(UInt32(count) | (isLast ? 1 << 31 : 0))
    return xdr.bytes
}

/// Cuts `bytes` into pieces of random lengths, short ones mostly.
private func pieces(of bytes: [UInt8], _ random: inout SeededRandom) -> [[UInt8]] {
    var rest = bytes[...]
    var pieces: [[UInt8]] = []
    while !rest.isEmpty {
        let count = Int.random(in: 1...(Bool.random(using: &random) ? 7 : 400), using: &random)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
    }
    return pieces
}

@Suite struct RecordReaderTests {
    @Test(arguments: 0..<20)
    func `records come out whole however the stream was cut`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let records = Golden.records.shuffled(using: &random).prefix(60)
        var consumer = Consumer()
        for piece in pieces(of: records.flatMap { mark($0.count) + $0 }, &random) { try consumer.take(piece) }
        #expect(consumer.heads == Array(records), "seed \(seed)")
        #expect(consumer.reader.isBetweenRecords)
    }

    @Test(arguments: 0..<20)
    func `records of many fragments come out whole`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let records = Golden.records.shuffled(using: &random).prefix(20)
        let stream = records.flatMap { record -> [UInt8] in
            let fragments = pieces(of: record, &random) + (Bool.random(using: &random) ? [[]] : [])
            return fragments.enumerated().flatMap { mark($1.count, isLast: $0 == fragments.count - 1) + $1 }
        }
        var consumer = Consumer()
        for piece in pieces(of: stream, &random) { try consumer.take(piece) }
        #expect(consumer.heads == Array(records), "seed \(seed)")
    }

    @Test(arguments: 0..<40)
    func `payload is told from its head, in one fragment or several`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let head: [UInt8] = Array(1...40)
        let contents = (0..<12).map { _ in
            (0..<Int.random(in: 1...3000, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
        }
        let isFragmented = seed % 2 == 1
        let stream = contents.flatMap { content -> [UInt8] in
            guard isFragmented else { return mark(40 + content.count) + head + content }
            let fragments = pieces(of: head + content, &random)
            return fragments.enumerated().flatMap { mark($1.count, isLast: $0 == fragments.count - 1) + $1 }
        }
        var consumer = Consumer(headBytes: 40)
        for piece in pieces(of: stream, &random) { try consumer.take(piece) }
        #expect(consumer.heads == contents.map { _ in head }, "seed \(seed)")
        #expect(consumer.payloads == contents, "seed \(seed)")
    }

    @Test func `what comes after the head lands in its place without another copy`() throws {
        let content = [UInt8](repeating: 7, count: 100_000)
        var consumer = Consumer(headBytes: 8)
        try consumer.take(mark(8 + content.count) + [1, 2, 3, 4, 5, 6, 7, 8] + content.prefix(100))
        #expect(consumer.reader.payloadBytesToLand == 99_900)
        try consumer.take(Array(content.dropFirst(100)))
        #expect(consumer.landedBytes == 99_900)
        #expect(consumer.payloads == [content])
    }

    @Test func `a record in one piece is handed out where it lies`() throws {
        let bytes = mark(4) + [1, 2, 3, 4]
        try bytes.withUnsafeBytes { raw in
            var stream = ByteReader(raw), reader = RecordReader()
            let place = try reader.next(&stream, extent: { _ in .whole }) { $0.bytes.baseAddress }
            #expect(place == raw.baseAddress! + 4)
        }
    }

    @Test(arguments: [
        mark(1 << 17 + 1), mark(Int(Int32.max)),
        mark(1 << 16, isLast: false) + [UInt8](repeating: 0, count: 1 << 16) + mark(1 << 16 + 1),
    ])
    func `a record longer than is taken is refused before it is stored`(stream: [UInt8]) {
        var consumer = Consumer()
        let error = #expect(throws: CodecError.self) { try consumer.take(stream) }
        #expect(error?.description.contains("at most 131072 are taken") == true)
    }

    @Test func `a length alone reserves no memory, and fragments of nothing end nothing`() throws {
        var consumer = Consumer()
        try consumer.take(mark(1 << 17) + [1, 2, 3])
        #expect(consumer.heads.isEmpty && !consumer.reader.isBetweenRecords)
        consumer = Consumer()
        for _ in 0..<1000 { try consumer.take(mark(0, isLast: false)) }
        try consumer.take(mark(0))
        #expect(consumer.heads == [[]])
    }

    @Test func `a record that ends before its head does has no payload`() throws {
        var consumer = Consumer(headBytes: 40)
        try consumer.take(mark(3) + [1, 2, 3] + mark(40) + Array(1...40))
        #expect(consumer.heads == [[1, 2, 3], Array(1...40)])
        #expect(consumer.payloads.isEmpty)
    }
}

@Suite struct RecordTests {
    @Test func `a mark counts the payload that follows from elsewhere`() {
        let bytes = Record.encode(payloadBytes: 10) { $0.write(UInt32(7)) }
        #expect(bytes == [0x80, 0, 0, 14, 0, 0, 0, 7])
    }

    @Test func `a call that was refused has no results`() {
        let refused = Record.encode(ReplyHeader(xid: 1, .garbageArguments)) { $0.write(UInt32(9)) }
        #expect(Golden.hex(refused) == "80000018000000010000000100000000000000000000000000000004")
    }
}
