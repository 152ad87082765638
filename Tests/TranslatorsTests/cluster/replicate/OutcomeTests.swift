import Testing
import TranslatorCore

@testable import Translators

@Suite struct OutcomeTests {
    private func outcome(_ answers: [Result<UInt64, FopError>?]) -> Outcome<UInt64> { Outcome(answers) { $0 } }

    @Test func `who did less than the furthest has failed`() {
        #expect(outcome([.success(10), .success(4), .success(10)]).succeeded == [true, false, true])
        #expect(outcome([.success(4), nil, .success(10)]).succeeded == [false, false, true])
    }

    @Test func `equal errors are a refusal, different ones or a success are not`() {
        #expect(outcome([.failure(.noSpace), nil, .failure(.noSpace)]).isRefused)
        #expect(!outcome([.failure(.noSpace), .failure(.io)]).isRefused)
        #expect(!outcome([.failure(.noSpace), .success(1)]).isRefused)
    }

    @Test func `a lost connection is never a refusal: the replica may have done it`() {
        #expect(!outcome([.failure(.notConnected), .failure(.notConnected)]).isRefused)
        #expect(!outcome([.failure(.timedOut)]).isRefused)
    }

    @Test func `an object is gone where every failure says so and nobody did it`() {
        #expect(outcome([.failure(.stale), nil, .failure(.noEntry)]).isGone)
        #expect(!outcome([.failure(.stale), .failure(.io)]).isGone)
        #expect(!outcome([.failure(.stale), .success(1)]).isGone)
        #expect(!outcome([nil, nil]).isGone)
    }

    @Test func `the error of a replica that was there is told before that one was not`() {
        #expect(outcome([.failure(.notConnected), .failure(.noSpace)]).error == .noSpace)
        #expect(outcome([nil, .failure(.notConnected)]).error == .notConnected)
        #expect(outcome([.success(1), nil]).error == nil)
    }

    @Test func `the reply is that of the preferred replica where it succeeded`() {
        let both = Outcome<String>([.success("a"), .success("b"), .failure(.io)])
        #expect(both.reply(preferring: 1) == "b")
        #expect(both.reply(preferring: 2) == "a")
        #expect(both.reply(preferring: nil) == "a")
    }
}
