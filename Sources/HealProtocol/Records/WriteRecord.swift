import TranslatorCore

/// One message about a burst of writes, from a bypass writer to healers; the same bytes stand in its journal (DESIGN
/// §3.2). A record is a hint, the journal an explanation; the xattrs decide.
public struct WriteRecord: Hashable, Sendable {
    /// What the record says.
    public enum Kind: Hashable, Sendable {
        /// Bytes that a write of this epoch may have changed.
        case range(offset: UInt64, bytes: UInt64)
        /// The epoch has ended; it had `records` range records. An epoch whose count is not exact is never complete.
        case close(records: UInt64, isExact: Bool)
        /// Every second, idle or not: the last sequence for each first gfid byte, 256 of them. All that is numbered up
        /// to them was published before, or was dropped: what is not there by now is lost.
        case heartbeat(sequences: [UInt64])
        /// An fsync waits for this file: heal it now. Not counted: its sequence is 0.
        case wanted
        // In the journal only:
        /// The xattrop of an epoch is about to be sent.
        case opening
        /// It was answered: `generation` is the epoch's.
        case opened
        /// From this generation on writes were not journalled, whatever their file: the gfid is none.
        case blind
    }

    /// The volume's id.
    public var volume: Gfid
    /// Which `cluster/replicate` of the volume, by position, and which of its replicas the writer writes to.
    public var replicaSet: UInt16, target: UInt16
    /// A fresh UUID per mount.
    public var writer: Gfid
    /// The kernel's boot id: a journal of another boot is not believed.
    public var boot: Gfid
    public var gfid: Gfid
    /// The epoch's generation g: the largest *opened* of its xattrop.
    public var generation: Int32
    /// Counts per writer and first gfid byte, from 1, over all records that are published.
    public var sequence: UInt64
    public var kind: Kind

    public init(
        volume: Gfid, replicaSet: UInt16, target: UInt16, writer: Gfid, boot: Gfid, gfid: Gfid, generation: Int32,
        sequence: UInt64, kind: Kind
    ) {
        (self.volume, self.replicaSet, self.target, self.writer, self.boot) = (volume, replicaSet, target, writer, boot)
        (self.gfid, self.generation, self.sequence, self.kind) = (gfid, generation, sequence, kind)
    }
}
