import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

@testable import GlusterVolume

@Suite struct BypassTargetTests {
    private func served(
        _ name: String, _ target: BypassTarget, here: Set<String> = []
    ) throws -> Volfile {
        try ServedVolfile(try ServedVolfileTests.fetched(name), bypass: BypassRequest(target)) {
            here.contains($0.place)
        }.volfile
    }

    @Test func `bypass stands right above replicate, on the replica whose brick is here`() throws {
        let volfile = try served("replica3", .auto, here: ["127.1.1.2:/bricks/r3-2"])
        let bypass = try #require(volfile["replica3-replicate-0-bypass"])
        #expect(bypass.type == "features/bypass")
        #expect(bypass.subvolumes == ["replica3-replicate-0"])
        #expect(bypass.option("target") == "replica3-client-1")
        #expect(volfile["replica3-dht"]?.subvolumes == [bypass.name])
        let graph = try Graph(
            volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
        #expect((graph[bypass.name] as? BypassTranslator)?.targetPosition == 1)
    }

    @Test(arguments: ["replica3-client-2", "127.1.1.3:/bricks/r3-3"])
    func `a target is named by its volume or by its brick`(name: String) throws {
        let volfile = try served("replica3", .named(name))
        #expect(volfile["replica3-replicate-0-bypass"]?.option("target") == "replica3-client-2")
    }

    @Test func `a target that is here goes direct, under the client's name`() throws {
        let here: Set<String> = ["127.1.1.1:/bricks/r2-1", "127.1.1.2:/bricks/r2-2"]
        let plain = try #require(ServedVolfileTests.fetched("replica2")["replica2-client-1"])
        let volfile = try served("replica2", .named("replica2-client-1"), here: here)
        let direct = try #require(volfile["replica2-client-1"])
        #expect(direct.type == "performance/direct")
        #expect(direct.subvolumes == ["replica2-client-1-wire", "replica2-client-1-directory"])
        let wire = try #require(volfile[direct.subvolumes[0]]), directory = try #require(volfile[direct.subvolumes[1]])
        #expect((wire.type, wire.options) == (plain.type, plain.options))
        #expect(directory.type == "storage/posix")
        #expect(directory.option("directory") == "/bricks/r2-2")
        #expect(directory.option("volume-id") == volfile["replica2-replicate-0"]?.option("volume-id"))
        #expect(directory.option("visiting") == "on")
        #expect(volfile["replica2-client-0"]?.type == "protocol/client", "only the target's data is written here")
        let graph = try Graph(
            volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
        let set = try #require(graph["replica2-replicate-0"] as? any ReplicaSet)
        #expect(set.pendingKeys == ["trusted.afr.replica2-client-0", "trusted.afr.replica2-client-1"])
        #expect(set.replicas.map { $0.localBrick?.brickDirectory } == [nil, "/bricks/r2-2"])
        #expect(set.replicas.map(\.shownBrick) == ["127.1.1.1:/bricks/r2-1", "127.1.1.2:/bricks/r2-2"])
        #expect(set.replicas.map(\.isBrickServedHere) == [false, false])
    }

    @Test func `direct is for targets that are here, and can be left out`() throws {
        let elsewhere = try served("replica2", .named("replica2-client-1"), here: ["127.1.1.1:/bricks/r2-1"])
        #expect(!elsewhere.volumes.contains { $0.type == "performance/direct" })
        let request = BypassRequest(.named("replica2-client-1"), isDirect: false)
        let off = try ServedVolfile(try ServedVolfileTests.fetched("replica2"), bypass: request) { _ in true }.volfile
        #expect(off == elsewhere)
    }

    private static let bricks =
        "replica2-client-0 (127.1.1.1:/bricks/r2-1), replica2-client-1 (127.1.1.2:/bricks/r2-2)"

    private static let mistakes: [(BypassTarget, Set<String>, String)] = [
        (.auto, [], "target=auto finds no brick on this machine"),
        (
            .auto, ["127.1.1.1:/bricks/r2-1", "127.1.1.2:/bricks/r2-2"],
            "target=auto is ambiguous, because bricks of replica2-client-0 and replica2-client-1 are on this machine"
        ),
        (
            .named("replica2-client-2"), [],
            "no replica is called \"replica2-client-2\"; did you mean \"replica2-client-0\"?"
        ),
    ]

    @Test(arguments: mistakes)
    func `a target that is not one replica is an error with all there are`(
        target: BypassTarget, here: Set<String>, why: String
    ) throws {
        #expect { try served("replica2", target, here: here) } throws: { error in
            "\(error)".contains("volume \"replica2-replicate-0\": \(why)")
                && "\(error)".hasSuffix("name one with -o bypass,target=NAME: \(Self.bricks)")
        }
    }

    @Test func `options of bypass are its own, and wrong ones are told with where they stood`() throws {
        func graph(_ options: [String: String]) throws -> Graph {
            let request = BypassRequest(.named("replica2-client-0"), options: options)
            let volfile = try ServedVolfile(try ServedVolfileTests.fetched("replica2"), bypass: request).volfile
            return try Graph(
                volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
        }
        let bypass = try #require(graph(["fsync": "all"])["replica2-replicate-0-bypass"])
        #expect(bypass.volume.options.text("fsync") == "all")
        #expect { try graph(["fsync": "everywhere"]) } throws: {
            "\($0)".hasPrefix("-o bypass: volume \"replica2-replicate-0-bypass\": option \"fsync\"")
        }
    }

    @Test func `a volume without replicas is not bypassed`() {
        #expect { try served("single", .auto) } throws: { "\($0)".hasSuffix("mount it without -o bypass") }
    }

    @Test func `a brick is here when its directory is, with the volume's id`() throws {
        let scratch = TemporaryDirectory("place")
        let id = Gfid.random()
        func isHere(_ host: String, _ directory: String, _ volumeID: Gfid?) -> Bool {
            BrickPlace(volume: "c", host: host, directory: directory, volumeID: volumeID).isOnThisMachine
        }
        #expect(isHere("127.0.0.1", scratch.path, nil))
        #expect(!isHere("127.0.0.1", scratch.appending("gone"), nil))
        #expect(!isHere("192.0.2.1", scratch.path, nil))
        #expect(!isHere("127.0.0.1", scratch.path, id), "an empty directory, whose disk is not mounted")
        guard TemporaryDirectory.allowsTrustedXattrs else { return }
        for (stored, expected) in [(Gfid.random(), false), (id, true)] {
            try #require(stored.setAsVolumeID(of: scratch.path))
            #expect(isHere("127.0.0.1", scratch.path, id) == expected)
        }
    }

    @Test func `the addresses of this machine are its own, others are not`() {
        for host in ["127.0.0.1", "127.1.1.7", "localhost"] { #expect(BrickPlace.isThisMachine(host), "\(host)") }
        // RFC 5737: for documentation, nobody's.
        #expect(!BrickPlace.isThisMachine("192.0.2.1"))
        #expect(!BrickPlace.isThisMachine("no.such.host.invalid"))
    }
}

extension Gfid {
    fileprivate func setAsVolumeID(of directory: String) -> Bool {
        bytes.withUnsafeBytes { setxattr(directory, "trusted.glusterfs.volume-id", $0.baseAddress, 16, 0) == 0 }
    }
}
