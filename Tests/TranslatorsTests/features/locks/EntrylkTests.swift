import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct EntrylkTests {
    @Test func `names keep apart, the whole directory meets every name`() async throws {
        let stack = try LockingStack()
        try await stack.entrylk(.tryAcquire, 1, "a")
        try await stack.entrylk(.tryAcquire, 2, "b")
        #expect(await fopError { try await stack.entrylk(.tryAcquire, 3, "a") } == .tryAgain)
        #expect(await fopError { try await stack.entrylk(.tryAcquire, 3, nil) } == .tryAgain)
        try await stack.entrylk(.tryAcquire, 3, nil, domain: "vol:self-heal")
        try await stack.entrylk(.release, 1, "a")
        try await stack.entrylk(.release, 2, "b")
        try await stack.entrylk(.tryAcquire, 3, nil)
        #expect(await fopError { try await stack.entrylk(.tryAcquire, 1, "c") } == .tryAgain)
        #expect(stack.events.entrylkContentions == ["a", "b", nil])
    }

    @Test func `read locks conflict with each other too, and a release repeats the mode`() async throws {
        let stack = try LockingStack()
        try await stack.entrylk(.tryAcquire, 1, "a", mode: .read)
        #expect(await fopError { try await stack.entrylk(.tryAcquire, 2, "a", mode: .read) } == .tryAgain)
        #expect(await fopError { try await stack.entrylk(.release, 1, "a", mode: .write) } == .invalid)
        try await stack.entrylk(.release, 1, "a", mode: .read)
        try await stack.entrylk(.tryAcquire, 2, "a", mode: .read)
    }

    @Test func `a name's waiter goes when the whole directory is free again`() async throws {
        let stack = try LockingStack()
        try await stack.entrylk(.acquire, 1, nil)
        let waiter = Task { await fopError { try await stack.entrylk(.acquire, 2, "a") } }
        #expect(await eventually { stack.events.entrylkContentions.count == 1 })
        try await stack.entrylk(.release, 1, nil)
        #expect(await waiter.value == nil)
        #expect(await fopError { try await stack.entrylk(.tryAcquire, 3, "a") } == .tryAgain)
    }
}
