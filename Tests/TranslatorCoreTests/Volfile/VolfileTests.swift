import Testing
import TranslatorCore

@Suite struct VolfileTests {
    private func sentence(_ text: String, top: String? = nil) -> String? {
        do {
            _ = try Volfile(text, file: "t.vol", top: top)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `words, comments, quotes and line ends of every kind are read`() throws {
        let volfile = try Volfile(
            "# a stack\r\n\r\nvolume disk # the brick\r\n\tTYPE storage/posix\r\n  option directory  /a b#1   # not #2\r\n"
                + "option text \"  say \\\"hi\\\" \\\\ # there \"\r\noption empty\nend-volume\nvolume top\ntype a/b\n"
                + "subvolumes   disk\nEND-VOLUME", file: "t.vol")
        #expect(volfile.volumes.map(\.name) == ["disk", "top"])
        #expect(volfile["disk"]?.options.map(\.text) == ["/a b#1", "  say \"hi\" \\ # there ", ""])
        #expect(volfile["disk"]?.options.map(\.location.line) == [5, 6, 7])
        #expect(volfile.top.subvolumes == ["disk"])
    }

    @Test func `a volfile survives being written and read`() throws {
        let volfile = try Volfile(
            "volume a\ntype x/y\noption one \"\"\noption two a  b\noption three \"#c\"\noption four \"d\\\"\"\nend-volume",
            file: "t.vol")
        let again = try Volfile(volfile.text(showingSecrets: true), file: "t.vol")
        #expect(again.volumes.map(\.options).map { $0.map(\.text) } == [["", "a b", "#c", "d\""]])
    }

    @Test func `secrets are masked in what is logged`() throws {
        let volfile = try Volfile("volume a\ntype x/y\noption password hunter2\nend-volume", file: "t.vol")
        #expect(volfile.description.contains("option password ***"))
        #expect(!volfile.description.contains("hunter2"))
    }

    @Test(arguments: [
        ("", "t.vol: no volume in it"),
        ("# nothing\n", "t.vol: no volume in it"),
        ("volum a", "t.vol:1: \"volum\" cannot stand here: a volume begins with \"volume NAME\""),
        ("type a/b", "t.vol:1: \"type\" cannot stand outside of a volume: a volume begins with \"volume NAME\""),
        ("end-volume", "t.vol:1: end-volume without a volume before it"),
        ("volume", "t.vol:1: volume needs a name"),
        ("volume a b", "t.vol:1: \"b\" cannot stand behind the volume's name"),
        ("volume a\ntype x/y", "t.vol:1: volume \"a\": is not closed: its end-volume is missing"),
        ("volume a\nend-volume", "t.vol:1: volume \"a\": has no type"),
        ("volume a\ntype\nend-volume", "t.vol:2: volume \"a\": type needs a value such as storage/posix"),
        ("volume a\ntype x/y\ntype x/z", "t.vol:3: volume \"a\": type was already given: x/y"),
        ("volume a\ntype x/y z", "t.vol:2: \"z\" cannot stand behind the type"),
        ("volume a\n\noptoin b c", "t.vol:3: volume \"a\": \"optoin\" cannot stand here; did you mean \"option\"?"),
        ("volume a\nvolume b", "t.vol:2: volume \"a\": is still open here: its end-volume is missing"),
        ("volume a\noption", "t.vol:2: volume \"a\": option needs a name and a value"),
        ("volume a\noption b 1\noption b 2", "t.vol:3: volume \"a\": option \"b\" was already given in line 2"),
        ("volume a\noption b \"c\" d", "t.vol:2: \"d\" cannot stand behind the value"),
        ("volume a\noption b \"c", "t.vol:2: the quoted text is not closed on its line"),
        (
            "volume a\noption b `date`",
            "t.vol:2: volume \"a\": option \"b\": commands in backquotes are not run; write the value itself"
        ),
        ("volume a\nsubvolumes", "t.vol:2: volume \"a\": subvolumes needs at least one name"),
        ("volume a\nsubvolumes b b", "t.vol:2: volume \"a\": subvolume \"b\" is listed twice"),
        (
            "volume a\ntype x/y\nend-volume\nvolume a\ntype x/y\nend-volume",
            "t.vol:4: volume \"a\" is already defined in line 1"
        ),
        (
            "volume r-0\ntype x/y\nend-volume\nvolume b\ntype x/y\nsubvolumes r-O\nend-volume",
            "t.vol:4: volume \"b\": no volume \"r-O\" above; did you mean \"r-0\"?"
        ),
        ("volume a\ntype x/y\nsubvolumes a\nend-volume", "t.vol:1: volume \"a\": stands on itself"),
        (
            "volume a\ntype x/y\nsubvolumes b\nend-volume\nvolume b\ntype x/y\nend-volume",
            "t.vol:1: volume \"a\": \"b\" is defined below it, in line 5: a volume comes after those that it stands on"
        ),
        (
            "volume a\ntype x/y\nsubvolumes c\nend-volume\nvolume b\ntype x/y\nsubvolumes a\nend-volume\nvolume c\ntype x/y\nsubvolumes b\nend-volume",
            "t.vol:1: volume \"a\": the volumes stand on each other in a ring: a -> c -> b -> a"
        ),
    ])
    func `each mistake has its own sentence with its line`(text: String, expected: String) {
        #expect(sentence(text) == expected)
    }

    @Test func `the top may be chosen by name, and what it does not stand on is left out`() throws {
        let text =
            "volume a\ntype x/y\nend-volume\nvolume b\ntype x/y\nend-volume\nvolume c\ntype x/y\nsubvolumes b\nend-volume\n"
        let whole = try Volfile(text, file: "t.vol")
        #expect(whole.volumes.map(\.name) == ["b", "c"] && whole.unused.map(\.name) == ["a"])
        let part = try Volfile(text, file: "t.vol", top: "a")
        #expect(part.volumes.map(\.name) == ["a"] && part.unused.map(\.name) == ["b", "c"])
        #expect(
            sentence(text, top: "cc") == "t.vol: no volume \"cc\" in it; did you mean \"a\"?"
                || sentence(text, top: "cc") == "t.vol: no volume \"cc\" in it; did you mean \"c\"?")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `no garbage makes the parser trap`(seed: UInt64) {
        // Words of the language, cut and mixed with bytes of all kinds: either it parses and reads back, or one
        // sentence says why not.
        var random = SeededRandom(seed: seed)
        let pieces = [
            "volume", "type", "option", "subvolumes", "end-volume", " ", "\n", "\r\n", "\t", "\"", "\\", "#", "`", "a",
            "b",
            "x/y", "\u{0}", "é", "\u{301}", "\u{FEFF}", "1", "volume a\ntype x/y\n", "end-volume\n",
            "\nsubvolumes a b\n",
        ]
        for _ in 0..<500 {
            let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            do {
                let volfile = try Volfile(text, file: "t.vol")
                let again = try Volfile(volfile.text(showingSecrets: true), file: "t.vol")
                #expect(
                    again.volumes.map(\.name) == volfile.volumes.map(\.name), "seed \(seed): \(text.debugDescription)")
                #expect(
                    again.volumes.map { $0.options.map(\.text) } == volfile.volumes.map { $0.options.map(\.text) },
                    "seed \(seed): \(text.debugDescription)")
            } catch {
                #expect(error.description.hasPrefix("t.vol") && error.message.count > 5, "seed \(seed)")
            }
        }
    }
}
