import TranslatorCore

/// Where a record's head ends and file content begins.
public enum HeadExtent: Equatable, Sendable {
    /// Unknown until this many bytes of the record are there: more than there are.
    case needs(Int)
    /// The head is this long; what follows in the record is payload.
    case bytes(Int)
    /// The record has no payload.
    case whole
}

/// A record, or its head where payload follows. Borrowed: valid during the call that hands it out.
public struct RecordHead {
    /// Without marks.
    public let bytes: UnsafeRawBufferPointer
    /// Bytes of payload that are still to come.
    public let payloadBytes: Int
}

/// Takes records out of a stream that arrives in any pieces. A value: it reads no socket and allocates no payload.
///
/// Hand it bytes as they came (`next`), until it answers nil: they are used up then. Where a record has payload, `next`
/// hands out the head alone. The caller then makes a buffer of `payloadBytes`, takes what came already
/// (`takePayload`), reads the rest from the socket straight into it (at most `payloadBytesToLand` bytes) and says so
/// (`landed`). At 0 the record is complete, and `next` goes on.
///
/// States: between records → in a fragment → (payload) → between records. A record that lies whole in the given bytes
/// is handed out in place, without a copy; others are put together in memory that grows as bytes arrive, never by what
/// a length announces.
public struct RecordReader: Sendable {
    /// No sane record is longer: 16 MiB of payload, and room for a head.
    public static let recordBytesMaxDefault = 17 * 1024 * 1024
    /// Memory for records in pieces that is kept from one record to the next.
    private static let keptBytesMax = 64 * 1024

    public let recordBytesMax: Int

    /// The next fragment's mark, as far as it came.
    private var mark: UInt32 = 0
    private var markBytes = 0
    private var isInFragment = false
    private var isLast = false
    /// Bytes of the current fragment that are still to come.
    private var fragmentBytesLeft = 0
    /// The record so far, when it does not lie in the given bytes in one piece.
    private var gathered: [UInt8] = []
    /// How much of `gathered` is payload that nobody took yet; it is at the end. More than 0 only for records of
    /// several fragments, which genuine peers do not send.
    private var gatheredPayloadBytes = 0
    private var isPayload = false

    public init(recordBytesMax: Int = RecordReader.recordBytesMaxDefault) {
        precondition(recordBytesMax > 0)
        precondition(recordBytesMax <= Record.fragmentBytesMax)
        self.recordBytesMax = recordBytesMax
    }

    /// Bytes of payload that the current record still lacks; 0 between payloads.
    public var payloadBytesLeft: Int { isPayload ? gatheredPayloadBytes + fragmentBytesLeft : 0 }
    /// How many of them may be read from the stream straight into their place, once `takePayload` took what was here.
    public var payloadBytesToLand: Int { isPayload && gatheredPayloadBytes == 0 ? fragmentBytesLeft : 0 }
    /// True when the stream may end here without a record being cut.
    public var isBetweenRecords: Bool { !isInFragment && markBytes == 0 && gathered.isEmpty }

    /// The next record or head, handed to `body`; nil when `stream` is used up first. `extent` says where payload
    /// begins, from the record's first bytes; it may throw to refuse the record.
    ///
    /// Throws for a record longer than `recordBytesMax`, and what `extent` throws: the stream cannot be read on then.
    public mutating func next<Result>(
        _ stream: inout ByteReader, extent: (UnsafeRawBufferPointer) throws(CodecError) -> HeadExtent,
        _ body: (RecordHead) throws(CodecError) -> Result
    ) throws(CodecError) -> Result? {
        precondition(payloadBytesLeft == 0, "the last record's payload was not taken")
        while try enterFragment(&stream) {
            guard isLast else {
                try gather(fragmentBytesLeft, from: &stream)
                if fragmentBytesLeft > 0 { return nil }
                isInFragment = false
                continue
            }
            let total = gathered.count + fragmentBytesLeft
            let needed: Int
            if gathered.isEmpty {
                var ahead = stream
                let here = try ahead.slice(min(total, stream.remaining))
                needed = try Self.needed(extent(here), has: here.count, of: total)
                if needed <= here.count {
                    let head = UnsafeRawBufferPointer(rebasing: here[..<needed])
                    try stream.skip(needed)
                    fragmentBytesLeft -= needed
                    begin(payloadBytes: total - needed)
                    return try body(RecordHead(bytes: head, payloadBytes: total - needed))
                }
            } else {
                let answer = gathered.withBytes { bytes -> Swift.Result<HeadExtent, CodecError> in
                    do throws(CodecError) { return .success(try extent(bytes)) } catch { return .failure(error) }
                }
                needed = Self.needed(try answer.get(), has: gathered.count, of: total)
                if needed <= gathered.count { return try handOut(headBytes: needed, of: total, body) }
            }
            let before = gathered.count
            try gather(needed - before, from: &stream)
            if gathered.count < needed { return nil }
        }
        return nil
    }

