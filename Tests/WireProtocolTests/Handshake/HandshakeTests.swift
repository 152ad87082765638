import Testing
import TranslatorCore
import WireProtocol

@Suite struct SerializedDictTests {
    @Test func `the captured dict is read, and written to the same bytes`() throws {
        let golden = try #require(Golden.dicts.first { $0.isLegacy })
        let dict = try SerializedDict(decoding: Golden.bytes(golden.bytes))
        #expect(dict["abc"] == "1" && dict["k"] == "val" && dict["none"] == nil)
        #expect(Golden.hex(dict.encoded) == golden.bytes)
    }

    @Test func `every dict of a captured handshake is written to the same bytes`() throws {
        var count = 0
        for exchange in Golden.exchanges where ["SETVOLUME", "GETSPEC", "GET_VOLUME_INFO"].contains(exchange.op) {
            let texts = [exchange.arguments.last ?? "", exchange.results.last ?? ""]
            for hex in texts where hex.allSatisfy(\.isHexDigit) && hex.count > 8 {
                #expect(Golden.hex(try SerializedDict(decoding: Golden.bytes(hex)).encoded) == hex)
                count += 1
            }
        }
        #expect(count > 30)
    }

    @Test(arguments: [
        ("ffffffff", "-1 pairs"), ("7fffffff", "2147483647 pairs, 0 bytes"), ("00000001 00000001 00000001", "1 pairs"),
        ("00000001 00000002 00000001 6b6b00", "key of 2 and value of 1 bytes"),
        ("00000001 ffffffff 00000001 6b00", "key of -1"), ("00000001 00000001 00000001 6b6b6b", "no NUL"),
        ("00000001 7fffffff 7fffffff 6b6b6b", "are left"), ("00000000 00", "left over"),
    ])
    func `a dict that contradicts itself is refused in a sentence`(hex: String, sentence: String) {
        let error = #expect(throws: CodecError.self) {
            try SerializedDict(decoding: Golden.bytes(hex.filter { $0 != " " }))
        }
        #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "")")
    }
}

@Suite struct HandshakeTests {
    private func result<Arguments: ProcedureArguments>(
        _ name: String, of _: Arguments.Type
    ) throws -> Arguments.Result {
        let exchange = try #require(Golden.exchanges.first { $0.name == name })
        return try XDRReader.whole(Golden.record(exchange.reply), as: name) { xdr throws(CodecError) in
            _ = try RPCMessage(from: &xdr)
            return try Arguments.result(from: &xdr)
        }
    }

    @Test func `we introduce ourselves as the captured client did`() throws {
        let exchange = try #require(Golden.exchanges.first { $0.name == "setvolume-ok-login" })
        let captured = try SerializedDict(decoding: Golden.bytes(exchange.arguments[0]))
        let uuid = Introduction.processUUID(
            context: try #require(Gfid("e806961b-7588-4991-aea4-c1f38defbb68")), pid: 5267, host: "proto",
            client: "proto-client-0", reconnection: 0)
        #expect(captured["process-uuid"] == uuid)
        var introduction = Introduction(brick: "/bricks/b1", processUUID: uuid)
        introduction.credentials = ("user1", "pw1")
        #expect(introduction.dict == captured)
        #expect(introduction.credentials?.username == "user1")
        introduction.volumeID = "v"
        #expect(introduction.dict["volume-id"] == "v")
    }

    @Test func `a brick's welcome is read, and its refusal in its own words`() throws {
        let welcome = try Welcome(result("setvolume-ok-login", of: SetvolumeArguments.self))
        #expect(welcome.isChildUp && welcome.volumeID == "3e7d9bfa-e4c5-4b5f-8b29-f94b197cb1ee")
        let refusal = #expect(throws: SetvolumeRefusal.self) {
            try Welcome(result("setvolume-bad-password", of: SetvolumeArguments.self))
        }
        #expect(refusal?.error == .accessDenied)
        #expect(refusal?.description.contains("\"Authentication failed\"") == true)
        #expect(refusal?.description.contains("username and password") == true)
    }

    @Test func `a server's programs tell a brick from glusterd`() throws {
        let brick = try result("DUMP", of: DumpArguments.self)
        #expect(brick.has(.fop) && brick.has(.handshake) && !brick.has(.portmap))
        #expect(!brick.has(RPCProgram(number: RPCProgram.fop.number, version: 401)))
    }

    @Test func `a volfile comes from glusterd as text, or an errno`() throws {
        let text = try result("getspec-volume", of: GetspecArguments.self).volfileText()
        let volfile = try Volfile(text, file: "tv")
        #expect(volfile.volumes.contains { $0.type == "protocol/client" })
        let refused = try result("getspec-volume-no-xdata", of: GetspecArguments.self)
        #expect(throws: FopError.notSupported) { try refused.volfileText() }
        let unknown = try result("getspec-enoent", of: GetspecArguments.self)
        #expect(throws: FopError.noEntry) { try unknown.volfileText() }
    }

    @Test func `what we ask glusterd is what the captured client asked`() throws {
        func arguments(_ name: String) throws -> [UInt8] {
            let exchange = try #require(Golden.exchanges.first { $0.name == name })
            let record = Golden.record(exchange.request)
            return try record.withUnsafeBytes { raw in
                var xdr = XDRReader(raw)
                _ = try RPCMessage(from: &xdr)
                return Array(record[xdr.position...])
            }
        }
        #expect(GetspecArguments(key: "tv.tcp-fuse", wantsServers: true).encoded == (try arguments("getspec-volume")))
        let named = Golden.exchanges.filter { ["GET_VOLUME_INFO", "PORTBYBRICK"].contains($0.op) }
        for exchange in named {
            let ours =
                exchange.op == "PORTBYBRICK"
                ? PortByBrickArguments(brick: exchange.arguments[0]).encoded
                : VolumeInfoArguments(volume: "tv").encoded
            #expect(ours == (try arguments(exchange.name)))
        }
        #expect(named.count == 3)
    }

    @Test func `ports and volume ids are read`() throws {
        let ports = try Golden.exchanges.filter { $0.op == "PORTBYBRICK" }.map {
            try result($0.name, of: PortByBrickArguments.self).brickPort
        }
        #expect(ports == [50073, nil])
        let info = try #require(Golden.exchanges.first { $0.op == "GET_VOLUME_INFO" })
        let id = try result(info.name, of: VolumeInfoArguments.self).volumeID()
        #expect(id.description == "5d35c1a8-00eb-4d69-a739-5326983710c0")
    }

    @Test func `a call carries program, procedure and credential; a reply what was asked`() throws {
        let credential = Credential.version2(GlusterCredential(caller: .root, lockOwner: []))
        let call = Array(PingArguments().call(xid: 3, credential: credential).dropFirst(Record.markBytes))
        let header = CallHeader(xid: 3, program: .dump, procedure: 2, credential: credential)
        #expect(call == RPCMessage.call(header).encoded)
        var port = PortByBrickArguments.Result()
        port.port = 49152
        let reply = Array(PortByBrickArguments.reply(port, xid: 3).dropFirst(Record.markBytes))
        let read = try XDRReader.whole(reply, as: "reply") { xdr throws(CodecError) in
            _ = try RPCMessage(from: &xdr)
            return try PortByBrickArguments.result(from: &xdr)
        }
        #expect(read == port)
        #expect(throws: CodecError.self) {
            try XDRReader.whole(reply + [0, 0, 0, 0], as: "reply") { xdr throws(CodecError) in
                _ = try RPCMessage(from: &xdr)
                return try PortByBrickArguments.result(from: &xdr)
            }
        }
    }
}
