import TranslatorCore

/// A local brick that can say what its file system has allocated to an open file. SEEK tells data from zeros; this
/// tells which zeros have room on the disk (fallocate(2)). Over the wire there is only SEEK.
public protocol AllocationSource: LocalBrick {
    /// The extents of `fd` that touch `range`, whole, in ascending order, those behind the end of the file too; between
    /// two of them is a hole. At most `AllocationSource.extentsMax`; as many say that there may be more.
    ///
    /// **Not for deciding what is data**: pages in memory over an unwritten extent are data that this does not see.
    /// Ask SEEK first, or have the file written out before it answers (`writesBack`), which takes as long as that
    /// takes. Throws EOPNOTSUPP where the file system does not tell.
    func extents(of fd: Fd, in range: ByteRange, writesBack: Bool) throws(FopError) -> [Mapping]
}

/// How many extents one call answers.
public enum AllocationLimits { public static let extentsMax = 128 }
