import HealProtocol
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealTransport

@Suite struct RecordStreamTests {
    let a = Gfid.file(0xA1), b = Gfid.file(0xB2)

    @Test func `what a writer publishes a healer hears, numbered and counted`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let publisher = try scene.publisher()
        defer { publisher.close() }
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await eventually { heard.now.appeared == [publisher.identity.writer] }
        #expect(isHeard)

        try publisher.epochOpening(a)
        publisher.epochOpened(a, generation: 4)
        let first = publisher.writeBegins(a, generation: 4, offset: 0, bytes: 4096)
        let second = publisher.writeBegins(a, generation: 4, offset: 8192, bytes: 10)
        publisher.writeEnded(a, generation: 4, sequence: second, offset: 8192, bytes: 10)
        publisher.writeEnded(a, generation: 4, sequence: first, offset: 0, bytes: 4096)
        publisher.epochClosed(a, generation: 4, records: 2, isExact: true)
        publisher.healWanted(a, generation: 4)

        let isAllThere = await eventually { heard.now.records.count == 4 }
        #expect(isAllThere)
        let records = heard.now.records
        #expect(
            records.map(\.kind) == [
                .range(offset: 8192, bytes: 10), .range(offset: 0, bytes: 4096), .close(records: 2, isExact: true),
                .wanted,
            ])
        #expect(records.map(\.sequence) == [2, 1, 3, 0])
        #expect(records.allSatisfy { $0.gfid == a && $0.generation == 4 && $0.writer == publisher.identity.writer })
        #expect(records[0].target == 1)
        let isQuiet = await eventually { subscriber.counters.received == 3 }
        #expect(isQuiet)
        #expect(subscriber.counters.lost == 0)
    }

    @Test func `many threads publish at once and every record arrives once`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let publisher = try scene.publisher()
        defer { publisher.close() }
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await eventually { !heard.now.appeared.isEmpty }
        #expect(isHeard)
        let threads = 4, each = 5_000
        for thread in 0..<threads {
            WorkerThread.start(name: "write") {
                let gfid = Gfid.file(0xA1, UInt64(thread))
                for count in 0..<each {
                    let sequence = publisher.writeBegins(gfid, generation: 1, offset: UInt64(count), bytes: 1)
                    publisher.writeEnded(gfid, generation: 1, sequence: sequence, offset: UInt64(count), bytes: 1)
                }
            }
        }
        let isAllThere = await eventually { heard.ranges.count + Int(publisher.droppedCount) >= threads * each }
        #expect(isAllThere)
        #expect(Set(heard.ranges).count == threads * each - Int(publisher.droppedCount))
    }

    @Test func `records of one file that wait together travel together`() async throws {
        let scene = try TransportScene()
        let publisher = try scene.publisher()
        defer { publisher.close() }
        let ear = ZMQSocket(.sub, messageBytesMax: WriteRecord.heartbeatBytes)
        defer { ear.close() }
        ear.subscribe(scene.volume.bytes)
        try ear.connect(scene.directory.endpoint(publisher.identity.writer, .records))
        let isHeard = await eventually { ear.receive { $0.count } != nil }
        #expect(isHeard)
        let each = 500
        for gfid in [a, b] {
            for count in 0..<each {
                let sequence = publisher.writeBegins(gfid, generation: 1, offset: UInt64(count), bytes: 1)
                publisher.writeEnded(gfid, generation: 1, sequence: sequence, offset: UInt64(count), bytes: 1)
            }
        }
        var messages: [[WriteRecord]] = []
        let isAllThere = await eventually {
            while let message = ear.receive({ bytes in
                var records: [WriteRecord] = []
                _ = WriteRecord.forEach(inMessage: bytes) { records += $0.map { [$0] } ?? [] }
                return records.filter(\.isPublished)
            }) {
                if !message.isEmpty { messages.append(message) }
            }
            return messages.reduce(0) { $0 + $1.count } == 2 * each
        }
        #expect(isAllThere)
        #expect(messages.allSatisfy { Set($0.map(\.gfid)).count == 1 })
        #expect(messages.count < each)
    }

    @Test func `a lost record is noticed at the next heartbeat, asked for and told`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let writer = try ScriptedWriter(scene)
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await writer.introduce(to: heard)
        #expect(isHeard)
        for sequence: UInt64 in [1, 2, 5, 4] { writer.stream.send(writer.range(a, sequence).encoded) }
        let hasFour = await eventually { heard.ranges == [1, 2, 5, 4] }
        #expect(hasFour)
        #expect(subscriber.counters.gaps == 0, "a hole may still be filled")
        writer.beat(0xA1, 5)
        let (asker, request) = try #require(await writer.nextRequest())
        #expect(request.byte == 0xA1)
        #expect(request.from == 3)
        writer.answer(
            asker,
            ReplayReply(
                writer: writer.identity.writer, byte: 0xA1, number: request.number, goneThrough: 0, through: 5,
                hasMore: false,
                records: [3, 4, 5].map { writer.range(a, $0) }))
        let isMended = await eventually { Set(heard.ranges) == [1, 2, 3, 4, 5] }
        #expect(isMended)
        #expect(heard.now.lost.isEmpty)
        #expect(subscriber.counters.lost == 1)
        #expect(subscriber.counters.gaps == 1)
    }

    @Test func `what is gone is told as lost`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let writer = try ScriptedWriter(scene)
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await writer.introduce(to: heard)
        #expect(isHeard)
        writer.stream.send(writer.range(a, 1).encoded)
        writer.beat(0xA1, 3)
        let (asker, request) = try #require(await writer.nextRequest())
        writer.answer(
            asker,
            ReplayReply(
                writer: writer.identity.writer, byte: 0xA1, number: request.number, goneThrough: 3, through: 3,
                hasMore: false,
                records: []))
        let isTold = await eventually { heard.now.lost == [0xA1] }
        #expect(isTold)
    }

    @Test func `a writer that does not answer a replay is asked three times, then its records are lost`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let writer = try ScriptedWriter(scene)
        var options = RecordSubscriber.Options()
        options.replayTimeout = .milliseconds(30)
        let subscriber = try RecordSubscriber(directory: scene.directory, options: options) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await writer.introduce(to: heard)
        #expect(isHeard)
        writer.stream.send(writer.range(a, 1).encoded)
        writer.beat(0xA1, 3)
        for _ in 0..<3 { #expect(await writer.nextRequest()?.request.from == 2) }
        let isTold = await eventually { heard.now.lost == [0xA1] }
        #expect(isTold)
    }

    @Test func `records dropped at a full queue show as a gap, and what a replay cannot bring is told`() async throws {
        let scene = try TransportScene(), heard = Heard()
        var options = TransportScene.fastOptions
        options.queueMax = 8
        options.heartbeatInterval = .milliseconds(200)
        let publisher = try scene.publisher(options: options)
        defer { publisher.close() }
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await eventually { !heard.now.appeared.isEmpty }
        #expect(isHeard)
        for count in UInt64(0)..<2_000 {
            let sequence = publisher.writeBegins(a, generation: 1, offset: count, bytes: 1)
            publisher.writeEnded(a, generation: 1, sequence: sequence, offset: count, bytes: 1)
        }
        #expect(publisher.droppedCount > 0)
        let isTold = await eventually { heard.now.lost.contains(0xA1) && subscriber.counters.lost > 0 }
        #expect(isTold)
        #expect(heard.ranges.count < 2_000)
    }

    @Test func `a living writer replays a file's records on request`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let publisher = try scene.publisher()
        defer { publisher.close() }
        for count in UInt64(0)..<20_000 {
            let gfid = count.isMultiple(of: 2) ? a : Gfid.file(0xA1, 99)
            let sequence = publisher.writeBegins(gfid, generation: 1, offset: count, bytes: 1)
            publisher.writeEnded(gfid, generation: 1, sequence: sequence, offset: count, bytes: 1)
        }
        publisher.epochClosed(a, generation: 1, records: 10_000, isExact: true)
        // A healer that comes late.
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await eventually { !heard.now.appeared.isEmpty }
        #expect(isHeard)
        let isWhole = await eventually {
            let records = await subscriber.replay(a, of: publisher.identity.writer) ?? []
            return records.count == 10_001 && records.last?.kind == .close(records: 10_000, isExact: true)
                && Set(records.map(\.sequence)).count == 10_001
        }
        #expect(isWhole)
        #expect(await subscriber.replay(a, of: .random()) == nil, "nobody of that name")
    }

    @Test func `healers that share a volume hear their part, and everybody's heartbeats`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let publisher = try scene.publisher()
        defer { publisher.close() }
        var options = RecordSubscriber.Options()
        options.share = 0x80...0xAF
        let subscriber = try RecordSubscriber(directory: scene.directory, options: options) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await eventually { !heard.now.appeared.isEmpty }
        #expect(isHeard)
        for gfid in [b, a, b] {
            let sequence = publisher.writeBegins(gfid, generation: 1, offset: 0, bytes: 1)
            publisher.writeEnded(gfid, generation: 1, sequence: sequence, offset: 0, bytes: 1)
        }
        let isThere = await eventually { heard.now.records.map(\.gfid) == [a] }
        #expect(isThere)
        #expect(subscriber.counters.lost == 0)
    }

    @Test func `a writer that comes later, goes, and falls silent is noticed`() async throws {
        let scene = try TransportScene(), heard = Heard()
        var options = RecordSubscriber.Options()
        options.silence = .milliseconds(150)
        let subscriber = try RecordSubscriber(directory: scene.directory, options: options) { heard.take($0) }
        defer { subscriber.close() }
        let publisher = try scene.publisher()
        let isHeard = await eventually { heard.now.appeared == [publisher.identity.writer] }
        #expect(isHeard)
        #expect(subscriber.writers.count <= 1)
        publisher.close()
        let isSilent = await eventually { heard.now.silent == [publisher.identity.writer] }
        #expect(isSilent)
        #expect(scene.directory.members(.records).isEmpty)
        #expect(scene.directory.members(.replay).isEmpty)
    }

    @Test func `noise on the stream is counted and passed over`() async throws {
        let scene = try TransportScene(), heard = Heard()
        let writer = try ScriptedWriter(scene)
        let subscriber = try RecordSubscriber(directory: scene.directory) { heard.take($0) }
        defer { subscriber.close() }
        let isHeard = await writer.introduce(to: heard)
        #expect(isHeard)
        let topic = scene.volume.bytes + a.bytes
        writer.stream.send(topic)
        writer.stream.send(topic + [UInt8](repeating: 0xFF, count: 96))
        writer.stream.send(topic + [UInt8](repeating: 0, count: 2_144))
        writer.stream.send(writer.record(.opened, a).encoded)
        writer.stream.send(topic, more: true)
        writer.stream.send([1, 2, 3])
        writer.stream.send(writer.range(a, 1).encoded)
        let isThrough = await eventually { heard.ranges == [1] }
        #expect(isThrough)
        let isCounted = await eventually { subscriber.counters.refused == 4 }
        #expect(isCounted)
    }

    @Test func `a writer hears the confirmations for its target, from healers that come before it and after`()
        async throws
    {
        let scene = try TransportScene()
        let early = try HealerPublisher(directory: scene.directory, healer: .random())
        let confirmed = Mutex<[HealConfirmation]>([])
        let publisher = try scene.publisher { confirmation in confirmed.withLock { $0.append(confirmation) } }
        let late = try HealerPublisher(directory: scene.directory, healer: .random())
        for (healer, generation) in [(early, Int32(1)), (late, 2)] {
            let isHeard = await eventually {
                healer.confirm(scene.confirmation(a, 9, target: 0))
                healer.confirm(scene.confirmation(a, generation))
                return confirmed.withLock { $0.contains { $0.generation == generation } }
            }
            #expect(isHeard)
        }
        #expect(confirmed.withLock { $0.allSatisfy { $0.gfid == a && $0.target == 1 } })
        for healer in [early, late] { healer.close() }
        publisher.close()
        #expect(scene.directory.members(.confirm).isEmpty)
    }

    @Test func `everything is in the journal before it is published`() async throws {
        let scene = try TransportScene(), bricks = try JournalScene()
        let identity = JournalIdentity(
            volume: scene.volume, writer: bricks.writer, boot: bricks.boot, replicaSet: 0, target: 1)
        let journal = try JournalWriter(brick: bricks.brick, identity: identity)
        let publisher = try RecordPublisher(
            identity: identity, journal: journal, directory: scene.directory, options: TransportScene.fastOptions
        ) { _ in }
        #expect(publisher.canJournal)
        try publisher.epochOpening(a)
        publisher.epochOpened(a, generation: 1)
        let sequence = publisher.writeBegins(a, generation: 1, offset: 5, bytes: 6)
        let reader = JournalReader(brick: bricks.brick, volume: scene.volume, boot: bricks.boot)
        let epoch = try #require(try reader.explain(a).first?.epochs.first)
        #expect(epoch.ranges.map(\.sequence) == [sequence])
        #expect(epoch.ranges.map(\.kind) == [.range(offset: 5, bytes: 6)])
        publisher.writeEnded(a, generation: 1, sequence: sequence, offset: 5, bytes: 6)
        publisher.epochClosed(a, generation: 1, records: 1, isExact: true)
        #expect(try reader.explain(a).first?.epochs.first?.isComplete == true)
        publisher.epochsHealed(a, through: 1)
        publisher.close()
        #expect(try reader.journals().isEmpty)
    }
}
