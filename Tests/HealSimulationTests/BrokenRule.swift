/// A rule that the simulation's own half of the protocol can be without, to see that its claims find it. Rules of the
/// product are taken out in its source by whoever changes them: the table in HealSimulationTests says what finds them.
enum BrokenRule: CaseIterable {
    /// Journals are believed although the file system that they are about died: its boot is the same.
    case instance
    /// A mount that finds a mark of another one's target, which is away, reads the other copies all the same.
    case ahead
}
