import CPosix
import Glibc
import HealProtocol
import HealTransport
import Testing
import TranslatorCore
import TranslatorTesting

/// A brick with room for journals, and records to put in them.
final class JournalScene {
    static let volume = Gfid("11111111-2222-4333-8444-555555555555")!
    let scratch = TemporaryDirectory()
    let boot: Gfid
    let brick: String
    let writer = Gfid.random()

    init(brick: String? = nil) throws {
        boot = try BootID.current()
        self.brick = brick ?? scratch.path
        mkdir("\(self.brick)/.glusterfs", 0o700)
    }

    func identity(boot: Gfid? = nil, writer: Gfid? = nil) -> JournalIdentity {
        JournalIdentity(
            volume: Self.volume, writer: writer ?? self.writer, boot: boot ?? self.boot, replicaSet: 0, target: 1)
    }
    func makeWriter(
        segmentBytes: Int = JournalSizes.segmentBytesMin, limitBytes: Int = 64 << 20, boot: Gfid? = nil,
        writer: Gfid? = nil
    ) throws -> JournalWriter {
        try JournalWriter(
            brick: brick, identity: identity(boot: boot, writer: writer),
            sizes: JournalSizes(segmentBytes: segmentBytes, limitBytes: limitBytes))
    }
    func makeReader(log: Log = .silent) -> JournalReader {
        JournalReader(brick: brick, volume: Self.volume, boot: boot, log: log)
    }

    func record(
        _ kind: WriteRecord.Kind, _ gfid: Gfid, _ generation: Int32, sequence: UInt64 = 0, boot: Gfid? = nil,
        writer: Gfid? = nil
    ) -> WriteRecord {
        WriteRecord(
            volume: Self.volume, replicaSet: 0, target: 1, writer: writer ?? self.writer, boot: boot ?? self.boot,
            gfid: gfid, generation: generation, sequence: sequence, kind: kind)
    }
    func range(_ gfid: Gfid, _ generation: Int32, sequence: UInt64) -> WriteRecord {
        record(.range(offset: sequence * 4096, bytes: 4096), gfid, generation, sequence: sequence)
    }

    var directory: String { "\(brick)/.glusterfs/bypass/\(writer)" }
    func segments() -> [String] { names(in: directory).filter { $0.hasSuffix(".segment") }.sorted() }
    func names(in path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    /// Overwrites bytes of a file in place.
    func damage(_ path: String, at offset: Int, _ bytes: [UInt8]) throws {
        let descriptor = open(path, O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(pwrite(descriptor, bytes, bytes.count, offset) == bytes.count)
    }
}

extension Gfid {
    /// A file whose first gfid byte is `byte`.
    static func file(_ byte: UInt8, _ low: UInt64 = 7) -> Gfid { Gfid(high: UInt64(byte) << 56, low: low) }
}
