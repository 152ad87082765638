import Testing
import TranslatorCore

@Suite struct OptionTableTests {
    private let table = OptionTable(
        title: "debug/error-gen", summary: "Fails a share of the fops.",
        [
            .percent("failure", default: "10%", "How many fail.").reconfigurable(),
            .choice("how", default: nil, of: ["full", "diff"], "-\\ .").formerly("way"),
            .path("directory", default: nil, "The brick.").required(),
        ])

    @Test func `help text says what an option does, takes and starts with`() {
        #expect(
            table.text(width: 60) == """
                debug/error-gen: Fails a share of the fops.

                  failure
                      How many fail. Takes a percentage from 0% to 100%.
                      Default: 10%. Can change while mounted.

                  how
                      -\\ . Takes one of full, diff. Formerly way.

                  directory
                      The brick. Takes an absolute path. Must be given.

                """)
    }

    @Test func `roff escapes what man(7) would take for its own`() {
        let roff = table.roff()
        #expect(
            roff.hasPrefix(
                ".SH \"DEBUG/ERROR-GEN\"\nFails a share of the fops.\n.TP\n.BR \"failure\" \" (percent)\"\nHow many"))
        #expect(roff.contains("\n\\-\\e . Takes"))
        #expect(table.subsection().hasPrefix(".SS \"debug/error\\-gen\"\nFails"))
        #expect(table.subsection().hasSuffix(table.items()))
        let page = OptionTable.page(name: "xlator-options", section: 7, purpose: "options of translators", [table])
        #expect(
            page.hasPrefix(
                ".TH \"XLATOR-OPTIONS\" 7 \"\" \"\"\n.SH NAME\nxlator\\-options \\- options of translators\n.SH"))
    }

    @Test func `json has types and values for completions`() {
        let json = table.value.json
        #expect(
            json.hasPrefix(
                "{\"title\":\"debug/error-gen\",\"summary\":\"Fails a share of the fops.\",\"options\":[{\"name\":\"failure\",\"type\":\"percent\""
            ))
        #expect(json.contains("\"values\":[\"full\",\"diff\"]") && json.contains("\"former-names\":[\"way\"]"))
    }
}
