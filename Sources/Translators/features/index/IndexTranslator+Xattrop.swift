import CPosix
import Glibc
import ReplicaState
import TranslatorCore

/// XATTROP with its index entries.
///
/// Entry first, count after: whatever dies in between leaves an entry too many, which costs a look, never a count
/// without an entry. A journalling file system keeps that order over a power cut too: the link's transaction is not
/// behind that of the xattr, and the xattr's fsync brings both.
extension IndexTranslator {
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        let isWatched = request.values.keys.contains { pending.matches($0) || dirty.matches($0) }
        if !isWatched && !EntryNote.isAsked(in: request.xdata) {
            return try await subvolume.xattrop(request, in: frame)
        }
        if request.lock != nil { return try await indexed(request, in: frame) }
        return try await brick.withXattropLock(on: request.target.inode.gfid) { lock throws(FopError) in
            var locked = request
            locked.lock = lock
            return try await indexed(locked, in: frame)
        }
    }

    private func indexed(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        let gfid = request.target.inode.gfid
        let note = try EntryNote(request.xdata)
        var inserted: [IndexKind] = []
        if pending.areZero(request.values) == false, try folder.insert(gfid, into: .xattrop) {
            inserted.append(.xattrop)
        }
        if dirty.areZero(request.values) == false, try folder.insert(gfid, into: .dirty) { inserted.append(.dirty) }
        if let name = note.created { try folder.insertChange(name, in: gfid) }
        let reply: XattropReply
        do throws(FopError) {
            reply = try await subvolume.xattrop(request, in: frame)
        } catch {
            // A gfid that is not there has no counts: what we just listed would only mislead.
            if error.isAbsence { for kind in inserted { try? folder.remove(gfid, from: kind) } }
            throw error
        }
        // The reply to a replacement has the old values.
        let now = request.operation == .getAndSet ? request.values : reply.values
        if pending.areZero(now) == true { try await removeEntry(of: request.target, in: frame) }
        if dirty.areZero(now) == true { try folder.remove(gfid, from: .dirty) }
        if let name = note.deleted { try folder.removeChange(name, in: gfid) }
        if note.purges, entryCountsAreZero(now) { try folder.removeChanges(in: gfid) }
        return reply
    }

    /// The counts that were named are zero; others may not be: a file that has any stays listed, or nobody would ever
    /// hear of them. Looked at only where there is an entry.
    private func removeEntry(of target: FopTarget, in frame: Frame) async throws(FopError) {
        let gfid = target.inode.gfid
        guard folder.contains(gfid, in: .xattrop) else { return }
        let xattrs = try await subvolume.getxattr(GetxattrRequest(target, name: nil), in: frame).xattrs
        guard UnknownMarks.names(in: xattrs, isKnown: pending.matches).isEmpty else { return }
        try folder.remove(gfid, from: .xattrop)
    }

    /// Entry counts are the third of three (gluster-disk-format.md §2).
    private func entryCountsAreZero(_ values: Xattrs) -> Bool {
        values.allSatisfy { !pending.matches($0.key) || $0.value.dropFirst(8).allSatisfy { $0 == 0 } }
    }
}

/// What an XATTROP on a directory says about names in it (gluster-wire.md §8). A name that is not UTF-8 comes as
/// `.bytes`.
private struct EntryNote {
    var created: EntryName?
    var deleted: EntryName?
    var purges: Bool

    static func isAsked(in xdata: Xdata) -> Bool {
        !xdata.isEmpty
            && (xdata[XdataKey.xattropEntryCreate] != nil || xdata[XdataKey.xattropEntryDelete] != nil
                || xdata[XdataKey.xattropPurgeIndex] != nil)
    }

    init(_ xdata: Xdata) throws(FopError) {
        created = try Self.name(xdata[XdataKey.xattropEntryCreate])
        deleted = try Self.name(xdata[XdataKey.xattropEntryDelete])
        purges = (xdata[XdataKey.xattropPurgeIndex]?.integer ?? 0) != 0
    }

    private static func name(_ value: XdataValue?) throws(FopError) -> EntryName? {
        guard let value else { return nil }
        guard let bytes = value.bytes ?? value.string.map({ Array($0.utf8) }) else { throw .invalid }
        let isName = !bytes.isEmpty && !bytes.contains(0) && !bytes.contains(UInt8(ascii: "/"))
        guard isName, !EntryName(bytes: bytes).isDotOrDotDot else { throw .invalid }
        return EntryName(bytes: bytes)
    }
}
