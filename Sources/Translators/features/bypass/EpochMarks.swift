import ReplicaState
import TranslatorCore

/// The xattrops by which a writer says on the target that all other replicas are behind (DESIGN §3). Every one names
/// every pending key, or the brick would drop the index entry of a file that still has others.
struct EpochMarks: Sendable {
    let pendingKeys: [String], bypassKeys: [String]
    let target: Int
    /// Every other replica.
    let sinks: [Int]
    /// An all-zero xattrop: reads everything in one step and changes nothing.
    let reading: Xattrs
    /// What opens one epoch against every other replica.
    let opening: Xattrs
    /// What a look-up asks of each replica.
    let questions: Xdata

    init(pendingKeys: [String], target: Int) {
        let sinks = pendingKeys.indices.filter { $0 != target }
        let bypassKeys = pendingKeys.map { BypassCounts.key(for: $0) }
        func values(_ pending: PendingCounts, _ bypass: BypassCounts) -> Xattrs {
            var values: Xattrs = [pendingKeys[target]: PendingCounts.zero.xattr]
            for sink in sinks {
                values[pendingKeys[sink]] = pending.xattr
                values[bypassKeys[sink]] = bypass.xattr
            }
            return values
        }
        reading = values(.zero, BypassCounts())
        opening = values(PendingCounts(data: BypassCounts.epochUnit), BypassCounts(opened: 1))
        var questions: Xdata = [PendingCounts.dirtyKey: .uint(12)]
        for key in pendingKeys { questions[key] = .uint(12) }
        for sink in sinks { questions[bypassKeys[sink]] = .uint(12) }
        (self.pendingKeys, self.bypassKeys, self.target) = (pendingKeys, bypassKeys, target)
        (self.sinks, self.questions) = (sinks, questions)
    }

    /// What brings replicas that were added later up to the others, so that one generation counts for all; nil when
    /// they agree. The difference is added to opened and healed alike: nothing is missing by it.
    func levelling(_ counts: EpochCounts) -> Xattrs? {
        let behind = sinks.filter { counts.bypass[$0].opened < counts.opened }
        if behind.isEmpty { return nil }
        var values = reading
        for sink in behind {
            let difference = counts.opened - counts.bypass[sink].opened
            values[bypassKeys[sink]] = BypassCounts(opened: difference, healed: difference).xattr
        }
        return values
    }

    /// What the target's xattrs say; absent ones are zero.
    func counts(_ value: (_ key: String) -> [UInt8]?) throws(CodecError) -> EpochCounts {
        var counts = EpochCounts(
            pending: Array(repeating: .zero, count: pendingKeys.count),
            bypass: Array(repeating: BypassCounts(), count: pendingKeys.count), sinks: sinks)
        for sink in sinks {
            counts.pending[sink] = try PendingCounts(xattr: value(pendingKeys[sink]))
            counts.bypass[sink] = try BypassCounts(xattr: value(bypassKeys[sink]))
        }
        return counts
    }
}

/// What the target holds against the other replicas, by position; zeros at its own.
struct EpochCounts: Equatable, Sendable {
    var pending: [PendingCounts]
    var bypass: [BypassCounts]
    let sinks: [Int]

    /// The generation of the newest epoch.
    var opened: Int32 { sinks.map { bypass[$0].opened }.max() ?? 0 }
    /// Epochs not yet healed on the sink that is furthest behind.
    var missing: Int32 { sinks.map { bypass[$0].missing }.max() ?? 0 }
    /// Whether every other replica is accused already.
    var accusesAll: Bool { sinks.allSatisfy { pending[$0].data != 0 } }

    /// The newest epoch that this sink has healed: all of them where nothing is pending.
    func healed(on sink: Int) -> Int32 { pending[sink].data == 0 ? opened : bypass[sink].healed }
    /// The newest epoch that every sink has healed.
    var healedThrough: Int32 { sinks.map { healed(on: $0) }.min() ?? 0 }

    /// Whether one more epoch fits the counters, and the limit of DESIGN §3.1 step 4.
    var hasRoom: Bool {
        missing < BypassCounts.missingMax && opened < Int32.max - 1
            && sinks.allSatisfy { pending[$0].data <= Int32.max - BypassCounts.epochUnit }
    }
}
