import ReplicaState
import TranslatorCore

// Files that lose their last name while they are used.
extension ReplicateTranslator {
    /// Why what was found by name cannot be used: that no copy is good, or could be told of a change, says little where
    /// the file is losing its last name, on one replica after the other. ESTALE has it looked for again, and then it is
    /// known which of them were in the middle of it.
    func reason(_ error: FopError, _ inode: Inode, _ fd: ReplicaFd?) async -> FopError {
        guard fd == nil, error == .io || error == .notConnected else { return error }
        return await goodCopies(of: inode).answers.contains { $0?.error?.isAbsence ?? false } ? .stale : error
    }

    /// No copy that was last known to be good is there any more, or has a name. The others' turn comes next.
    func isGone(_ inode: Inode) async -> Bool { await goodCopies(of: inode).isGone }

    /// What those say that were last known to be good; all, where none was.
    private func goodCopies(of inode: Inode) async -> Outcome<Void> {
        let connections = connections
        let good = lastKnown(inode, generation: connections.generation)?.data ?? connections.up
        let asked = zip(connections.up, good).map { $0 && $1 }
        let answers = await windAll(asked.contains(true) ? asked : connections.up) { [self] replica throws(FopError) in
            let look = LookupRequest(.inode(inode))
            let iatt = try await replicas[replica].lookup(look, in: Frame(caller: .root)).iatt
            if iatt.nlink == 0 && !iatt.isDirectory { throw .stale }
        }
        return Outcome(answers)
    }
}
