import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

/// A translator whose life a test can follow: options of several kinds, a start that may fail, a refinement.
private final class Probe: GraphRefining {
    static let type: TranslatorType = "testing/probe"
    static let needs: SubvolumeNeed = .atLeast(1)
    static let options: [OptionDeclaration] = [
        .integer("live", default: 1, in: 0...9, "").reconfigurable(), .integer("fixed", default: 1, ""),
        .translator("friend", default: nil, ""), .flag("fails", default: false, ""),
        .text("watch", default: nil, "").formerly("watch-list"), .flag("hands-down", default: false, ""),
    ]
    static let life = Mutex<[String: [String]]>([:])

    let volume: Volume
    let live: Mutex<Int>

    init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        live = Mutex(volume.options.integer("live"))
    }
    static func refine(_ plan: inout GraphPlan, at volume: Int) throws(VolfileError) {
        guard plan.volumes[volume].text(of: "hands-down") == "on" else { return }
        for index in plan.nearest("testing/probe", below: volume) {
            plan.handDown("watch", "from-\(plan.volumes[volume].name)", to: index)
        }
    }
    func reconfigure(_ options: OptionValues) throws(VolfileError) {
        guard options.integer("live") != 9 else { throw volume.error("nine is too much") }
        live.withLock { $0 = options.integer("live") }
    }
    private func note(_ event: String) {
        Self.life.withLock { $0[volume.location.file, default: []].append("\(event) \(name)") }
    }
    func start() async throws(VolfileError) {
        if volume.options.flag("fails") { throw volume.error("will not start") }
        note("start")
    }
    func stop() async { note("stop") }
}

