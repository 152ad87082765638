import HealEngine
import HealProtocol
import TranslatorCore
import TranslatorTesting
import Translators

// Processes come and go.
extension World {
    func nextName(_ kind: String) -> String {
        names += 1
        return "\(kind)-\(names)"
    }

    /// A mount that bypasses to `target`, with the file open.
    func startWriter(target: Int) async throws {
        let name = nextName("writer")
        let journal = SimulatedJournal(
            writer: Gfid(high: 0x2222_0000_0000_4000, low: 0x8000_0000_0000_0000 | UInt64(names)), target: target,
            instance: instances[target], publish: { [weak self] in self?.publish($0) })
        let above =
            "volume vol-bypass\n type features/bypass\n option target vol-client-\(target)\n subvolumes vol-replicate-0\nend-volume\n"
        let mount = SimulatedMount(
            name,
            try replicas.graph(
                of: "cluster/replicate", above: above, connections: connections, environment: environment(name)),
            journal: journal)
        mount.bypass!.attach(observer: journal)
        try await start(mount)
        journals.append(journal)
        writer = mount
        note("\(name) starts, its target is \(target)")
        for healer in healers where healer.isAlive { tell(healer) { $0.writerAppeared(journal.writer) } }
        await open(mount)
    }

    /// A mount that replicates.
    func startClient() async throws {
        let name = nextName("client")
        let mount = SimulatedMount(
            name,
            try replicas.graph(of: "cluster/replicate", connections: connections, environment: environment(name)),
            journal: nil)
        try await start(mount)
        client = mount
        note("\(name) starts")
        await open(mount)
    }

    private func start(_ process: SimulatedProcess) async throws {
        try await process.graph.start()
        if let down { process.cut(down) }
        if let failing { process.faulty(failing).failDisk() }
    }

    func open(_ mount: SimulatedMount) async {
        let inode = mount.graph.environment.inodes.inode(file, type: .regular)
        let fd = Fd(inode: inode, flags: .readWrite)
        do {
            _ = try await mount.top.open(OpenRequest(fd: fd), in: frame)
            mount.fd = fd
        } catch { note("\(mount.name) cannot open: \(error)") }
    }
    var frame: Frame { Frame(caller: Caller(pid: 7, uid: 0, gid: 0)) }

    func startHealer() async throws {
        let name = nextName("healer")
        let edges = SimulatedEdges(self)
        let healer = SimulatedHealer(
            name,
            try replicas.graph(of: "testing/replica-set", connections: connections, environment: environment(name)),
            edges: edges)
        try await start(healer)
        healers.append(healer)
        note("\(name) starts")
        healer.run = executor.start { await healer.pipeline.run() }
        for journal in journals where journal.isAlive { tell(healer) { $0.writerAppeared(journal.writer) } }
        executor.start { [self] in
            while healer.isAlive && !isOver {
                for dead in edges.newlyDead() {
                    healer.pipeline.writerDied(dead)
                    healer.pipeline.mayBeBehind([file])
                }
                await sleep(milliseconds: 900..<1_100)
            }
        }
        healer.clearing = executor.start { [self] in
            while healer.isAlive && !healer.isLeaving {
                await sleep(milliseconds: 500..<5_000)
                if healer.isAlive { await healer.pipeline.clearAhead() }
            }
        }
    }

    private func tell(_ healer: SimulatedHealer, _ what: @escaping @Sendable (HealPipeline) -> Void) {
        executor.start { [self] in
            await pause()
            if healer.isAlive { what(healer.pipeline) }
        }
    }

    func kill(_ process: SimulatedProcess) {
        note("\(process.name) dies")
        if process is SimulatedHealer { healsFailedAt = max(healsFailedAt, now) }
        process.die(replicas: count, landsLate: executor.happens(50))
        healers.removeAll { !$0.isAlive }
    }

    /// A record is on its way to every healer, or lost.
    private func publish(_ record: WriteRecord) {
        guard !executor.happens(recordsLost) else {
            note("record lost: \(record.generation) \(record.kind)")
            executor.start { [self] in
                // The next heartbeat betrays it.
                await sleep(milliseconds: 500..<2_500)
                let canReplay =
                    journals.contains { $0.writer == record.writer && $0.replays(record) } && executor.happens(60)
                for healer in healers where healer.isAlive {
                    if canReplay {
                        healer.pipeline.received(record)
                    } else {
                        healer.pipeline.recordsLost(of: record.writer)
                    }
                }
            }
            return
        }
        for _ in 0..<(executor.happens(5) ? 2 : 1) {
            executor.start { [self] in
                await pause()
                for healer in healers where healer.isAlive { healer.pipeline.received(record) }
            }
        }
    }
}
