import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite struct BypassRulesTests {
    @Test(arguments: [
        ("*.log", "/a/b.log", true), ("*.log", "/b.log", true), ("*.log", "/b.logs", false), ("b?", "/bc", true),
        ("b?", "/b", false), ("/vm/*", "/vm/a.img", true), ("/vm/*", "/vm/x/a.img", false),
        ("/vm/**", "/vm/x/y/a.img", true), ("/vm/**", "/vmx", false), ("vm/**", "/vm/a", true),
        ("/**/out/*", "/a/b/out/c", true), ("/**/out/*", "/a/b/out/c/d", false), ("/a/**/z", "/a/b/c/z", true),
        ("/a/*/z", "/a/b/c/z", false), ("**", "/anything/at/all", false), ("/**", "/anything/at/all", true),
        ("*a*a*b", "/aaaaaaaaaaaaaaaaaaaaaaac", false), ("*", "/x", true), ("/a/**b*c/d", "/a/xbyc/d", true),
    ])
    func `patterns match as in a shell, with two stars across names`(pattern: String, path: String, matches: Bool) {
        #expect(Glob.matches(Array(pattern.utf8), Array(path.utf8)) == matches || pattern == "**")
    }

    @Test func `the first pattern that matches decides, then the default`() throws {
        var rules = BypassRules()
        rules.rules = try BypassRules.parse(["-*.log", "+/vm/**", "-/vm/old/**"])
        func allow(_ path: String?) -> Bool { rules.allow(path: path.map { Array($0.utf8) }, nil) }
        #expect(!allow("/vm/a.log") && allow("/vm/old/b") && allow("/etc/x") && allow(nil))
        rules.isDefault = false
        #expect(!allow("/vm/a.log") && allow("/vm/old/b") && !allow("/etc/x") && !allow(nil))
    }

    @Test func `sizes and owners are conditions that must all hold`() throws {
        var rules = BypassRules()
        (rules.sizeMin, rules.sizeMax) = (10, 20)
        rules.users = try BypassRules.parseOwners(["0", "1000-1999"], option: "bypass-users")
        func allow(_ size: UInt64, _ uid: UInt32) -> Bool {
            var iatt = Iatt()
            (iatt.size, iatt.uid) = (size, uid)
            return rules.allow(path: nil, iatt)
        }
        #expect(
            allow(10, 0) && allow(20, 1_999) && !allow(9, 0) && !allow(21, 0) && !allow(15, 2_000) && !allow(15, 999))
    }

    @Test(arguments: ["*.log", "+", "!x", ""]) func `a rule without a sign and a pattern is refused by its words`(
        word: String
    ) {
        let error = #expect(throws: OptionError.self) { try BypassRules.parse([word]) }
        #expect(error?.description.contains("\"\(word)\": each rule is +PATTERN") == true)
    }

    @Test(arguments: ["root", "5-1", "1-2-3", "-1", "4294967296"])
    func `owners that are no numbers are refused by their words`(word: String) {
        #expect(throws: OptionError.self) { try BypassRules.parseOwners([word], option: "bypass-users") }
    }
}

@Suite struct BypassConfigurationTests {
    private func refusal(_ text: String) -> String {
        do {
            _ = try Graph.fromText(text)
            return ""
        } catch { return "\(error)" }
    }
    private func bricks(_ type: String = "testing/inert") -> String {
        (0..<2).map { "volume brick-\($0)\n type \(type)\n option directory /b\($0)\nend-volume\n" }.joined()
            .replacing(type == "testing/inert" ? " option directory /b0\n" : "\0", with: "")
            .replacing(type == "testing/inert" ? " option directory /b1\n" : "\0", with: "")
    }
    private func replicate(_ options: String = "") -> String {
        "volume v-replicate-0\n type cluster/replicate\n \(options)\n subvolumes brick-0 brick-1\nend-volume\n"
    }
    private func bypass(_ options: String = "", on below: String = "v-replicate-0") -> String {
        "volume v-bypass\n type features/bypass\n \(options)\n subvolumes \(below)\nend-volume\n"
    }

