import ArgumentParser
import CPosix
import Glibc
import HealProtocol
import HealTransport
import TranslatorCore

/// A healer that answered, with what it said of its volume.
struct FoundHealer {
    let client: ControlClient
    let status: HealStatus
}

/// Finds healers by their sockets in the runtime directory.
struct HealerFinder {
    let base: String

    struct Survey {
        /// Worst volume first.
        var healers: [FoundHealer] = []
        /// A sentence for each healer that did not answer.
        var unreachable: [String] = []
        /// Volumes with a writer and no healer.
        var unhealed: [Gfid] = []
    }

    /// Asks every healer for its status; those of `volume` alone (its name or id) if given. Throws exit code 4 with a
    /// sentence when nobody answers.
    func survey(_ volume: String?) throws -> Survey {
        let (survey, sentence) = surveyOrSentence(volume)
        if let sentence { throw fail(sentence, .noAnswer) }
        return survey
    }

    /// The same; the sentence is there when nobody answers.
    func surveyOrSentence(_ volume: String?) -> (Survey, String?) {
        var survey = Survey()
        if let sentence = hindrance { return (survey, sentence) }
        var known: [String] = [], unreachable: [String] = []
        for id in RuntimeDirectory.volumes(base: base) {
            let ofVolume = look(at: id)
            known += ofVolume.healers.map(\.status.volume)
            unreachable += ofVolume.unreachable
            // A volume that nobody asked about makes no answer incomplete.
            let isMeant =
                volume == nil || volume == id.description || ofVolume.healers.contains { $0.status.volume == volume }
            guard isMeant else { continue }
            survey.healers += ofVolume.healers
            survey.unreachable += ofVolume.unreachable
            survey.unhealed += ofVolume.unhealed
        }
        // It may be one whose healer is silent: only they could say their volume's name.
        if survey.healers.isEmpty && survey.unreachable.isEmpty { survey.unreachable = unreachable }
        survey.healers.sort { ($0.status.severity, $1.status.volume) > ($1.status.severity, $0.status.volume) }
        return (survey, survey.healers.isEmpty ? nobody(volume, known, survey) : nil)
    }

    private func look(at id: Gfid) -> Survey {
        var survey = Survey()
        do {
            let directory = try RuntimeDirectory(volume: id, base: base)
            let healers = directory.members(.control)
            if healers.isEmpty, !directory.members(.records).isEmpty { survey.unhealed.append(id) }
            var dead: [String] = []
            for healer in healers.sorted() { ask(healer, directory, &survey, &dead) }
            // Where another healer has taken over, what a dead one left behind makes no answer incomplete.
            if survey.healers.isEmpty { survey.unreachable += dead }
        } catch { survey.unreachable.append("\(error)") }
        return survey
    }

    /// The one healer that a command about one file is for.
    func only(_ volume: String?) throws -> FoundHealer {
        let survey = try survey(volume)
        for sentence in survey.unreachable { complain(sentence) }
        guard survey.healers.count == 1 else {
            let names = survey.healers.map(\.status.volume).joined(separator: ", ")
            throw fail("several healers run (\(names)): name the volume with --volume", .init(64))
        }
        return survey.healers[0]
    }

    private func ask(
        _ healer: Gfid, _ directory: RuntimeDirectory, _ survey: inout Survey, _ dead: inout [String]
    ) {
        do throws(TransportError) {
            let client = try ControlClient(directory: directory, healer: healer)
            guard case .status(let status) = try client.ask(.status) else {
                survey.unreachable.append(
                    "healer \(healer) gave another answer than a status: use a healctl and a healer of one release")
                return
            }
            survey.healers.append(FoundHealer(client: client, status: status))
        } catch {
            if error.reason == .ended { dead.append("\(error)") } else { survey.unreachable.append("\(error)") }
        }
    }

    /// Why one cannot even look.
    private var hindrance: String? {
        if access(base, R_OK | X_OK) == 0 { return nil }
        return switch errno {
        case EACCES: "permission to look into \(base) is missing: run healctl as the user that runs the healer"
        case ENOENT: "no healer runs: \(base) does not exist; start one with: healer --volfile FILE"
        default: "cannot look into \(base): \(String(cString: strerror(errno)))"
        }
    }

    private func nobody(_ volume: String?, _ known: [String], _ survey: Survey) -> String {
        if let first = survey.unreachable.first { return first }
        if let volume, !known.isEmpty {
            return "no healer runs for a volume \"\(volume)\"; there is: \(known.joined(separator: ", "))"
        }
        if let id = survey.unhealed.first {
            return "no healer runs, and volume \(id) is being written to: start one with: healer --volfile FILE"
        }
        return "no healer runs that has its sockets in \(base); start one with: healer --volfile FILE"
    }
}

extension HealStatus {
    /// For "worst volume first", and for `--check`.
    var severity: Int {
        switch state {
        case .splitBrain: 7
        case .failed: 6
        case .losingGround: 5
        case .unknown: 4
        case .behind: 3
        case .healing: 2
        case .inFlight: 1
        case .clean: 0
        }
    }
}
