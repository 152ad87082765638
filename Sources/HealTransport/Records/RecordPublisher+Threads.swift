import HealProtocol
import Synchronization
import TranslatorCore

/// The publishing thread: takes what the writers queued, a hundred times a second, and beats every second.
extension RecordPublisher {
    /// Between two looks at the queue while there is traffic. Records of ranges can wait that long, because nobody
    /// copies them before their epoch's close; a close, or a file that is wanted now, wakes the thread. A look for each
    /// record would take the processor away from the write that comes next.
    private static let busyInterval = Duration.milliseconds(10)
    /// Messages kept for a healer that is slow; PUB drops beyond. Of 16 records at most.
    private static let streamQueueMax = 200_000

    func makeStream(_ directory: RuntimeDirectory) throws(TransportError) -> ZMQSocket {
        let stream = ZMQSocket(.pub, messageBytesMax: WriteRecord.heartbeatBytes, queueMax: Self.streamQueueMax)
        try bind(stream, directory, .records, \.records)
        return stream
    }

    /// Where healers of this machine look for it, and then where those of others do: a socket's keys count for what is
    /// bound after they were set (zmq_setsockopt(3)).
    private func bind(
        _ socket: ZMQSocket, _ directory: RuntimeDirectory, _ role: RuntimeDirectory.Role,
        _ port: KeyPath<WriterAddress, Endpoint>
    ) throws(TransportError) {
        try socket.bind(directory.endpoint(identity.writer, role))
        if let link = options.link { try socket.bind(link.address[keyPath: port], security: link.security) }
    }

    func publish(on stream: ZMQSocket) {
        let clock = SystemTimeSource()
        var batch: [QueuedRecord] = [], nextBeat = clock.now()
        while true {
            let isBeatDue = clock.now() >= nextBeat
            let isClosed: Bool = state.withLock { state in
                swap(&state.pending, &batch)
                // In the same moment: what has ended by now is in this batch or an earlier one.
                if isBeatDue || state.isClosed { state.ledger.settle() }
                return state.isClosed
            }
            send(batch, on: stream)
            if isBeatDue || isClosed {
                beat(on: stream)
                nextBeat = clock.now() + options.heartbeatInterval
            }
            if isClosed { break }
            let wasIdle = batch.isEmpty
            batch.removeAll(keepingCapacity: true)
            rest(wasIdle: wasIdle, until: nextBeat, clock)
        }
        stream.close(lingering: .milliseconds(500))  // the last closes may still be on their way
    }

    /// With traffic, a while. Without, until somebody has something.
    private func rest(wasIdle: Bool, until nextBeat: MonotonicTime, _ clock: SystemTimeSource) {
        guard wasIdle else {
            publishWakeup.wait(timeout: Self.busyInterval)
            return
        }
        let isEmpty: Bool = state.withLock { state in
            state.isAsleep = state.pending.isEmpty
            return state.isAsleep
        }
        if isEmpty { publishWakeup.wait(timeout: max(.zero, nextBeat - clock.now())) }
        state.withLock { $0.isAsleep = false }
    }

    private func send(_ batch: [QueuedRecord], on stream: ZMQSocket) {
        guard !batch.isEmpty else { return }
        let messageBytes = WriteRecord.messageRecordsMax * WriteRecord.encodedBytes
        withUnsafeTemporaryAllocation(byteCount: messageBytes, alignment: 8) { buffer in
            var filled = 0
            for (position, record) in batch.enumerated() {
                record.record(from: identity).store(at: buffer.baseAddress! + filled)
                filled += WriteRecord.encodedBytes
                // The message's topic is the first record's.
                let goesOn = position + 1 < batch.count && batch[position + 1].gfid == record.gfid
                if goesOn && filled < messageBytes { continue }
                stream.send(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
                filled = 0
            }
        }
        window.withLock { window in
            for record in batch where record.sequence > 0 { window.append(record) }
        }
    }

    private func beat(on stream: ZMQSocket) {
        let sequences = state.withLock { $0.ledger.settled }
        settled.withLock { $0 = sequences }
        let beat = WriteRecord(
            volume: identity.volume, replicaSet: identity.replicaSet, target: identity.target, writer: identity.writer,
            boot: identity.boot, gfid: .none, generation: 0, sequence: 0, kind: .heartbeat(sequences: sequences))
        stream.send(beat.encoded)
    }
}

/// The listening thread: answers replays and hears confirmations.
extension RecordPublisher {
    struct Listener: Sendable {
        let replay: ZMQSocket
        let confirmations: ZMQSocket
        /// Hears healers on other hosts; with keys, which the one above must not have.
        let remoteConfirmations: ZMQSocket?
        let directory: RuntimeDirectory
        let watch: DirectoryWatch
    }

