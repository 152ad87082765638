import Testing

/// STYLE §4 and §13: sizes and names that feel like home.
@Suite struct ShapeTests {
    private let code = Repository.sources + Repository.tests

    @Test func `the repository was found`() {
        #expect(code.count > 100)
        #expect(!Repository.volfiles.isEmpty)
    }

    @Test func `no source is longer than 400 lines, no list of claims longer than 500`() {
        let bad = code.filter { $0.lines.count > ($0.path.hasPrefix("Tests/") ? 501 : 401) }
        #expect(bad.map { "\($0.path) has \($0.lines.count - 1) lines" } == [])
    }

    @Test func `no line is longer than 120 characters, sentences for people and rows of tables not counted`() {
        // A sentence in one piece is found by who greps for it.
        func width(_ line: String) -> Int {
            guard let opens = line.firstIndex(of: "\""), let closes = line.lastIndex(of: "\"") else {
                return line.count
            }
            return line.count - line.distance(from: opens, to: closes)
        }
        let bad = code.flatMap { file in
            file.places { $0.utf8.count > 120 && width($0) > 120 && !$0.hasPrefix("/// |") }
        }
        #expect(bad == [])
    }

    @Test func `no file has a name that says nothing`() {
        let empty = ["utils", "utilities", "util", "helpers", "common", "misc", "manager", "types"]
        let bad = code.filter { file in
            let stem = (file.name.split(separator: ".").first ?? "").lowercased()
            return empty.contains { stem == $0 || stem.hasSuffix($0) || stem.hasPrefix($0 + "+") }
        }
        #expect(bad.map(\.path) == [])
    }

    @Test func `no banners, and no work left in comments`() {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        let bad = code.flatMap { file in
            file.places { line in
                guard let comment = line.comment else { return false }
                let isBanner = [" --", " ==", " **", "//"].contains { comment.dropFirst(2).hasPrefix($0) }
                // The seed's own open point is quoted by what closes it.
                return isBanner || words.contains { comment.has($0) } && !comment.has("the seed's")
            }
        }
        #expect(bad == [])
    }

    @Test func `no file knows a path of the machine it was written on`() {
        let scratch = "/t" + "mp", workplace = "/wo" + "rk/"
        let bad = (code + Repository.prose).flatMap { file in
            file.places { line in
                // A default where the environment says nothing is no knowledge of one machine.
                let isDefault = ["TMPDIR", "XDG_RUNTIME_DIR", "SCRATCH"].contains { line.has($0) }
                return line.has(workplace) || line.has(scratch) && !isDefault
            }
        }
        #expect(bad == [])
    }
}
