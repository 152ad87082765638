import Testing
import TranslatorCore

@Suite struct OptionValuesTests {
    private func sentence(_ text: String, _ kind: OptionKind) -> String? {
        let option = OptionDeclaration.value("x", kind, default: nil, "")
        do {
            _ = try OptionValues(["x": text], declarations: [option])
            return nil
        } catch {
            return error.description
        }
    }
    private func accepts(_ kind: OptionKind, _ texts: String...) -> Bool {
        texts.allSatisfy { sentence($0, kind) == nil }
    }
    private func refuses(_ kind: OptionKind, _ texts: String...) -> Bool {
        texts.allSatisfy { sentence($0, kind) != nil }
    }

    @Test func `each of GlusterFS's types takes what it should and refuses its neighbours`() {
        #expect(accepts(.any, "", "?") && accepts(.text, "", "a b"))
        #expect(accepts(.flag, "on", "OFF", "Yes", "no", "true", "false", "enable", "disable", "1", "0"))
        #expect(refuses(.flag, "", "maybe", "2"))
        #expect(
            accepts(.integer(1...1024), "1", "1024", "0x10")
                && refuses(.integer(1...1024), "0", "1025", "1.5", "", "8k"))
        #expect(
            accepts(.size(512...1 << 20), "512", "1KB", "1mb", "0.5M")
                && refuses(.size(512...1 << 20), "511", "1025KB", "-1", "1XB"))
        #expect(accepts(.percent, "0", "100%", "12.5") && refuses(.percent, "101", "-1%", "%", "nan"))
        #expect(accepts(.sizeOrPercent, "10%", "128KB", "4096") && refuses(.sizeOrPercent, "101%", "x"))
        #expect(accepts(.path, "/", "/a b") && refuses(.path, "", "a/b", "./a"))
        #expect(accepts(.translator, "vol-client-0") && refuses(.translator, ""))
        #expect(accepts(.real(0...1), "0", "0.25", "1") && refuses(.real(0...1), "1.01", "-0.1", "nan", ""))
        #expect(
            accepts(.duration(.zero ... .seconds(600)), "600", "10m", "50ms", "0")
                && refuses(.duration(.zero ... .seconds(600)), "601", "11m", "-1", "1y"))
        #expect(accepts(.choice(["full", "diff"]), "full") && refuses(.choice(["full", "diff"]), "Full", ""))
        #expect(
            accepts(.address, "gfs1", "a.example.org", "127.1.1.1", "::1")
                && refuses(.address, "", "1.2.3", "a..b", "-a", "a_b", "*"))
        #expect(
            accepts(.addressList, "gfs1", "gfs1, 10.0.0.1", "192.168.*")
                && refuses(.addressList, "", "gfs1,,gfs2", "a b"))
        #expect(accepts(.priorityList, "a:1", "a:1,b:-2") && refuses(.priorityList, "", "a", "a:b", ":1"))
        #expect(accepts(.sizeList, "512", "4KB, 128KB") && refuses(.sizeList, "", "4KB,100", "0"))
        #expect(
            accepts(.clientAuthAddress, "*", "10.0.0.0/8", "@admins", "host.example.org")
                && refuses(.clientAuthAddress, "", "10.0.0.0/33", "@"))
    }

    @Test func `a refusal names the option, the value and what is allowed`() {
        #expect(
            sentence("0", .integer(1...1024)) == "option \"x\" cannot be \"0\": it takes a whole number from 1 to 1024")
        #expect(
            sentence("64", .size(512 ... .max))
                == "option \"x\" cannot be \"64\": it takes a size such as 128KB, at least 512")
        #expect(
            sentence("2m", .duration(.milliseconds(1) ... .seconds(60)))
                == "option \"x\" cannot be \"2m\": it takes a time such as 30 (seconds), 50ms or 10m from 1ms to 1m")
        #expect(
            sentence("ful", .choice(["full", "diff"]))
                == "option \"x\" cannot be \"ful\": it takes one of full, diff; did you mean \"full\"?")
    }

    @Test func `an unknown option is answered with the nearest name, or with all there are`() {
        let options: [OptionDeclaration] = [
            .flag("encrypt-write", default: true, ""), .flag("decrypt-read", default: true, ""),
        ]
        #expect(
            throws: OptionError(
                "unknown option \"encript-write\"; did you mean \"encrypt-write\"?", option: "encript-write")
        ) {
            try OptionValues(["encript-write": "on"], declarations: options)
        }
        #expect(
            throws: OptionError("unknown option \"colour\"; known are encrypt-write, decrypt-read", option: "colour")
        ) {
            try OptionValues(["colour": "red"], declarations: options)
        }
    }

    @Test func `values come back in their own units, defaults filled in`() throws {
        let values = try OptionValues(
            ["window": "128KB", "pause": "50ms", "share": "25%", "sizes": "4KB,1MB", "prefer": "a:2,b:1"],
            declarations: [
                .size("window", default: nil, ""), .duration("pause", default: nil, ""),
                .flag("eager", default: true, ""),
                .sizeOrPercent("share", default: nil, ""), .value("sizes", .sizeList, default: nil, ""),
                .value("prefer", .priorityList, default: nil, ""), .text("unset", default: nil, ""),
                .integer("count", default: 8, ""),
            ])
        #expect(values.size("window") == 131_072)
        #expect(values.duration("pause") == .milliseconds(50))
        #expect(values.flag("eager") && !values.given.contains("eager"))
        #expect(values.sizeOrPercent("share").bytes(of: 1000) == 250)
        #expect(values.sizeList("sizes") == [4096, 1 << 20])
        #expect(values.priorityList("prefer").map(\.name) == ["a", "b"])
        #expect(!values.isSet("unset") && values.list("unset").isEmpty)
        #expect(values.integer("count") == 8)
    }

    @Test func `former names and deprecated options work and say so; the same option twice does not`() throws {
        let options: [OptionDeclaration] = [
            .text("target", default: nil, "").formerly("child").alias("bypass-target"),
            .flag("fast", default: false, "").deprecated("it is always fast"),
        ]
        let values = try OptionValues(["child": "a", "fast": "on"], declarations: options)
        #expect(values.text("target") == "a")
        #expect(
            values.deprecations == [
                "option \"child\" is called \"target\" now", "option \"fast\" is deprecated: it is always fast",
            ])
        #expect(try OptionValues(["bypass-target": "a"], declarations: options).deprecations.isEmpty)
        #expect(
            throws: OptionError("options \"child\" and \"target\" are the same one: give it once", option: "target")
        ) {
            try OptionValues(["child": "a", "target": "b"], declarations: options)
        }
    }

    @Test func `a required option is asked for, and a secret is never shown`() throws {
        let options: [OptionDeclaration] = [
            .path("directory", default: nil, "The brick.").required(), .text("password", default: nil, "").secret(),
        ]
        #expect(throws: OptionError("needs option \"directory\", an absolute path: The brick.")) {
            try OptionValues([:], declarations: options)
        }
        let values = try OptionValues(["directory": "/b", "password": "hunter2"], declarations: options)
        #expect(values.shown.map(\.text) == ["/b", "***"])
    }
}
