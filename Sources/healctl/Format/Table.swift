/// Columns that line up, two spaces apart. Widths are counted in characters as a terminal shows them.
struct Table {
    private var rows: [[String]] = []
    private let indent: String

    init(indent: String = "  ", _ header: String...) {
        self.indent = indent
        rows.append(header)
    }
    mutating func add(_ cells: String...) {
        precondition(cells.count == rows[0].count)
        rows.append(cells)
    }
    var isEmpty: Bool { rows.count == 1 }

    var lines: [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
        return rows.map { row in
            var line = indent
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}

/// Text from a volume (a path, a reason) made safe for a terminal: control characters are shown, not obeyed.
func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
    return String(
        text.unicodeScalars.map {
            $0.properties.generalCategory == .control ? "\\u{\(String($0.value, radix: 16))}" : String($0)
        }
        .joined())
}