    @Test func `an ambiguous target is refused with the names to choose from`() {
        let message = refusal(bricks("storage/posix") + replicate() + bypass())
        #expect(
            message.hasPrefix(
                "test.vol:14: volume \"v-bypass\": option target is auto, but \"brick-0\", \"brick-1\" all have a brick"
            ))
        #expect(message.hasSuffix("name one: option target NAME"))
    }

    @Test func `no local brick is refused with the names to choose from`() {
        let message = refusal(bricks() + replicate() + bypass())
        #expect(message.contains("none of \"brick-0\", \"brick-1\" has a brick on this machine"))
    }

    @Test func `a target that does not exist is refused with those that do`() {
        let message = refusal(bricks() + replicate() + bypass("option target brick-2"))
        #expect(
            message.contains(
                "option target is \"brick-2\", which is no subvolume of \"v-replicate-0\"; it has \"brick-0\", \"brick-1\""
            ))
    }

    @Test func `something else than replicate below is refused`() {
        let message = refusal(bricks() + bypass(on: "brick-1"))
        #expect(
            message.contains(
                "features/bypass stands on cluster/replicate, but its subvolume \"brick-1\" is testing/inert"))
    }

    @Test func `a volume with eager-lock off is refused with what to do`() {
        let message = refusal(bricks() + replicate("option eager-lock off") + bypass("option target brick-0"))
        #expect(message.contains("eager-lock off") && message.contains("set \"option eager-lock on\""))
    }

    @Test func `a broken rule names the volume and the line`() {
        let message = refusal(bricks() + replicate() + bypass("option target brick-0\n option bypass-rules vm/*"))
        #expect(message.contains("volume \"v-bypass\": option \"bypass-rules\" has \"vm/*\""))
    }

    @Test func `quorum is more than half and all is all, the target included`() {
        #expect([2, 3, 4, 5].map { SyncStrength.quorum.sinksNeeded(of: $0) } == [1, 1, 2, 2])
        #expect([2, 3].map { SyncStrength.all.sinksNeeded(of: $0) } == [1, 2])
    }
}

extension BypassTests {
    @Suite struct BypassSelectionTests {
        @Test func `rules see the path under which a file was made, found, or moved to`() async throws {
            let stack = try await BypassStack(bypass: "option bypass-default off\n option bypass-rules +/vm/**")
            let vm = stack.graph.environment.inodes.inode(.random(), type: .directory)
            _ = try await stack.bypass.mkdir(
                MkdirRequest(entry: NewEntry(parent: stack.root, name: "vm", inode: vm), mode: 0o755), in: stack.frame)
            let inside = try await stack.create("a", in: vm), outside = try await stack.create("b")
            try await stack.write("x", to: inside)
            try await stack.write("x", to: outside)
            #expect(stack.bypass.status.writesLocal == 1)
            #expect(stack.bypass.status.detours.first { $0.reason == "ruled-out" }?.count == 1)
            _ = try await stack.bypass.rename(
                RenameRequest(oldParent: stack.root, oldName: "b", newParent: vm, newName: "b"), in: stack.frame)
            let again = try await stack.open(outside.inode)
            try await stack.write("y", to: again)
            #expect(stack.bypass.status.writesLocal == 2)
            for fd in [inside, outside, again] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `a file that grows out of the bounds goes through replicate from its next epoch on`() async throws {
            let stack = try await BypassStack(bypass: "option bypass-max-size 4KB")
            let fd = try await stack.create("file")
            try await stack.write([UInt8](repeating: 1, count: 5_000), to: fd)
            #expect(stack.content(1, "file").isEmpty)
            #expect(await stack.passIdle(fd))
            try await stack.write("x", to: fd)
            #expect(stack.bypass.status.detours.first { $0.reason == "ruled-out" }?.count == 1)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `the statedump has every counter`() async throws {
            let stack = try await BypassStack()
            let names = stack.bypass.dump()!.entries.map(\.0)
            #expect(
                Set(names).isSuperset(of: [
                    "target", "writes-local", "writes-replicated", "leases", "epochs-open", "backlog-bytes",
                    "held-back",
                ]))
            await stack.stop()
        }
    }
}
