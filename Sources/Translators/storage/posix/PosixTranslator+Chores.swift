import Synchronization
import TranslatorCore

/// What a brick does by the clock, until `stop`.
extension PosixTranslator {
    func startChores() -> [Task<Void, Never>] {
        var chores: [Task<Void, Never>] = []
        let executor = volume.environment.executor
        if settings.healthCheckInterval > .zero {
            chores.append(
                Task(executorPreference: executor) { [weak self, settings, time = volume.environment.time] in
                    while (try? await time.sleep(for: settings.healthCheckInterval)) != nil,
                        await self?.checkHealthOnce() ?? false
                    {}
                })
        }
        chores.append(
            Task(executorPreference: executor) { [weak self, settings, time = volume.environment.time] in
                while (try? await time.sleep(for: settings.janitorSleep)) != nil, await self?.sweepLandfill() ?? false {
                }
            })
        return chores
    }

    /// False when the brick failed, or is stopping: there is nothing left to check.
    private func checkHealthOnce() async -> Bool {
        guard let brick = try? brick else { return false }
        let time = volume.environment.time
        let directory = brickDirectory
        let outcome = await ThreadWork.run(name: "health-check", timeout: settings.healthCheckTimeout, on: time) {
            _ -> String? in
            do throws(FopError) { try brick.writeHealthStamp(at: time.wallClock()) } catch {
                return "its health check failed: \(error)"
            }
            return GlusterfsdScan.server(of: directory, root: brick.root).map {
                "glusterfsd (process \($0)) began to serve it"
            }
        }
        switch outcome {
        case .done(nil): return true
        case .done(let reason?): fail(reason)
        case .timedOut: fail("its health check did not end within \(settings.healthCheckTimeout)")
        case .cancelled: break
        }
        return false
    }

    /// For good: what is open may be broken, and what was missed meanwhile must be healed. A restart comes back.
    private func fail(_ reason: String) {
        hasFailed.store(true, ordering: .relaxed)
        volume.log(.error, "brick \(brickDirectory) goes down: \(reason). Repair it, then start this process again.")
        volume.notifyParents(.subvolumeDown, from: self)
    }

    private func sweepLandfill() async -> Bool {
        guard let brick = try? brick else { return !hasFailed.load(ordering: .relaxed) }
        let openFiles = openFiles
        let outcome = await ThreadWork.run(name: "janitor", on: volume.environment.time) { isGivenUp -> FopError? in
            do throws(FopError) {
                _ = try LandfillSweep(brick: brick, openFiles: openFiles, isGivenUp: isGivenUp).run()
                return nil
            } catch {
                return error
            }
        }
        switch outcome {
        case .done(let error?):
            volume.log(
                .warning,
                "brick \(brickDirectory): landfill is not empty yet: \(error); next try in \(settings.janitorSleep)")
        case .cancelled: return false
        default: break
        }
        return true
    }
}
