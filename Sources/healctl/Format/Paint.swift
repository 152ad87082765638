import Glibc
import HealProtocol

/// Colours for a terminal; none elsewhere, nor with NO_COLOR set (no-color.org).
struct Paint: Sendable {
    let isOn: Bool

    static let off = Paint(isOn: false)
    static var standardOutput: Paint {
        let isRefused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? true
        return Paint(isOn: isatty(1) == 1 && !isRefused && !isDumb)
    }

    func bold(_ text: String) -> String { isOn ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
    func state(_ text: String, _ state: HealStatus.State) -> String {
        guard isOn else { return text }
        let colour =
            switch state {
            case .clean: 32
            case .inFlight, .healing: 36
            case .behind, .unknown: 33
            case .losingGround, .failed, .splitBrain: 31
            }
        return "\u{1B}[1;\(colour)m\(text)\u{1B}[0m"
    }
}
