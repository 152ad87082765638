/// A set of fops, as options of translators list them: `writev,fsync`.
public struct FopSet: Sendable, Equatable {
    /// Bit n for the fop with number n on the wire.
    private var bits: UInt64 = 0

    public init(_ fops: some Sequence<Fop> = []) { for fop in fops { insert(fop) } }

    public static let all = FopSet(Fop.allCases)

    @inline(__always) public func contains(_ fop: Fop) -> Bool { bits >> UInt64(fop.rawValue) & 1 == 1 }
    public mutating func insert(_ fop: Fop) { bits |= 1 << UInt64(fop.rawValue) }
    public func subtracting(_ other: FopSet) -> FopSet {
        var result = self
        result.bits &= ~other.bits
        return result
    }

    /// Reads GlusterFS's names, separated by commas. Throws a sentence with the nearest name for an unknown one.
    public init(names: [String], option: String) throws(OptionError) {
        self.init()
        for name in names {
            guard let fop = Fop(name: name.lowercased()) else {
                let hint = NearestName.hint(Fop.allCases.map(\.name), to: name)
                throw OptionError("option \"\(option)\": no fop is called \"\(name)\"\(hint)", option: option)
            }
            insert(fop)
        }
    }
}
