import TranslatorCore
import WireProtocol

/// A third direction of XDR: writes down what a decoded structure says, field by field in the order of the wire, to be
/// compared with what the capture says.
struct FieldRecorder: XDRFilter {
    typealias Failure = Never

    enum Field {
        case text(String)
        /// Captures have bytes in hexadecimal, and paths and names as text.
        case bytes([UInt8])

        func matches(_ expected: String) -> Bool {
            switch self {
            case .text(let text): text == expected
            case .bytes(let bytes): Golden.hex(bytes) == expected || String(decoding: bytes, as: UTF8.self) == expected
            }
        }
    }

    var fields: [Field] = []

    mutating func add(_ value: some CustomStringConvertible) { fields.append(.text(value.description)) }

    mutating func integer<Value: FixedWidthInteger>(_ value: inout Value, _ field: StaticString) { add(value) }
    mutating func opaque(_ value: inout [UInt8], _ field: StaticString) { fields.append(.bytes(value)) }
    mutating func text(_ value: inout String, _ field: StaticString) { add(value) }
    mutating func gfid(_ value: inout Gfid, _ field: StaticString) { add(value) }
    mutating func name(_ value: inout EntryName, _ field: StaticString) { fields.append(.bytes(value.bytes)) }
    mutating func array<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) {
        for element in elements { record(element) }
    }
    mutating func chain<Element: XDRCodable>(_ elements: inout [Element], _ field: StaticString) {
        for element in elements { record(element) }
    }
    mutating func part<Value: XDRCodable>(_ value: inout Value) { record(value) }

    mutating func record(_ value: some XDRCodable) {
        if let dict = value as? WireDict {
            record(dict)
        } else if let structure = value as? any XDRStructure {
            recordFields(structure)
        }
    }

    private mutating func recordFields<Structure: XDRStructure>(_ structure: Structure) {
        var copy = structure
        copy.fields(&self)
    }

    mutating func record(_ dict: WireDict) {
        guard let pairs = dict.pairs else { return add("no dict") }
        add("dict of \(pairs.count)")
        for pair in pairs {
            add(pair.keyText)
            switch pair.value {
            case .oldString(let bytes): typed("STR_OLD", .bytes(bytes))
            case .int(let value): typed("INT", .text(String(value)))
            case .uint(let value): typed("UINT", .text(String(value)))
            case .double(let value): typed("DOUBLE", .text(String(value)))
            case .string(let bytes): typed("STR", .bytes(bytes))
            case .bytes(let bytes): typed("PTR", .bytes(bytes))
            case .gfid(let gfid): typed("GFUUID", .text(gfid.description))
            case .iatt(let iatt):
                add("IATT")
                recordFields(iatt)
            case .mdata(let mdata):
                add("MDATA")
                recordFields(mdata)
            }
        }
    }

    private mutating func typed(_ type: String, _ field: Field) {
        add(type)
        fields.append(field)
    }

    /// Where the capture says otherwise: the first field that differs, or nil.
    func difference(from expected: [String]) -> String? {
        for (position, (field, wanted)) in zip(fields, expected).enumerated() where !field.matches(wanted) {
            return "field \(position) is \(field), captured as \(wanted)"
        }
        return fields.count == expected.count ? nil : "\(fields.count) fields, captured \(expected.count)"
    }
}
