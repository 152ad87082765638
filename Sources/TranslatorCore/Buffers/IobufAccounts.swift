import Synchronization

/// What all threads of a pool count together: rare things only.
final class IobufAccounts: Sendable {
    let plainActive = Atomic<Int>(0), plainActiveBytes = Atomic<Int>(0), plainTotal = Atomic<UInt64>(0)
    let copies = Atomic<UInt64>(0), copiedBytes = Atomic<UInt64>(0)

    func plainTaken(_ bytes: Int) {
        plainActive.wrappingAdd(1, ordering: .relaxed)
        plainActiveBytes.wrappingAdd(bytes, ordering: .relaxed)
        plainTotal.wrappingAdd(1, ordering: .relaxed)
    }
    func plainReturned(_ bytes: Int) {
        plainActive.wrappingSubtract(1, ordering: .relaxed)
        plainActiveBytes.wrappingSubtract(bytes, ordering: .relaxed)
    }
}
