import CPosix
import Glibc

extension ConformanceBody {
    /// What a process of its own finds: "w 0 10" tries an fcntl(2) write lock there, "ex" an exclusive flock(2).
    private static func another(_ p: Probe, _ what: String, on file: String) {
        let script = #"""
            use Fcntl qw(:DEFAULT :flock F_SETLK F_GETLK F_RDLCK F_WRLCK F_UNLCK); use Errno;
            my ($file, $kind, $start, $length) = @ARGV;
            open(my $f, "+<", $file) or die "open: $!";
            my $ok;
            if ($kind eq "ex" or $kind eq "sh") { $ok = flock($f, ($kind eq "ex" ? LOCK_EX : LOCK_SH) | LOCK_NB); }
            else {
                my $lock = pack("s s x4 q q i x4", $kind eq "w" ? F_WRLCK : F_RDLCK, 0, $start, $length, 0);
                if (!($ok = fcntl($f, F_SETLK, $lock))) {
                    my $why = $!;
                    fcntl($f, F_GETLK, $lock); my ($type, $whence, $s, $l) = unpack("s s x4 q q i", $lock);
                    print "held: type $type from $s for $l; "; $! = $why;
                }
            }
            print $ok ? "granted" : "refused";
            """#
        let words = what.split(separator: " ").map(String.init)
        p.note("another \(what): \(Program.run("perl", ["-e", script, file] + words).output)")
    }

    private static func lock(_ p: Probe, _ descriptor: Int32, _ kind: Int32, _ start: off_t, _ length: off_t) {
        var lock = flock()
        (lock.l_type, lock.l_whence, lock.l_start, lock.l_len) = (Int16(kind), Int16(SEEK_SET), start, length)
        p.call("lock \(kind) \(start) \(length)", cposix_fcntl_lock(descriptor, F_SETLK, &lock))
    }

    static let locks: [ConformanceBody] = [
        ConformanceBody("fcntl locks between processes") { p in
            p.create("f", "0123456789")
            let file = String(cString: realpath("f", nil))
            let descriptor = p.open("f", O_RDWR)
            lock(p, descriptor, F_WRLCK, 10, 10)
            for what in ["w 0 10", "w 0 11", "r 19 1", "r 20 5", "w 20 0", "w 0 0"] { another(p, what, on: file) }
            lock(p, descriptor, F_RDLCK, 10, 10)
            for what in ["w 15 1", "r 15 1"] { another(p, what, on: file) }
            lock(p, descriptor, F_UNLCK, 12, 3)
            for what in ["w 12 3", "w 11 1", "w 15 1"] { another(p, what, on: file) }
            lock(p, descriptor, F_WRLCK, 0, 0)
            another(p, "r 1000000 1", on: file)
            // Any close of the file lets go of all the process's locks.
            close(p.open("f", O_RDONLY))
            another(p, "w 0 0", on: file)
            lock(p, descriptor, F_WRLCK, 0, 0)
            close(descriptor)
            another(p, "w 0 0", on: file)
            let readOnly = p.open("f", O_RDONLY)
            lock(p, readOnly, F_WRLCK, 0, 1)
            lock(p, readOnly, F_RDLCK, 0, 1)
            close(readOnly)
        },
        ConformanceBody("flock between processes") { p in
            p.create("f")
            let file = String(cString: realpath("f", nil))
            let one = p.open("f", O_RDWR)
            let two = p.open("f", O_RDWR)
            func take(_ descriptor: Int32, _ operation: Int32) {
                p.call("flock \(operation)", flock(descriptor, operation | LOCK_NB))
            }
            take(one, LOCK_EX)
            take(two, LOCK_EX)
            take(two, LOCK_SH)
            another(p, "sh", on: file)
            take(one, LOCK_SH)
            take(two, LOCK_SH)
            another(p, "sh", on: file)
            another(p, "ex", on: file)
            take(one, LOCK_EX)
            take(two, LOCK_UN)
            take(one, LOCK_EX)
            let copy = dup(one)
            close(one)
            another(p, "ex", on: file)
            close(copy)
            another(p, "ex", on: file)
            take(two, LOCK_EX)
            another(p, "sh", on: file)
            close(two)
            another(p, "sh", on: file)
            take(two, LOCK_EX)
        },
        ConformanceBody("flock and fcntl locks do not see each other") { p in
            p.create("f")
            let file = String(cString: realpath("f", nil))
            let descriptor = p.open("f", O_RDWR)
            p.call("flock", flock(descriptor, LOCK_EX | LOCK_NB))
            another(p, "w 0 0", on: file)
            lock(p, descriptor, F_WRLCK, 0, 0)
            another(p, "w 0 0", on: file)
            another(p, "ex", on: file)
            p.call("unlock", flock(descriptor, LOCK_UN))
            another(p, "ex", on: file)
            another(p, "r 0 0", on: file)
            close(descriptor)
            another(p, "r 0 0", on: file)
        },
        ConformanceBody("a lock that is waited for is granted when it is let go, and a signal ends the wait") { p in
            p.create("f")
            let file = String(cString: realpath("f", nil))
            // Waits until a signal comes, then says so by making a file, and waits again.
            let script = #"""
                use Fcntl qw(:DEFAULT :flock F_SETLKW F_WRLCK); use Time::HiRes qw(ualarm);
                my ($file, $kind, $flag) = @ARGV;
                open(my $f, "+<", $file) or die "open: $!";
                my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
                sub take { $kind eq "fcntl" ? fcntl($f, F_SETLKW, $lock) : flock($f, LOCK_EX) }
                $SIG{ALRM} = sub { die "interrupted" };
                ualarm(200_000);
                eval { print take() ? "granted too early" : "failed: $!"; };
                print $@ =~ /interrupted/ ? "interrupted, " : "not interrupted, ";
                ualarm(0);
                open(my $done, ">", $flag); close $done;
                print take() ? "granted" : "failed: $!";
                """#
            for kind in ["fcntl", "flock"] {
                let descriptor = p.open("f", O_RDWR)
                if kind == "fcntl" {
                    lock(p, descriptor, F_WRLCK, 0, 0)
                } else {
                    p.call("flock", flock(descriptor, LOCK_EX))
                }
                let flag = file + ".\(kind)"
                let watcher = WatchForFile(flag, thenClose: descriptor)
                p.note("\(kind): \(Program.run("perl", ["-e", script, file, kind, flag]).output)")
                watcher.join()
            }
        },
    ]
}

/// Closes a descriptor, in this process, as soon as a file appears.
private final class WatchForFile {
    private var thread = pthread_t()
    private final class Job {
        let path: String, descriptor: Int32
        init(_ path: String, _ descriptor: Int32) { (self.path, self.descriptor) = (path, descriptor) }
    }

    init(_ path: String, thenClose descriptor: Int32) {
        let job = Unmanaged.passRetained(Job(path, descriptor))
        pthread_create(
            &thread, nil,
            { argument in
                let job = Unmanaged<Job>.fromOpaque(argument!).takeRetainedValue()
                for _ in 0..<2000 where access(job.path, F_OK) != 0 { usleep(5000) }
                close(job.descriptor)
                return nil
            }, job.toOpaque())
    }

    func join() { pthread_join(thread, nil) }
}
