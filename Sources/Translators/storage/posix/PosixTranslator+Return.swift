import Glibc
import Synchronization
import TranslatorCore

/// A brick whose directory goes and comes back while this process runs: its file system was not mounted yet, died, or
/// was mounted anew. Under a replica set only, which goes on without it; else whatever happens is for good.
///
///     away ──its directory has the volume's id, and passes all that a start asks──► serving
///     serving ──a failed health check──► away
///
/// Nothing of before is used afterwards: what was open is opened again by its gfid, as after a lost connection.
extension PosixTranslator {
    /// How often the directory of a brick that is away is looked at.
    static let lookPause = Duration.seconds(2)

    public var isServing: Bool { serving.load(ordering: .relaxed) != 0 }
    var mayComeBack: Bool { ordered.withLock { $0 } != nil }

    public func order(_ order: BrickOrder) { ordered.withLock { $0 = order } }

    func open() throws(BrickRefusal) -> PosixBrick {
        let order = ordered.withLock { $0 }
        return try PosixBrick(opening: settings, by: order, at: volume.environment.time.wallClock())
    }

    func serve(_ brick: PosixBrick) {
        opened.withLock { $0 = brick }
        serving.store(UniqueNumber.next(), ordering: .releasing)
        volume.notifyParents(.subvolumeUp, from: self)
    }

    func waitFor(_ refusal: BrickRefusal) {
        complaint.withLock { $0 = refusal.message }
        volume.log(
            .warning,
            "brick \(brickDirectory) is away: \(refusal.message). It is taken up as soon as it is there.")
        volume.notifyParents(.subvolumeDown, from: self)
    }

    /// What was missed from now on must be healed. Every descriptor in the directory is closed, when those who use it
    /// at this moment have done so.
    func goDown(_ reason: String) {
        serving.store(0, ordering: .relaxed)
        let remedy =
            mayComeBack
            ? "It is taken up as soon as its directory serves again." : "Repair it, then start this process again."
        volume.log(.error, "brick \(brickDirectory) goes down: \(reason). \(remedy)")
        volume.notifyParents(.subvolumeDown, from: self)
        opened.withLock { $0 = nil }
        for fd in openFds.lose() {
            fd.contexts.set(nil, at: slot)
            if fd.inode.type != .directory { _ = openFiles.closed(fd.inode.gfid) }
        }
    }

    /// A file that was open when its directory went.
    func openAgain(_ fd: Fd) throws(FopError) -> BrickObject {
        guard openFds.isLost(fd) else { throw .badDescriptor }
        guard fd.inode.type != .directory else { throw .badFileState }
        let opening = serving.load(ordering: .relaxed)
        let file = try openFile(fd.inode, fd.flags.subtracting([.truncate]))
        openFiles.opened(fd.inode.gfid)
        try hang(file, on: fd, opening)
        return file
    }

    /// Looks until the directory is there. False where nobody waits for it, or not any more.
    func comeBack() async -> Bool {
        guard mayComeBack else { return false }
        let time = volume.environment.time
        while (try? await time.sleep(for: Self.lookPause)) != nil {
            let outcome = await ThreadWork.run(name: "brick-look", timeout: settings.healthCheckTimeout, on: time) {
                [self] _ in look()
            }
            switch outcome {
            case .done(.success(let brick)):
                if Task.isCancelled { return false }
                volume.log(.info, "brick \(brickDirectory) is there, and is taken up")
                serve(brick)
                return true
            case .done(.failure(let refusal)):
                let isNews = complaint.withLock { said in
                    defer { said = refusal.message }
                    return said != refusal.message
                }
                if isNews { volume.log(.info, "brick \(brickDirectory) is still away: \(refusal.message)") }
            case .timedOut: break
            case .cancelled: return false
            }
        }
        return false
    }

    /// The brick, if it is one again.
    private func look() -> Result<PosixBrick, BrickRefusal> {
        do throws(BrickRefusal) {
            // Most looks end here, before anything is written or a process is looked for.
            guard let order = ordered.withLock({ $0 }) else { throw BrickRefusal("nobody waits for it") }
            let id = try PosixBrick.checkIdentity(try PosixBrick.openRoot(settings.directory), wanted: nil)
            guard id == order.volumeID else { throw BrickRefusal(BrickSight.blankBesideOthers, mayPass: true) }
            do throws(VolfileError) { try order.check() } catch { throw BrickRefusal(error.description) }
            return .success(try open())
        } catch {
            return .failure(error)
        }
    }
}
