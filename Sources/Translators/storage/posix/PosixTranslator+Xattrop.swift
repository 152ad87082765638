import CPosix
import Glibc
import TranslatorCore

extension PosixTranslator {
    /// Reads, changes and writes under the lock of the inode, across processes. Either all values are written or, after
    /// an error, none. Pending counts are written before the counts of bypass epochs, so that a kill in between leaves
    /// more accused than was opened, never less.
    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        let gfid = request.target.inode.gfid
        let object = try objectToChange(request.target)
        if let held = request.lock {
            precondition(held.gfid == gfid, "the lock of \(held.gfid) does not cover \(gfid)")
            return try apply(request, to: object)
        }
        let lock = try await lockXattrops(on: gfid)
        defer { unlock(lock) }
        return try apply(request, to: object)
    }

    /// Attributes and marks: what a replica missed must be noted even when it missed it for want of a descriptor.
    func objectToChange(_ target: FopTarget) throws(FopError) -> BrickObject {
        try DescriptorReserve.shared.lending { () throws(FopError) in try object(target) }
    }

    private func apply(_ request: XattropRequest, to object: BrickObject) throws(FopError) -> XattropReply {
        guard !request.values.keys.contains(where: Self.isHidden) else { throw .notPermitted }
        var reply = XattropReply(values: [:])
        var changes: [(name: String, old: [UInt8]?, new: [UInt8])] = []
        for (name, delta) in request.values {
            let old = try object.xattr(name)
            let new = try XattropArithmetic.apply(request.operation, delta, to: old)
            if request.operation == .getAndSet {
                reply.values[name] = old ?? [UInt8](repeating: 0, count: delta.count)
            } else {
                reply.values[name] = new
            }
            if !XattropArithmetic.isRead(request.operation, delta) { changes.append((name, old, new)) }
        }
        changes.sort { Self.rank($0.name) < Self.rank($1.name) }
        for (position, change) in changes.enumerated() {
            do throws(FopError) { try object.setXattr(change.name, change.new) } catch {
                for done in changes[..<position].reversed() { restore(done.name, done.old, of: object) }
                throw error
            }
        }
        return reply
    }

    private static func rank(_ name: String) -> (Int, String) { (name.hasPrefix("trusted.afr.bypass.") ? 1 : 0, name) }

    private func restore(_ name: String, _ old: [UInt8]?, of object: BrickObject) {
        do throws(FopError) {
            if let old { try object.setXattr(name, old) } else { try object.removeXattr(name) }
        } catch {
            volume.log(.error, "cannot take back xattr \(name) after a failed xattrop: \(error)")
        }
    }
}
