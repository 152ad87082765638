import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// Does system calls below one directory and writes down what came of each. A body of tests run with a probe of the
/// mount and with one of a plain directory must leave the same lines.
///
/// Runs on a thread with a working directory, a umask and credentials of its own, so that bodies use relative paths.
final class Probe {
    private(set) var lines: [String] = []

    static func run(in directory: String, _ body: @escaping @Sendable (Probe) -> Void) -> [String] {
        final class Job {
            let directory: String
            let body: @Sendable (Probe) -> Void
            var lines: [String] = []
            init(_ directory: String, _ body: @escaping @Sendable (Probe) -> Void) {
                (self.directory, self.body) = (directory, body)
            }
        }
        let job = Job(directory, body)
        var thread = pthread_t()
        let failed = pthread_create(
            &thread, nil,
            { argument in
                let job = Unmanaged<Job>.fromOpaque(argument!).takeUnretainedValue()
                precondition(unshare(CLONE_FS) == 0, "needs CLONE_FS")
                precondition(chdir(job.directory) == 0, "cannot enter \(job.directory)")
                umask(0o022)
                let probe = Probe()
                job.body(probe)
                job.lines = probe.lines
                return nil
            }, Unmanaged.passUnretained(job).toOpaque())
        precondition(failed == 0)
        pthread_join(thread, nil)
        return job.lines
    }

    // Writing down.

    func note(_ line: String) { lines.append(line) }

    /// A system call's answer: its value, or the errno's name.
    @discardableResult
    func call(_ what: String, _ answer: some BinaryInteger) -> Bool {
        let code = errno
        note("\(what) = \(answer < 0 ? FopError(code).name : "\(answer)")")
        return answer >= 0
    }

    /// As another user, without privileges, in no other group than `groups`.
    func asUser(_ uid: uid_t, _ gid: gid_t? = nil, groups: [gid_t] = [], _ body: () -> Void) {
        let gid = gid ?? uid
        precondition(cposix_thread_setgroups(Int32(groups.count), groups) == 0)
        precondition(cposix_thread_setresgid(gid, gid, 0) == 0)
        precondition(cposix_thread_setresuid(uid, uid, 0) == 0)
        body()
        precondition(cposix_thread_setresuid(0, 0, 0) == 0)
        precondition(cposix_thread_setresgid(0, 0, 0) == 0)
        precondition(cposix_thread_setgroups(0, nil) == 0)
    }

    // Calls with their answers written down.

    /// The descriptor, or −1.
    func open(_ path: String, _ flags: Int32, _ mode: mode_t = 0o644) -> Int32 {
        let descriptor = cposix_open(path, flags | O_CLOEXEC, mode)
        let code = errno
        note("open \(Self.short(path)) \(String(flags, radix: 8)) = \(descriptor < 0 ? FopError(code).name : "ok")")
        return descriptor
    }

    func create(_ path: String, _ content: String = "", mode: mode_t = 0o644) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, mode)
        guard descriptor >= 0 else { return }
        if !content.isEmpty { write(descriptor, content) }
        close(descriptor)
    }

    @discardableResult
    func write(_ descriptor: Int32, _ text: String, at offset: off_t? = nil) -> Int {
        var text = text
        return text.withUTF8 { bytes in
            let count =
                offset.map { pwrite(descriptor, bytes.baseAddress, bytes.count, $0) }
                ?? Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            call("write \(bytes.count)\(offset.map { " at \($0)" } ?? "")", count)
            return count
        }
    }

    func write(_ descriptor: Int32, repeating byte: UInt8, _ count: Int, at offset: off_t) {
        let bytes = [UInt8](repeating: byte, count: count)
        call("write \(count) at \(offset)", pwrite(descriptor, bytes, count, offset))
    }

    func read(_ descriptor: Int32, _ count: Int, at offset: off_t) {
        var bytes = [UInt8](repeating: 0xAA, count: count)
        let got = pread(descriptor, &bytes, count, offset)
        call("read \(count) at \(offset)", got)
        if got > 0 { note("  \(Self.digest(bytes[..<got]))") }
    }

    func content(_ path: String) {
        let descriptor = cposix_open(path, O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return note("content \(Self.short(path)) = \(FopError.last.name)") }
        defer { close(descriptor) }
        var all: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 17)
        while true {
            let count = Glibc.read(descriptor, &block, block.count)
            if count < 0 { return note("content \(Self.short(path)) = \(FopError.last.name)") }
            if count == 0 { break }
            all += block[..<count]
        }
        note("content \(Self.short(path)) = \(all.count) bytes \(Self.digest(all[...]))")
    }

    /// Type, permissions, links (not of directories: file systems count those differently), owner, size.
    func stat(_ path: String, follow: Bool = false) {
        var status = Glibc.stat()
        guard fstatat(AT_FDCWD, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0 else {
            return note("stat \(Self.short(path)) = \(FopError.last.name)")
        }
        note("stat \(Self.short(path)) = \(Self.text(status))")
    }

    func stat(_ descriptor: Int32) {
        var status = Glibc.stat()
        guard fstat(descriptor, &status) == 0 else { return note("fstat = \(FopError.last.name)") }
        note("fstat = \(Self.text(status))")
    }

    static func text(_ status: Glibc.stat) -> String {
        let isDirectory = FileType(mode: status.st_mode) == .directory
        let isDevice = [FileType.characterDevice, .blockDevice].contains(FileType(mode: status.st_mode))
        return
            "\(String(status.st_mode, radix: 8)) links \(isDirectory ? 0 : Int(status.st_nlink)) uid \(status.st_uid) gid \(status.st_gid)"
            + " size \(isDirectory ? 0 : status.st_size)\(isDevice ? " rdev \(status.st_rdev)" : "")"
    }

    func status(_ path: String) -> Glibc.stat {
        var status = Glibc.stat()
        _ = fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW)
        return status
    }

    /// Names in order, "." and ".." too.
    func list(_ path: String) {
        guard let stream = opendir(path) else { return note("list \(Self.short(path)) = \(FopError.last.name)") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            names.append("\(Self.short(bytes)):\(entry.pointee.d_type)")
        }
        note("list \(Self.short(path)) = \(names.sorted())")
    }

    static func short(_ path: String) -> String { short(Array(path.utf8)) }
    static func short(_ bytes: [UInt8]) -> String {
        let shown = bytes.prefix(40).map {
            $0 >= 0x20 && $0 < 0x7F ? String(UnicodeScalar($0)) : "%\(String($0, radix: 16))"
        }
        return shown.joined() + (bytes.count > 40 ? "…(\(bytes.count))" : "")
    }

    /// The text where it is short and plain, else a hash over all of it, eight bytes at a time.
    static func digest(_ bytes: ArraySlice<UInt8>) -> String {
        if bytes.count <= 64, bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
            return "\"\(String(decoding: bytes, as: UTF8.self))\""
        }
        return bytes.withUnsafeBytes { raw in
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            var at = 0
            while at + 8 <= raw.count {
                hash = (hash ^ raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0x100_0000_01b3
                hash ^= hash >> 29
                at += 8
            }
            while at < raw.count {
                hash = (hash ^ UInt64(raw[at])) &* 0x100_0000_01b3
                at += 1
            }
            return String(hash, radix: 16)
        }
    }
}
