import CPosix
import Glibc
import HealProtocol
import Synchronization
import TranslatorCore

/// A segment of the writer's own journal, mapped into memory. All its blocks are allocated before it is mapped, so that
/// a store cannot meet a full file system (a SIGBUS).
final class JournalSegment: @unchecked Sendable {
    let number: UInt64, slots: Int
    // Safe because a slot is handed out once, to one thread, and is read back only when every slot has been stored.
    private let base: UnsafeMutableRawPointer
    private let bytes: Int
    private let storedCount = Atomic<Int>(0)

    /// Makes the file under a name that nobody reads, and gives it its own when its header is in it. The caller sees to
    /// it that no number is used twice.
    init(header: JournalSegmentHeader, directory: String) throws(JournalError) {
        (number, slots, bytes) = (header.number, header.slots, header.slots * WriteRecord.encodedBytes)
        let path = "\(directory)/\(JournalDirectory.segmentName(number))", newPath = path + ".new"
        base = try Self.mapped(newPath, bytes: bytes)
        base.copyMemory(from: header.encoded, byteCount: JournalSegmentHeader.encodedBytes)
        guard rename(newPath, path) == 0 else {
            let error = JournalError.system("cannot create the journal segment", path)
            munmap(base, bytes)
            unlink(newPath)
            throw error
        }
    }
    deinit { munmap(base, bytes) }

    /// Has the kernel map every page for writing, so that no store into a fresh one waits for a fault, some 10
    /// microseconds in the file system. For segments made ahead, off the path of writes; a kernel before 5.14 refuses,
    /// and then the stores fault.
    func populate() { madvise(base, bytes, Self.populateForWriting) }
    /// MADV_POPULATE_WRITE (linux/mman.h), which Debian 12's C library does not name.
    private static let populateForWriting: Int32 = 23

    private static func mapped(_ path: String, bytes: Int) throws(JournalError) -> UnsafeMutableRawPointer {
        let descriptor = cposix_open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("cannot create the journal segment", path) }
        defer { close(descriptor) }
        do throws(JournalError) { return try map(descriptor, bytes: bytes, path) } catch {
            unlink(path)
            throw error
        }
    }

    /// Allocates the blocks of a new file and maps it for writing.
    static func map(_ descriptor: Int32, bytes: Int, _ path: String) throws(JournalError) -> UnsafeMutableRawPointer {
        try allocate(descriptor, bytes: bytes, path)
        guard let base = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            cposix_is_mapping_failed(base) == 0
        else { throw .system("cannot map the journal segment", path) }
        return base
    }

    /// fallocate(2), or zeros where the file system cannot.
    private static func allocate(_ descriptor: Int32, bytes: Int, _ path: String) throws(JournalError) {
        while fallocate(descriptor, 0, 0, bytes) != 0 {
            if errno == EINTR { continue }
            guard errno == EOPNOTSUPP else {
                throw .system(
                    "cannot allocate \(bytes) bytes for the journal segment", path, remedy: "free space on the brick")
            }
            return try fill(descriptor, bytes: bytes, path)
        }
    }
    private static func fill(_ descriptor: Int32, bytes: Int, _ path: String) throws(JournalError) {
        let zeros = [UInt8](repeating: 0, count: 65_536)
        var offset = 0
        while offset < bytes {
            let written = pwrite(descriptor, zeros, min(zeros.count, bytes - offset), offset)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .system("cannot write the journal segment", path) }
            offset += written
        }
    }

    /// Stores into a slot that this thread was given.
    func store(_ record: WriteRecord, slot: Int) {
        assert((JournalSegmentHeader.reservedSlots..<slots).contains(slot))
        record.store(at: base + slot * WriteRecord.encodedBytes)
        storedCount.wrappingAdd(1, ordering: .releasing)
    }

    /// Stores *blind* beside the header. Half of it, should the process die now, is read as "blind from the beginning".
    func storeBlind(_ record: WriteRecord) {
        record.store(at: base + WriteRecord.encodedBytes)
    }

    /// Whether every one of the first `count` ordinary slots has been stored.
    func isStored(count: Int) -> Bool { storedCount.load(ordering: .acquiring) == count }

    /// For each file the newest generation among the first `count` ordinary slots, which are all stored.
    func newestGenerations(count: Int) -> [Gfid: Int32] {
        var newest: [Gfid: Int32] = [:]
        for slot in JournalSegmentHeader.reservedSlots..<JournalSegmentHeader.reservedSlots + count {
            let bytes = UnsafeRawBufferPointer(
                start: base + slot * WriteRecord.encodedBytes, count: WriteRecord.encodedBytes)
            guard let record = try? WriteRecord(decoding: bytes), record.keepsSegment else { continue }
            newest[record.gfid] = max(newest[record.gfid] ?? .min, record.generation)
        }
        return newest
    }
}
