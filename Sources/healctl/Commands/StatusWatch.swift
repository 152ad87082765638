import ArgumentParser
import CPosix
import Glibc
import HealProtocol
import HealTransport
import TranslatorCore

/// `healctl status --watch`: redraws on a terminal, else a line for each volume and tick. A healer that goes away is
/// said and waited for; the view ends with Ctrl-C, or `q` on a terminal. `p` pauses and resumes.
struct StatusWatch {
    let finder: HealerFinder
    let volume: String?
    let isJSON: Bool
    let format: FormatOptions
    let interval: Duration

    func run() throws {
        let terminal = isatty(1) == 1 && !isJSON ? Terminal() : nil
        defer { terminal?.restore() }
        var rates: [String: [UInt64]] = [:]
        while true {
            let now = Timestamp.now
            let survey = finder.quietSurvey(volume)
            let statuses = survey.healers.map(\.status)
            for status in statuses {
                rates[status.volume] = (rates[status.volume] ?? []).suffix(39) + [status.rateBytesPerSecond]
            }
            if let terminal {
                terminal.draw(screen(survey, rates: rates, now: now))
            } else {
                show(tick(survey, now: now))
            }
            guard try wait(terminal, survey) else { return }
        }
    }

    private func tick(_ survey: HealerFinder.Survey, now: Timestamp) -> [String] {
        let statuses = survey.healers.map(\.status)
        if isJSON { return [StatusDocument.json(statuses, unreachable: survey.unreachable, now: now).line] }
        let line = StatusLine(units: format.units)
        return statuses.map { line.line($0, now: now) }
            + survey.unreachable.map { "\(Units.clock(now, now: now)) \(volume ?? "-") unknown \($0)" }
    }

    private func screen(_ survey: HealerFinder.Survey, rates: [String: [UInt64]], now: Timestamp) -> [String] {
        let text = StatusText(units: format.units, paint: .standardOutput, filesMax: format.filesMax, barWidth: 40)
        var lines = ["healctl status   \(Units.clock(now, now: now))   q quits, p pauses and resumes", ""]
        for healer in survey.healers {
            lines += text.lines(healer.status, now: now)
            lines += ["", "  rate    \(Sparkline.text(rates[healer.status.volume] ?? []))", ""]
        }
        return lines + survey.unreachable
    }

    /// False when the person wants no more.
    private func wait(_ terminal: Terminal?, _ survey: HealerFinder.Survey) throws -> Bool {
        guard let terminal else {
            poll(nil, 0, Int32(clamping: interval.wholeNanoseconds / 1_000_000))
            return true
        }
        switch terminal.key(within: interval) {
        case "q", "\u{3}": return false
        case "p":
            for healer in survey.healers { _ = try? healer.client.ask(healer.status.isPaused ? .resume : .pause) }
            return true
        default: return true
        }
    }
}

extension HealerFinder {
    /// As `survey`, but nobody at all is a sentence among the others.
    func quietSurvey(_ volume: String?) -> Survey {
        let (survey, sentence) = surveyOrSentence(volume)
        var result = survey
        if let sentence, result.unreachable.isEmpty { result.unreachable = [sentence] }
        return result
    }
}

/// The last rates as a row of blocks, the highest full.
enum Sparkline {
    private static let blocks = Array("▁▂▃▄▅▆▇█")
    static func text(_ values: [UInt64]) -> String {
        guard let highest = values.max(), highest > 0 else { return String(repeating: "▁", count: values.count) }
        return String(values.map { blocks[Int(Double($0) / Double(highest) * 7)] })
    }
}
