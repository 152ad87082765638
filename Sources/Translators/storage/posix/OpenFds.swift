import Synchronization
import TranslatorCore

/// What is open here, so that every descriptor of a brick's directory can be closed when that goes down: its file
/// system cannot be unmounted before, nor come back alive.
final class OpenFds: Sendable {
    private struct Entry {
        weak var fd: Fd?
        var isLost = false
    }
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    func add(_ fd: Fd) { entries.withLock { $0[ObjectIdentifier(fd)] = Entry(fd: fd) } }
    func remove(_ fd: Fd) { entries.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(fd)) } }

    /// Whether it was open when the directory went, and was not opened since.
    func isLost(_ fd: Fd) -> Bool { entries.withLock { $0[ObjectIdentifier(fd)]?.isLost ?? false } }

    /// All that are open; from now on they are lost.
    func lose() -> [Fd] {
        entries.withLock { entries in
            let open = entries.values.compactMap { $0.isLost ? nil : $0.fd }
            for fd in open { entries[ObjectIdentifier(fd)]?.isLost = true }
            return open
        }
    }
}
