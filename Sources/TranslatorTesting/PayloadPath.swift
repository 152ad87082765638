import CPayloadPath

/// Whether payload stays where it is between the kernel's two sides: the memory that FUSE's request was read into is
/// the memory that pwritev2 writes from, and what pread filled is what the reply is written from.
public enum PayloadPath {
    /// System calls out of the memory that the call before had filled, and out of any other.
    public struct Counts: Sendable, Equatable {
        public var writesInPlace: UInt64, writesElsewhere: UInt64
        public var readsInPlace: UInt64, readsElsewhere: UInt64

        public init(writesInPlace: UInt64, writesElsewhere: UInt64, readsInPlace: UInt64, readsElsewhere: UInt64) {
            (self.writesInPlace, self.writesElsewhere) = (writesInPlace, writesElsewhere)
            (self.readsInPlace, self.readsElsewhere) = (readsInPlace, readsElsewhere)
        }
    }

    /// What all threads of the process did during `body`: one watcher at a time.
    public static func counts(during body: () async throws -> Void) async rethrows -> Counts {
        cpayloadpath_start()
        do { try await body() } catch {
            _ = cpayloadpath_stop()
            throw error
        }
        let counts = cpayloadpath_stop()
        return Counts(
            writesInPlace: counts.writes_in_place, writesElsewhere: counts.writes_elsewhere,
            readsInPlace: counts.reads_in_place, readsElsewhere: counts.reads_elsewhere)
    }
}
