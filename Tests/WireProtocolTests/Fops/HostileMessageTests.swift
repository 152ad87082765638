import Testing
import TranslatorCore
import WireProtocol

/// A peer may send anything: it gets an error or a message that can be sent on, never a trap. One test after the other:
/// they take a core each, and other suites have deadlines.
@Suite(.serialized) struct HostileMessageTests {
    /// A captured record, and how to read it.
    private struct Subject {
        let name: String, kind: String, record: [UInt8]
        let read: @Sendable ([UInt8]) throws -> Replay
    }

    private static let subjects: [Subject] = {
        let exchanges = Golden.exchanges.flatMap { exchange -> [Subject] in
            let decoding = try! exchange.decoding
            return [
                Subject(
                    name: "\(exchange.testDescription) call", kind: "\(exchange.op) call",
                    record: Golden.record(exchange.request)
                ) {
                    try decoding.replayCall($0)
                },
                Subject(
                    name: "\(exchange.testDescription) reply", kind: "\(exchange.op) reply",
                    record: Golden.record(exchange.reply)
                ) {
                    try decoding.replayReply($0)
                },
            ]
        }
        let callbacks = Golden.callbacks.map { golden in
            Subject(name: golden.name, kind: "callback", record: Golden.record(golden.request)) { record in
                try XDRReader.whole(record, as: "callback") { xdr throws(CodecError) in
                    guard case .call(let header) = try RPCMessage(from: &xdr) else { throw CodecError("no call") }
                    let callback = try ServerCallback(procedure: header.procedure, from: &xdr)
                    return Replay(bytes: Array(callback.call(xid: header.xid).dropFirst(Record.markBytes)))
                }
            }
        }
        return exchanges + callbacks
    }()

    /// One record of each procedure, direction and length: the others are cut at the same places. The first of each
    /// procedure and direction is cut at every byte, the others at every word.
    private static let lengths: [(subject: Subject, step: Int)] = {
        var kinds: Set<String> = [], lengths: Set<String> = []
        return subjects.compactMap { subject in
            guard lengths.insert("\(subject.kind) \(subject.record.count)").inserted else { return nil }
            return (subject, kinds.insert(subject.kind).inserted ? 1 : 4)
        }
    }()

    @Test func `a captured record cut short anywhere is refused, but in its payload`() throws {
        for (subject, step) in Self.lengths {
            let whole = subject.record.count - (try subject.read(subject.record).payloadBytes)
            // Long ones are listings, whose entries are all alike.
            for count in stride(from: 0, to: whole, by: whole > 1000 ? 61 : step) {
                do {
                    _ = try subject.read(Array(subject.record.prefix(count)))
                    Issue.record("\(subject.name) was read, cut to \(count) bytes")
                } catch is CodecError {}
            }
        }
    }

