import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// A brick that another process serves. What is asked here must be about an open file's data: everything else, times
/// too, is that process's, which keeps much of it in memory.
extension PosixTranslator: VisitedBrick {
    public var isServedHere: Bool { !settings.isVisiting }

    public func visit() throws(VolfileError) -> UInt64 {
        precondition(settings.isVisiting, "a brick that this process serves is opened at its start")
        let found: PosixBrick
        do throws(BrickRefusal) { found = try PosixBrick(visiting: settings) } catch {
            throw volume.error("brick \(brickDirectory): \(error.message)")
        }
        return visits.withLock { visits in
            if let kept = opened.withLock({ $0 }), kept.root.isSame(as: found.root) { return visits }
            opened.withLock { $0 = found }
            // What is open stays so: who visits knows which files are of which visit.
            serving.store(1, ordering: .releasing)
            visits += 1
            return visits
        }
    }
}

extension BrickObject {
    /// Whether both descriptors are of one inode. False where one of them cannot be asked.
    func isSame(as other: BrickObject) -> Bool {
        guard let mine = try? status(), let theirs = try? other.status() else { return false }
        return mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino
    }
}
