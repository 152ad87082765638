import CPosix
import Glibc
import HealProtocol
import TranslatorCore

/// A segment as a reader finds it: read with pread(2), never mapped, so that nothing its owner does to the file can
/// trap. Whatever is in it, reading ends with records or with a sentence.
struct JournalSegmentFile {
    let header: JournalSegmentHeader
    private let bytes: [UInt8]

    /// Nil if the file has gone meanwhile. Throws a sentence for what is no segment of this number.
    init?(path: String, number: UInt64) throws(JournalError) {
        // O_NONBLOCK: a FIFO in this place must not hold us up.
        let descriptor = cposix_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("cannot open the journal segment", path)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, FileType(mode: status.st_mode) == .regular else {
            throw JournalError("the journal segment \(path) is not a file")
        }
        let head = try Self.read(descriptor, JournalSegmentHeader.encodedBytes, path)
        do throws(CodecError) { header = try JournalSegmentHeader(decoding: head) } catch {
            throw JournalError(
                "the journal segment \(path) is damaged (\(error)); files that only it explains are healed whole")
        }
        guard header.number == number, Int(status.st_size) == header.slots * WriteRecord.encodedBytes else {
            throw JournalError(
                "the journal segment \(path) says that it is number \(header.number) with \(header.slots) slots, and is not; files that only it explains are healed whole"
            )
        }
        bytes = try Self.read(descriptor, Int(status.st_size), path)
        guard bytes.count == Int(status.st_size) else {
            throw JournalError("the journal segment \(path) has become shorter")
        }
    }

    /// Up to `count` bytes from the start of the file.
    private static func read(_ descriptor: Int32, _ count: Int, _ path: String) throws(JournalError) -> [UInt8] {
        var failure: JournalError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress! + filled, count - filled, filled)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = .system("cannot read the journal segment", path) }
                if got <= 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    enum Blindness: Equatable { case none, from(WriteRecord), damaged }

    /// What stands beside the header. Half a record means that the writer died while it went blind.
    var blindness: Blindness {
        guard let slot = nonEmptySlot(1) else { return .none }
        guard let record = try? WriteRecord(decoding: slot), isOurs(record), case .blind = record.kind else {
            return .damaged
        }
        return .from(record)
    }

    /// Calls `body` with every valid record, of one file if `gfid` is given. Invalid slots are writes that never began;
    /// true if there is none, so that nothing can be added any more.
    @discardableResult func forEachRecord(of gfid: Gfid? = nil, _ body: (WriteRecord) -> Void) -> Bool {
        var isFull = true
        for position in JournalSegmentHeader.reservedSlots..<header.slots {
            bytes.withUnsafeBytes { all in
                let slot = slotBytes(position, of: all)
                if let gfid, Gfid(at: slot, 16) != gfid { return }
                // The version byte: quicker than the checksum of an empty slot.
                guard slot[32] != 0, let record = try? WriteRecord(decoding: slot), isOurs(record) else {
                    isFull = false
                    return
                }
                body(record)
            }
        }
        return isFull && gfid == nil
    }

    /// Slots that were finished and do not hold what was stored. The checksum is stored last: a slot that was never
    /// finished has none. Not for the newest segment of a living writer, whose slots change while they are read.
    var damagedSlotCount: Int {
        bytes.withUnsafeBytes { all in
            (JournalSegmentHeader.reservedSlots..<header.slots).count { position in
                let slot = slotBytes(position, of: all)
                let checksum = slot.loadUnaligned(
                    fromByteOffset: WriteRecord.encodedBytes - 8, as: UInt64.self)
                guard checksum != 0 else { return false }
                guard let record = try? WriteRecord(decoding: slot) else { return true }
                return !isOurs(record)
            }
        }
    }

    private func slotBytes(_ position: Int, of all: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let start = position * WriteRecord.encodedBytes
        return UnsafeRawBufferPointer(rebasing: all[start..<start + WriteRecord.encodedBytes])
    }
    private func nonEmptySlot(_ position: Int) -> [UInt8]? {
        let slot = bytes.withUnsafeBytes { Array(slotBytes(position, of: $0)) }
        return slot.allSatisfy { $0 == 0 } ? nil : slot
    }

    /// A record that another writer stored, or of another volume, has no business here.
    private func isOurs(_ record: WriteRecord) -> Bool {
        record.writer == header.writer && record.volume == header.volume && record.boot == header.boot
            && record.replicaSet == header.replicaSet && record.target == header.target
    }
}

extension Gfid {
    fileprivate init(at bytes: UnsafeRawBufferPointer, _ offset: Int) {
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)))
    }
}
