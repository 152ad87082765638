import Synchronization
import TranslatorCore

// Whether the directory is the brick.
extension DirectTranslator {
    /// An xattr of the brick's root with a random value, set over the wire and looked for in the directory. Volume-ids
    /// tell bricks of other volumes apart, this another brick of the same volume, or a path that means something else
    /// in the namespace of the brick's process. Always the same name, so that one that was left over goes with the
    /// next.
    static let proofKey = "trusted.bypass.direct"
    /// Another mount that proves at the same time takes away what this one has set.
    private static let attemptsMax = 8
    private static let pause = Duration.milliseconds(1)...Duration.milliseconds(20)

    private enum Finding {
        case isBrick(visit: UInt64)
        case isNot(String)
        /// The wire went down before it was known.
        case unreachable
    }

    /// Looks at the directory in a task of its own, because who tells of the wire must not wait.
    func prove() {
        state.withLock { state in
            let (time, before) = (state.time, state.proving)
            state.proving = Task(executorPreference: volume.environment.executor) { [self] in
                await before?.value
                guard self.state.withLock({ $0.time == time && $0.isWireUp }) else { return }
                decide(await look(), at: time)
            }
        }
    }

    private func decide(_ finding: Finding, at time: UInt64) {
        let isNews = state.withLock { state in
            guard state.isWireUp, state.time == time else { return false }
            switch finding {
            case .unreachable: return false
            case .isBrick(let visit):
                (state.standing, state.visit) = (.proved, visit)
                serving.store(state.served, ordering: .releasing)
            case .isNot(let why): state.standing = .refused(why)
            }
            state.isDecided = true
            return true
        }
        guard isNews else { return }
        switch finding {
        case .isBrick where isDirect:
            volume.log(.info, "the data of \(brickPlace) is read and written in its directory")
        case .isNot(let why):
            volume.environment.warnOnce(
                volume: name, "\(why); data of \(brickPlace) goes through the process that serves it")
        case .isBrick, .unreachable: break
        }
        announce()
    }

    private func look() async -> Finding {
        let visit: UInt64
        do throws(VolfileError) { visit = try directory.visit() } catch { return .isNot("\(error)") }
        let root = FopTarget.inode(volume.environment.inodes.inode(.root, type: .directory))
        let frame = Frame(caller: .root)
        for attempt in 1...Self.attemptsMax {
            let token = Gfid.random().bytes
            do throws(FopError) {
                _ = try await wire.setxattr(SetxattrRequest(root, xattrs: [Self.proofKey: token]), in: frame)
            } catch {
                if error == .notConnected { return .unreachable }
                return .isNot("\(directory.brickDirectory) cannot be proved to be the brick: \(error)")
            }
            let asked = GetxattrRequest(root, name: Self.proofKey)
            let seen = try? await directory.getxattr(asked, in: frame).xattrs[Self.proofKey]
            _ = try? await wire.removexattr(RemovexattrRequest(root, names: [Self.proofKey]), in: frame)
            if seen == token { return .isBrick(visit: visit) }
            guard attempt < Self.attemptsMax else { break }
            let pause = volume.environment.pause(Self.pause)
            guard (try? await volume.environment.time.sleep(for: pause)) != nil else { return .unreachable }
        }
        return .isNot("\(directory.brickDirectory) is not the brick, but a directory of the same volume-id")
    }
}
