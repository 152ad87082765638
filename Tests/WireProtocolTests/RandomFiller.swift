import TranslatorCore
import WireProtocol

/// A fourth direction of XDR: fills a structure with anything it can hold, the same for the same seed.
struct RandomFiller: XDRFilter {
    typealias Failure = Never

    var random: SeededRandom
    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func count(max: Int) -> Int { Int.random(in: 0...max, using: &random) }

    mutating func integer<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) {
        switch count(max: 3) {
        case 0: value = 0
        case 1: value = .max
        case 2: value = .min
        default: value = Value.random(in: .min ... .max, using: &random)
        }
    }
    mutating func opaque(_ value: inout [UInt8], _ field: StaticString) {
        value = (0..<count(max: 40)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    mutating func text(_ value: inout String, _ field: StaticString) {
        value = String((0..<count(max: 20)).map { _ in "aé€😀/\0".randomElement(using: &random)! })
    }
    mutating func array<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) {
        fill(&elements)
    }
    mutating func chain<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) {
        fill(&elements)
    }
    mutating func part<Value: XDRCodable>(_ value: inout Value) { value = made(like: value) }

    private mutating func fill<Element: XDRCodable>(_ elements: inout [Element]) {
        guard let type = Element.self as? any XDRStructure.Type else { return }
        elements = (0..<count(max: 5)).compactMap { _ in structure(type) as? Element }
    }

    private mutating func made<Value: XDRCodable>(like value: Value) -> Value {
        if Value.self == WireDict.self { return dict() as! Value }
        guard let type = Value.self as? any XDRStructure.Type else { return value }
        return structure(type) as! Value
    }

    private mutating func structure<Structure: XDRStructure>(_: Structure.Type) -> Structure {
        var made = Structure()
        made.fields(&self)
        return made
    }

    mutating func dict() -> WireDict {
        guard Bool.random(using: &random) else { return .none }
        return WireDict(
            pairs: (0..<count(max: 6)).map { _ in
                var key: [UInt8] = []
                opaque(&key, "key")
                return WireDict.Pair(key, value())
            })
    }

    private mutating func value() -> WireDict.Value {
        var (bytes, signed, unsigned, gfid) = ([UInt8](), Int64(), UInt64(), Gfid.none)
        opaque(&bytes, "bytes")
        integer(&signed, "int")
        integer(&unsigned, "uint")
        self.gfid(&gfid, "gfid")
        return switch count(max: 8) {
        case 0: .oldString(bytes)
        case 1: .int(signed)
        case 2: .uint(unsigned)
        case 3: .double(Double(signed) / 3)
        case 4: .string(bytes)
        case 5: .bytes(bytes)
        case 6: .gfid(gfid)
        case 7: .iatt(structure(WireIatt.self))
        default: .mdata(structure(WireMdata.self))
        }
    }
}