@Suite struct GraphTests {
    private static func text(_ options: [String: [String]] = [:], extra: String = "") -> String {
        func block(_ name: String, _ type: String, on below: String?) -> String {
            (["volume \(name)", "type \(type)"] + (options[name] ?? []).map { "option \($0)" }
                + (below.map { ["subvolumes \($0)"] } ?? []) + ["end-volume"]).joined(separator: "\n")
        }
        return [
            block("disk", "testing/inert", on: nil), extra, block("low", "testing/probe", on: "disk"),
            block("high", "testing/probe", on: "low"),
        ]
        .joined(separator: "\n")
    }
    private func graph(
        _ options: [String: [String]] = [:], extra: String = "", file: String = "g.vol", log: Log = .silent
    ) throws -> Graph {
        try Graph.fromText(
            Self.text(options, extra: extra), file: file, extra: [Probe.self], environment: GraphEnvironment(log: log))
    }
    private func sentence(_ options: [String: [String]], extra: String = "") -> String? {
        do {
            _ = try graph(options, extra: extra)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `a mistake in the graph is answered with volume, line and what to do`() {
        #expect(
            sentence(
                [:],
                extra:
                    "volume x\ntype storage/posixx\nend-volume\nvolume y\ntype testing/probe\nsubvolumes x\nend-volume")
                == nil)
        #expect(
            sentence(["low": ["live 10"]])
                == "g.vol:7: volume \"low\": option \"live\" cannot be \"10\": it takes a whole number from 0 to 9")
        #expect(
            sentence(["low": ["life 1"]]) == "g.vol:7: volume \"low\": unknown option \"life\"; did you mean \"live\"?")
        #expect(
            sentence(["high": ["friend dusk"]])
                == "g.vol:11: volume \"high\": option \"friend\": no volume \"dusk\" in this volfile; did you mean \"disk\"?"
        )
        #expect(throws: VolfileError.self) { try Graph.fromText("volume x\ntype testing/inertt\nend-volume") }
        func message(_ text: String) -> String? {
            do {
                _ = try Graph.fromText(text, extra: [Probe.self])
                return nil
            } catch {
                return error.message
            }
        }
        #expect(
            message("volume x\ntype testing/inertt\nend-volume")
                == "volume \"x\": unknown type \"testing/inertt\"; did you mean \"testing/inert\"?")
        #expect(
            message("volume x\ntype testing/probe\nend-volume")
                == "volume \"x\": testing/probe needs at least 1 subvolume, has 0")
    }

    @Test func `subvolumes start first and stop last, and a failed start stops what had started`() async throws {
        let good = try graph(file: "good.vol")
        try await good.start()
        await good.stop()
        #expect(Probe.life.withLock { $0["good.vol"] } == ["start low", "start high", "stop high", "stop low"])
        let bad = try graph(["high": ["fails on"]], file: "bad.vol")
        await #expect(throws: VolfileError.self) { try await bad.start() }
        #expect(Probe.life.withLock { $0["bad.vol"] } == ["start low", "stop low"])
    }

    @Test func `a refinement fills in what the volfile leaves open, and nothing else`() throws {
        #expect(try graph(["high": ["hands-down on"]])["low"]?.volume.options.text(ifSet: "watch") == "from-high")
        #expect(
            try graph(["high": ["hands-down on"], "low": ["watch mine"]])["low"]?.volume.options.text(ifSet: "watch")
                == "mine")
        #expect(
            try graph(["high": ["hands-down on"], "low": ["watch-list mine"]])["low"]?.volume.options.text(
                ifSet: "watch") == "mine")
        #expect(try graph()["low"]?.volume.options.text(ifSet: "watch") == nil)
    }

    @Test func `a volume under nothing and a former name are warned of`() throws {
        let lines = LogLines()
        _ = try graph(["low": ["watch-list a"]], extra: "volume lost\ntype testing/inert\nend-volume", log: lines.log)
        #expect(
            lines.all == [
                "warning lost: g.vol:4: volume \"lost\" is left out: \"high\", the top, does not stand on it",
                "warning low: g.vol:7: volume \"low\": option \"watch-list\" is called \"watch\" now",
            ])
    }

    private func reconfigure(_ graph: Graph, _ options: [String: [String]]) throws -> [String] {
        try graph.reconfigure(with: Volfile(Self.text(options), file: "new.vol"))
    }
    private func live(_ graph: Graph, _ name: String) -> Int? { (graph[name] as? Probe)?.live.withLock { $0 } }

    @Test func `reconfigurable options change while mounted`() throws {
        let graph = try graph()
        #expect(try reconfigure(graph, ["low": ["live 5"]]) == ["low.live"])
        #expect(live(graph, "low") == 5 && live(graph, "high") == 1)
        #expect(graph["low"]?.volume.options.integer("live") == 5)
        #expect(try reconfigure(graph, ["low": ["live 5"]]).isEmpty)
        #expect(try reconfigure(graph, [:]) == ["low.live"])
        #expect(live(graph, "low") == 1)
    }

    @Test func `what cannot change while mounted is refused with a sentence, and nothing changes`() throws {
        let graph = try graph()
        func refusal(_ options: [String: [String]]) -> String? {
            do {
                _ = try reconfigure(graph, options)
                return nil
            } catch {
                return "\(error)"
            }
        }
        #expect(
            refusal(["low": ["live 5"], "high": ["fixed 2"]])
                == "new.vol:12: volume \"high\": option \"fixed\" cannot change while mounted: mount anew to change it")
        #expect(refusal(["low": ["live 5"], "high": ["live 10"]])?.contains("cannot be \"10\"") == true)
        #expect(live(graph, "low") == 1 && live(graph, "high") == 1)
        // The translator itself refuses, after the one below it took its new value.
        #expect(
            refusal(["low": ["live 5"], "high": ["live 9"]])?.hasSuffix("volume \"high\": nine is too much") == true)
        #expect(live(graph, "low") == 1 && graph["low"]?.volume.options.integer("live") == 1)
        #expect(throws: VolfileError.self) {
            try graph.reconfigure(with: Volfile("volume disk\ntype testing/inert\nend-volume", file: "n.vol"))
        }
        #expect(throws: VolfileError.self) {
            try graph.reconfigure(
                with: Volfile(
                    Self.text().replacing("subvolumes low", with: "subvolumes disk low"), file: "n.vol"))
        }
    }
}