    /// Changes a few bytes, most often to lengths and counts that lie.
    private func mutated(_ record: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var record = record
        for _ in 0..<Int.random(in: 1...3, using: &random) where record.count >= 4 {
            let word = Int.random(in: 0...(record.count / 4 - 1), using: &random) * 4
            switch Int.random(in: 0..<6, using: &random) {
            case 0: record[Int.random(in: 0..<record.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            case 1: record.replaceSubrange(word..<word + 4, with: [0xff, 0xff, 0xff, 0xff])
            case 2:
                record.replaceSubrange(
                    word..<word + 4, with: [0x7f, 0xff, 0xff, UInt8.random(in: 0...255, using: &random)])
            case 3: record.replaceSubrange(word..<word + 4, with: [0, 0, 0, UInt8.random(in: 0...255, using: &random)])
            case 4: record.removeSubrange(word..<min(record.count, word + 4 * Int.random(in: 1...4, using: &random)))
            default: record.insert(contentsOf: record[word..<word + 4], at: word)
            }
        }
        return record
    }

    @Test(arguments: 0..<6)
    func `whatever can be read of a damaged record is written, and reads the same again`(seed: UInt64) throws {
        // Goal: no trap, and no message that means one thing to us and another to whom it is passed on.
        // Method: seeded damage to every captured record; what is still accepted must survive the wire.
        var random = SeededRandom(seed: seed)
        var accepted = 0
        for subject in Self.subjects where subject.record.count < 4000 {
            let record = mutated(subject.record, &random)
            guard let first = try? subject.read(record) else { continue }
            accepted += 1
            let second = try subject.read(first.bytes)
            #expect(second.bytes == first.bytes, "seed \(seed), \(subject.name): \(Golden.hex(record))")
        }
        #expect(accepted > 50, "damage that is always refused tests nothing")
    }

    @Test(arguments: 0..<4)
    func `replies of a damaged brick reach the stack as replies or errors`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for exchange in Golden.exchanges where exchange.header[1] == "1298437" {
            guard let fop = Fop(rawValue: Int(exchange.header[3])!) else { continue }
            let record = mutated(Golden.record(exchange.reply), &random)
            try? record.withUnsafeBytes { raw in
                var xdr = XDRReader(raw)
                _ = try RPCMessage(from: &xdr)
                try Self.bridged(fop, &xdr)
            }
        }
    }

    private static func bridged(_ fop: Fop, _ xdr: inout XDRReader) throws {
        switch fop {
        case .stat, .fstat: _ = try IattResult(from: &xdr).statReply()
        case .lookup: _ = try TwoIattResult(from: &xdr).lookupReply()
        case .writev: _ = try TwoIattResult(from: &xdr).writeReply()
        case .getxattr, .fgetxattr: _ = try DictResult(from: &xdr).getxattrReply()
        case .xattrop, .fxattrop: _ = try DictResult(from: &xdr).xattropReply()
        case .readv: _ = try ReadResult(from: &xdr).readReply(payload: .empty)
        case .readdir: _ = try ReaddirResult(from: &xdr).readdirReply()
        case .readdirp: _ = try ReaddirpResult(from: &xdr).readdirReply()
        case .lk: _ = try LkResult(from: &xdr).lkReply()
        case .rchecksum: _ = try RchecksumResult(from: &xdr).rchecksumReply()
        case .create: _ = try CreateResult(from: &xdr).createReply()
        case .rename: _ = try RenameResult(from: &xdr).renameReply()
        case .copyFileRange: _ = try ThreeIattResult(from: &xdr).copyFileRangeReply()
        case .mknod, .mkdir, .symlink, .link: _ = try ThreeIattResult(from: &xdr).entryReply()
        default: _ = try CommonResult(from: &xdr).doneReply()
        }
    }

    @Test func `calls of a damaged client become requests or errors`() throws {
        let inode = Inode(gfid: .root, type: .directory), fd = Fd(inode: inode, flags: [])
        for seed: UInt64 in 0..<4 {
            var random = SeededRandom(seed: seed)
            for exchange in Golden.exchanges where exchange.header[1] == "1298437" {
                guard let fop = Fop(rawValue: Int(exchange.header[3])!) else { continue }
                let record = mutated(Golden.record(exchange.request), &random)
                try? record.withUnsafeBytes { raw in
                    var xdr = XDRReader(raw)
                    guard case .call(let header) = try RPCMessage(from: &xdr) else { return }
                    _ = header.credential.gluster?.owner
                    switch fop {
                    case .inodelk, .finodelk: _ = try InodelkArguments(fop, from: &xdr).request(.inode(inode))
                    case .entrylk, .fentrylk: _ = try EntrylkArguments(fop, from: &xdr).request(.inode(inode))
                    case .lk: _ = try LkArguments(fop, from: &xdr).request(fd)
                    case .setattr, .fsetattr: _ = try SetattrArguments(fop, from: &xdr).request(.inode(inode))
                    case .setxattr, .fsetxattr: _ = try SetxattrArguments(fop, from: &xdr).request(.inode(inode))
                    case .xattrop, .fxattrop: _ = try XattropArguments(fop, from: &xdr).request(.inode(inode))
                    case .removexattr: _ = try RemovexattrArguments(fop, from: &xdr).request(.inode(inode))
                    case .writev: _ = try WriteArguments(fop, from: &xdr).request(fd, payload: .empty)
                    case .create: _ = try CreateArguments(fop, from: &xdr).request(parent: inode, inode: inode, fd: fd)
                    case .lookup: _ = try LookupArguments(fop, from: &xdr).request(.inode(inode))
                    default: break
                    }
                }
            }
        }
    }

    @Test(arguments: 0..<8)
    func `a damaged stream is read as records or refused, however it is cut`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let records = Golden.records.shuffled(using: &random).prefix(40)
        let stream = mutated(
            records.flatMap { record in Record.encode(payloadBytes: record.count) { _ in } + record }, &random)
        var reader = RecordReader(recordBytesMax: 1 << 20)
        var rest = stream[...]
        reading: while !rest.isEmpty {
            let count = Int.random(in: 1...2000, using: &random)
            let piece = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            let isGoing = piece.withUnsafeBytes { raw -> Bool in
                var stream = ByteReader(raw)
                let place = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 1)
                defer { place.deallocate() }
                do throws(CodecError) {
                    while true {
                        if reader.payloadBytesLeft > 0 {
                            _ = try reader.takePayload(from: &stream, into: place)
                            if reader.payloadBytesLeft > 0 { return true }
                        }
                        let found = try reader.next(
                            &stream, extent: { record throws(CodecError) in try HeadExtent.call(record) },
                            { head throws(CodecError) in head.bytes.count + head.payloadBytes })
                        guard let found else { return true }
                        precondition(found <= 1 << 20)
                    }
                } catch {
                    return false
                }
            }
            if !isGoing { break reading }
        }
        #expect(reader.payloadBytesLeft <= 1 << 20)
    }
}
