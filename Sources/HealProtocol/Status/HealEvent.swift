import TranslatorCore

/// A change that `healctl events` tells of. The healer publishes it beside its confirmations.
public struct HealEvent: Equatable, Sendable {
    /// What happened.
    public enum Change: Equatable, Sendable {
        case stateChanged(from: HealStatus.State, to: HealStatus.State)
        case started(ActiveHeal)
        case progressed(ActiveHeal)
        case finished(FinishedHeal)
        case quarantined(QuarantinedFile)
        case paused
        case resumed
        case writerAppeared(Gfid)
        case writerGone(Gfid)
        /// Records of this writer were lost; how many is not always known.
        case recordsLost(writer: Gfid)
        /// Something that an operator should read: one sentence.
        case note(String)
    }

    public var volume: String
    public var time: Timestamp
    public var change: Change

    public init(volume: String, time: Timestamp, change: Change) {
        (self.volume, self.time, self.change) = (volume, time, change)
    }
}
