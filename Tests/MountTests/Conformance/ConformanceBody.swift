import Testing

/// A sequence of system calls whose answers must be the same on the mount and on a plain directory.
struct ConformanceBody: Sendable, CustomTestStringConvertible {
    let name: String
    let run: @Sendable (Probe) -> Void
    init(_ name: String, _ run: @escaping @Sendable (Probe) -> Void) { (self.name, self.run) = (name, run) }
    var testDescription: String { name }

    static let all = names + attributes + files + space + locks + xattrs + programs
}
