import TranslatorCore

/// Why a volume cannot be mounted, or unmounted: one sentence that says where and what to do.
public struct FuseMountError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
