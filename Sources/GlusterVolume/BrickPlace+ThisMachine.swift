import CPosix
import Glibc
import TranslatorCore

extension BrickPlace {
    private static let volumeIDKey = "trusted.glusterfs.volume-id"

    /// Whether the host is this machine, under any of its addresses, and the directory is there and a brick of this
    /// volume: one whose disk is not mounted is not. Asks the resolver.
    public var isOnThisMachine: Bool {
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return false }
        return hasVolumeID && Self.isThisMachine(host)
    }

    private var hasVolumeID: Bool {
        guard let volumeID else { return true }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = getxattr(directory, Self.volumeIDKey, &bytes, bytes.count)
        return count == 16 && Gfid(bytes: bytes) == volumeID
    }

    /// An address is this machine's when a socket can be bound to it.
    static func isThisMachine(_ host: String) -> Bool {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &found) == 0 else { return false }
        defer { freeaddrinfo(found) }
        var next = found
        while let entry = next?.pointee {
            let descriptor = socket(entry.ai_family, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { if descriptor >= 0 { close(descriptor) } }
            if descriptor >= 0, cposix_bind(descriptor, entry.ai_addr, entry.ai_addrlen) == 0 { return true }
            next = entry.ai_next
        }
        return false
    }
}
