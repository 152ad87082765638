import DaemonProcess
import Testing
import TranslatorCore

@testable import healer

@Suite struct DepartureTests {
    private let executor = IOExecutor(name: "test", threads: 2)
    private let forEver = Companion("the watch") {
        do { try await SystemTimeSource().sleep(for: .seconds(3_600)) } catch {}
    }

    @Test func `a task that ends unasked is a failure with a sentence and a code of its own`() async throws {
        let failure = await Departure().run([Companion("the healing", mayEnd: true) {}, forEver], on: executor)
        #expect(failure?.code == .unasked)
        #expect(failure?.code.rawValue == 70)
        #expect(failure?.description.hasPrefix("the healing has ended although nobody asked it to") == true)
    }

    @Test func `so is one that is to last as long as the others, asked or not`() async throws {
        for isAsked in [false, true] {
            let departure = Departure()
            if isAsked { #expect(departure.ask()) }
            let failure = await departure.run(
                [Companion("the watch") {}, Companion("the healing", mayEnd: true, forEver.run)], on: executor)
            #expect(failure?.description.hasPrefix("the watch has ended") == true)
        }
    }

    @Test func `once asked, those that may end do, and the others are cancelled`() async throws {
        let departure = Departure()
        #expect(departure.ask())
        #expect(!departure.ask(), "the second time is not the first")
        let healing = Companion("the healing", mayEnd: true) {}
        #expect(await departure.run([healing, healing, forEver], on: executor) == nil)
    }

    @Test func `who is to begin anew may be asked to leave for good, not the reverse`() {
        let departure = Departure()
        #expect(departure.ask(comesBack: true) && departure.comesBack)
        #expect(!departure.ask(comesBack: true))
        #expect(departure.ask() && !departure.comesBack)
        #expect(!departure.ask(comesBack: true) && !departure.comesBack)
        #expect(!departure.ask())
    }
}
