import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct StateDumpTests {
    private var dump: StateDump {
        var dump = StateDump()
        dump.add("up", true)
        dump.add("name", "two\nlines \"and\" \\ \u{1}")
        dump.add("part", .table([("n", .integer(-1)), ("deep", .table([("x", .real(0.5))]))]))
        dump.add("list", .list([.integer(1), .table([("y", .real(.nan))])]))
        return dump
    }

    @Test func `text has a section per table and one line per value`() {
        #expect(
            dump.text == """
                up=true
                name=two\\nlines "and" \\ \u{1}
                list[0]=1
                list[1].y=null

                [part]
                n=-1
                deep.x=0.5

                """)
    }

    @Test func `json escapes what it must`() {
        #expect(
            dump.json
                == #"{"up":true,"name":"two\nlines \"and\" \\ \u0001","part":{"n":-1,"deep":{"x":0.5}},"list":[1,{"y":null}]}"#
        )
    }

    @Test func `a graph's dump has every volume from the top down, its options without secrets, and the pool`() throws {
        let graph = try Graph.fromText(
            """
            volume disk
                type testing/inert
            end-volume
            volume errors
                type debug/error-gen
                option failure 0%
                subvolumes disk
            end-volume
            """)
        let entries = graph.dump().entries
        #expect(
            entries.map(\.0) == ["volfile", "debug/error-gen.errors", "testing/inert.disk", "iobuf-pool", "inodes"])
        let text = graph.dump().text
        #expect(text.contains("\n[debug/error-gen.errors]\noption.enable") == false)
        #expect(
            text.contains("\noption.failure=0%\n") && text.contains("\nsubvolumes[0]=disk\n")
                && text.contains("\nstate.calls=0\n"))
        #expect(text.contains("\n[iobuf-pool]\nactive=0\n"))
    }
}
