import CPosix
import Glibc
import TranslatorCore

/// The arithmetic of xattrop on one value: bytes in, bytes out (gluster-wire.md §10).
enum XattropArithmetic {
    /// The value after `operation` with `delta`; `old` nil counts as zeros. Elements are big-endian and wrap around.
    /// What an old value has beyond the delta's elements stays. EINVAL when `delta` has no whole elements.
    static func apply(
        _ operation: XattropRequest.Operation, _ delta: [UInt8], to old: [UInt8]?
    ) throws(FopError) -> [UInt8] {
        switch operation {
        case .addArray: try add(Int32.self, delta, defaults: [], old ?? [])
        case .addArray64: try add(Int64.self, delta, defaults: [], old ?? [])
        case .getAndSet: delta
        case .addArrayWithDefault: try addHalves(Int32.self, delta, old ?? [])
        case .addArray64WithDefault: try addHalves(Int64.self, delta, old ?? [])
        }
    }

    /// Whether the operation changes nothing: then nothing is written and no xattr made.
    static func isRead(_ operation: XattropRequest.Operation, _ delta: [UInt8]) -> Bool {
        operation != .getAndSet && delta.allSatisfy { $0 == 0 }
    }

    private static func addHalves<Element: FixedWidthInteger>(
        _ type: Element.Type, _ value: [UInt8], _ old: [UInt8]
    ) throws(FopError) -> [UInt8] {
        guard value.count.isMultiple(of: 2 * MemoryLayout<Element>.size) else { throw .invalid }
        let half = value.count / 2
        return try add(type, Array(value[..<half]), defaults: Array(value[half...]), old)
    }

    private static func add<Element: FixedWidthInteger>(
        _: Element.Type, _ delta: [UInt8], defaults: [UInt8], _ old: [UInt8]
    ) throws(FopError) -> [UInt8] {
        let bytes = MemoryLayout<Element>.size
        guard !delta.isEmpty, delta.count.isMultiple(of: bytes) else { throw .invalid }
        var result = old + [UInt8](repeating: 0, count: max(0, delta.count - old.count))
        for at in stride(from: 0, to: delta.count, by: bytes) {
            var element: Element = element(result, at)
            if element == 0 && !defaults.isEmpty { element = self.element(defaults, at) }
            element = element &+ self.element(delta, at)
            withUnsafeBytes(of: element.bigEndian) { result.replaceSubrange(at..<(at + bytes), with: $0) }
        }
        return result
    }

    private static func element<Element: FixedWidthInteger>(_ bytes: [UInt8], _ at: Int) -> Element {
        bytes.withUnsafeBytes { Element(bigEndian: $0.loadUnaligned(fromByteOffset: at, as: Element.self)) }
    }
}
