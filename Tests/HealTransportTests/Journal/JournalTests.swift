import CPosix
import Glibc
import HealProtocol
import HealTransport
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct JournalTests {
    let a = Gfid.file(0xA1), b = Gfid.file(0xB2)

    @Test func `what a writer appends is what a reader explains, with the writer alive and then dead`() throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter(), reader = scene.makeReader()
        for record in [
            scene.record(.opening, a, 0), scene.record(.opened, a, 5), scene.range(a, 5, sequence: 1),
            scene.range(b, 2, sequence: 1), scene.range(a, 5, sequence: 2),
        ] { _ = journal.append(record) }

        #expect(try reader.isAlive(scene.writer))
        let alive = try #require(try reader.explain(a).first)
        #expect(alive.isWriterAlive)
        #expect(alive.target == 1)
        #expect(alive.epochs.map(\.generation) == [5])
        #expect(alive.epochs[0].ranges.map(\.sequence) == [1, 2])
        #expect(!alive.epochs[0].isComplete)

        journal.close()
        #expect(try !reader.isAlive(scene.writer))
        let dead = try #require(try reader.explain(a).first)
        #expect(!dead.isWriterAlive)
        #expect(dead.epochs[0].isComplete)
        #expect(try reader.explain(b).first?.epochs.first?.isComplete == false, "never opened")
        #expect(try reader.explain(a, after: 5).isEmpty)
    }

    @Test func `a journal outlives kill -9 with every record whose write may have begun`() throws {
        let scene = try JournalScene()
        let probe = try ProbeProcess(["journal", scene.brick, "\(JournalScene.volume)", "\(scene.writer)"])
        let reader = scene.makeReader()
        var acknowledged: [UInt64: UInt64] = [:]
        // Far enough that it is killed in the midst of its third segment, or later.
        while acknowledged.values.min() ?? 0 < 1_536 || acknowledged.count < 2 {
            let words = try #require(probe.readLine()).split(separator: " ")
            acknowledged[UInt64(words[0])!] = UInt64(words[1])!
        }
        #expect(try reader.isAlive(scene.writer))
        probe.kill()
        #expect(try !reader.isAlive(scene.writer))

        for (file, sequence) in acknowledged {
            let epoch = try #require(try reader.explain(Gfid(high: file << 56, low: file)).first?.epochs.first)
            #expect(epoch.isComplete)
            #expect(epoch.ranges.prefix(Int(sequence)).map(\.sequence) == Array(1...sequence))
        }
        let left = try #require(try reader.deadJournals().first)
        #expect(left.unhealed.count == 2)
        for file in left.unhealed.keys { reader.healed(file, through: 1) }
        #expect(!scene.names(in: "\(scene.brick)/.glusterfs/bypass").contains("\(scene.writer)"))
    }

    @Test func `many threads append at once and nothing is lost or stored twice`() throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        let threads = 4, each: UInt64 = 5_000
        let left = Atomic<Int>(threads)
        for thread in 0..<threads {
            let gfid = Gfid.file(UInt8(thread)), opened = scene.record(.opened, gfid, 1)
            let ranges = (1...each).map { scene.range(gfid, 1, sequence: $0) }
            WorkerThread.start(name: "append") {
                _ = journal.append(opened)
                for range in ranges { _ = journal.append(range) }
                left.subtract(1, ordering: .releasing)
            }
        }
        while left.load(ordering: .acquiring) > 0 { sched_yield() }
        journal.close()
        let reader = scene.makeReader()
        for thread in 0..<threads {
            let epoch = try #require(try reader.explain(.file(UInt8(thread))).first?.epochs.first)
            #expect(epoch.isComplete)
            #expect(epoch.ranges.map(\.sequence) == Array(1...each))
        }
    }

    @Test func `segments go once each epoch in them is healed, and a journal that is all healed goes at the end`()
        async throws
    {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        _ = journal.append(scene.record(.opened, a, 1))
        for sequence in UInt64(1)...2_000 {
            _ = journal.append(scene.range(sequence < 400 ? a : b, 1, sequence: sequence))
        }
        let hasFive = await eventually { scene.segments().count >= 5 }
        #expect(hasFive)
        journal.healed(b, through: 1)
        // What holds only b: all but the first, the active one and the spare one.
        let onlyNeeded = await eventually { scene.segments().count == 3 }
        #expect(onlyNeeded)
        #expect(scene.segments().first == "0000000001.segment")
        journal.healed(a, through: 1)
        let firstGone = await eventually { scene.segments().count == 2 }
        #expect(firstGone)
        journal.close()
        #expect(scene.names(in: "\(scene.brick)/.glusterfs/bypass").contains("\(scene.writer)") == false)
    }

    @Test
    func `beyond its limit a journal gives up its oldest segments, and what they explained is not complete any more`()
        async throws
    {
        let scene = try JournalScene()
        let journal = try scene.makeWriter(limitBytes: 4 * JournalSizes.segmentBytesMin)
        _ = journal.append(scene.record(.opened, a, 1))
        for sequence in UInt64(1)...6_000 { _ = journal.append(scene.range(a, 1, sequence: sequence)) }
        _ = journal.append(scene.record(.opened, b, 1))
        let isWithin = await eventually { scene.segments().count <= 4 }
        #expect(isWithin)
        journal.close()
        let reader = scene.makeReader()
        #expect(try reader.explain(a).first?.epochs.first?.isComplete == false)
        #expect(try reader.explain(b).first?.epochs.first?.isComplete == true)
    }

    @Test func `a journal of another boot explains nothing and is removed`() throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter(boot: .random())
        _ = journal.append(scene.record(.opened, a, 1, boot: journal.identity.boot))
        journal.close()
        let reader = scene.makeReader()
        #expect(try reader.explain(a).isEmpty)
        #expect(try reader.deadJournals().isEmpty)
        #expect(try reader.journals().isEmpty)
    }

    @Test func `a slot that was never finished is passed over`() throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        _ = journal.append(scene.record(.opened, a, 1))
        for sequence in UInt64(1)...3 { _ = journal.append(scene.range(a, 1, sequence: sequence)) }
        journal.close()
        // Slot 4 holds the second range; its checksum, which is stored last, is not there.
        try scene.damage("\(scene.directory)/0000000001.segment", at: 4 * 128 + 90, [0xFF])
        try scene.damage("\(scene.directory)/0000000001.segment", at: 4 * 128 + 120, [UInt8](repeating: 0, count: 8))
        let epoch = try #require(try scene.makeReader().explain(a).first?.epochs.first)
        #expect(epoch.ranges.map(\.sequence) == [1, 3])
        #expect(epoch.isComplete)
    }

    @Test
    func `a record that was finished and is damaged leaves every epoch of its segment unexplained, and is told of`()
        throws
    {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        for record in [
            scene.record(.opened, a, 5), scene.range(a, 5, sequence: 1), scene.record(.opened, b, 2),
            scene.range(b, 2, sequence: 1),
        ] { _ = journal.append(record) }
        journal.close()
        #expect(try scene.makeReader().explain(a).first?.epochs.first?.isComplete == true)
        // One bit of the gfid of b's range: it may have been anybody's.
        let slot = JournalSegmentHeader.reservedSlots + 3
        try scene.damage(
            "\(scene.directory)/0000000001.segment", at: slot * WriteRecord.encodedBytes + 20, [0x55])
        let told = Mutex<[String]>([])
        let reader = scene.makeReader(log: Log(threshold: .warning) { _, _, text in told.withLock { $0.append(text) } })
        for file in [a, b, a] {
            #expect(try reader.explain(file).first?.epochs.first?.isComplete == false)
        }
        #expect(told.withLock { $0.count } == 1)
        #expect(told.withLock { $0 }.first?.contains("has damaged records") == true)
    }

    @Test func `half a blind record means blind from the beginning`() throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        _ = journal.append(scene.record(.opened, a, 1))
        journal.close()
        try scene.damage("\(scene.directory)/0000000001.segment", at: 128, [0x11])
        #expect(try scene.makeReader().explain(a).first?.epochs.first?.isComplete == false)
    }

    @Test func `damage is told of once, in a sentence that names the file, and explains nothing`() throws {
        let lines = Mutex<[String]>([])
        let log = Log(threshold: .info) { _, _, message in lines.withLock { $0.append(message) } }
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        _ = journal.append(scene.record(.opened, a, 1))
        journal.close()
        let segment = "\(scene.directory)/0000000001.segment"
        try scene.damage(segment, at: 40, [1, 2, 3, 4])
        let reader = scene.makeReader(log: log)
        #expect(try reader.explain(a).isEmpty)
        #expect(try reader.explain(a).isEmpty)
        let told = lines.withLock { $0 }
        #expect(told.count == 1)
        #expect(told.first?.contains(segment) == true)
        #expect(told.first?.contains("healed whole") == true)
    }

    @Test(arguments: ["empty", "short", "huge", "link", "fifo", "directory", "wrong-number"])
    func `hostile files in a journal neither trap nor hang`(kind: String) throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        _ = journal.append(scene.record(.opened, a, 1))
        journal.close()
        let first = "\(scene.directory)/0000000001.segment", hostile = "\(scene.directory)/0000000002.segment"
        switch kind {
        case "empty": close(open(hostile, O_CREAT | O_WRONLY, 0o600))
        case "short":
            close(open(hostile, O_CREAT | O_WRONLY, 0o600))
            try scene.damage(
                hostile, at: 0,
                JournalSegmentHeader(
                    volume: JournalScene.volume, writer: scene.writer, boot: scene.boot, instance: .unknown,
                    replicaSet: 0,
                    target: 1, number: 2,
                    slots: 512
                ).encoded)
        case "huge":
            close(open(hostile, O_CREAT | O_WRONLY, 0o600))
            #expect(truncate(hostile, 1 << 42) == 0)
        case "link": symlink("/dev/zero", hostile)
        case "fifo": mkfifo(hostile, 0o600)
        case "directory": mkdir(hostile, 0o700)
        default: link(first, hostile)
        }
        let epoch = try #require(try scene.makeReader().explain(a).first?.epochs.first)
        #expect(!epoch.isComplete, "what cannot be read may have held anything")
    }

    @Test func `random segments never trap`() throws {
        let scene = try JournalScene()
        let journal = try scene.makeWriter()
        for sequence in UInt64(1)...400 { _ = journal.append(scene.range(a, 1, sequence: sequence)) }
        journal.close()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            let noise = (0..<256).map { _ in UInt8.random(in: 0...255, using: &random) }
            try scene.damage(
                "\(scene.directory)/0000000001.segment", at: Int.random(in: 0..<400 * 128, using: &random), noise)
            _ = try scene.makeReader().explain(a)
            _ = try scene.makeReader().journals()
        }
    }

    @Test func `a place that is no brick is refused with a sentence`() throws {
        let scratch = TemporaryDirectory()
        let identity = try JournalScene().identity()
        do {
            _ = try JournalWriter(brick: scratch.path, identity: identity)
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("is \(scratch.path) a brick?"))
            #expect(error.cause == .noEntry)
        }
    }

    @Test func `no journal has its name before its lock is held`() throws {
        // Goal: a reader never takes a writer that is just starting for dead. Method: look while writers start.
        let scene = try JournalScene()
        let reader = scene.makeReader()
        let isDone = Atomic<Bool>(false)
        WorkerThread.start(name: "starts") { [identity = scene.identity(), brick = scene.brick] in
            for _ in 0..<50 {
                var fresh = identity
                fresh.writer = .random()
                try? JournalWriter(brick: brick, identity: fresh).close()
            }
            isDone.store(true, ordering: .releasing)
        }
        var seen = 0
        while !isDone.load(ordering: .acquiring) {
            for journal in try reader.journals() {
                seen += 1
                // It may have been closed between the listing and the question: then its directory is gone.
                if !journal.isAlive {
                    let path = "\(scene.brick)/.glusterfs/bypass/\(journal.writer)"
                    let isGone = access("\(path)/lock", F_OK) != 0
                    #expect(isGone)
                }
            }
        }
        #expect(seen > 0)
    }
}
