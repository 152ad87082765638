import Synchronization
import TranslatorCore

/// What a brick does by the clock, until `stop`.
extension PosixTranslator {
    func startChores() -> [Task<Void, Never>] {
        let executor = volume.environment.executor
        let watch = Task(executorPreference: executor) { [weak self] in await self?.watchDirectory() ?? () }
        let janitor = Task(executorPreference: executor) {
            [weak self, settings, time = volume.environment.time] in
            while (try? await time.sleep(for: settings.janitorSleep)) != nil, await self?.sweepLandfill() ?? false {}
        }
        return [watch, janitor]
    }

    /// Takes the brick down when a health check fails, and up again when its directory serves again.
    private func watchDirectory() async {
        let time = volume.environment.time
        if !isServing, await !comeBack() { return }
        while settings.healthCheckInterval > .zero,
            (try? await time.sleep(for: settings.healthCheckInterval)) != nil
        {
            guard let failure = await healthFailure() else { continue }
            if Task.isCancelled { return }
            goDown(failure)
            if await !comeBack() { return }
        }
    }

    /// Why the brick is to go down; nil: it is well.
    private func healthFailure() async -> String? {
        guard let brick = try? brick else { return nil }
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
        return switch outcome {
        case .done(let reason): reason
        case .timedOut: "its health check did not end within \(settings.healthCheckTimeout)"
        case .cancelled: nil
        }
    }

    private func sweepLandfill() async -> Bool {
        guard let brick = try? brick else { return mayComeBack }
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
