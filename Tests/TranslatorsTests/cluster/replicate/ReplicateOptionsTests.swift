import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting
import Translators

@Suite struct ReplicateOptionsTests {
    /// On storage that does nothing: no root needed.
    private func graph(_ count: Int, _ options: String) throws -> Graph {
        var text = ""
        for number in 0..<count { text += "volume c\(number)\n    type testing/inert\nend-volume\n" }
        let names = (0..<count).map { "c\($0)" }.joined(separator: " ")
        text += "volume r\n    type cluster/replicate\n\(options)\n    subvolumes \(names)\nend-volume\n"
        return try Graph.fromText(text)
    }
    private func replicate(_ count: Int, _ options: String = "") throws -> ReplicateTranslator {
        try graph(count, options).top as! ReplicateTranslator
    }

    @Test func `what a genuine 10.3 volfile says is taken`() throws {
        let set = try replicate(
            2,
            """
                option volume-id 25312cdb-1111-4222-8333-000000000070
                option afr-pending-xattr V-client-0,V-client-1
                option granular-entry-heal on
                option use-compound-fops off
                option use-anonymous-inode yes
                option data-self-heal-window-size 16
                option data-self-heal off
                option iam-self-heal-daemon yes
                option ensure-durability off
                option heal-timeout 600
            """)
        #expect(set.volumeID?.description == "25312cdb-1111-4222-8333-000000000070")
        #expect(set.pendingKeys == ["trusted.afr.V-client-0", "trusted.afr.V-client-1"])
        #expect(!set.ensuresDurability)
        #expect(set.lockDomain == "r")
    }

    @Test func `cluster/afr is the same translator`() {
        #expect(InTreeTranslators.registry["cluster/afr"] == ReplicateTranslator.self)
    }

    @Test func `defaults: keys from the subvolumes' names, quorum for three and more`() throws {
        let two = try replicate(2), three = try replicate(3)
        #expect(two.pendingKeys == ["trusted.afr.c0", "trusted.afr.c1"])
        #expect(two.quorum == .none && three.quorum == .auto)
        #expect(two.ensuresDurability && two.locksEagerly)
        #expect(two.volumeID == nil)
    }

    @Test(arguments: [
        ("option afr-pending-xattr a", "must name each of its 2 subvolumes once"),
        ("option afr-pending-xattr a,a", "must name each of its 2 subvolumes once"),
        ("option volume-id 25312cdb", "which is not a UUID"),
        ("option quorum-type fixed", "quorum-type fixed needs option \"quorum-count\""),
        ("option quorum-type fixed\n    option quorum-count 3", "there are only 2 subvolumes"),
        ("option read-subvolume-index 2", "the last subvolume is 1"),
        ("option arbiter-count 1", "arbiter is not supported"),
        ("option read-subvolume nobody", "nobody"),
        ("option quorum-type half", "quorum-type"),
    ])
    func `a mistake is told in one sentence that names the volume`(options: String, sentence: String) {
        do throws(any Error) {
            _ = try graph(2, "    " + options)
            Issue.record("accepted \(options)")
        } catch {
            #expect("\(error)".contains(sentence), "\(error)")
            #expect("\(error)".contains("\"r\""))
        }
    }

    @Test func `one subvolume is not enough`() {
        #expect(throws: VolfileError.self) { try graph(1, "") }
    }

    @Test func `live options change under running fops`() async throws {
        let graph = try graph(3, "    option quorum-type auto")
        try await graph.start()
        let set = graph.top as! ReplicateTranslator
        var text = ""
        for number in 0..<3 { text += "volume c\(number)\n    type testing/inert\nend-volume\n" }
        text += """
            volume r
                type cluster/replicate
                option quorum-type fixed
                option quorum-count 3
                option eager-lock off
                subvolumes c0 c1 c2
            end-volume

            """
        try graph.reconfigure(with: Volfile(text, file: "new.vol"))
        #expect(set.quorum == .fixed(3))
        #expect(!set.locksEagerly)
        await graph.stop()
    }

    @Test func `the set is up with its first replica, down with its last, and says which one came or went`()
        async throws
    {
        var text = ""
        for number in 0..<2 {
            text += "volume s\(number)\n    type testing/inert\nend-volume\n"
            text += "volume c\(number)\n    type testing/faulty\n    subvolumes s\(number)\nend-volume\n"
        }
        text += "volume r\n    type cluster/replicate\n    subvolumes c0 c1\nend-volume\n"
        let graph = try Graph.fromText(text)
        let set = graph.top as! ReplicateTranslator, listener = Listener()
        set.volume.addParent(listener)
        #expect(set.up == [false, false])
        try await graph.start()
        #expect(set.up == [true, true])
        let faulty = (0..<2).map { graph["c\($0)"] as! FaultyTranslator }
        for one in faulty { one.goDown() }
        faulty[1].comeUp()
        #expect(set.up == [false, true])
        let heard = listener.heard.map { "\($0)" }
        #expect(
            heard == [
                "replicaUp(0)", "subvolumeUp", "replicaUp(1)", "replicaDown(0)", "replicaDown(1)", "subvolumeDown",
                "replicaUp(1)", "subvolumeUp",
            ])
        await graph.stop()
    }

    @Test func `the indices below watch this set's keys`() throws {
        let scratch = TemporaryDirectory("replicate")
        let bricks = (0..<2).map { scratch.subdirectory("b\($0)") }
        let graph = try Graph.fromText(
            ReplicaStack.volfile(bricks, "    option afr-pending-xattr x-client-4,x-client-7", name: "r"))
        for number in 0..<2 {
            let options = try #require(graph["index-\(number)"]).volume.options
            #expect(options.text("xattrop-pending-watchlist") == "trusted.afr.x-client-4,trusted.afr.x-client-7")
            #expect(options.text("xattrop-dirty-watchlist") == "trusted.afr.dirty")
        }
    }
}
