import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// How much of the brick's file system is left free, as `option reserve` says: past it what takes room is ENOSPC, but
/// for internal clients (negative pids), whose heals end what is half done. Source: GlusterFS `storage.reserve`.
///
/// The file system is asked when what was let through since would have used a quarter of the room that there was, or
/// `askedAgainMax`; others fill it meanwhile, and a brick's own process looks every 5 s only. Costs a write one atomic
/// addition where something is reserved, and one load where nothing is.
final class DiskReserve: Sendable {
    private static let askedAgainMax: UInt64 = 16 << 20

    /// Nothing is reserved: 0 in either form.
    enum Amount: Equatable, Sendable {
        case bytes(UInt64)
        /// Of all blocks.
        case percent(Double)

        init(_ option: SizeOrPercent) {
            switch option {
            case .percent(let percent): self = .percent(percent)
            // GlusterFS writes its default as "1", and means one in a hundred.
            case .size(let number) where number <= 100: self = .percent(Double(number))
            case .size(let bytes): self = .bytes(UInt64(bytes))
            }
        }
        var isNothing: Bool { self == .bytes(0) || self == .percent(0) }
    }

    private let amount: Mutex<Amount>
    private let isActive: Atomic<Bool>
    /// What may still be written before the file system is asked again.
    private let allowance = Atomic<Int64>(0)

    init(_ amount: Amount) {
        self.amount = Mutex(amount)
        isActive = Atomic(!amount.isNothing)
    }

    func change(to amount: Amount) {
        self.amount.withLock { $0 = amount }
        isActive.store(!amount.isNothing, ordering: .relaxed)
        allowance.store(0, ordering: .relaxed)
    }

    /// Before `bytes` are written or allocated in the file system of `descriptor`. Throws ENOSPC: a write when the room
    /// is used up, what is allocated `atOnce` when it does not fit.
    @inline(__always)
    func take(_ bytes: UInt64, atOnce: Bool = false, _ descriptor: Int32, in frame: Frame) throws(FopError) {
        guard isActive.load(ordering: .relaxed), frame.caller.pid >= 0 else { return }
        let bytes = Int64(clamping: bytes)
        if allowance.wrappingSubtract(bytes, ordering: .relaxed).newValue > 0 { return }
        try ask(for: bytes, atOnce, descriptor)
    }

    private func ask(for bytes: Int64, _ atOnce: Bool, _ descriptor: Int32) throws(FopError) {
        allowance.store(0, ordering: .relaxed)
        var status = statvfs()
        try PosixCall.run { fstatvfs(descriptor, &status) }
        let room = Self.room(status, reserved: amount.withLock { $0 })
        guard room > 0, !atOnce || room >= UInt64(bytes) else { throw .noSpace }
        allowance.store(Int64(min(room / 4, Self.askedAgainMax)) - bytes, ordering: .relaxed)
    }

    /// Bytes before the reserve.
    static func room(_ status: statvfs, reserved amount: Amount) -> UInt64 {
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        let reserved: UInt64
        switch amount {
        case .bytes(let bytes): reserved = bytes
        case .percent(let percent):
            reserved = UInt64(Double(status.f_blocks) * Double(status.f_frsize) * percent / 100)
        }
        return free > reserved ? free - reserved : 0
    }
}
