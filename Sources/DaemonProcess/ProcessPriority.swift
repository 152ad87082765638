import Glibc
import TranslatorCore

/// How much of a processor a process claims beside others: nice(2).
public enum ProcessPriority {
    /// Gives way to others by `nice`, 0…19. On Linux each thread has its own: those there are get it here, later ones
    /// from the thread that makes them.
    public static func giveWay(_ nice: Int32) {
        precondition(0...19 ~= nice)
        guard nice > 0, let threads = try? LocalFile.names(in: "/proc/self/task") else { return }
        for thread in threads.compactMap({ id_t($0) }) {
            // Making room for others is never refused; a thread may have ended meanwhile.
            _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, nice)
        }
    }
}
