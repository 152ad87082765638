import RangeMapping
import TranslatorCore

/// What is data and what is a hole in one open file of a replica, by its SEEK fop. What was allocated and never written
/// counts as a hole, as lseek(2) has it; nothing is said behind the end of the file: that is a hole too.
struct SeekMapping: MappingOperations {
    let access = MappingAccess.seek
    let replica: any Translator
    let fd: Fd
    let frame: Frame

    /// The next offset of that kind; nil when there is none up to the end of the file.
    func seek(_ what: SeekWhat, from offset: UInt64) async throws(FopError) -> UInt64? {
        do throws(FopError) {
            return try await replica.seek(SeekRequest(fd: fd, offset: offset, what: what), in: frame)
        } catch .noSuchAddress {
            return nil
        }
    }

    func begin(_ range: ByteRange) async throws(FopError) -> Mapping {
        guard let data = try await seek(.data, from: range.start) else {
            return Mapping(offset: range.start, length: range.count, kind: .hole, flags: .last)
        }
        guard data <= range.start else {
            return Mapping(offset: range.start, length: data - range.start, kind: .hole)
        }
        // The file may have been cut between the two calls: then what is left of it is data up to where we look.
        let hole = try await seek(.hole, from: range.start) ?? range.end
        return Mapping(offset: range.start, length: max(hole, range.start + 1) - range.start, kind: .mapped)
    }
}
