import CPosix
import Glibc
import Synchronization

/// Descriptors that are kept for what must not fail when all others are in use: noting what a replica missed, taking
/// back what was done on one replica only, and removing files. Whoever lends from it gives back before it returns.
public final class DescriptorReserve: Sendable {
    public static let shared = DescriptorReserve()
    /// A rename opens two directories and two objects; several may be at it.
    private static let count = 8
    private let held = Mutex<[Int32]>([])

    private init() { fill() }

    /// Runs `body`, and once more with the reserve free when it found no descriptor. It has done nothing then.
    public func lending<Result>(_ body: () throws(FopError) -> Result) throws(FopError) -> Result {
        do throws(FopError) { return try body() } catch {
            guard error.isOutOfDescriptors else { throw error }
        }
        for descriptor in held.withLock({ held in
            defer { held = [] }
            return held
        }) { close(descriptor) }
        defer { fill() }
        return try body()
    }

    private func fill() {
        held.withLock { held in
            while held.count < Self.count {
                let descriptor = cposix_open("/dev/null", O_RDONLY | O_CLOEXEC, 0)
                guard descriptor >= 0 else { return }
                held.append(descriptor)
            }
        }
    }
}
