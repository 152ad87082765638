import HealEngine
import HealProtocol
import TranslatorCore
import TranslatorTesting
import Translators

// What the applications do.
extension World {
    static let rounds = 25

    func play() async {
        do {
            try await startHealer()
            try await startWriter(target: Int(seed) % count)
            try await startClient()
            executor.start { await self.tempt() }
            for _ in 0..<Self.rounds where violation == nil {
                standsStillAt = now + .seconds(600)
                try await revive()
                await round()
            }
            try await finish()
        } catch { broken("a graph does not start: \(error)") }
        isOver = true
    }

    /// Whoever died is started again. A writer only once what its predecessor had on its way has landed, and while all
    /// replicas are there: none may take an old copy for a good one.
    private func revive() async throws {
        if let dead = writer, !dead.isAlive {
            await sleep(milliseconds: 700..<2_000)
            while !allAreUp || down != nil { await sleep(milliseconds: 100..<300) }
            let target = executor.happens(85) ? dead.journal!.target : executor.number(in: all)
            try await startWriter(target: target)
        }
        if let dead = client, !dead.isAlive {
            while down != nil { await sleep(milliseconds: 100..<300) }
            try await startClient()
        }
        if let writer, writer.fd == nil { await open(writer) }
        if let client, client.fd == nil, down == nil { await open(client) }
    }

    private func round() async {
        switch executor.number(in: 0..<100) {
        case ..<70: await severalAtOnce()
        case ..<78: await truncate()
        case ..<86: await close()
        case ..<92: await changeForgotten()
        default: await sleep(milliseconds: 100..<3_000)
        }
    }

    private func severalAtOnce() async {
        var slots = Array(0..<SlottedFile.slots)
        let operations = executor.number(in: 1..<7)
        await withDiscardingTaskGroup { group in
            for _ in 0..<operations {
                let slot = slots.remove(at: executor.number(in: 0..<slots.count))
                let other = executor.number(in: 0..<SlottedFile.slots)
                let what = executor.number(in: 0..<100)
                group.addTask { [self] in
                    await sleep(milliseconds: 0..<120)
                    guard let writer, let client else { return }
                    switch what {
                    case ..<55: await write(slot, through: writer)
                    case ..<63: await discard(slot, through: writer)
                    case ..<71: await fsync(writer)
                    case ..<79: await read(other, through: writer)
                    case ..<88: await read(other, through: client)
                    default: await write(slot, through: client)
                    }
                }
            }
        }
    }

    private func write(_ slot: Int, through mount: SimulatedMount) async {
        guard let fd = mount.fd, mount === writer || allAreUp else { return }
        clientWrites += mount.journal == nil ? 1 : 0
        defer { clientWrites -= mount.journal == nil ? 1 : 0 }
        let value = oracle.nextValue(slot)
        begin(value, slot, by: mount)
        let draft = mount.graph.environment.pool.draft(bytes: SlottedFile.slotBytes)
        draft.bytes.initializeMemory(as: UInt8.self, repeating: value)
        let request = WriteRequest(
            fd: fd, offset: UInt64(SlottedFile.offset(slot)),
            payload: Payload(draft.freeze(count: SlottedFile.slotBytes)))
        do {
            let reply = try await mount.top.writev(request, in: frame)
            guard reply.bytes == SlottedFile.slotBytes else { return }
            done(value, slot, by: mount)
        } catch { note("\(mount.name): write of \(value) to slot \(slot): \(error)") }
    }

    private func discard(_ slot: Int, through mount: SimulatedMount) async {
        // Where the file ends before it, nothing changes.
        guard let fd = mount.fd, !oracle.mayEnd(before: slot) else { return }
        begin(SlottedFile.zero, slot, by: mount)
        let request = DiscardRequest(
            fd: fd, offset: UInt64(SlottedFile.offset(slot)), bytes: UInt64(SlottedFile.slotBytes))
        do {
            _ = try await mount.top.discard(request, in: frame)
            done(SlottedFile.zero, slot, by: mount)
        } catch { note("\(mount.name): discard of slot \(slot): \(error)") }
    }

    private func begin(_ value: UInt8, _ slot: Int, by mount: SimulatedMount) {
        note("\(mount.name) writes \(value) to slot \(slot)")
        oracle.beginWrite(value, to: slot)
        for number in reads.keys where reads[number]!.slot == slot { reads[number]!.values.insert(value) }
    }
    private func done(_ value: UInt8, _ slot: Int, by mount: SimulatedMount) {
        // A process that is dead tells nobody.
        guard mount.isAlive else { return }
        note("\(mount.name) wrote \(value) to slot \(slot)")
        oracle.wrote(value, to: slot)
        if mount.journal == nil { clientWrote[slot] = now }
    }

    /// Alone: it changes what every slot may hold.
    private func truncate() async {
        guard let mount = writer, let fd = mount.fd else { return }
        let size = SlottedFile.size(before: executor.number(in: 8..<SlottedFile.slots + 1))
        note("\(mount.name) truncates to \(size)")
        oracle.beginTruncate(to: size)
        do {
            _ = try await mount.top.truncate(TruncateRequest(.fd(fd), size: UInt64(size)), in: frame)
            guard mount.isAlive else { return }
            oracle.truncated(to: size)
            note("\(mount.name) truncated to \(size)")
        } catch { note("\(mount.name): truncate: \(error)") }
    }

