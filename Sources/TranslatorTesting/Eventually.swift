import TranslatorCore

/// Waits until `condition` holds, looking every few milliseconds, for `deadline` at most. Answers whether it held:
/// `#expect(await eventually { queue.isEmpty })`. For real processes and threads; with a `ManualClock` nothing need
/// wait.
public func eventually(
    within deadline: Duration = .seconds(10), _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let clock = SystemTimeSource()
    let end = clock.now() + deadline
    var pause = Duration.microseconds(200)
    while true {
        if try await condition() { return true }
        guard clock.now() < end else { return try await condition() }
        do { try await clock.sleep(for: pause) } catch { return false }
        pause = min(pause * 2, .milliseconds(20))
    }
}
