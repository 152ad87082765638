import Testing
import TranslatorCore
import WireProtocol

@Suite struct RPCMessageTests {
    private func head(_ record: [UInt8]) throws -> (message: RPCMessage, bytes: Int) {
        try record.withUnsafeBytes { raw in
            var xdr = XDRReader(raw)
            return (try RPCMessage(from: &xdr), xdr.position)
        }
    }

    @Test func `every captured head is read, and written to the same bytes`() throws {
        #expect(Golden.records.count > 1000)
        for record in Golden.records {
            let (message, bytes) = try head(record)
            #expect(message.encoded == Array(record.prefix(bytes)))
        }
    }

    @Test func `every captured credential says what the capture says`() throws {
        for exchange in Golden.exchanges {
            guard case .call(let call) = try head(Golden.record(exchange.request)).message else {
                Issue.record("\(exchange.testDescription): no call")
                continue
            }
            let flavor = if case .version2 = call.credential { "390039" } else { "390040" }
            var said = [
                String(call.xid), String(call.program.number), String(call.program.version), String(call.procedure),
                flavor,
            ]
            let credential = try #require(call.credential.gluster)
            said += [credential.caller.pid.description, "\(credential.caller.uid)", "\(credential.caller.gid)"]
            if case .version3 = call.credential {
                said += [
                    "\(credential.timeFlags.rawValue)", "\(credential.time.nanoseconds)", "\(credential.time.seconds)",
                ]
            }
            said.append("groups " + credential.caller.groups.map(String.init).joined(separator: ","))
            said.append(Golden.hex(credential.lockOwner))
            #expect(said == exchange.header, "\(exchange.testDescription)")
        }
    }

    @Test func `refusals say why`() throws {
        let outcomes = try Golden.refusals.map { refusal -> ReplyHeader.Outcome? in
            guard case .reply(let reply) = try head(Golden.record(refusal.reply)).message else { return nil }
            return reply.outcome
        }
        #expect(
            outcomes == [
                .programUnavailable, .programMismatch(low: 0, high: 0), .procedureUnavailable, .garbageArguments,
                .garbageArguments, .authError(0), .success,
            ])
    }

    @Test(
        arguments: [
            .success, .programUnavailable, .programMismatch(low: 1, high: 2), .procedureUnavailable, .garbageArguments,
            .systemError, .rpcMismatch(low: 2, high: 2), .authError(7),
        ] as [ReplyHeader.Outcome])
    func `every outcome of a call comes back as it was`(outcome: ReplyHeader.Outcome) throws {
        let header = ReplyHeader(xid: 0xdead_beef, outcome)
        let message = try RPCMessage(decoding: RPCMessage.reply(header).encoded, as: "reply")
        #expect(message == .reply(header))
        #expect(!outcome.description.isEmpty)
    }

    @Test(arguments: [
        ("00000001 00000002", "message type at byte 4: 2"), ("00000001 00000000 00000003", "RPC version"),
        ("00000001 00000001 00000002", "reply status"),
        ("00000001 00000001 00000000 00000000 00000000 00000006", "accept status at byte 20: 6"),
        ("00000001 00000001 00000001 00000002", "reject status"),
        ("00000001 00000001 00000000 00000000 ffffffff", "auth body"),
        ("00000001 00000000 00000002 00000001 00000001 00000001 0005f398 00000004 00000000", "credential"),
    ])
    func `a head that is none is refused in a sentence`(hex: String, sentence: String) {
        let error = #expect(throws: CodecError.self) { try head(Golden.bytes(hex.filter { $0 != " " })) }
        #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "")")
    }

    @Test func `a credential of more than 400 bytes is refused`() {
        var xdr = XDRWriter()
        for word: UInt32 in [1, 0, 2, 1, 1, 1, 1] { xdr.write(word) }
        xdr.opaque([UInt8](repeating: 1, count: 404))
        #expect(throws: CodecError.self) { try RPCMessage(decoding: xdr.bytes, as: "call") }
    }
}

@Suite struct CredentialTests {
    private let caller = Caller(pid: 77, uid: 1000, gid: 100, groups: (0..<200).map { $0 })

    @Test func `groups that a brick would refuse are left out, the lock owner stays whole`() {
        let frame = Frame(caller: caller, lockOwner: LockOwner(rawValue: 0x0102_0304_0506_0708))
        let credential = GlusterCredential(frame, timeFlags: [])
        #expect(credential.caller.groups == (0..<83).map { $0 })
        #expect(credential.lockOwner == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(credential.owner == frame.lockOwner)
        #expect(Credential.version3(credential).encoded.count <= 8 + OpaqueAuth.bytesMax)
    }

    @Test func `a frame without a time sets none, as healers want`() {
        let healer = GlusterCredential(Frame(caller: .selfHeal), timeFlags: TimeFlags(.writev))
        #expect(healer.timeFlags == [] && healer.time == .zero)
        let time = Timestamp(seconds: 5, nanoseconds: 6)
        let writer = GlusterCredential(Frame(caller: .root, time: time), timeFlags: TimeFlags(.writev))
        #expect(writer.timeFlags == [.ctime, .mtime] && writer.time == time)
    }

    @Test func `genuine mounts send the time flags that we send`() throws {
        for exchange in Golden.exchanges where exchange.file == "fuse-client" && exchange.header[1] == "1298437" {
            let fop = try #require(Fop(rawValue: Int(exchange.header[3])!))
            let flags = UInt32(exchange.header[8])!
            switch fop {
            // Internal locks and xattrops inherit the flags of the fop that they surround.
            case .inodelk, .finodelk, .entrylk, .fentrylk, .xattrop, .fxattrop: continue
            case .setattr, .fsetattr:
                let valid = AttributeMask(rawValue: Int32(exchange.arguments[exchange.arguments.count - 2])!)
                #expect(flags == TimeFlags(setattr: valid).rawValue, "\(exchange.testDescription)")
            default: #expect(flags == TimeFlags(fop).rawValue, "\(exchange.testDescription)")
            }
        }
    }

    @Test func `an owner of no bytes, or of zeros, is none`() {
        #expect(GlusterCredential(caller: .root, lockOwner: []).owner == nil)
        #expect(GlusterCredential(caller: .root, lockOwner: [0, 0, 0, 0]).owner == nil)
        #expect(GlusterCredential(caller: .root, lockOwner: [1, 0]).owner == LockOwner(rawValue: 256))
    }
}
