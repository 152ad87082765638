import Testing
import TranslatorCore

@testable import Translators

/// Every order of events for one inode within small bounds, against what DESIGN §3.1 promises.
@Suite struct BypassInodeStateExplorationTests {
    @Test func `in every order of a write, an append and one upset the promises hold`() throws {
        // Goal: no order of events breaks a promise. Method: breadth first over all of them.
        let upsets: [World.Event] = [
            .contended, .lostTarget, .lostSink, .returned, .overLimit, .truncatedAtOpen, .stopped, .fsync,
        ]
        for upset in upsets {
            let explored = explore(World(opens: 1, shared: 1, exclusive: 1, ticks: 1, events: [upset], generations: 2))
            #expect(explored.broken == nil, "\(upset): \(explored.broken ?? "")")
            #expect(explored.worlds > 500)
        }
    }

    @Test func `in every order of writes, rolls and fsyncs the promises hold`() throws {
        let explored = explore(
            World(opens: 1, shared: 1, exclusive: 1, ticks: 1, events: [.fsync, .contended], generations: 2))
        #expect(explored.broken == nil, "\(explored.broken ?? "")")
    }

    private func explore(_ start: World) -> (worlds: Int, broken: String?) {
        var parents: [World: (World, String)?] = [start: nil]
        var queue = [start], head = 0
        while head < queue.count {
            if queue.count > 3_000_000 { return (queue.count, "too many worlds to explore") }
            let world = queue[head]
            head += 1
            for (label, next) in world.moves() {
                if let broken = next.broken {
                    var path = [label], at = world
                    while case let (before, step)?? = parents[at] { (path, at) = ([step] + path, before) }
                    return (queue.count, "\(broken) after: \(path.joined(separator: "; "))")
                }
                if parents[next] == nil {
                    parents[next] = .some((world, label))
                    queue.append(next)
                }
            }
        }
        return (queue.count, nil)
    }
}

/// One inode's state and its surroundings: tasks, data fops in flight and waiting, locks, what was published.
private struct World: Hashable {
    enum Event: Hashable { case contended, lostTarget, lostSink, returned, overLimit, truncatedAtOpen, stopped, fsync }
    struct Flying: Hashable { let generation: Int32, access: BypassInodeState.Access }
    struct Waiter: Hashable {
        let access: BypassInodeState.Access
        var ticket: UInt64?
        var isWoken = false
    }

    var state = BypassInodeState(timing: .init(duration: .nanoseconds(10), idle: .nanoseconds(25)))
    var now = MonotonicTime(nanoseconds: 0)
    var task: BypassInodeState.Work?
    var openingStep = 0
    var flying: [Flying] = [], waiting: [Waiter] = []
    var lease = false, epochLock = false
    var opened: [Int32] = [], begun: [Int32: UInt64] = [:], published: [Int32: UInt64] = [:]
    var newest: Int32 = 0
    var openFiles = 0
    var deadline: MonotonicTime?
    var broken: String?
    // What may still happen.
    var opens: Int, shared: Int, exclusive: Int, ticks: Int, events: [Event], generations: Int
    var refusals = 1

    init(opens: Int, shared: Int, exclusive: Int, ticks: Int, events: [Event], generations: Int) {
        (self.opens, self.shared, self.exclusive) = (opens, shared, exclusive)
        (self.ticks, self.events, self.generations) = (ticks, events, generations)
    }

