import ArgumentParser
import Glibc
import HealProtocol
import TranslatorCore

/// How sizes and lists are shown: the same for every subcommand.
struct FormatOptions: ParsableArguments {
    @Flag(help: "Sizes in powers of 1000.") var si = false
    @Flag(help: "Sizes in bytes.") var bytes = false
    @Flag(help: "List every file, not only the first 20.") var all = false

    func validate() throws {
        if si, bytes { throw ValidationError("--si and --bytes exclude each other") }
    }
    var units: Units { Units(sizes: bytes ? .bytes : si ? .si : .iec) }
    var filesMax: Int { all ? 1_000_000 : 20 }
}

extension Timestamp {
    static var now: Timestamp { SystemTimeSource().wallClock() }
}

/// Prints lines to standard output at once, also into a pipe. Ends quietly when nobody reads any more.
func show(_ lines: [String]) {
    let text = Array((lines.joined(separator: "\n") + "\n").utf8)
    var offset = 0
    while offset < text.count {
        let written = text.withUnsafeBytes { write(1, $0.baseAddress! + offset, text.count - offset) }
        if written < 0, errno == EINTR { continue }
        if written <= 0 { exit(0) }
        offset += written
    }
}
