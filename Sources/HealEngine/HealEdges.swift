import HealProtocol
import TranslatorCore

/// Who can say more about epochs than the records that arrived: journals of dead writers, replays of living ones
/// (DESIGN §3.2). The engine declares it; `healer` supplies one that reads files and asks over sockets.
public protocol ExplanationSource: Sendable {
    /// Answers with what it found, one for each writer that has anything; the engine waits for it for
    /// `HealSettings.askTimeout` at most, then cancels.
    func explain(_ question: EpochQuestion) async -> [JournalExplanation]
}

/// "What was written to this file in these epochs?"
public struct EpochQuestion: Equatable, Sendable {
    public let gfid: Gfid
    /// The replica that the writers write to, by position.
    public let target: Int
    public let generations: ClosedRange<Int32>
    /// Writers that records of this file came from; there may be others.
    public let writers: [Gfid]
    public init(gfid: Gfid, target: Int, generations: ClosedRange<Int32>, writers: [Gfid]) {
        (self.gfid, self.target, self.generations, self.writers) = (gfid, target, generations, writers)
    }
}

/// Whether a writer lives: its journal's lock is held, or over the wire its heartbeats come.
public enum WriterLife: Equatable, Sendable {
    case alive
    /// Noticed at this moment.
    case dead(since: MonotonicTime)
}

/// Knows which writers live. The engine declares it; `healer` supplies it.
public protocol WriterWatch: Sendable {
    /// `target` is the replica whose journal directory tells. Must not wait for the network.
    func life(of writer: Gfid, target: Int) async -> WriterLife
}

/// Who is told what was healed. Calls come from the engine's tasks and must not block.
public protocol HealListener: Sendable {
    /// `sink` has everything that `target` was written up to the epoch `generation`.
    func confirmed(_ gfid: Gfid, generation: Int32, target: Int, sink: Int)
    /// Every replica has what `target` was written up to `generation`: nobody needs its journal for that any more.
    func settled(_ gfid: Gfid, through generation: Int32, target: Int)
    func happened(_ change: HealEvent.Change)
}

/// The edges of an engine without any: nobody explains, no writer lives, nobody listens.
public struct NoEdges: ExplanationSource, WriterWatch, HealListener {
    public init() {}
    public func explain(_ question: EpochQuestion) async -> [JournalExplanation] { [] }
    public func life(of writer: Gfid, target: Int) async -> WriterLife { .alive }
    public func confirmed(_ gfid: Gfid, generation: Int32, target: Int, sink: Int) {}
    public func settled(_ gfid: Gfid, through generation: Int32, target: Int) {}
    public func happened(_ change: HealEvent.Change) {}
}
