import ArgumentParser
import Glibc
import HealProtocol
import TranslatorCore

struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until everything is healed, or the lag is small enough.",
        discussion: """
            Ends with 0 when it is so for every volume asked about, with 124 when time ran out. Before a volume counts
            as clean its healer reads the indices of the bricks again, for marks of which nobody told it. A healer that
            is restarted meanwhile is waited for, for ten seconds.
            """)

    @Argument(help: "The volume's name or id (default: all).") var volume: String?
    @Option(help: ArgumentHelp("clean, or lag=DURATION such as lag=5s.", valueName: "condition")) var until =
        WaitCondition.clean
    @Option(help: ArgumentHelp("Give up after this long, such as 30s or 10m (default: never).", valueName: "duration"))
    var timeout: TypedDuration?
    @ParentCommand var healctl: Healctl

    /// Between two questions. A healer answers from memory.
    private static let interval = Duration.milliseconds(50)
    /// Between two looks at the indices, when the first could not be done.
    private static let lookInterval = Duration.seconds(1)
    private static let absenceMax = Duration.seconds(10)

    func run() throws {
        let finder = try healctl.finder(), clock = SystemTimeSource(), start = clock.now()
        var survey = try finder.survey(volume), absent: MonotonicTime?
        var hasLooked = until != .clean, told: Set<BlindSpot> = []
        while true {
            // It may wait long for what nobody mends.
            for spot in survey.healers.flatMap(\.status.unseen) where told.insert(spot).inserted {
                complain(printable("\(spot.place): \(spot.reason); to fix: \(spot.remedy)"))
            }
            let holds =
                survey.unreachable.isEmpty && !survey.healers.isEmpty
                && survey.healers.allSatisfy { until.holds($0.status) }
            if holds && hasLooked { return }
            let left = timeout.map { $0.duration - (clock.now() - start) }
            if let left, left <= .zero { throw fail(sentence(survey), .timedOut) }
            if holds {
                hasLooked = survey.healers.allSatisfy { $0.looks(within: left) }
                if !hasLooked { usleep(UInt32(Self.lookInterval.wholeNanoseconds / 1000)) }
            } else {
                usleep(UInt32(Self.interval.wholeNanoseconds / 1000))
            }
            let (next, sentence) = finder.surveyOrSentence(volume)
            survey = next
            // Another one may come in its place, which knows nothing yet.
            if sentence != nil || !survey.unreachable.isEmpty { hasLooked = until != .clean }
            if sentence == nil {
                absent = nil
            } else {
                absent = absent ?? clock.now()
                if clock.now() - absent! > Self.absenceMax {
                    throw fail("the healer went away while it was waited for: \(sentence!)", .noAnswer)
                }
            }
        }
    }

    private func sentence(_ survey: HealerFinder.Survey) -> String {
        guard let worst = survey.healers.first?.status else { return "time ran out, and no healer answers any more" }
        let unseen = worst.unseen.map { "; \($0.place): \($0.reason)" }.joined()
        return "time ran out: " + StatusLine().line(worst, now: .now) + printable(unseen)
    }
}

/// What `wait` waits for.
enum WaitCondition: ExpressibleByArgument, Equatable {
    case clean
    case lag(Duration)

    init?(argument: String) {
        if argument == "clean" {
            self = .clean
        } else if argument.hasPrefix("lag="), let duration = Duration(optionText: String(argument.dropFirst(4))) {
            self = .lag(duration)
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { "clean" }

    func holds(_ status: HealStatus) -> Bool {
        switch self {
        case .clean: status.state == .clean
        case .lag(let most): status.state != .unknown && status.lag <= most
        }
    }
}
