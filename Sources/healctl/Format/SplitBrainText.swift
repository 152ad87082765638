import HealProtocol
import TranslatorCore

/// `healctl split-brain list`.
struct SplitBrainText {
    var units = Units()

    func list(_ all: [SplitBrain], now: Timestamp) -> [String] {
        guard !all.isEmpty else { return ["no split-brain is known"] }
        return all.flatMap { split -> [String] in
            let name = StatusText.name(split.path, split.gfid)
            guard split.kind == .name else {
                return ["\(name)   data: its copies accuse each other; see healctl status"]
            }
            return ["\(name)   name: the replicas have different files there"]
                + split.copies.map { copy in
                    "    \(printable(copy.replica))   \(units.size(copy.size))   written \(Units.clock(copy.modified, now: now))   gfid \(copy.gfid)"
                } + [
                    "    to keep one: healctl split-brain resolve \(name) --source \(printable(split.copies.first?.replica ?? "REPLICA"))"
                ]
        }
    }
}
