import CPosix
import Glibc

extension ConformanceBody {
    static let space: [ConformanceBody] = [
        ConformanceBody("fallocate's modes") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            p.write(descriptor, repeating: 0x61, 20_000, at: 0)
            func allocate(_ mode: Int32, _ offset: off_t, _ bytes: off_t) {
                p.call("fallocate \(mode) \(offset) \(bytes)", fallocate(descriptor, mode, offset, bytes))
                p.stat(descriptor)
                p.read(descriptor, 200_000, at: 0)
            }
            allocate(0, 0, 10_000)
            allocate(0, 15_000, 50_000)
            allocate(1, 60_000, 100_000)
            allocate(3, 1000, 5000)
            allocate(3, 64_000, 100_000)
            allocate(2, 0, 1000)
            allocate(0x10, 8000, 3000)
            allocate(0x10, 64_000, 20_000)
            allocate(0x11, 100_000, 20_000)
            allocate(0, 0, 0)
            allocate(0, -1, 10)
            close(descriptor)
            let readOnly = p.open("f", O_RDONLY)
            p.call("read-only", fallocate(readOnly, 0, 0, 10))
            close(readOnly)
            p.content("f")
        },
        ConformanceBody("set-ID bits of a caller without CAP_FSETID, and of one with it") { p in
            let weak = "setpriv --bounding-set -fsetid --inh-caps -fsetid --"
            for caller in ["", weak] {
                for change in ["fallocate -l 50000 f", "fallocate -p -l 4096 f", "fallocate -z -l 4096 f", "cp f g"] {
                    for mode in ["6755", "2745"] {
                        shell(p, "seq 9000 > f; cp f g; chmod \(mode) f g; \(caller) \(change); stat -c %a f g; rm f g")
                    }
                }
            }
        },
        ConformanceBody("data and holes") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            p.write(descriptor, repeating: 0x61, 8192, at: 65_536)
            p.write(descriptor, repeating: 0x62, 4096, at: 262_144)
            p.call("longer", ftruncate(descriptor, 1 << 20))
            p.call("fsync", fsync(descriptor))
            for offset: off_t in [
                0, 1, 65_536, 70_000, 73_728, 100_000, 262_144, 262_145, 266_240, 500_000, 1 << 20, 1 << 21,
            ] {
                p.call("data from \(offset)", lseek(descriptor, offset, SEEK_DATA))
                p.call("hole from \(offset)", lseek(descriptor, offset, SEEK_HOLE))
            }
            p.call("punch", fallocate(descriptor, 3, 65_536, 4096))
            p.call("data from 0", lseek(descriptor, 0, SEEK_DATA))
            p.call("hole from 70000", lseek(descriptor, 70_000, SEEK_HOLE))
            p.note("sparse \(p.status("f").st_blocks <= 24)")
            close(descriptor)
        },
        ConformanceBody("data is found before it was flushed") { p in
            let descriptor = p.open("f", O_CREAT | O_RDWR)
            p.call("longer", ftruncate(descriptor, 1 << 20))
            p.write(descriptor, repeating: 0x61, 4096, at: 524_288)
            p.call("data", lseek(descriptor, 0, SEEK_DATA))
            p.call("hole", lseek(descriptor, 524_288, SEEK_HOLE))
            close(descriptor)
        },
        ConformanceBody("copy_file_range") { p in
            p.create("source", String(repeating: "0123456789", count: 2000))
            p.create("sink", "XXXXXXXXXX")
            let source = p.open("source", O_RDWR)
            let sink = p.open("sink", O_RDWR)
            func copy(_ from: Int32, _ fromOffset: off_t, _ to: Int32, _ toOffset: off_t, _ bytes: Int) {
                var (a, b) = (fromOffset, toOffset)
                p.call("copy \(fromOffset) to \(toOffset), \(bytes)", copy_file_range(from, &a, to, &b, bytes, 0))
                p.note("  \(a) \(b)")
            }
            copy(source, 5, sink, 3, 4)
            copy(source, 0, sink, 100, 15_000)
            copy(source, 19_990, sink, 0, 1000)
            copy(source, 30_000, sink, 0, 10)
            copy(source, 0, source, 20_000, 5000)
            copy(source, 0, source, 10, 100)
            copy(source, 0, sink, 50_000, 0)
            close(sink)
            p.content("sink")
            p.content("source")
            let appending = p.open("sink", O_WRONLY | O_APPEND)
            copy(source, 0, appending, 0, 10)
            close(appending)
            let readOnly = p.open("sink", O_RDONLY)
            copy(source, 0, readOnly, 0, 10)
            close(readOnly)
            close(source)
        },
    ]
}
