import Testing
import TranslatorCore
import WireProtocol

@Suite struct ServerCallbackTests {
    private func callback(_ record: [UInt8]) throws -> ServerCallback {
        try XDRReader.whole(record, as: "callback") { xdr throws(CodecError) in
            guard case .call(let header) = try RPCMessage(from: &xdr), header.program == .callback else {
                throw CodecError("no callback")
            }
            return try ServerCallback(procedure: header.procedure, from: &xdr)
        }
    }

    @Test func `every captured callback says what the capture says, and is written to the same bytes`() throws {
        for golden in Golden.callbacks {
            let record = Golden.record(golden.request)
            let callback = try callback(record)
            var recorder = FieldRecorder()
            switch callback {
            case .inodelkContention(var contention): contention.fields(&recorder)
            case .entrylkContention(var contention): contention.fields(&recorder)
            case .cacheInvalidation(var invalidation): invalidation.fields(&recorder)
            case .statedump(let pid): recorder.add(pid)
            case .volfileChanged: break
            default: Issue.record("\(golden.name): \(callback)")
            }
            #expect(recorder.difference(from: golden.arguments) == nil, "\(golden.name)")
            let xid = try #require(UInt32(golden.header[0]))
            #expect(Array(callback.call(xid: xid).dropFirst(Record.markBytes)) == record)
        }
    }

    @Test func `what was captured is every callback that bricks and glusterd were made to send`() throws {
        let kinds = Golden.callbacks.map { $0.header[3] }
        #expect(Set(kinds) == ["1", "5", "9", "10"])
    }

    @Test func `a cache invalidation says what changed, and how the object is now`() throws {
        let golden = try #require(Golden.callbacks.first { $0.name == "cache invalidation after a write" })
        guard case .cacheInvalidation(let invalidation) = try callback(Golden.record(golden.request)) else {
            Issue.record()
            return
        }
        #expect(invalidation.flags == [.size, .times] && invalidation.expirySeconds == 60)
        #expect(invalidation.gfid == invalidation.iatt.gfid && invalidation.iatt.size == 1_048_586)
        #expect(invalidation.parent == OldIatt())
        let renamed = try #require(
            Golden.callbacks.first { $0.name == "cache invalidation after a rename to another directory" })
        guard case .cacheInvalidation(let rename) = try callback(Golden.record(renamed.request)) else {
            Issue.record()
            return
        }
        #expect(rename.flags == [.rename, .parentTimes])
        #expect(rename.oldParent.gfid == .root && rename.parent.gfid != .root && !rename.parent.gfid.isNone)
    }

    @Test func `contention becomes an event of the graph, with the holder's range`() throws {
        let golden = try #require(Golden.callbacks.first { $0.header[3] == "10" })
        guard
            case .inodelkContention(let gfid, let domain, let range) = try callback(Golden.record(golden.request))
                .graphEvent
        else {
            Issue.record()
            return
        }
        #expect(gfid.description == "7834936c-4a64-441c-a56b-1306e77d6ead" && domain == "DOMX" && range == .whole)
    }

    private static let callbacks: [ServerCallback] = {
        var entrylk = EntrylkContention()
        (entrylk.gfid, entrylk.type, entrylk.name, entrylk.domain) = (.root, 1, "name", "domain")
        var event = EventNotice()
        (event.event, event.dict) = (3, SerializedDict([.init("k", "v")]).encoded)
        var invalidation = CacheInvalidation(.root, flags: [.size, .times])
        invalidation.iatt.size = 1 << 40
        invalidation.parent.mtime.seconds = 7
        return [
            .volfileChanged, .statedump(pid: 77), .event(event), .childUp("/b1"), .childDown("/b2"),
            .entrylkContention(entrylk), .cacheInvalidation(invalidation), .other(procedure: 8, [1, 2, 3, 4]),
        ]
    }()

    @Test(arguments: callbacks.indices)
    func `every callback comes back as it was`(position: Int) throws {
        let sent = Self.callbacks[position]
        #expect(try callback(Array(sent.call(xid: 1).dropFirst(Record.markBytes))) == sent)
    }

    @Test func `an entry lock without a name is for the whole directory`() {
        var whole = EntrylkContention()
        whole.gfid = .root
        guard case .entrylkContention(.root, _, nil) = ServerCallback.entrylkContention(whole).graphEvent else {
            Issue.record()
            return
        }
        #expect(ServerCallback.statedump(pid: 1).graphEvent == nil)
    }

    @Test func `a range that no file has becomes no event`() {
        var contention = InodelkContention()
        (contention.gfid, contention.flock.start, contention.flock.length) = (.root, .max, 2)
        #expect(ServerCallback.inodelkContention(contention).graphEvent == nil)
    }

    @Test func `arguments too many are refused, with the callback's number`() {
        let record = Array(ServerCallback.volfileChanged.call(xid: 1).dropFirst(Record.markBytes)) + [0, 0, 0, 0]
        let error = #expect(throws: CodecError.self) { try callback(record) }
        #expect(error?.description.contains("callback 1: end at byte") == true)
    }
}
