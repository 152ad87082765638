/// How closely a pool watches its buffers. May change at any time (`IobufPool.tracking`); buffers already out stay as
/// they are.
public enum IobufTracking: Sendable, Equatable {
    /// Costs one load per buffer.
    case off
    /// Each `every`th buffer of a thread is written down with its owner: cheap enough for production, and a leak that
    /// goes on is found by it.
    case sampled(every: Int)
    /// Every buffer is written down. Returned memory is poisoned and lies in quarantine for a while, so that a write
    /// after the last unref is told, with the owner of the buffer, when it leaves.
    case full
    /// The same, and nobody can touch what lies in quarantine: who does gets SIGSEGV on the spot.
    case guarded

    var quarantines: Bool { self == .full || self == .guarded }
}

/// Who asked for a buffer, and where.
struct IobufSite: Hashable, Sendable, CustomStringConvertible {
    let owner: String
    let fop: Fop?
    let place: String

    init(owner: String, fop: Fop?, file: StaticString, line: UInt) {
        (self.owner, self.fop, place) = (owner, fop, "\(file):\(line)")
    }

    var description: String {
        [owner.isEmpty ? nil : owner, fop.map { "for \($0.name)" }, "at \(place)"].compactMap { $0 }.joined(
            separator: " ")
    }
}

/// Buffers that one place asked for and that were not returned: what `healctl iobuf leaks` shows.
public struct IobufLeak: Sendable, Equatable, CustomStringConvertible {
    /// The translator, or empty where the caller gave none.
    public let owner: String
    public let fop: Fop?
    /// `Target/File.swift:line`
    public let place: String
    public let count: Int
    public let bytes: Int
    /// Age of the oldest.
    public let age: Duration
    /// The oldest one's refs and unrefs by hand, in order: `unref at Plugin/X.swift:12`. Empty when ARC alone counted.
    public let trail: [String]

    public var description: String {
        let who = [owner.isEmpty ? nil : owner, fop.map { "for \($0.name)" }, "at \(place)"].compactMap { $0 }.joined(
            separator: " ")
        return
            "\(count) iobuf\(count == 1 ? "" : "s") (\(bytes) bytes) got by \(who), the oldest \(age.wholeNanoseconds / 1_000_000) ms ago"
    }
}
