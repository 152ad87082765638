import CPosix
import Glibc

extension ConformanceBody {
    static let files: [ConformanceBody] = [
        ConformanceBody("flags of open") { p in
            p.create("f", "content")
            mkdir("d", 0o755)
            _ = p.open("f", O_CREAT | O_EXCL | O_RDWR)
            close(p.open("f", O_CREAT | O_RDWR))
            p.content("f")
            close(p.open("f", O_RDONLY | O_TRUNC))
            p.stat("f")
            _ = p.open("d", O_RDWR)
            _ = p.open("d", O_CREAT | O_RDWR)
            close(p.open("d", O_RDONLY))
            close(p.open("d", O_RDONLY | O_DIRECTORY))
            _ = p.open("f", O_RDONLY | O_DIRECTORY)
            _ = p.open("nowhere", O_RDONLY)
            _ = p.open("f/", O_RDONLY)
            _ = p.open("new/", O_CREAT | O_WRONLY)
            let readOnly = p.open("f", O_RDONLY)
            p.write(readOnly, "no")
            p.call("ftruncate", ftruncate(readOnly, 10))
            close(readOnly)
            let writeOnly = p.open("f", O_WRONLY)
            p.read(writeOnly, 10, at: 0)
            p.write(writeOnly, "yes")
            close(writeOnly)
            p.content("f")
            let pathOnly = p.open("f", 0o10000000)  // O_PATH
            p.read(pathOnly, 1, at: 0)
            p.stat(pathOnly)
            close(pathOnly)
        },
        ConformanceBody("reading and writing") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            p.write(descriptor, "hello")
            p.write(descriptor, " world")
            p.read(descriptor, 100, at: 0)
            p.read(descriptor, 3, at: 2)
            p.read(descriptor, 10, at: 11)
            p.read(descriptor, 10, at: 5000)
            p.write(descriptor, "", at: 100)
            p.stat(descriptor)
            p.write(descriptor, "far", at: 10_000)
            p.stat(descriptor)
            p.read(descriptor, 20_000, at: 0)
            p.write(descriptor, repeating: 0x41, 300_000, at: 5000)
            p.read(descriptor, 400_000, at: 0)
            p.write(descriptor, repeating: 0x42, 1 << 20, at: 1)
            p.write(descriptor, repeating: 0x43, 3 << 20, at: 4097)
            p.stat(descriptor)
            p.read(descriptor, 5 << 20, at: 0)
            p.call("lseek end", lseek(descriptor, 0, SEEK_END))
            p.call("lseek negative", lseek(descriptor, -1, SEEK_SET))
            p.call("fsync", fsync(descriptor))
            p.call("fdatasync", fdatasync(descriptor))
            p.call("pwrite at negative", pwrite(descriptor, "x", 1, -1))
            close(descriptor)
            p.content("f")
        },
        ConformanceBody("unaligned writes that overlap") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            var random: UInt64 = 88_172_645_463_325_252
            func next(_ bound: UInt64) -> Int {
                random ^= random << 13
                random ^= random >> 7
                random ^= random << 17
                return Int(random % bound)
            }
            for step in 0..<200 {
                p.write(
                    descriptor, repeating: UInt8(truncatingIfNeeded: step), 1 + next(9000), at: off_t(next(100_000)))
            }
            p.stat(descriptor)
            p.read(descriptor, 200_000, at: 0)
            close(descriptor)
            p.content("f")
        },
        ConformanceBody("appending") { p in
            p.create("f", "start.")
            let one = p.open("f", O_WRONLY | O_APPEND)
            let two = p.open("f", O_WRONLY | O_APPEND)
            let plain = p.open("f", O_RDWR)
            p.write(one, "one.")
            p.write(two, "two.")
            p.write(one, "three.")
            p.write(plain, "S", at: 0)
            p.write(two, "at 0?", at: 0)
            p.stat("f")
            p.content("f")
            p.call("position", lseek(one, 0, SEEK_CUR))
            p.call("truncate", ftruncate(plain, 3))
            p.write(one, "four")
            p.content("f")
            p.call("take append away", cposix_fcntl_int(one, F_SETFL, 0))
            p.write(one, "X", at: 0)
            p.call("give append", cposix_fcntl_int(plain, F_SETFL, O_APPEND))
            p.write(plain, "Y")
            p.content("f")
            for descriptor in [one, two, plain] { close(descriptor) }
        },
        ConformanceBody("truncating") { p in
            p.create("f", "0123456789")
            p.call("shorter", truncate("f", 4))
            p.content("f")
            p.call("longer", truncate("f", 8))
            p.content("f")
            p.call("much longer", truncate("f", 100_000))
            p.content("f")
            p.call("to nothing", truncate("f", 0))
            p.content("f")
            p.call("negative", truncate("f", -1))
            mkdir("d", 0o755)
            p.call("directory", truncate("d", 0))
            p.call("missing", truncate("nowhere", 0))
            let descriptor = p.open("f", O_RDWR)
            p.write(descriptor, repeating: 0x61, 10_000, at: 0)
            p.call("ftruncate in a page", ftruncate(descriptor, 5001))
            p.call("and back", ftruncate(descriptor, 10_000))
            p.read(descriptor, 10_000, at: 0)
            p.call("by name while open", truncate("f", 100))
            p.stat(descriptor)
            p.read(descriptor, 1000, at: 0)
            close(descriptor)
        },
        ConformanceBody("unlinked while open") { p in
            p.create("f", "before")
            let descriptor = p.open("f", O_RDWR)
            p.call("unlink", unlink("f"))
            p.stat(descriptor)
            p.read(descriptor, 100, at: 0)
            p.write(descriptor, "after unlink", at: 3)
            p.read(descriptor, 100, at: 0)
            p.call("ftruncate", ftruncate(descriptor, 5))
            p.call("fchmod", fchmod(descriptor, 0o600))
            p.stat(descriptor)
            p.call("fsync", fsync(descriptor))
            p.create("f", "new file")
            p.read(descriptor, 100, at: 0)
            p.content("f")
            close(descriptor)
            p.content("f")
            mkdir("d", 0o755)
            let directory = p.open("d", O_RDONLY)
            p.call("rmdir", rmdir("d"))
            p.call("create in removed", openat(directory, "x"))
            close(directory)
        },
        ConformanceBody("a temporary file by rename over an open one") { p in
            p.create("f", "old")
            let old = p.open("f", O_RDONLY)
            p.create("f.tmp", "new")
            p.call("rename", rename("f.tmp", "f"))
            p.read(old, 10, at: 0)
            p.stat(old)
            p.content("f")
            close(old)
        },
        ConformanceBody("direct I/O") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR | O_DIRECT)
            var memory: UnsafeMutableRawPointer?
            posix_memalign(&memory, 4096, 1 << 20)
            guard let memory else { return }
            defer { free(memory) }
            memset(memory, 0x5A, 1 << 20)
            p.call("write", pwrite(descriptor, memory, 1 << 20, 0))
            p.call("write", pwrite(descriptor, memory, 4096, 1 << 21))
            memset(memory, 0, 1 << 20)
            p.call("read", pread(descriptor, memory, 1 << 20, 0))
            p.note("\(memory.load(as: UInt64.self))")
            p.call("read at end", pread(descriptor, memory, 1 << 20, 1 << 21))
            p.stat(descriptor)
            let buffered = p.open("f", O_RDWR)
            p.write(buffered, "buffered", at: 0)
            p.call("direct read after buffered write", pread(descriptor, memory, 4096, 0))
            p.note(String(decoding: UnsafeRawBufferPointer(start: memory, count: 8), as: UTF8.self))
            memset(memory, 0x42, 4096)
            p.call("direct write", pwrite(descriptor, memory, 4096, 0))
            p.read(buffered, 8, at: 0)
            close(buffered)
            close(descriptor)
            p.content("f")
        },
        ConformanceBody("mapped memory") { p in
            let bytes = 3 * 4096
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            p.write(descriptor, repeating: 0x2E, bytes - 100, at: 0)
            guard let shared = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
                cposix_is_mapping_failed(shared) == 0
            else { return p.note("mmap = \(errno)") }
            p.note(
                "mapped \(shared.load(fromByteOffset: 4096, as: UInt8.self)) \(shared.load(fromByteOffset: bytes - 1, as: UInt8.self))"
            )
            memcpy(shared + 5000, "stored", 6)
            p.read(descriptor, 6, at: 5000)
            p.write(descriptor, "written", at: 100)
            p.note(String(decoding: UnsafeRawBufferPointer(start: shared + 100, count: 7), as: UTF8.self))
            p.call("msync", msync(shared, bytes, Int32(MS_SYNC)))
            let other = p.open("f", O_RDONLY)
            p.read(other, 6, at: 5000)
            guard let private_ = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0),
                cposix_is_mapping_failed(private_) == 0
            else { return p.note("private mmap = \(errno)") }
            memcpy(private_ + 100, "private", 7)
            p.read(descriptor, 7, at: 100)
            close(descriptor)
            memcpy(shared, "after close", 11)
            p.read(other, 11, at: 0)
            munmap(shared, bytes)
            munmap(private_, bytes)
            close(other)
            p.content("f")
            p.stat("f")
        },
        ConformanceBody("large offsets") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            p.write(descriptor, "five gigabytes", at: 5 << 30)
            p.stat(descriptor)
            p.read(descriptor, 100, at: 5 << 30)
            p.read(descriptor, 4, at: 5 << 30 - 2)
            p.call("truncate to 7 TiB", ftruncate(descriptor, 7 << 40))
            p.stat(descriptor)
            p.call("too large", ftruncate(descriptor, 1 << 62))
            // Not in the write itself: the writeback cache takes what the brick refuses later.
            let tooFar = pwrite(descriptor, "x", 1, off_t.max - 1) < 0 || fsync(descriptor) < 0
            p.note("writing too far \(tooFar ? "fails with \(errno)" : "works")")
            close(descriptor)
            p.note("sparse \(p.status("f").st_blocks < 1000)")
        },
        ConformanceBody("fifos and sockets between processes") { p in
            mkfifo("fifo", 0o600)
            let end = p.open("fifo", O_RDWR)
            p.write(end, "through")
            var bytes = [UInt8](repeating: 0, count: 7)
            p.call("read", Glibc.read(end, &bytes, 7))
            p.note(String(decoding: bytes, as: UTF8.self))
            close(end)
            _ = p.open("fifo", O_WRONLY | O_NONBLOCK)
            let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: "sock".utf8) }
            let length = socklen_t(MemoryLayout<sockaddr_un>.size)
            func with(_ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32) -> Int32 {
                withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, length) }
                }
            }
            p.call("bind", with(cposix_bind, server))
            p.stat("sock")
            p.call("listen", listen(server, 1))
            let client = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            p.call("connect", with(cposix_connect, client))
            p.call("bind again", with(cposix_bind, client))
            close(client)
            close(server)
            p.call("connect to dead", with(cposix_connect, socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)))
        },
    ]

    private static func openat(_ directory: Int32, _ name: String) -> Int32 {
        cposix_openat(directory, name, O_CREAT | O_WRONLY, 0o644)
    }
}