    func moves() -> [(String, World)] {
        var moves: [(String, World)] = []
        func move(_ label: String, if possible: Bool = true, _ change: (inout World) -> Void) {
            guard possible else { return }
            var next = self
            change(&next)
            next.check()
            moves.append((label, next))
        }
        move("open", if: opens > 0) {
            ($0.opens, $0.openFiles) = ($0.opens - 1, $0.openFiles + 1)
            $0.take($0.state.openedFile())
        }
        move("close", if: openFiles > 0 && (openFiles > 1 || flying.isEmpty && waiting.isEmpty)) {
            $0.openFiles -= 1
            $0.take($0.state.closedFile(at: now))
        }
        move("write", if: shared > 0 && openFiles > 0) {
            $0.shared -= 1
            $0.ask(Waiter(access: .shared))
        }
        move("append", if: exclusive > 0 && openFiles > 0) {
            $0.exclusive -= 1
            $0.ask(Waiter(access: .exclusive))
        }
        for position in waiting.indices {
            move("waiter \(position) asks again", if: waiting[position].isWoken) {
                $0.ask($0.waiting.remove(at: position))
            }
            move("waiter \(position) gives up") {
                var waiter = $0.waiting.remove(at: position)
                $0.take($0.state.withdraw(&waiter.ticket))
            }
        }
        for position in flying.indices {
            move("a write of \(flying[position].generation) lands") {
                let landed = $0.flying.remove(at: position)
                $0.take($0.state.leave(landed.access, in: landed.generation, size: .atLeast(7)))
            }
        }
        move("time passes", if: ticks > 0) {
            $0.ticks -= 1
            $0.now = $0.now + .nanoseconds(30)
            $0.deadline = nil
            $0.take($0.state.tick(at: $0.now))
        }
        // The timer keeps its word even when the test's time is used up.
        move("the timer fires", if: ticks == 0 && deadline != nil && task == nil && flying.isEmpty) {
            $0.now = max($0.now, $0.deadline!)
            $0.deadline = nil
            $0.take($0.state.tick(at: $0.now))
        }
        for (position, event) in events.enumerated() {
            move("\(event)") {
                $0.events.remove(at: position)
                $0.happen(event)
            }
        }
        workMoves(move)
        return moves
    }

    private func workMoves(_ move: (String, Bool, (inout World) -> Void) -> Void) {
        let later = now + .nanoseconds(20)
        switch task {
        case nil: break
        case .open:
            move("lease and epoch lock taken", openingStep == 0) {
                ($0.openingStep, $0.lease, $0.epochLock) = (1, true, true)
                $0.state.leased()
            }
            move("lease refused", openingStep == 0 && refusals > 0) {
                ($0.task, $0.refusals, $0.lease) = (nil, $0.refusals - 1, false)
                $0.take($0.state.refused(.leaseRefused, until: later, blocks: false))
            }
            move("epoch refused", openingStep == 1 && (refusals > 0 || newest == generations)) {
                ($0.task, $0.epochLock, $0.lease, $0.refusals) = (nil, false, false, max(0, $0.refusals - 1))
                $0.take($0.state.refused(.lag, until: later, blocks: refusals > 0))
            }
            move("mark's outcome unknown", openingStep == 1 && newest < generations) {
                ($0.task, $0.epochLock, $0.lease, $0.newest) = (nil, false, false, $0.newest + 1)
                $0.take($0.state.refused(.failed, until: later, blocks: false, unknown: $0.newest))
            }
            move("opened", openingStep == 1 && newest < generations) {
                ($0.task, $0.newest) = (nil, $0.newest + 1)
                $0.opened.append($0.newest)
                $0.take($0.state.opened($0.newest, size: 0, missing: 1, at: now))
            }
        case .roll:
            move("rolled", newest < generations) {
                ($0.task, $0.newest) = (nil, $0.newest + 1)
                $0.opened.append($0.newest)
                $0.take($0.state.rolled(to: $0.newest, missing: 2, at: now))
            }
            move("roll failed", true) {
                $0.task = nil
                $0.take($0.state.rollFailed(unknown: nil, until: later))
            }
            move("roll's outcome unknown", newest < generations) {
                ($0.task, $0.newest) = (nil, $0.newest + 1)
                $0.take($0.state.rollFailed(unknown: $0.newest, until: later))
            }
        case .release(let lease):
            move("released", true) {
                ($0.task, $0.epochLock) = (nil, false)
                if lease { $0.lease = false }
                $0.take($0.state.released())
            }
        }
    }

    private mutating func happen(_ event: Event) {
        let later = now + .nanoseconds(20)
        switch event {
        case .contended: take(state.contended(until: later))
        case .lostTarget: take(state.lostLocks(onTarget: true, at: now))
        case .lostSink: take(state.lostLocks(onTarget: false, at: now))
        case .returned: take(state.close(.replicaReturned, until: now))
        case .overLimit: take(state.close(.lag, until: later, blocks: true))
        case .truncatedAtOpen: take(state.close(.truncatedAtOpen, until: now))
        case .stopped: take(state.close(.stopping, until: later))
        case .fsync:
            let (through, outcome) = state.endEpochSoon()
            if let through, outcome.work == nil, !state.isClosed(through), state.phase == .open, !state.isRolling {
                // It must end all the same: as soon as the epoch before it has.
                if state.previous == nil { broken = "fsync waits for an epoch that nobody rolls" }
            }
            take(outcome)
        }
    }

