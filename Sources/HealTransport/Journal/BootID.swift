import CPosix
import Glibc
import TranslatorCore

/// The kernel's name for this boot (random(4)): after another one, page caches are gone and journals are not believed.
public enum BootID {
    private static let path = "/proc/sys/kernel/random/boot_id"

    public static func current() throws(JournalError) -> Gfid {
        let descriptor = cposix_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .system("cannot read", path, remedy: "mount /proc") }
        defer { close(descriptor) }
        let text = String(unsafeUninitializedCapacity: 36) { max(0, read(descriptor, $0.baseAddress, 36)) }
        guard let boot = Gfid(text) else { throw JournalError("\(path) does not hold a boot id but \"\(text)\"") }
        return boot
    }
}
