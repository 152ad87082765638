import TranslatorCore

/// The supplementary groups of a process, from /proc: bricks of GlusterFS check permissions by them. On a mount the
/// kernel has checked already, so they are read only where asked (`resolve-gids`).
enum CallerGroups {
    static func of(pid: UInt32) -> [UInt32] {
        guard let status = try? LocalFile.bytes(of: "/proc/\(pid)/status") else { return [] }
        let lines = status.split(separator: UInt8(ascii: "\n"))
        guard let line = lines.first(where: { $0.starts(with: Array("Groups:".utf8)) }) else { return [] }
        return line.dropFirst(7).split(whereSeparator: { $0 == 32 || $0 == 9 })
            .compactMap { UInt32(String(decoding: $0, as: UTF8.self)) }
    }
}
