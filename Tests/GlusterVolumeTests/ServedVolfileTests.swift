import Foundation
import Testing
import TranslatorCore
import Translators

@testable import GlusterVolume

/// Over volfiles that glusterd 10.3 made for its clients.
@Suite struct ServedVolfileTests {
    static func fetched(_ name: String) throws -> Volfile {
        let url = try #require(Bundle.module.url(forResource: "Volfiles/\(name)", withExtension: "vol"))
        return try Volfile(String(contentsOf: url, encoding: .utf8), file: "db1:/\(name)", writer: .glusterd)
    }

    private func outline(_ volfile: Volfile) -> [String] {
        volfile.volumes.map { "\($0.name): \($0.type)(\($0.subvolumes.joined(separator: " ")))" }
    }

    private static let cacheTypes = ["performance/open-behind", "performance/quick-read", "performance/md-cache"]

    @Test func `caches of reads are left out and named, everything else stays as it stood`() throws {
        let served = try ServedVolfile(try Self.fetched("replica2"))
        #expect(
            outline(served.volfile) == [
                "replica2-client-0: protocol/client()", "replica2-client-1: protocol/client()",
                "replica2-replicate-0: cluster/replicate(replica2-client-0 replica2-client-1)",
                "replica2-dht: cluster/distribute(replica2-replicate-0)",
                "replica2-utime: features/utime(replica2-dht)",
                "replica2-write-behind: performance/write-behind(replica2-utime)",
                "replica2: debug/io-stats(replica2-write-behind)",
            ])
        #expect(served.passedThrough == Self.cacheTypes)
    }

    @Test func `write-behind stays out where a bypass has promises to keep, and is named`() throws {
        let bypass = BypassRequest(BypassTarget("replica2-client-0"))
        let served = try ServedVolfile(try Self.fetched("replica2"), bypass: bypass)
        #expect(!served.volfile.volumes.contains { $0.type == "performance/write-behind" })
        #expect(served.passedThrough == ["performance/write-behind"] + Self.cacheTypes)
    }

    @Test func `write-behind stays out under the kernel's writeback cache, which gathers writes itself`() throws {
        let fetched = try Self.fetched("replica2")
        let served = try ServedVolfile(fetched, isWriteback: true)
        #expect(served.passedThrough == ["performance/write-behind"] + Self.cacheTypes)
        let again = try ServedVolfile(fetched, bypass: nil, isWriteback: true, as: served.volfile)
        #expect(outline(again.volfile) == outline(served.volfile))
    }

    @Test func `options that an operator set reach write-behind`() throws {
        let served = try ServedVolfile(try Self.fetched("tuned"))
        let graph = try Graph(
            served.volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
        let behind = try #require(graph["tuned-write-behind"])
        #expect(behind.volume.options.flag("strict-O_DIRECT"))
        #expect(behind.volume.options.size("cache-size") == 1 << 20)
    }

    @Test func `options are those of the fetched volfile, passwords too`() throws {
        let fetched = try Self.fetched("replica2")
        let served = try ServedVolfile(fetched)
        for block in served.volfile.volumes { #expect(block.options == fetched[block.name]?.options) }
        #expect(served.volfile["replica2-client-0"]?.option("password") != nil)
    }

    @Test(arguments: ["replica2", "replica3", "single", "noutime", "snapview", "database", "tuned"])
    func `a graph is built of what is served`(name: String) throws {
        let served = try ServedVolfile(try Self.fetched(name))
        #expect(served.volfile.unused.isEmpty)
        let graph = try Graph(
            served.volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
        #expect(graph.top.name == name)
    }

    @Test func `of user-serviceable snapshots only their directory is missing`() throws {
        let served = try ServedVolfile(try Self.fetched("snapview"))
        #expect(served.passedThrough == Self.cacheTypes + ["features/snapview-client"])
        #expect(served.volfile["snapview-snapd-client"] == nil)
    }

    @Test(arguments: [
        ("distributed", "distributed-dht", "cluster/distribute spreads files over 2 subvolumes"),
        ("onlydist", "onlydist-dht", "cluster/distribute spreads files over 2 subvolumes"),
        ("disperse", "disperse-disperse-0", "cluster/disperse keeps files as fragments"),
        ("sharded", "sharded-shard", "features/shard cuts files into pieces"),
        ("arbiter", "arbiter-replicate-0", "cluster/replicate has an arbiter"),
        ("thin", "thin-replicate-0", "cluster/replicate has an arbiter"),
    ])
    func `what cannot be served is refused by name, with what to do`(name: String, volume: String, why: String) throws {
        let fetched = try Self.fetched(name)
        let line = try #require(fetched[volume]).location.line
        #expect { try ServedVolfile(fetched) } throws: { error in
            "\(error)".hasPrefix("db1:/\(name):\(line): volume \"\(volume)\": \(why)") && "\(error)".contains("mount")
        }
    }

    @Test func `a translator that nobody knows is refused, not left out`() throws {
        let text = """
            volume v-client-0
                type protocol/client
            end-volume
            volume v-crypt
                type features/read-only
                subvolumes v-client-0
            end-volume

            """
        #expect { try ServedVolfile(try Volfile(text, file: "db1:/v")) } throws: {
            "\($0)"
                == "db1:/v:4: volume \"v-crypt\": features/read-only is nothing that volmount can serve or leave out; mount it with \"mount -t glusterfs\""
        }
    }

    private func replacing(_ client: String, in fetched: Volfile) throws -> Volfile {
        var blocks = fetched.volumes
        let place = try #require(blocks.firstIndex { $0.name == client })
        let old = blocks[place]
        blocks[place] = Volfile.VolumeBlock(
            name: old.name, type: old.type,
            options: old.options.map {
                $0.name == "remote-host" ? .init(name: $0.name, text: "db9", location: $0.location) : $0
            },
            subvolumes: old.subvolumes, location: old.location, writer: old.writer)
        return try Volfile(blocks, file: fetched.file)
    }

    @Test func `while mounted, what was direct stays so and another brick may be any but the target`() throws {
        let fetched = try Self.fetched("replica2")
        let asked = BypassRequest(.auto)
        let running = try ServedVolfile(fetched, bypass: asked) { $0.volume == "replica2-client-0" }.volfile
        let again = try ServedVolfile(fetched, bypass: asked, as: running).volfile
        #expect(outline(again) == outline(running))
        let sink = try ServedVolfile(replacing("replica2-client-1", in: fetched), bypass: asked, as: running).volfile
        #expect(outline(sink) == outline(running))
        #expect(sink["replica2-client-1"]?.option("remote-host") == "db9")
        let moved = try replacing("replica2-client-0", in: fetched)
        let error = #expect(throws: VolfileError.self) { try ServedVolfile(moved, bypass: asked, as: running) }
        #expect("\(try #require(error))".contains("another brick stands in the place of the one that bypass writes to"))
        let plain = try ServedVolfile(fetched).volfile
        let followed = try ServedVolfile(moved, bypass: nil, as: plain).volfile
        #expect(followed["replica2-client-0"]?.option("remote-host") == "db9")
    }

    @Test func `a graph that cannot become what was fetched still follows its bricks, but not in the target's place`()
        throws
    {
        let fetched = try Self.fetched("replica2")
        let running = try ServedVolfile(fetched, bypass: BypassRequest(.auto)) {
            $0.volume == "replica2-client-0"
        }.volfile
        #expect(ServedVolfile.replacedTarget(fetched, of: running) == nil)
        let sink = try replacing("replica2-client-1", in: fetched),
            target = try replacing("replica2-client-0", in: sink)
        #expect(ServedVolfile.replacedTarget(sink, of: running) == nil)
        #expect(ServedVolfile.replacedTarget(target, of: running) == "replica2-client-0-wire")
        for moved in [sink, target] {
            let followed = try ServedVolfile.bricks(of: moved, in: running)
            #expect(outline(followed) == outline(running))
            #expect(followed["replica2-client-1"]?.option("remote-host") == "db9")
            let kept = followed["replica2-client-0-wire"]?.option("remote-host")
            #expect(kept != nil && kept == running["replica2-client-0-wire"]?.option("remote-host"))
        }
        // Another volume of the same name, whose bricks have the same names.
        let anew = try Volfile(
            sink.volumes.map { block in
                guard block.name == "replica2-replicate-0" else { return block }
                let id = Volfile.Option(name: "volume-id", text: "\(Gfid.random())", location: block.location)
                return Volfile.VolumeBlock(
                    name: block.name, type: block.type, options: block.options.filter { $0.name != id.name } + [id],
                    subvolumes: block.subvolumes, location: block.location, writer: block.writer)
            }, file: fetched.file)
        #expect(throws: VolfileError.self) { try ServedVolfile.bricks(of: anew, in: running) }
        let plain = try ServedVolfile(fetched).volfile
        #expect(ServedVolfile.replacedTarget(target, of: plain) == nil)
        #expect(try ServedVolfile.bricks(of: target, in: plain)["replica2-client-0"]?.option("remote-host") == "db9")
    }

    @Test func `a replica that was added is told from those that are mounted, and from one that was replaced`() throws {
        let fetched = try Self.fetched("replica2")
        let running = try ServedVolfile(fetched, bypass: BypassRequest(.auto)) {
            $0.volume == "replica2-client-0"
        }.volfile
        #expect(ServedVolfile.addedReplicas(fetched, to: running).isEmpty)
        #expect(ServedVolfile.addedReplicas(try replacing("replica2-client-1", in: fetched), to: running).isEmpty)
        let client = try #require(fetched["replica2-client-1"]), set = try #require(fetched["replica2-replicate-0"])
        let more = Volfile.VolumeBlock(
            name: "replica2-client-2", type: client.type, options: client.options, subvolumes: [],
            location: client.location)
        let larger = Volfile.VolumeBlock(
            name: set.name, type: set.type, options: set.options, subvolumes: set.subvolumes + [more.name],
            location: set.location)
        let grown = try Volfile(
            fetched.volumes.flatMap { $0.name == set.name ? [more, larger] : [$0] }, file: fetched.file)
        #expect(ServedVolfile.addedReplicas(grown, to: running).map(\.volume) == ["replica2-client-2"])
    }

    @Test func `a second replica of a volume that had one brick is one that was added, a second set is not`() throws {
        let fetched = try Self.fetched("replica2")
        let one = try Volfile([try #require(fetched["replica2-client-0"])], file: fetched.file)
        #expect(ServedVolfile.addedReplicas(fetched, to: one).map(\.volume) == ["replica2-client-1"])
        let elsewhere = try Volfile([try #require(try Self.fetched("single").volumes.first)], file: fetched.file)
        #expect(ServedVolfile.addedReplicas(fetched, to: elsewhere).isEmpty)
    }

    @Test func `every replica set of a distributed volume is there for healers, by itself`() throws {
        let sets = try ServedVolfile.replicaSets(of: try Self.fetched("distributed"))
        #expect(
            sets.map(outline)
                == [0, 1].map { set in
                    [
                        "distributed-client-\(2 * set): protocol/client()",
                        "distributed-client-\(2 * set + 1): protocol/client()",
                        "distributed-replicate-\(set): cluster/replicate(distributed-client-\(2 * set) distributed-client-\(2 * set + 1))",
                    ]
                })
        #expect(sets.allSatisfy { $0.unused.isEmpty })
        #expect(throws: VolfileError.self) { try ServedVolfile.replicaSets(of: try Self.fetched("arbiter")) }
        #expect(try ServedVolfile.replicaSets(of: try Self.fetched("single")).isEmpty)
    }

    @Test func `healers reach the data of every brick that is here in its directory`() throws {
        let here = ["distributed-client-1", "distributed-client-2"]
        let sets = try ServedVolfile.replicaSets(of: try Self.fetched("distributed")) { here.contains($0.volume) }
        for (number, set) in sets.enumerated() {
            let direct = set.volumes.filter { $0.type == "performance/direct" }
            #expect(direct.map(\.name) == [here[number]])
            #expect(set.top.subvolumes == [0, 1].map { "distributed-client-\(2 * number + $0)" })
            #expect(set.unused.isEmpty)
        }
    }
}
