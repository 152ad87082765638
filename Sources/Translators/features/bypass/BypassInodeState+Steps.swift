import ReplicaState
import TranslatorCore

extension BypassInodeState {
    var canRoll: Bool { phase == .open && !isRolling && previous == nil }

    var rollTime: MonotonicTime? {
        // "epoch-duration, times 1 + missing/64 while sinks are behind".
        current?.firstRecord.map { $0 + (timing.duration + timing.duration * Int(max(0, missing)) / 64) }
    }

    var nextDeadline: MonotonicTime? {
        var next = wakeAt
        if phase == .open {
            let idle = lastUse + timing.idle
            next = min(next ?? idle, idle)
            if canRoll, let roll = rollTime { next = min(next!, roll) }
        }
        return next
    }

    mutating func wake(at time: MonotonicTime, _ outcome: inout Outcome) {
        wakeAt = min(wakeAt ?? time, time)
        outcome.deadline = nextDeadline
    }

    mutating func roll(_ outcome: inout Outcome) {
        (isRolling, rollIsWanted) = (true, false)
        outcome.work = .roll
    }

    mutating func drain(
        _ reason: CloseReason, until: MonotonicTime, blocks: Bool = false, _ outcome: inout Outcome
    ) {
        precondition(phase == .open)
        (phase, rollIsWanted) = (.draining, false)
        losesLease = reason.dropsLease
        outcome.drains = reason
        detour = reason.detour.map { ActiveDetour(reason: $0, until: until, blocks: blocks) }
        settle(&outcome)
    }

    mutating func release(lease: Bool, _ outcome: inout Outcome) {
        (phase, losesLease, leaseIsStale) = (.releasing, lease, false)
        outcome.work = .release(lease: lease)
    }

    /// Ends what has landed.
    mutating func settle(_ outcome: inout Outcome) {
        if let ended = previous, ended.inFlight == 0 {
            previous = nil
            outcome.closed.append(ended.closed)
            outcome.wakes = true
            if phase == .open {
                if rollIsWanted && canRoll { roll(&outcome) } else { outcome.deadline = nextDeadline }
            }
        }
        guard phase == .draining, !isRolling, previous == nil, current!.inFlight == 0 else { return }
        outcome.closed.append(current!.closed)
        (current, size) = (nil, nil)
        release(lease: losesLease || opens == 0, &outcome)
    }
}
