import Testing

/// STYLE §6 and §11: what a declaration must say.
@Suite struct DeclarationTests {
    private let swift = Repository.sources.filter(\.isSwift)

    /// The comment lines right above `index`, attributes and conditions stepped over.
    private func comment(above index: Int, in file: Repository.File) -> [String] {
        var comment: [String] = []
        var position = index - 1
        while position >= 0 {
            let line = file.lines[position].drop { $0 == " " }
            if line.hasPrefix("//") { comment.append(String(line)) } else if !line.hasPrefix("@") { break }
            position -= 1
        }
        return comment
    }

    @Test func `every public type says what it is`() {
        let bad = swift.flatMap { file in
            file.lines.indices.filter { index in
                let words = file.lines[index].split(separator: " ").filter { $0 != "final" && $0 != "indirect" }
                guard words.count > 2, words[0] == "public",
                    ["class", "struct", "enum", "protocol", "actor"].contains(words[1])
                else {
                    return false
                }
                return !comment(above: index, in: file).contains { $0.hasPrefix("///") }
            }.map(file.place)
        }
        #expect(bad == [])
    }

    @Test func `what the compiler cannot check says why it is safe`() {
        let unsafe = ["@unchecked " + "Sendable", "nonisolated" + "(unsafe)"]
        let bad = swift.flatMap { file in
            file.lines.indices.filter { index in
                let line = file.lines[index]
                guard !line.drop(while: { $0 == " " }).hasPrefix("//"), unsafe.contains(where: line.has) else {
                    return false
                }
                return !isExplained(index, in: file, unsafe)
            }.map(file.place)
        }
        #expect(bad == [])
    }

    /// Under a comment with "Safe because", or in a row of such declarations under one.
    private func isExplained(_ index: Int, in file: Repository.File, _ unsafe: [String]) -> Bool {
        // A class says it where the state stands that it is about.
        let below = file.lines[index..<min(index + 12, file.lines.count)]
        if file.lines[index].contains("class "), below.contains(where: { $0.has("Safe because") }) { return true }
        var position = index
        while position >= 0 {
            if comment(above: position, in: file).contains(where: { $0.has("Safe because") }) { return true }
            position -= 1 + comment(above: position, in: file).count
            guard position >= 0, unsafe.contains(where: file.lines[position].has) else { return false }
        }
        return false
    }
}