    private mutating func ask(_ asked: Waiter) {
        var waiter = asked
        let before = state
        let (admission, outcome) = state.admit(
            waiter.access, bytes: waiter.access == .shared ? 1 : 0, ticket: &waiter.ticket, at: now)
        switch admission {
        case .target(let generation):
            if before.phase != .open { broken = "admitted in \(before.phase)" }
            if !epochLock || !opened.contains(generation) { broken = "admitted without lock or mark" }
            if published[generation] != nil { broken = "admitted to a closed epoch" }
            if opened.max() != generation { broken = "admitted to an old epoch" }
            if flying.contains(where: { $0.access == .exclusive }) { broken = "admitted beside one that runs alone" }
            if waiter.access == .exclusive && !flying.isEmpty { broken = "runs alone beside others" }
            flying.append(Flying(generation: generation, access: waiter.access))
            begun[generation, default: 0] += 1
            take(outcome)
            if waiter.access == .exclusive { take(state.record(bytes: 1, in: generation, at: now)) }
        case .replicate:
            if epochLock { broken = "through replicate under an open epoch" }
            take(outcome)
        case .wait:
            waiter.isWoken = false
            waiting.append(waiter)
            take(outcome)
        }
    }

    private mutating func take(_ outcome: BypassInodeState.Outcome) {
        for epoch in outcome.closed {
            if published[epoch.generation] != nil { broken = "epoch \(epoch.generation) closed twice" }
            if flying.contains(where: { $0.generation == epoch.generation }) {
                broken = "closed before its writes landed"
            }
            if epoch.isExact && epoch.records != begun[epoch.generation, default: 0] { broken = "a wrong count" }
            if !epoch.isExact && !opened.contains(epoch.generation) && epoch.records != 0 {
                broken = "records without mark"
            }
            published[epoch.generation] = epoch.records
        }
        if let work = outcome.work {
            if task != nil { broken = "two tasks at once" }
            if case .release = work, !flying.isEmpty { broken = "locks given back under writes in flight" }
            (task, openingStep) = (work, 0)
        }
        if let time = outcome.deadline { deadline = min(deadline ?? time, time) }
        if outcome.wakes { for position in waiting.indices { waiting[position].isWoken = true } }
    }

    /// What holds after every step.
    private mutating func check() {
        if broken != nil { return }
        if opened.filter({ published[$0] == nil }).count > 2 { broken = "more than two epochs are open" }
        if state.holdsLease != lease { broken = "the lease is \(lease), believed \(state.holdsLease)" }
        if state.phase == .open && deadline == nil { broken = "an open epoch without a deadline" }
        for waiter in waiting where !waiter.isWoken {
            var (copy, ticket) = (state, waiter.ticket)
            let (admission, outcome) = copy.admit(waiter.access, bytes: 1, ticket: &ticket, at: now)
            if (admission != .wait || outcome.work != nil) && (deadline.map { $0 > now } ?? true) {
                broken = "somebody waits who might go on"
            }
        }
        if task == nil && flying.isEmpty && waiting.isEmpty && openFiles == 0 {
            if state.isActive || lease || epochLock { broken = "closed by all, and a lock is left" }
            if opened.contains(where: { published[$0] == nil }) { broken = "an epoch was never closed" }
        }
        if task == nil && flying.isEmpty && state.phase == .open && !waiting.isEmpty
            && !waiting.contains(where: \.isWoken)
        {
            broken = "everybody waits and nobody moves"
        }
        if state.isExclusive != flying.contains(where: { $0.access == .exclusive }) {
            broken = "runs alone, or does not"
        }
        if task == nil && flying.isEmpty && [.opening, .draining, .releasing].contains(state.phase) {
            broken = "stuck in \(state.phase)"
        }
    }
}
