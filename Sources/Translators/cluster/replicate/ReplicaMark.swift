import ReplicaState
import TranslatorCore

extension ReplicateTranslator {
    /// The one xattrop that changes marks. It names all pending keys, or a brick would drop the index entry of a file
    /// that still has others (gluster-disk-format.md §5.4).
    func marks(blaming blamed: [Bool], by count: PendingCounts, dirty: PendingCounts?) -> Xattrs {
        var values: Xattrs = [:]
        for (key, isBlamed) in zip(pendingKeys, blamed) {
            values[key] = (isBlamed ? count : PendingCounts.zero).xattr
        }
        if let dirty { values[PendingCounts.dirtyKey] = dirty.xattr }
        return values
    }

    var nobody: [Bool] { Array(repeating: false, count: replicas.count) }

    /// Sends it to one replica and answers what that replica's copy then holds against each replica.
    @discardableResult
    func mark(
        _ target: FopTarget, _ values: Xattrs, on replica: Int, xdata: Xdata = [:], in frame: Frame
    ) async throws(FopError) -> [PendingCounts] {
        let request = XattropRequest(target, values: values, xdata: xdata)
        let reply = try await replicas[replica].xattrop(request, in: frame)
        var counts: [PendingCounts] = []
        for key in pendingKeys {
            do throws(CodecError) {
                counts.append(try PendingCounts(xattr: reply.values[key]))
            } catch {
                volume.log(
                    .error, "gfid \(target.inode.gfid) on \"\(replicas[replica].name)\": \(key) is broken: \(error)")
                throw .io
            }
        }
        return counts
    }
}
