import CPosix
import Glibc

extension ConformanceBody {
    static func shell(_ p: Probe, _ script: String) {
        let directory = String(cString: getcwd(nil, 0))
        let ended = Program.run("sh", ["-c", "cd '\(directory)' && { \(script); }"])
        p.note("\(script) = \(ended.code): \(ended.output.split(separator: "\n").joined(separator: " | "))")
    }

    static let programs: [ConformanceBody] = [
        ConformanceBody("running programs") { p in
            shell(p, "cp /bin/true true && ./true")
            shell(p, "cp /bin/echo echo && ./echo from the volume")
            shell(p, "printf '#!/bin/sh\\necho script $1\\n' > s && chmod 755 s && ./s one")
            shell(p, "chmod 644 s; ./s")
            shell(p, "chmod 4755 echo; stat -c %a echo; cat /dev/null >> echo; stat -c %a echo")
            shell(
                p,
                "cp /bin/sleep sleep && { ./sleep 0.3 & } && sleep 0.1 && { cat /dev/null > sleep; } 2>&1 | sed 's/.*: //'; wait"
            )
            shell(p, "cp -a s t && cmp s t && mv t u && ls")
        },
        ConformanceBody("copying trees") { p in
            shell(
                p,
                "mkdir -p a/b/c && echo one > a/1 && ln a/1 a/b/2 && ln -s ../1 a/b/3 && mkfifo a/b/c/p && chmod 750 a/b"
            )
            shell(
                p,
                "cp -a a z && diff -r --no-dereference a/b/c/.. z/b/c/.. 2>&1 | grep -v fifo; find z | sort | tr '\\n' ' '"
            )
            shell(
                p,
                "tar cf - a | (mkdir t && cd t && tar xpf -) && find t -printf '%p %m %y %n\\n' | sort | grep -v ' d '")
            shell(p, "rm -rf a z && ls")
        },
        ConformanceBody("sparse copies stay sparse") { p in
            shell(p, "truncate -s 10M s && printf data | dd of=s bs=1 seek=5000000 conv=notrunc 2>/dev/null && sync s")
            shell(p, "cp --sparse=auto s t && cmp s t && [ $(stat -c %b t) -lt 100 ] && echo sparse")
        },
    ]
}
