import HealProtocol
import Synchronization
import TranslatorCore

/// What nobody but an operator can decide.
extension HealPipeline {
    /// All that is known, by path.
    func splitBrains() async -> [SplitBrain] {
        let errors = state.withLock { $0.quarantine.entries.filter(\.value.error.isSplitBrain).mapValues(\.error) }
        var found: [SplitBrain] = []
        for (gfid, error) in errors.sorted(by: { $0.key < $1.key }) {
            let path = gfid == .root ? "" : await path(of: gfid)
            guard case .splitNames(_, let names) = error else {
                found.append(SplitBrain(kind: .data, path: path, gfid: gfid))
                continue
            }
            for split in names {
                let copies = split.copies.sorted { $0.key < $1.key }.map {
                    SplitBrain.Copy(replica: $0.key, gfid: $0.value.gfid, size: $0.value.size, modified: $0.value.mtime)
                }
                let full = path.map { $0.isEmpty ? "\(split.name)" : "\($0)/\(split.name)" }
                found.append(SplitBrain(kind: .name, path: full, gfid: gfid, copies: copies))
            }
        }
        return found.sorted { ($0.path ?? "", $0.gfid) < ($1.path ?? "", $1.gfid) }
    }

    /// Keeps what `replica` has at a path; answers what was done, in a sentence.
    func keep(_ path: String, of replica: String, discarding: Bool) async throws(ControlFailure) -> String {
        guard let position = replicas.names.firstIndex(of: replica) else {
            let names = replicas.names.joined(separator: ", ")
            throw ControlFailure(.badRequest, "no replica is called \(replica); there are \(names)")
        }
        guard let set = replicas.replicaSet as? any NameSettling else {
            throw ControlFailure(.badRequest, "\(replicas.replicaSet.name) keeps no names")
        }
        let words = path.split(separator: "/").filter { $0 != "." }
        guard let last = words.last, let parent = await resolve(words.dropLast().joined(separator: "/")) else {
            throw ControlFailure(
                .unknownFile, "no directory of \(path) on any replica; paths begin at the volume's root")
        }
        let aside: [EntryName]
        do throws(FopError) {
            let place = NameChange.Place(parent, EntryName(String(last)))
            aside = try await set.keep(place, of: position, discarding: discarding)
        } catch {
            throw Self.failure(error, path, replica)
        }
        if let kept = await resolve(path) { promote(kept) }
        _ = retry(parent)
        promote(parent)
        let rest = aside.isEmpty ? "" : "; the other is now " + aside.map { "\"\($0)\"" }.joined(separator: ", ")
        return "\(path): that of \(replica) is kept\(rest)"
    }

    private static func failure(_ error: FopError, _ path: String, _ replica: String) -> ControlFailure {
        switch error {
        case .notConnected: ControlFailure(.replicaDown, "\(path): a replica is down; all are needed for this")
        case .noEntry: ControlFailure(.unknownFile, "\(path): \(replica) has nothing there that could be kept")
        case .notEmpty:
            ControlFailure(.healFailed, "\(path): the other is a directory that is not empty; move away what is in it")
        default: ControlFailure(.healFailed, "\(path): \(error); see the healer's log, then try again")
        }
    }
}
