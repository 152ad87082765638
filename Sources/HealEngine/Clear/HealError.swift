import ReplicaState
import TranslatorCore

/// Why one file was left unhealed. Its pending counts are kept in every case.
public enum HealError: Error, Equatable, Sendable, CustomStringConvertible {
    case splitBrain(Gfid, accused: [String])
    /// In this directory the replicas have different objects under the same names.
    case splitNames(Gfid, [SplitName])
    /// The holders have writes of a bypass mount that no other replica has, and missed later changes of others.
    case bypassSplitBrain(Gfid, holders: [String], accused: [String])
    /// Counts or differences that AFR's rules give no sink for.
    case noSink(Gfid)
    /// The file has no copy at all on these replicas: names are healed later.
    case missing(Gfid, on: [String])
    case typesDiffer(Gfid)
    /// Not a regular file, and yet its data is accused.
    case notRegular(Gfid)
    case sinksFailed(Gfid, [String: FopError])
    case sourceFailed(Gfid, source: String, FopError)
    case inspectionFailed(Gfid, replica: String, FopError)
    case xattrUnreadable(Gfid, replica: String, String)
    /// Counts that are of no replica of the volume, by replica.
    case unknownMarks(Gfid, [String: [String]])
    case clearingFailed(Gfid, replica: String, FopError)

    public var description: String {
        switch self {
        case .splitBrain(let gfid, let accused):
            "gfid \(gfid): split-brain: \(accused.joined(separator: ", ")) accuse each other of missed data; to fix: make one copy right, then set favorite-child-policy, or take the other's trusted.afr marks off"
        case .splitNames(let gfid, let names):
            "gfid \(gfid): the replicas have different files under \(names.count == 1 ? "\"\(names[0].name)\"" : "\(names.count) of its names, \"\(names[0].name)\" among them"); to fix: healctl split-brain list, then healctl split-brain resolve"
        case .bypassSplitBrain(let gfid, let holders, let accused):
            "gfid \(gfid): split-brain: \(holders.joined(separator: ", ")) alone has what a bypass mount wrote last, and has missed what was written elsewhere meanwhile; \(accused.joined(separator: ", ")) are accused, the counts are kept, and reads answer EIO; to fix: make one copy right, then set favorite-child-policy, or take the other's trusted.afr marks off"
        case .noSink(let gfid):
            "gfid \(gfid): the replicas' accusations leave nothing to copy; the counts are kept. Compare the copies by hand"
        case .missing(let gfid, let replicas):
            "gfid \(gfid): no such file on \(replicas.joined(separator: ", ")): its name has to be healed first, which this version leaves to GlusterFS's self-heal daemon"
        case .typesDiffer(let gfid): "gfid \(gfid): the replicas have objects of different types; compare them by hand"
        case .notRegular(let gfid):
            "gfid \(gfid): data of something that is no regular file is accused; the counts are kept"
        case .sinksFailed(let gfid, let sinks):
            "gfid \(gfid): heal failed on \(sinks.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; "))\(sinks.values.contains(.noSpace) ? "; make room on that brick" : ""). It is tried again"
        case .sourceFailed(let gfid, let source, let cause):
            "gfid \(gfid): source \(source): \(cause). Nothing was taken off; it is tried again"
        case .inspectionFailed(let gfid, let replica, let cause):
            "gfid \(gfid): cannot be inspected on \(replica): \(cause). It is tried again"
        case .xattrUnreadable(let gfid, let replica, let what):
            "gfid \(gfid): a trusted.afr xattr on \(replica) is not what it should be: \(what)"
        case .unknownMarks(let gfid, let marks):
            "gfid \(gfid): \(marks.sorted { $0.key < $1.key }.map { "\($0.value.joined(separator: " and ")) on \($0.key)" }.joined(separator: ", ")) counts what a copy missed that this volume does not name: were its volumes renamed, or a replica taken away? Nothing of it is healed. Give the volumes their old names until it is; or compare the copies, and take the mark off on the brick: setfattr -x NAME FILE"
        case .clearingFailed(let gfid, let replica, let cause):
            "gfid \(gfid): copied, but \(replica) did not take the marks off: \(cause). It is healed again"
        }
    }

    /// A word for metrics (FEATURES C7, label `reason`).
    public var reason: String {
        switch self {
        case .splitBrain, .bypassSplitBrain, .splitNames: "split-brain"
        case .noSink: "no-sink"
        case .missing: "missing"
        case .typesDiffer, .notRegular: "type"
        case .sinksFailed: "sink"
        case .sourceFailed: "source"
        case .inspectionFailed, .xattrUnreadable: "inspection"
        case .unknownMarks: "unknown-marks"
        case .clearingFailed: "clearing"
        }
    }
    public var isSplitBrain: Bool { reason == "split-brain" }
    /// Some replicas have the file and others have not: a create or an unlink may be under way.
    var isOfNames: Bool { if case .missing = self { true } else { false } }
}
