/// What the owners of this process hold in one region, and so what the kernel must hold for the process: their union.
/// The locks of one descriptor replace each other, so a release may only take off what nobody else here holds. Decides,
/// never acts.
struct SpanHoldings: Sendable {
    enum Level: Int, Comparable, Sendable {
        case none, read, write
        static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }
    struct Holding: Hashable, Sendable {
        let span: KernelSpan
        let level: Level
    }
    /// What to tell the kernel: `span` is at `level` from now on.
    struct Change: Equatable, Sendable {
        var span: KernelSpan
        let level: Level
    }
    private(set) var holdings: [Holding] = []

    var isEmpty: Bool { holdings.isEmpty }

    mutating func add(_ holding: Holding) { holdings.append(holding) }

    /// Takes off one holding of just this span and level. There must be one.
    mutating func remove(_ holding: Holding) {
        guard let position = holdings.lastIndex(of: holding) else { preconditionFailure("\(holding) is not held") }
        holdings.swapAt(position, holdings.count - 1)
        holdings.removeLast()
    }

    /// What the kernel must be told so that `wanted` is held too; asked before it is added. One call wherever nothing
    /// stronger is in its way, so that it is granted whole or not at all.
    func changes(taking wanted: Holding) -> [Change] {
        let pieces = levels(in: wanted.span)
        if pieces.allSatisfy({ $0.level >= wanted.level }) { return [] }
        if pieces.allSatisfy({ $0.level <= wanted.level }) { return [Change(span: wanted.span, level: wanted.level)] }
        return Self.joined(
            pieces.filter { $0.level < wanted.level }.map { Change(span: $0.span, level: wanted.level) })
    }

    /// What the kernel must be told when `gone` is not held any more; asked after it was removed.
    func changes(releasing gone: Holding) -> [Change] { levels(in: gone.span).filter { $0.level < gone.level } }

    /// What the kernel must be told so that `span` is held as `new` says instead of as `self` says: first all that is
    /// stronger then, which can be refused, and then what is weaker.
    func changes(to new: SpanHoldings, in span: KernelSpan) -> (raises: [Change], lowers: [Change]) {
        let before = levels(in: span), after = new.levels(in: span)
        var raises: [Change] = [], lowers: [Change] = []
        var (i, j, first) = (0, 0, span.first)
        while i < before.count, j < after.count {
            let last = min(before[i].span.last, after[j].span.last)
            let change = Change(span: KernelSpan(first: first, last: last), level: after[j].level)
            if after[j].level > before[i].level { raises.append(change) }
            if after[j].level < before[i].level { lowers.append(change) }
            if before[i].span.last == last { i += 1 }
            if after[j].span.last == last { j += 1 }
            first = last &+ 1
        }
        return (Self.joined(raises), Self.joined(lowers))
    }

    /// What the owners hold together, piece by piece, in order and without gaps.
    func levels(in span: KernelSpan) -> [Change] {
        let inside = holdings.filter { $0.span.overlaps(span) }
        if inside.isEmpty { return [Change(span: span, level: .none)] }
        var cuts: Set<UInt64> = [span.first]
        for holding in inside {
            if holding.span.first > span.first { cuts.insert(holding.span.first) }
            if holding.span.last < span.last { cuts.insert(holding.span.last + 1) }
        }
        let starts = cuts.sorted()
        let pieces = starts.indices.map { position in
            let last = position + 1 < starts.count ? starts[position + 1] - 1 : span.last
            let piece = KernelSpan(first: starts[position], last: last)
            let level = inside.reduce(Level.none) { $1.span.overlaps(piece) ? max($0, $1.level) : $0 }
            return Change(span: piece, level: level)
        }
        return Self.joined(pieces)
    }

    /// Neighbours of one level become one.
    private static func joined(_ pieces: [Change]) -> [Change] {
        var joined: [Change] = []
        for piece in pieces {
            if let last = joined.last, last.level == piece.level, last.span.last + 1 == piece.span.first {
                joined[joined.count - 1].span.last = piece.span.last
            } else {
                joined.append(piece)
            }
        }
        return joined
    }
}
