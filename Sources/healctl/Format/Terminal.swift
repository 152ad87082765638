import CPosix
import Glibc
import TranslatorCore

/// The terminal behind standard output: redrawn in place, and keys read one by one when standard input is it too.
final class Terminal {
    private var before = termios()
    private let readsKeys: Bool

    init() {
        readsKeys = isatty(0) == 1 && tcgetattr(0, &before) == 0
        if readsKeys {
            var raw = before
            // Ctrl-C comes as a key too, so that the terminal is always put back.
            raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
            tcsetattr(0, TCSANOW, &raw)
        }
        put("\u{1B}[?25l")
    }

    func restore() {
        put("\u{1B}[?25h")
        if readsKeys { tcsetattr(0, TCSANOW, &before) }
    }

    /// Overwrites the screen from its top, without the flicker of clearing it first. Lines are cut to its size.
    func draw(_ lines: [String]) {
        var size = winsize()
        let isKnown = cposix_ioctl_ptr(1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 1
        let rows = isKnown ? Int(size.ws_row) - 1 : lines.count
        put("\u{1B}[H" + lines.prefix(rows).map { $0 + "\u{1B}[K\r\n" }.joined() + "\u{1B}[J")
    }

    /// The next key, or nil after `timeout`.
    func key(within timeout: Duration) -> Character? {
        var entry = pollfd(fd: readsKeys ? 0 : -1, events: Int16(POLLIN), revents: 0)
        let milliseconds = Int32(clamping: timeout.wholeNanoseconds / 1_000_000)
        guard poll(&entry, 1, milliseconds) > 0 else { return nil }
        var byte: UInt8 = 0
        return read(0, &byte, 1) == 1 ? Character(UnicodeScalar(byte)) : "q"
    }

    private func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(1, bytes, bytes.count)
    }
}
