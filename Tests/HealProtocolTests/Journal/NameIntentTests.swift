import HealProtocol
import Testing
import TranslatorCore

@Suite struct NameIntentTests {
    static let gfid = Gfid("25312cdb-0000-4000-8000-000000000070")!
    static let place = NameChange.Place(.root, "f.tmp")
    static let longest = EntryName(bytes: [UInt8](repeating: 0xFF, count: EntryName.bytesMax))

    private func stored(_ change: NameChange) -> [UInt8]? {
        var slot = [UInt8](repeating: 0xAA, count: NameIntent.encodedBytes)
        return slot.withUnsafeMutableBytes { NameIntent.store(change, at: $0.baseAddress!) } ? slot : nil
    }
    private func read(_ slot: [UInt8]) -> NameChange? { slot.withUnsafeBytes { NameIntent.read($0) } }

    @Test(arguments: NameChange.Kind.allCases)
    func `an intent is read as it was stored, names of any bytes and of any length`(kind: NameChange.Kind) throws {
        for name in ["f", Self.longest] as [EntryName] {
            let isMove = kind == .rename || kind == .exchange
            var change = NameChange(
                kind, NameChange.Place(Self.gfid, name), to: isMove ? Self.place : nil, of: .random())
            change.replaced = isMove ? .random() : .none
            #expect(read(try #require(stored(change))) == change)
        }
    }

    @Test func `an empty slot, one that was taken back and one that was never finished hold nothing`() throws {
        #expect(read([UInt8](repeating: 0, count: NameIntent.encodedBytes)) == nil)
        let whole = try #require(stored(NameChange(.unlink, Self.place, of: Self.gfid)))
        var slot = whole
        slot.withUnsafeMutableBytes { NameIntent.clear($0.baseAddress!) }
        #expect(read(slot) == nil)
        for position in [0, 8, 72, 639] {
            slot = whole
            slot[position] ^= 1
            #expect(read(slot) == nil, "byte \(position)")
        }
    }

    @Test func `a name that no file can have is not stored`() {
        let name = EntryName(bytes: [UInt8](repeating: 0x61, count: EntryName.bytesMax + 1))
        #expect(stored(NameChange(.unlink, NameChange.Place(.root, name), of: Self.gfid)) == nil)
    }

    @Test func `the header of a names journal is read as it was stored, and not when damaged`() throws {
        let header = NamesJournalHeader(
            volume: .random(), boot: .random(), instance: FileSystemInstance(superblock: 3, mount: 1 << 40), slots: 257)
        #expect(try NamesJournalHeader(decoding: header.encoded) == header)
        var damaged = header.encoded
        damaged[20] ^= 1
        #expect(throws: CodecError.self) { try NamesJournalHeader(decoding: damaged) }
        #expect(throws: CodecError.self) { try NamesJournalHeader(decoding: Array(header.encoded.dropLast())) }
    }
}
