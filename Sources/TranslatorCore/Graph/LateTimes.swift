/// A translator that writes to a file behind the back of the process that serves its brick, and tells that one later
/// when it was: `performance/direct`. Whoever lets others read the file's times has them told first.
public protocol LateTimes: Translator {
    /// Whether the brick does not know yet when `inode` was written last. Cheap: no I/O.
    func areTimesLate(of inode: Inode) -> Bool
    /// Returns when the brick knows, or cannot be reached.
    func tellTimes(of inode: Inode) async
}