    /// Bytes of the record that must be there before anything can be said or handed out.
    private static func needed(_ extent: HeadExtent, has count: Int, of total: Int) -> Int {
        switch extent {
        case .whole: total
        case .bytes(let head): min(head, total)
        // A record that ends before its extent can be told has no payload.
        case .needs(let bytes): count == total ? total : min(max(bytes, count + 1), total)
        }
    }

    /// Copies up to `count` bytes of the current fragment behind what is gathered.
    private mutating func gather(_ count: Int, from stream: inout ByteReader) throws(CodecError) {
        let bytes = try stream.slice(min(count, fragmentBytesLeft, stream.remaining))
        gathered.append(contentsOf: bytes)
        fragmentBytesLeft -= bytes.count
    }

    /// Reads a mark unless one was read. False: the stream is used up.
    private mutating func enterFragment(_ stream: inout ByteReader) throws(CodecError) -> Bool {
        guard !isInFragment else { return true }
        while markBytes < Record.markBytes {
            guard !stream.isAtEnd else { return false }
            mark = mark << 8 | UInt32(try stream.uint8())
            markBytes += 1
        }
        fragmentBytesLeft = Int(mark & ~Record.lastFragment)
        isLast = mark & Record.lastFragment != 0
        guard gathered.count + fragmentBytesLeft <= recordBytesMax else {
            throw CodecError(
                "record: \(gathered.count + fragmentBytesLeft) bytes announced, at most \(recordBytesMax) are taken")
        }
        (mark, markBytes, isInFragment) = (0, 0, true)
        return true
    }

    private mutating func handOut<Result>(
        headBytes: Int, of total: Int, _ body: (RecordHead) throws(CodecError) -> Result
    ) throws(CodecError) -> Result {
        gatheredPayloadBytes = gathered.count - headBytes
        let result = gathered.withBytes { bytes -> Swift.Result<Result, CodecError> in
            let head = RecordHead(
                bytes: UnsafeRawBufferPointer(rebasing: bytes[..<headBytes]), payloadBytes: total - headBytes)
            do throws(CodecError) { return .success(try body(head)) } catch { return .failure(error) }
        }
        begin(payloadBytes: total - headBytes)
        return try result.get()
    }

    private mutating func begin(payloadBytes: Int) {
        isPayload = payloadBytes > 0
        if isPayload, gatheredPayloadBytes > 0 { return }
        forget()
        if !isPayload { isInFragment = false }
    }

    private mutating func forget() {
        if gathered.capacity > Self.keptBytesMax { gathered = [] } else { gathered.removeAll(keepingCapacity: true) }
    }
}

extension RecordReader {
    /// Copies payload that is here already to the front of `place`, which has room for `payloadBytesLeft` bytes; says
    /// how many. The one copy there is, and only of what came together with the head.
    public mutating func takePayload(
        from stream: inout ByteReader, into place: UnsafeMutableRawBufferPointer
    ) throws(CodecError) -> Int {
        precondition(place.count >= payloadBytesLeft, "no room for the payload")
        let fromGathered = gatheredPayloadBytes
        if fromGathered > 0 {
            gathered.withBytes { place.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.suffix(fromGathered))) }
            gatheredPayloadBytes = 0
            forget()
        }
        let bytes = try stream.slice(min(payloadBytesToLand, stream.remaining))
        if !bytes.isEmpty {
            UnsafeMutableRawBufferPointer(rebasing: place[fromGathered...]).copyMemory(from: bytes)
        }
        landed(bytes.count)
        return fromGathered + bytes.count
    }

    /// `count` bytes of payload were read from the stream straight into their place.
    public mutating func landed(_ count: Int) {
        precondition(count >= 0)
        precondition(count <= payloadBytesToLand, "more than the record has")
        fragmentBytesLeft -= count
        if payloadBytesLeft == 0 { (isPayload, isInFragment) = (false, false) }
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` with the name of what it gives, and no `rethrows`.
    fileprivate func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result { withUnsafeBytes(body) }
}
