import ReplicaState
import TranslatorCore

/// What a write changes beside data: the kernel takes a file's capabilities off at any write, its set-ID bits at one by
/// a healer without CAP_FSETID, one that measures files makes their hashes anew (IMA, EVM), and times move. When the
/// marks go, a sink has all of that as the source has it (DESIGN §3.3, step 6). So a sink also learns what the write
/// took off the target, where its own copy needed no byte.
extension FileCopy {
    private static let capability = "security.capability"
    /// Kept, like the first, by the name that the kernel knows; their values are never read here.
    private static let measured = ["security.ima", "security.evm"]
    static let writtenXattrs = [capability] + measured

    /// Under the lock of metadata changes on the source and the sinks. A sink whose privileges had to be put right has
    /// them on its disk afterwards.
    func restoreAttributes(on sinks: [Int]) async throws(CopyInterruption) {
        let looks = await look(at: [source] + sinks)
        let wanted: StatReply
        do throws(FopError) { wanted = try looks[0].answer.get() } catch { throw .sourceFailed(error) }
        let isTrusted = saysAllOfMetadata(looks)
        let now = Dictionary(uniqueKeysWithValues: looks.map { ($0.replica, $0.answer) })
        let answers = await replicas.each(sinks) { [self] sink -> FopError? in
            do throws(FopError) {
                let change = AttributeRepair(from: try now[sink]!.get(), to: wanted, withPrivileges: isTrusted)
                try await repair(change, on: sink)
                return nil
            } catch {
                return error
            }
        }
        for (sink, error) in answers { if let error { drop(sink, error) } }
    }

    private func look(at positions: [Int]) async -> [(replica: Int, answer: Result<StatReply, FopError>)] {
        let asked = Dictionary(
            uniqueKeysWithValues: (Self.writtenXattrs + replicas.countKeys).map { ($0, XdataValue.int(0)) })
        let (frame, fds) = (frame, fds)
        return await replicas.each(positions) { [replicas] replica in
            do throws(FopError) {
                return .success(
                    try await replicas.replicas[replica].stat(StatRequest(.fd(fds[replica]!), xdata: asked), in: frame))
            } catch { return .failure(error) }
        }
    }

    /// Whether the source missed no change of metadata: otherwise its mode and xattrs are the old ones, and which are
    /// right is for the heal of metadata to say.
    private func saysAllOfMetadata(_ looks: [(replica: Int, answer: Result<StatReply, FopError>)]) -> Bool {
        looks.allSatisfy { _, answer in
            guard case .success(let look) = answer else { return true }
            return [replicas.pendingKeys[source], PendingCounts.dirtyKey].allSatisfy { key in
                (try? PendingCounts(xattr: look.xdata[key]?.bytes))?.metadata == 0
            }
        }
    }

    private func repair(_ change: AttributeRepair, on sink: Int) async throws(FopError) {
        let (subvolume, fd) = (replicas.replicas[sink], FopTarget.fd(fds[sink]!))
        for (name, value) in change.xattrs {
            do throws(FopError) {
                if let value {
                    _ = try await subvolume.setxattr(SetxattrRequest(fd, xattrs: [name: value]), in: frame)
                } else {
                    _ = try await subvolume.removexattr(RemovexattrRequest(fd, names: [name]), in: frame)
                }
            } catch {
                // A kernel that measures files lets nobody else set what it makes itself.
                let isItsOwn = Self.measured.contains(name) && (error == .notPermitted || error == .accessDenied)
                guard isItsOwn || error == .notSupported || (value == nil && error == .noData) else { throw error }
            }
        }
        _ = try await subvolume.setattr(SetattrRequest(fd, iatt: change.iatt, valid: change.valid), in: frame)
        if change.changesPrivileges { try await fsync(sink) }
    }
}

/// What makes a sink's attributes those of its source.
struct AttributeRepair: Equatable, Sendable {
    private static let setIDs: UInt32 = 0o6000
    /// By name; nil: to be removed.
    var xattrs: [String: [UInt8]?] = [:]
    var iatt: Iatt
    var valid = AttributeMask.times

    var changesPrivileges: Bool { !xattrs.isEmpty || valid.contains(.mode) }

    /// Set-ID bits go to a file of the same owner only: to another's they would lend the wrong one's rights.
    init(from sink: StatReply, to source: StatReply, withPrivileges: Bool) {
        iatt = source.iatt
        guard withPrivileges, (sink.iatt.uid, sink.iatt.gid) == (source.iatt.uid, source.iatt.gid) else { return }
        for name in FileCopy.writtenXattrs {
            let value = source.xdata[name]?.bytes
            if value != sink.xdata[name]?.bytes { xattrs[name] = .some(value) }
        }
        iatt.mode = sink.iatt.mode & ~Self.setIDs | source.iatt.mode & Self.setIDs
        if iatt.mode != sink.iatt.mode { valid.insert(.mode) }
    }
}
