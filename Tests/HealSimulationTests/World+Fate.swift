import ReplicaState
import Synchronization
import TranslatorCore
import TranslatorTesting

@testable import HealEngine

// What goes wrong.
extension World {
    /// Until the end begins: one thing after the other, or several at once.
    func tempt() async {
        while !isEnding && violation == nil {
            await sleep(milliseconds: executor.happens(50) ? 1..<150 : 50..<1_500)
            if isEnding || violation != nil { return }
            switch executor.number(in: 0..<100) {
            case ..<9: soon { self.writerDies() }
            case ..<12: if let client, client.isAlive { kill(client) }
            case ..<24: soon { self.healerDies() }
            case ..<34: soon { self.outage() }
            case ..<40: await writerLosesReplica()
            case ..<46: await healerLosesReplica()
            case ..<70: failFop()
            case ..<77: journalTrouble()
            case ..<84: recordsLost = executor.happens(50) ? 100 : 3
            case ..<89: diskFails()
            default: await targetGoesAhead(losesPower: executor.happens(70))
            }
        }
    }

    /// Now, or right after one of the next changes.
    private func soon(_ what: @escaping () -> Void) {
        if executor.happens(40) { return what() }
        ambush = (executor.number(in: 1..<8), what)
    }

    private func writerDies() { if let writer, writer.isAlive { kill(writer) } }

    private func healerDies() {
        if let healer = healers.first(where: \.isAlive), executor.happens(80) { kill(healer) }
        executor.start { [self] in
            await sleep(milliseconds: 50..<2_500)
            // Sometimes there are two.
            guard !isEnding, healers.count < 2 else { return }
            do { try await startHealer() } catch { broken("\(error)") }
        }
    }

    var processes: [SimulatedProcess] { [writer, client].compactMap(\.self).filter(\.isAlive) + healers }

    /// Whether the replica may go without GlusterFS's own split-brain: not while an ordinary write is missing
    /// somewhere, and not while its marks, which nobody can read then, are news to somebody who goes on writing to the
    /// others.
    func mayGo(_ replica: Int, losesPower: Bool = false) -> Bool {
        guard allAreUp, onlyEpochsArePending else { return false }
        guard !losesPower || marksStayOff(replica) else { return false }
        guard all.contains(where: { replicas.counts(file, on: replica, about: $0).data != 0 }) else { return true }
        return clientWrites == 0 && (writer?.journal?.hasOpenedEpoch ?? true)
    }

    /// Whether marks that are gone from memory do not come back from the disk: not while a heal is in its last steps,
    /// or was kept from them.
    private func marksStayOff(_ replica: Int) -> Bool {
        let keys = replicas.pendingKeys
        let mayReturn = replicas.bricks[replica].mayReturn(file) { xattrs in
            keys.contains { xattrs[$0]?.contains { $0 != 0 } ?? false }
        }
        guard mayReturn else { return true }
        return healsFailedAt <= marksWentAt
            && healers.allSatisfy { healer in healer.pipeline.state.withLock { $0.schedule.inFlightCount == 0 } }
    }

    /// A brick is away for a while, with its machine, or its file system, or without.
    private func outage() {
        let replica = executor.number(in: all)
        goes(replica, losesPower: executor.happens(60), withWriter: executor.happens(50))
    }

    /// The writer's target goes as soon as only it has something. `losesPower`: its file system crashes, within a boot,
    /// and the writer with it.
    private func targetGoesAhead(losesPower: Bool) async {
        for _ in 0..<60 where !isEnding {
            guard let writer, writer.isAlive, let target = writer.journal?.target else { return }
            let isAhead = all.contains { replicas.epochs(file, on: target, about: $0).missing > 0 }
            // A few writes later.
            if isAhead, executor.happens(15), mayGo(target, losesPower: losesPower) {
                return goes(target, losesPower: losesPower, withWriter: true)
            }
            await sleep(milliseconds: 2..<20)
        }
    }

