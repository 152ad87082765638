import CPosix
import Glibc

extension ConformanceBody {
    static let names: [ConformanceBody] = [
        ConformanceBody("making, finding and removing names") { p in
            p.create("a", "hello")
            p.create("a")
            p.stat("a")
            p.content("a")
            p.call("mkdir d", mkdir("d", 0o777))
            p.call("mkdir d", mkdir("d", 0o777))
            p.call("mkdir a", mkdir("a", 0o777))
            p.stat("d")
            p.call("mkdir nowhere/x", mkdir("nowhere/x", 0o777))
            p.call("mkdir a/x", mkdir("a/x", 0o777))
            p.create("d/inner")
            p.call("rmdir d", rmdir("d"))
            p.call("rmdir a", rmdir("a"))
            p.call("unlink d", unlink("d"))
            p.call("unlink nowhere", unlink("nowhere"))
            p.call("rmdir nowhere", rmdir("nowhere"))
            p.call("rmdir d/.", rmdir("d/."))
            p.call("rmdir d/..", rmdir("d/.."))
            p.list(".")
            p.list("d")
            p.call("unlink d/inner", unlink("d/inner"))
            p.call("rmdir d", rmdir("d"))
            p.stat("d")
            p.call("unlink a/", unlink("a/"))
            p.call("unlink a", unlink("a"))
            p.list(".")
        },
        ConformanceBody("a removed file leaves no error behind for syncfs") { p in
            let directory = cposix_open(".", O_RDONLY, 0)
            p.create("a")
            p.call("unlink", unlink("a"))
            p.call("syncfs", syncfs(directory))
            p.create("b", "written")
            p.call("link", link("b", "c"))
            p.call("unlink", unlink("b"))
            p.call("unlink", unlink("c"))
            p.call("syncfs", syncfs(directory))
            close(directory)
        },
        ConformanceBody("long names and paths") { p in
            let longest = String(repeating: "n", count: 255)
            p.create(longest, "x")
            p.stat(longest)
            p.create(longest + "n")
            p.stat(longest + "n")
            p.call("mkdir 256", mkdir(longest + "d", 0o777))
            p.call("symlink", symlink("target", String(repeating: "s", count: 255)))
            p.call("rename", rename(longest, String(repeating: "m", count: 255)))
            p.call("rename to 256", rename(String(repeating: "m", count: 255), longest + "m"))
            p.call("unlink 256", unlink(longest + "u"))
            p.list(".")
            let deep = (0..<20).map { _ in String(repeating: "p", count: 200) }
            var path = ""
            for part in deep {
                path += part
                if !p.call("mkdir at \(path.utf8.count)", mkdir(path, 0o777)) { break }
                path += "/"
            }
            p.stat(String(repeating: "p/", count: 2100))
        },
        ConformanceBody("names that are not UTF-8") { p in
            let raw: [CChar] = [CChar(bitPattern: 0xFF), CChar(bitPattern: 0xC3), 0x28, 0x0A, 0x5C, 0]
            let other: [CChar] = [CChar(bitPattern: 0x80), 0x20, 0]
            let descriptor = cposix_open(raw, O_CREAT | O_RDWR, 0o600)
            p.call("create", min(descriptor, 1))
            p.write(descriptor, "bytes")
            close(descriptor)
            p.list(".")
            p.call("rename", rename(raw, other))
            p.list(".")
            p.call("link", link(other, raw))
            p.call("symlink", symlink(raw, "sym"))
            var target = [CChar](repeating: 0, count: 64)
            p.call("readlink", readlink("sym", &target, 64))
            p.note("\(target.prefix(8))")
            p.call("unlink", unlink(other))
            p.list(".")
        },
        ConformanceBody("symbolic links") { p in
            p.create("file", "content")
            p.call("symlink", symlink("file", "link"))
            p.stat("link")
            p.stat("link", follow: true)
            p.content("link")
            p.call("symlink over", symlink("x", "link"))
            var buffer = [CChar](repeating: 0, count: 5000)
            p.call("readlink", readlink("link", &buffer, 5000))
            p.call("readlink short", readlink("link", &buffer, 2))
            p.call("readlink of file", readlink("file", &buffer, 100))
            p.call("loop", symlink("loop", "loop"))
            p.stat("loop", follow: true)
            _ = p.open("loop", O_RDONLY)
            _ = p.open("link", O_RDONLY | O_NOFOLLOW)
            p.call("dangling", symlink("nowhere", "dangling"))
            p.content("dangling")
            close(p.open("dangling", O_CREAT | O_WRONLY))
            p.stat("nowhere")
            _ = p.open("dangling", O_CREAT | O_EXCL | O_WRONLY)
            let long = String(repeating: "t", count: 4000)
            p.call("long", symlink(long, "long"))
            p.stat("long")
            p.call("readlink long", readlink("long", &buffer, 5000))
            p.call("too long", symlink(long + long, "longer"))
            p.call("empty", symlink("", "empty"))
            p.call("lchown", lchown("link", 5, 6))
            p.stat("link")
            p.stat("file")
            mkdir("d", 0o755)
            symlink("d", "dl")
            p.call("rmdir link", rmdir("dl"))
            p.call("unlink link/", unlink("dl/"))
            p.list("dl/")
        },
        ConformanceBody("hard links") { p in
            p.create("a", "one")
            p.call("link", link("a", "b"))
            p.stat("a")
            p.stat("b")
            p.note("same inode \(p.status("a").st_ino == p.status("b").st_ino)")
            p.call("link over", link("a", "b"))
            mkdir("d", 0o755)
            p.call("link into", link("a", "d/c"))
            p.stat("d/c")
            p.call("link directory", link("d", "e"))
            p.call("link nowhere", link("nowhere", "e"))
            symlink("a", "s")
            p.call("link symlink", link("s", "s2"))
            p.stat("s2")
            p.call("link followed", linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW))
            p.stat("s3")
            let descriptor = p.open("b", O_WRONLY | O_TRUNC)
            p.write(descriptor, "changed by b")
            close(descriptor)
            p.content("a")
            p.call("chmod", chmod("d/c", 0o600))
            p.stat("a")
            for name in ["a", "b", "d/c", "s3"] {
                p.call("unlink \(name)", unlink(name))
                p.stat("s3")
            }
        },
        ConformanceBody("renaming files") { p in
            p.create("a", "A")
            p.create("b", "BB")
            let held = p.open("b", O_RDONLY)
            p.call("over", rename("a", "b"))
            p.stat("a")
            p.content("b")
            p.stat(held)
            p.read(held, 10, at: 0)
            close(held)
            p.call("onto itself", rename("b", "b"))
            link("b", "c")
            p.call("onto own link", rename("b", "c"))
            p.stat("b")
            p.stat("c")
            p.call("missing", rename("nowhere", "x"))
            p.call("missing parent", rename("b", "nowhere/x"))
            mkdir("d", 0o755)
            p.call("over directory", rename("b", "d"))
            p.call("into directory", rename("b", "d/b"))
            p.call("up", rename("d/b", "top"))
            p.call("slash", rename("top", "top2/"))
            p.list(".")
            p.list("d")
        },
        ConformanceBody("renaming directories") { p in
            for name in ["d", "d/sub", "e", "full", "full/x"] { p.call("mkdir \(name)", mkdir(name, 0o755)) }
            p.create("f")
            p.create("d/file", "kept")
            p.call("over empty", rename("d", "e"))
            p.content("e/file")
            p.stat("d")
            p.call("over full", rename("e", "full"))
            p.call("over file", rename("e", "f"))
            p.call("into itself", rename("e", "e/sub/e"))
            p.call("parent onto child's place", rename("e/sub", "e"))
            p.call("dot", rename("e/.", "x"))
            p.call("moved down", rename("e", "full/x"))
            p.list("full/x")
            p.call("moved up", rename("full/x/sub", "sub"))
            p.stat("sub/..")
            p.note("parent is right \(p.status("sub/..").st_ino == p.status(".").st_ino)")
            p.list(".")
        },
        ConformanceBody("renaming with flags") { p in
            p.create("a", "A")
            p.create("b", "B")
            mkdir("d", 0o755)
            p.create("d/in")
            func renamed(_ from: String, _ to: String, _ flags: UInt32) {
                p.call("renameat2 \(from) \(to) \(flags)", cposix_renameat2(AT_FDCWD, from, AT_FDCWD, to, flags))
            }
            renamed("a", "b", 1)
            renamed("a", "c", 1)
            p.list(".")
            renamed("b", "c", 2)
            p.content("b")
            p.content("c")
            renamed("b", "d", 2)
            p.stat("b")
            p.content("d")
            p.list("b")
            renamed("b", "nowhere", 2)
            renamed("b", "d", 3)
            renamed("b", "b/in", 2)
            renamed("d", "b/in", 2)
            p.list("b")
        },
        ConformanceBody("a directory read while it changes") { p in
            mkdir("d", 0o755)
            for number in 0..<600 { close(cposix_open("d/file-\(number)", O_CREAT | O_WRONLY, 0o644)) }
            guard let stream = opendir("d") else { return p.note("opendir failed") }
            defer { closedir(stream) }
            var seen: [String: Int] = [:]
            var count = 0
            while let entry = readdir(stream) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                seen[name, default: 0] += 1
                count += 1
                if count == 50 {
                    for number in 1000..<1100 { close(cposix_open("d/new-\(number)", O_CREAT | O_WRONLY, 0o644)) }
                }
                if name.hasPrefix("file-") { unlink("d/\(name)") }
            }
            p.note("each old name exactly once: \((0..<600).allSatisfy { seen["file-\($0)"] == 1 })")
            p.note("no name twice: \(seen.values.allSatisfy { $0 == 1 })")
            rewinddir(stream)
            var after = 0
            while let entry = readdir(stream) { after += entry.pointee.d_name.0 == 0x6E ? 1 : 0 }
            p.note("new ones after rewinding: \(after)")
        },
        ConformanceBody("telldir and seekdir") { p in
            mkdir("d", 0o755)
            for number in 0..<300 { close(cposix_open("d/\(number)", O_CREAT | O_WRONLY, 0o644)) }
            guard let stream = opendir("d") else { return p.note("opendir failed") }
            defer { closedir(stream) }
            func next() -> String? {
                guard let entry = readdir(stream) else { return nil }
                return withUnsafeBytes(of: &entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
            }
            for _ in 0..<137 { _ = next() }
            let place = telldir(stream)
            let rest = { () -> [String] in
                var names: [String] = []
                while let name = next() { names.append(name) }
                return names
            }
            let first = rest()
            seekdir(stream, place)
            p.note("same rest \(first == rest()), \(first.count) names")
            p.call("unlink", rmdir("d"))
        },
    ]
}
