import CPosix
import Glibc

/// A named, detached thread: for FUSE workers, blocking sockets and lock waits, never for anything that could be a
/// task.
public enum WorkerThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void
        init(name: String, run: @escaping @Sendable () -> Void) { (self.name, self.run) = (name, run) }
    }

    /// `name` is what `top -H` shows; the kernel keeps 15 bytes. All signals stay with the main thread.
    public static func start(name: String, _ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        var thread = pthread_t()
        var all = sigset_t(), before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        let failed = pthread_create(
            &thread, nil,
            { argument in
                let body = Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
                pthread_setname_np(pthread_self(), String(body.name.prefix(15)))
                body.run()
                return nil
            }, body.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        precondition(failed == 0, "cannot start thread \(name): \(String(cString: strerror(failed)))")
        pthread_detach(thread)
    }
}