    private func goes(_ replica: Int, losesPower: Bool, withWriter: Bool) {
        guard mayGo(replica, losesPower: losesPower) else { return }
        down = replica
        lossCount += 1
        let landsLate = !losesPower && executor.happens(50)
        note("brick \(replica) \(losesPower ? "loses power" : "is away")")
        // The machine of a writer that has its brick there.
        if losesPower, withWriter, let writer, writer.isAlive, writer.journal!.target == replica { kill(writer) }
        for process in processes { process.cut(replica, landsLate: landsLate) }
        if losesPower {
            instances[replica] += 1
            var random = executor.generator()
            replicas.bricks[replica].losePower(using: &random)
            for journal in journals where journal.target == replica && !journal.isAlive {
                journal.loseTail(using: &random)
            }
            // What only it had may be lost, as on any disk.
            if journals.contains(where: { $0.target == replica }) { lostPower() }
        }
        executor.start { [self] in
            await sleep(milliseconds: 700..<6_000)
            guard down == replica else { return }
            comeBack(replica)
        }
        guard journals.contains(where: { $0.target == replica }), lossesWhenClean == lossCount - 1 else { return }
        executor.start { [self] in
            await sleep(milliseconds: 0..<600)
            if down == replica { await visit(without: replica) }
        }
    }
    private func lostPower() {
        oracle.lostPower()
        for number in reads.keys { reads[number]!.values.formUnion(oracle.values(of: reads[number]!.slot)) }
    }
    private func comeBack(_ replica: Int) {
        note("brick \(replica) is back")
        down = nil
        for process in processes where !process.unreachable.contains(replica) { process.reconnect(replica) }
    }

    private func writerLosesReplica() async {
        let replica = executor.number(in: all)
        guard let writer, writer.isAlive, mayGo(replica) else { return }
        note("\(writer.name) loses brick \(replica)")
        writer.unreachable = [replica]
        lossCount += 1
        writer.cut(replica, landsLate: executor.happens(50))
        executor.start { [self] in
            await sleep(milliseconds: 700..<4_000)
            writer.unreachable = []
            if down != replica { writer.reconnect(replica) }
        }
    }

    private func healerLosesReplica() async {
        guard let healer = healers.first(where: \.isAlive) else { return }
        let replica = executor.number(in: all)
        note("\(healer.name) loses brick \(replica)")
        healsFailedAt = max(healsFailedAt, now)
        healer.cut(replica)
        executor.start { [self] in
            await sleep(milliseconds: 5..<1_000)
            if down != replica { healer.reconnect(replica) }
        }
    }

    /// A fop fails, or its reply gets lost.
    private func failFop() {
        let ofHealer = executor.happens(50)
        let process: SimulatedProcess? = ofHealer ? healers.first(where: \.isAlive) : writer
        guard let process, process.isAlive else { return }
        let replica = executor.number(in: all)
        let fops: [Fop] =
            ofHealer
            ? [.xattrop, .writev, .readv, .fsync, .lookup, .setattr, .open, .truncate, .stat]
            : [.xattrop, .xattrop, .xattrop, .fsync, .writev, .writev, .truncate, .stat, .lookup]
        let fop = fops[executor.number(in: fops.indices)]
        let times = executor.number(in: 1..<4)
        let moment: FaultyTranslator.Moment = executor.happens(50) ? .before : .after
        // A refusal changes nothing; an I/O error may come when all is done.
        let error: FopError = moment == .before && executor.happens(50) ? .noSpace : .io
        if ofHealer { healsFailedAt = now + .seconds(2) }
        note("\(process.name): \(times) \(fop) to \(replica) will fail \(moment) with \(error.name)")
        process.faulty(replica).fail(fop, with: error, times: times, at: moment)
        executor.start { [self] in
            await sleep(milliseconds: 300..<2_000)
            process.faulty(replica).mend(fop)
        }
    }

    private func journalTrouble() {
        guard let writer, let journal = writer.journal else { return }
        if executor.happens(30) {
            guard let dead = journals.last(where: { !$0.isAlive }) else { return }
            note("the journal of \(dead.writer) is lost")
            dead.lose()
            return
        }
        let hasRoom = executor.happens(40)
        note("\(writer.name): the journal \(hasRoom ? "has room" : "is full")")
        journal.setRoom(hasRoom)
    }

    func mendAll() {
        for process in processes {
            all.forEach { process.faulty($0).mend() }
            process.unreachable = []
        }
        down = nil
        for process in processes { all.forEach { process.reconnect($0) } }
    }
}