    func makeListener(_ directory: RuntimeDirectory) throws(TransportError) -> Listener {
        let replay = ZMQSocket(.router, messageBytesMax: 1_024)
        try bind(replay, directory, .replay, \.replay)
        var remote: ZMQSocket?
        if let link = options.link {
            let socket = makeEar()
            try socket.bind(link.address.confirmations, security: link.security)
            remote = socket
        }
        return Listener(
            replay: replay, confirmations: makeEar(), remoteConfirmations: remote, directory: directory,
            watch: try DirectoryWatch(directory.path))
    }

    private func makeEar() -> ZMQSocket {
        let socket = ZMQSocket(.sub, messageBytesMax: HealConfirmation.encodedBytes, queueMax: 100_000)
        socket.subscribe(HealerTopic.confirmations(of: identity.volume))
        return socket
    }

    func listen(_ listener: Listener) {
        var connected: Set<Gfid> = []
        while !state.withLock({ $0.isClosed }) {
            listener.watch.drain()
            let healers = listener.directory.members(.confirm)
            for healer in healers.subtracting(connected) { connect(healer, listener) }
            for healer in connected.subtracting(healers) {
                if let endpoint = try? listener.directory.endpoint(healer, .confirm) {
                    listener.confirmations.disconnect(endpoint)
                }
            }
            connected = healers
            serve(listener)
        }
        listener.replay.close()
        listener.confirmations.close()
        listener.remoteConfirmations?.close()
    }

    private func connect(_ healer: Gfid, _ listener: Listener) {
        do throws(TransportError) {
            try listener.confirmations.connect(listener.directory.endpoint(healer, .confirm))
        } catch {
            log.write(.warning, volume: "records") { "\(error); this healer's confirmations are not heard" }
        }
    }

    /// Waits, and answers what is there. A second at most: then the directory is looked at again.
    private func serve(_ listener: Listener) {
        let ears = [listener.confirmations, listener.remoteConfirmations].compactMap(\.self)
        ZMQPoll.wait(
            sockets: [listener.replay] + ears,
            descriptors: [listener.watch.descriptor, listenWakeup.descriptor], timeout: .seconds(1))
        listenWakeup.drain()
        while let frames = listener.replay.receiveFrames(framesMax: 2) {
            guard frames.count == 2, let request = try? ReplayRequest(decoding: frames[1]),
                request.writer == identity.writer
            else { continue }
            listener.replay.send(frames[0], more: true)
            listener.replay.send(reply(to: request).encoded)
        }
        for ear in ears { hear(ear) }
    }

    private func hear(_ ear: ZMQSocket) {
        while let message = ear.receive({ Array($0) }) {
            guard let confirmation = try? HealConfirmation(decoding: message),
                confirmation.replicaSet == identity.replicaSet,
                confirmation.target == identity.target
            else { continue }
            onConfirmation(confirmation)
        }
    }

    private func reply(to request: ReplayRequest) -> ReplayReply {
        // Read before the window: whatever was published by then is in it.
        let settled = settled.withLock { $0[Int(request.byte)] }
        let kept = window.withLock { $0.records(request.byte, from: request.from, max: ReplayReply.recordsMax) }
        let dropped = state.withLock { $0.droppedThrough[Int(request.byte)] }
        let through = kept.hasMore ? min(settled, kept.records.last!.sequence) : settled
        return ReplayReply(
            writer: identity.writer, byte: request.byte, number: request.number,
            goneThrough: dropped >= request.from ? max(dropped, kept.goneThrough) : kept.goneThrough, through: through,
            hasMore: kept.hasMore, records: kept.records.map { $0.record(from: identity) })
    }
}
