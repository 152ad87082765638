import TranslatorCore

/// Something that a healer has to see before it may say that all is clean, and does not see now. A status with any is
/// `unknown` at best.
public struct BlindSpot: Hashable, Sendable {
    /// What is not seen.
    public enum Kind: String, Sendable, CaseIterable {
        /// The index of a brick that is reached.
        case index
        /// What the volume is by now: its description changed to something that this healer cannot serve.
        case volume
        /// A bypass writer on another host.
        case writer
    }
    public var kind: Kind
    /// The brick, the volume's description, or the writer's address.
    public var place: String
    /// Half a sentence: what is the matter.
    public var reason: String
    /// What an operator can do.
    public var remedy: String

    public init(_ kind: Kind, _ place: String, reason: String, remedy: String) {
        (self.kind, self.place, self.reason, self.remedy) = (kind, place, reason, remedy)
    }
}
