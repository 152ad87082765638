import TranslatorCore

/// Who is told what a bypass writer does: journal it, then publish it. `features/bypass` declares it; `volmount`
/// supplies the one that does both. All calls come from the threads that write: they must not block but for the
/// journal's store.
public protocol WriteObserver: AnyObject, Sendable {
    /// Whether a journal exists, so that bypassing may begin at all.
    var canJournal: Bool { get }
    /// Before an epoch's first xattrop. Throws when nothing can be journalled: then the epoch is not opened.
    func epochOpening(_ gfid: Gfid) throws(FopError)
    /// After the xattrop was answered (for a roll too), before the epoch's first record.
    func epochOpened(_ gfid: Gfid, generation: Int32)
    /// Before the data write begins: the record is in the journal when this returns (or the journal says *blind*).
    func writeBegins(_ gfid: Gfid, generation: Int32, offset: UInt64, bytes: UInt64) -> RecordedWrite
    /// After the data write ended, well or not: publishes it.
    func writeEnded(_ write: RecordedWrite)
    /// After the last write of the epoch landed. `records` range records were begun in it.
    func epochClosed(_ gfid: Gfid, generation: Int32, records: UInt64, isExact: Bool)
    /// fsync waits for this file: the healer shall take it now.
    func healWanted(_ gfid: Gfid, generation: Int32)
    /// Every sink has healed up to `generation`, or the file is gone (`.max`): the journal may forget it.
    func epochsHealed(_ gfid: Gfid, through generation: Int32)
    /// The connection to the target's brick was lost. When it is back, whatever was told before may be of writes or
    /// marks that its disk never got.
    func targetLost()
}

/// A journalled write under way.
public struct RecordedWrite: Sendable {
    public let gfid: Gfid
    public let generation: Int32
    public let sequence: UInt64
    public let offset: UInt64, bytes: UInt64
    public init(gfid: Gfid, generation: Int32, sequence: UInt64, offset: UInt64, bytes: UInt64) {
        (self.gfid, self.generation, self.sequence) = (gfid, generation, sequence)
        (self.offset, self.bytes) = (offset, bytes)
    }
}
