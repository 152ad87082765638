import ReplicaState
import TranslatorCore
import TranslatorTesting

/// What went to one replica, in the words of gluster-disk-format.md §3.
extension ReplicaStack {
    /// Every fop of the transaction, in order: `inodelk tryAcquire whole`, `xattrop dirty=1,0,0`, `writev`, …
    /// An xattrop shows the counts that are not zero; `xattrop -` has none.
    func trace(_ replica: Int) -> [String] {
        recording[replica].steps.filter { $0.ended == nil }.map { step in
            switch step.fop.byInode {
            case .inodelk:
                let range = step.word("start") == "0" ? "whole" : "metadata"
                return "inodelk \(step.word("command")) \(range)"
            case .entrylk: return "entrylk \(step.word("command")) \(step.word("name", or: "whole"))"
            case .xattrop: return "xattrop " + marks(step)
            default: return step.fop.byInode.name
            }
        }
    }

    /// The keys that every xattrop to any replica named, one set per xattrop.
    var keysOfXattrops: [Set<String>] {
        RecordingTranslator.together(recording).filter { $0.ended == nil && $0.fop.byInode == .xattrop }.map { step in
            Set(step.values.map(\.name))
        }
    }

    private func marks(_ step: RecordingTranslator.Step) -> String {
        let shown = step.values.compactMap { name, hex -> String? in
            guard hex.count == 24 else { return nil }
            let counts = [0, 8, 16].map { at in
                Int32(bitPattern: UInt32(hex.dropFirst(at).prefix(8), radix: 16)!)
            }
            guard counts.contains(where: { $0 != 0 }) else { return nil }
            let position = keys.firstIndex(of: name).map(String.init) ?? "dirty"
            return "\(position)=\(counts.map(String.init).joined(separator: ","))"
        }
        let name = step.xdata[XdataKey.xattropEntryCreate]?.string.map { " name=\($0)" } ?? ""
        return (shown.isEmpty ? "-" : shown.sorted().joined(separator: " ")) + name
    }
}

extension RecordingTranslator.Step {
    func word(_ name: String, or none: String = "?") -> String {
        let found = arguments.split(separator: " ").first { $0.hasPrefix(name + "=") }
        return found.map { String($0.dropFirst(name.count + 1)) } ?? none
    }
    var values: [(name: String, hex: String)] {
        arguments.split(separator: " ").dropFirst().map { word in
            let equals = word.lastIndex(of: "=")!
            return (String(word[..<equals]), String(word[word.index(after: equals)...]))
        }
    }
}
