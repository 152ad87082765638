import Testing
import TranslatorCore
import WireProtocol

/// Whatever a message can hold comes back from its bytes as it was.
@Suite struct RoundTripTests {
    private static let seeds: [UInt64] = Array(0..<20)

    @Test(arguments: Fop.allCases)
    func `any arguments and any results of a fop come back as they were`(fop: Fop) throws {
        for seed in Self.seeds { try roundTrip(fop.arguments, fop, seed) }
    }

    private func roundTrip<Arguments: FopArguments>(_: Arguments.Type, _ fop: Fop, _ seed: UInt64) throws {
        var filler = RandomFiller(seed: seed)
        var arguments = Arguments(fop)
        arguments.fields(&filler)
        #expect(arguments.fop == fop)
        var xdr = XDRWriter()
        arguments.write(to: &xdr)
        let read = try XDRReader.whole(xdr.bytes, as: "\(fop)") { xdr throws(CodecError) in
            try Arguments(fop, from: &xdr)
        }
        #expect(read == arguments, "seed \(seed)")
        try roundTrip(Arguments.Result.self, seed)
    }

    private func roundTrip<Structure: XDRStructure & Equatable>(_: Structure.Type, _ seed: UInt64) throws {
        var filler = RandomFiller(seed: seed)
        var structure = Structure()
        structure.fields(&filler)
        #expect(try Structure(decoding: structure.encoded, as: "\(Structure.self)") == structure, "seed \(seed)")
    }

    @Test(arguments: seeds)
    func `so do those of the handshake, of glusterd and of callbacks`(seed: UInt64) throws {
        try roundTrip(DumpArguments.self, seed)
        try roundTrip(DumpArguments.Result.self, seed)
        try roundTrip(PingArguments.Result.self, seed)
        try roundTrip(SetvolumeArguments.self, seed)
        try roundTrip(SetvolumeArguments.Result.self, seed)
        try roundTrip(GetspecArguments.self, seed)
        try roundTrip(GetspecArguments.Result.self, seed)
        try roundTrip(VolumeInfoArguments.self, seed)
        try roundTrip(VolumeInfoArguments.Result.self, seed)
        try roundTrip(PortByBrickArguments.self, seed)
        try roundTrip(PortByBrickArguments.Result.self, seed)
        try roundTrip(EventNotice.self, seed)
        try roundTrip(CacheInvalidation.self, seed)
        try roundTrip(InodelkContention.self, seed)
        try roundTrip(EntrylkContention.self, seed)
        try roundTrip(OpaqueAuth.self, seed)
    }

    @Test(arguments: seeds)
    func `so do credentials of either version, and dicts inside an opaque`(seed: UInt64) throws {
        var filler = RandomFiller(seed: seed)
        var (pid, uid, seconds, nanoseconds, flags) = (Int32(), UInt32(), Int64(), UInt32(), UInt32())
        var owner: [UInt8] = []
        filler.integer(&pid, "pid")
        filler.integer(&uid, "uid")
        filler.integer(&seconds, "seconds")
        filler.integer(&nanoseconds, "nanoseconds")
        filler.integer(&flags, "flags")
        filler.opaque(&owner, "owner")
        let groups = (0..<UInt32(GlusterCredential.groupsAndOwnerMax - owner.count)).map { $0 &* uid }
        var credential = GlusterCredential(
            caller: Caller(pid: pid, uid: uid, gid: ~uid, groups: groups), lockOwner: owner,
            timeFlags: TimeFlags(rawValue: flags), time: Timestamp(seconds: seconds, nanoseconds: nanoseconds))
        let version3 = Credential.version3(credential)
        #expect(try Credential(decoding: version3.encoded, as: "credential") == version3)
        (credential.timeFlags, credential.time) = ([], .zero)
        let version2 = Credential.version2(credential)
        #expect(try Credential(decoding: version2.encoded, as: "credential") == version2)

        let dict = SerializedDict((filler.dict().pairs ?? []).map { .init(key: $0.key, value: $0.key + [0]) })
        #expect(try SerializedDict(decoding: dict.encoded) == dict)
    }
}
