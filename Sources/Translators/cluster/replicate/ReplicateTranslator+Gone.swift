import ReplicaState
import TranslatorCore

// Files that lose their last name while they are changed.
extension ReplicateTranslator {
    /// Why a change of what was found by name fails: that no copy could be told of it says little where the file has
    /// lost its last name, on one replica after the other.
    func reason(_ error: FopError, _ inode: Inode, _ fd: ReplicaFd?) async -> FopError {
        guard fd == nil, error == .io || error == .notConnected else { return error }
        return await isGone(inode) ? .stale : error
    }

    /// No copy that was last known to be good is there any more, or has a name. The others' turn comes next.
    func isGone(_ inode: Inode) async -> Bool {
        let connections = connections
        let good = lastKnown(inode, generation: connections.generation)?.data ?? connections.up
        let asked = zip(connections.up, good).map { $0 && $1 }
        let answers = await windAll(asked.contains(true) ? asked : connections.up) { [self] replica throws(FopError) in
            let look = LookupRequest(.inode(inode))
            let iatt = try await replicas[replica].lookup(look, in: Frame(caller: .root)).iatt
            if iatt.nlink == 0 && !iatt.isDirectory { throw .stale }
        }
        return Outcome(answers).isGone
    }
}
