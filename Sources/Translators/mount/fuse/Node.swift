import Synchronization
import TranslatorCore

/// An inode as the kernel knows it: by a number, for as long as it remembers that number. Also holds what was last seen
/// of the inode where asking each time would cost a fop: each fact is believed for `attribute-timeout`, as the kernel
/// believes attributes.
final class Node: Sendable {
    let number: UInt64
    let inode: Inode
    /// Set-user-ID and set-group-ID bits, for writes by those who may not keep them.
    let mode = Fact()
    /// 1 when a directory has a default ACL, which takes the place of the umask.
    let defaultACL = Fact()
    /// 0 when the file has no capabilities; 1 is not kept, because then the value counts.
    let capability = Fact()
    /// The kernel was told last that it has no name any more.
    let isNameless = Atomic<Bool>(false)
    /// A digest of the size and times that the kernel was told last.
    let told = Atomic<UInt64>(0)
    /// The change stamp of the file when an open last looked whether that still holds.
    let toldStamp = Atomic<UInt64>(0)

    init(number: UInt64, inode: Inode) { (self.number, self.inode) = (number, inode) }

    /// A small number and until when it is believed, in one word, so that reading it takes no lock.
    /// Layout: milliseconds of the monotonic clock << 16 | value; 0: not known.
    final class Fact: Sendable {
        private let word = Atomic<UInt64>(0)

        func value(at now: MonotonicTime) -> UInt16? {
            let word = word.load(ordering: .relaxed)
            guard word >> 16 > UInt64(now.nanoseconds / 1_000_000) else { return nil }
            return UInt16(truncatingIfNeeded: word)
        }
        func store(_ value: UInt16, until end: MonotonicTime) {
            word.store(UInt64(end.nanoseconds / 1_000_000) << 16 | UInt64(value), ordering: .relaxed)
        }
        func drop() { word.store(0, ordering: .relaxed) }
    }
}