    private func close() async {
        guard let mount = executor.happens(70) ? writer : client else { return }
        await close(mount)
    }
    func close(_ mount: SimulatedMount) async {
        guard let fd = mount.fd else { return }
        mount.fd = nil
        _ = try? await mount.top.flush(FlushRequest(fd: fd), in: frame)
        await mount.top.release(fd)
        note("\(mount.name) closed the file")
    }

    private func fsync(_ mount: SimulatedMount) async {
        guard let fd = mount.fd else { return }
        let point = oracle.syncPoint()
        do {
            _ = try await mount.top.fsync(FsyncRequest(fd: fd, dataOnly: true), in: frame)
            guard mount.isAlive else { return }
            oracle.synced(point)
            note("\(mount.name) synced")
        } catch { note("\(mount.name): fsync: \(error)") }
    }

    /// Whoever looked the file up and then reads it sees what was acknowledged before it looked, or later things.
    private func read(_ slot: Int, through mount: SimulatedMount) async {
        guard let fd = mount.fd, allAreUp else { return }
        let losses = lossCount
        readCount += 1
        let number = readCount
        reads[number] = (slot, oracle.values(of: slot), oracle.mayEnd(before: slot))
        defer { reads[number] = nil }
        do {
            // Beliefs about which replica is good last a second.
            if mount.journal == nil {
                _ = try await mount.top.lookup(LookupRequest(.inode(fd.inode)), in: frame)
            } else if let wrote = clientWrote[slot], now - wrote < .milliseconds(1_100) {
                return
            }
            let request = ReadRequest(
                fd: fd, offset: UInt64(SlottedFile.offset(slot)), bytes: SlottedFile.slotBytes)
            let bytes = try await mount.top.readv(request, in: frame).payload.copiedBytes()
            guard mount.isAlive, losses == lossCount, let allowed = reads[number] else { return }
            if let objection = Self.objection(to: bytes, allowed.values, mayEnd: allowed.mayEnd) {
                broken("\(mount.name) read \(objection) from slot \(slot)")
            }
        } catch { note("\(mount.name): read of slot \(slot): \(error)") }
    }

    static func objection(to bytes: [UInt8], _ allowed: Set<UInt8>, mayEnd: Bool) -> String? {
        if bytes.isEmpty { return mayEnd ? nil : "nothing" }
        guard bytes.count == SlottedFile.slotBytes else { return "\(bytes.count) bytes" }
        guard let value = SlottedFile.value(bytes) else { return "torn bytes" }
        return allowed.contains(value) ? nil : "\(value), where \(allowed.sorted()) may be,"
    }

    /// What the healers have to say of it.
    private func queues() async -> String {
        var words: [String] = []
        for healer in healers {
            let desk = ControlDesk(
                healer.pipeline,
                surroundings: { HealSurroundings(volume: "vol", volumeID: .root, healer: .root) })
            guard case .queue(let files, _) = await desk.answer(.queue(filesMax: 1)) else { continue }
            words.append("\(healer.name): \(files.map { "\($0.state) \($0.note)" })")
        }
        return words.joined(separator: ", ")
    }

    /// Nothing goes wrong any more; all copies become equal, and nothing acknowledged is missing in them.
    private func finish() async throws {
        isEnding = true
        writer?.journal?.setRoom(true)
        note("the end begins; \(marks)")
        recordsLost = 0
        mendAll()
        if let writer, writer.isAlive {
            if executor.happens(50) { kill(writer) }
        }
        if !healers.contains(where: \.isAlive) { try await startHealer() }
        let limit = now + .seconds(3_600)
        standsStillAt = limit + .seconds(600)
        var rewrites = 0
        while !isHealed && now < limit && violation == nil {
            await sleep(milliseconds: 400..<600)
            // A close that neither its journal nor any healer has leaves the newest epoch open as long as the writer
            // lives and does not write again.
            guard let writer, writer.isAlive, rewrites < 30 else { continue }
            rewrites += 1
            if rewrites.isMultiple(of: 10) { await write(0, through: writer) }
        }
        guard violation == nil else { return }
        guard isHealed else { return broken("it is never healed: \(marks); \(await queues())") }
        for brick in all {
            if let objection = oracle.objection(to: replicas.bricks[brick].content(file)!) {
                return broken("replica \(brick) is not what was written: \(objection)")
            }
        }
        for mount in [writer, client].compactMap(\.self) where mount.isAlive {
            if let fd = mount.fd { await mount.top.release(fd) }
            await mount.graph.stop()
        }
        while isAnybodyAhead && now < limit { await sleep(milliseconds: 400..<600) }
        if isAnybodyAhead { return broken("all is healed, and a root says that a target is ahead") }
        for healer in healers {
            healer.isLeaving = true
            await healer.clearing?.value
            healer.pipeline.stop()
            await healer.run?.value
        }
        guard isHealed else { return broken("it was healed, and is not when all have left: \(marks)") }
        if !replicas.isUnlocked { broken("a lock is left") }
    }
}
