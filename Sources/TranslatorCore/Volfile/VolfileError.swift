/// A place in a volfile.
public struct VolfileLocation: Hashable, Sendable, CustomStringConvertible {
    public let file: String
    /// From 1; 0 where no single line is to blame.
    public let line: Int
    public init(file: String, line: Int) { (self.file, self.line) = (file, line) }
    public var description: String { line == 0 ? file : "\(file):\(line)" }
}

/// Why a volfile, or the graph it describes, cannot be used, in one sentence:
/// `demo.vol:12: volume "bypass-0": no volume "replicate-O" above; did you mean "replicate-0"?`
public struct VolfileError: Error, Equatable, Sendable, CustomStringConvertible {
    public let location: VolfileLocation
    public let message: String
    public init(_ location: VolfileLocation, _ message: String) { (self.location, self.message) = (location, message) }
    public var description: String { "\(location): \(message)" }
}
