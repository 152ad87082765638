import ReplicaState
import TranslatorCore

extension BypassInodeState {
    mutating func leased() { holdsLease = true }

    /// The epoch `generation` is marked, and the mark is on disk. `size`: of the target's copy, under the epoch lock.
    mutating func opened(_ generation: Int32, size: UInt64, missing: Int32, at now: MonotonicTime) -> Outcome {
        precondition(phase == .opening)
        var outcome = Outcome(wakes: true)
        var epoch = Epoch(generation: generation)
        epoch.isExact = !lostTargetWhileOpening
        (phase, current, lastUse, detour) = (.open, epoch, now, nil)
        (self.size, self.missing) = (size, missing)
        if let close = closeAfterOpening {
            drain(close.reason, until: close.until, &outcome)
        } else if opens == 0 {
            drain(.lastClose, until: now, &outcome)
        } else {
            outcome.deadline = nextDeadline
        }
        return outcome
    }

    /// No epoch was opened, and everything that was locked, the lease too, is given back already. `unknown` is the
    /// epoch that may be marked on disk all the same. Until `until` data fops take a detour, or wait if `blocks`.
    mutating func refused(_ reason: Detour, until: MonotonicTime, blocks: Bool, unknown: Int32? = nil) -> Outcome {
        precondition(phase == .opening)
        var outcome = Outcome(wakes: true)
        if let unknown { outcome.closed.append(.unknown(generation: unknown)) }
        detour = ActiveDetour(reason: reason, until: until, blocks: blocks)
        (phase, holdsLease) = (.closed, false)
        if blocks { wake(at: until, &outcome) }
        return outcome
    }

    /// The mark of the next epoch is on disk.
    mutating func rolled(to generation: Int32, missing: Int32, at now: MonotonicTime) -> Outcome {
        precondition(isRolling)
        precondition(previous == nil, "at most two epochs are open at once")
        precondition(generation > current!.generation, "generations grow")
        var outcome = Outcome()
        isRolling = false
        var successor = Epoch(generation: generation)
        successor.isExact = current!.isExact
        (previous, current, self.missing) = (current, successor, missing)
        settle(&outcome)
        if phase == .open && missing >= BypassCounts.missingMax { drain(.tooManyEpochs, until: now, &outcome) }
        if phase == .open { outcome.deadline = nextDeadline }
        return outcome
    }

    /// There is no next epoch to write to. `unknown`: it may be marked on disk all the same.
    mutating func rollFailed(unknown: Int32?, until: MonotonicTime) -> Outcome {
        precondition(isRolling)
        var outcome = Outcome()
        isRolling = false
        if let unknown { outcome.closed.append(.unknown(generation: unknown)) }
        if phase == .open { drain(.rollFailed, until: until, &outcome) } else { settle(&outcome) }
        return outcome
    }

    /// The locks are given back.
    mutating func released() -> Outcome {
        precondition(phase == .releasing)
        var outcome = Outcome(wakes: true)
        if losesLease { holdsLease = false }
        phase = .closed
        if holdsLease && (opens == 0 || leaseIsStale) { release(lease: true, &outcome) }
        return outcome
    }

    /// Time has passed.
    mutating func tick(at now: MonotonicTime) -> Outcome {
        var outcome = Outcome()
        if let at = wakeAt, at <= now {
            wakeAt = nil
            outcome.wakes = true
        }
        if phase == .open {
            if now >= lastUse + timing.idle {
                if inFlight == 0 { drain(.idle, until: now, &outcome) } else { lastUse = now }
            }
            if canRoll, let due = rollTime, now >= due { roll(&outcome) }
        }
        outcome.deadline = nextDeadline
        return outcome
    }

    /// Closes the open epoch without a successor, or the one being opened as soon as it is. Until `until` data fops
    /// take the reason's detour, or wait if `blocks`.
    mutating func close(_ reason: CloseReason, until: MonotonicTime, blocks: Bool = false) -> Outcome {
        var outcome = Outcome()
        switch phase {
        case .open: drain(reason, until: until, blocks: blocks, &outcome)
        case .opening:
            if closeAfterOpening?.reason.dropsLease != true {
                closeAfterOpening = PlannedClose(reason: reason, until: until)
            }
        case .draining: losesLease = losesLease || reason.dropsLease
        case .releasing: leaseIsStale = leaseIsStale || (reason.dropsLease && !losesLease)
        case .closed:
            if reason.dropsLease && holdsLease { release(lease: true, &outcome) }
        }
        return outcome
    }

    /// Somebody wants the whole file and finds the epoch lock in its way. It is told once, also while the epoch opens:
    /// the notice may come before the answer that the lock is granted.
    mutating func contended(until: MonotonicTime) -> Outcome {
        guard phase == .opening || phase == .open else { return Outcome() }
        return close(.contention, until: until)
    }

    /// A replica went down, and our locks there with it. Of the target, nobody knows what the writes in flight did.
    mutating func lostLocks(onTarget: Bool, at now: MonotonicTime) -> Outcome {
        if onTarget {
            current?.isExact = false
            previous?.isExact = false
            lostTargetWhileOpening = phase == .opening
        }
        return close(.lockLost, until: now)
    }

    /// One more open file. What was refused before is tried again.
    mutating func openedFile() -> Outcome {
        opens += 1
        guard let active = detour, !active.reason.isOverLimit, active.reason != .contention else { return Outcome() }
        detour = nil
        return Outcome()
    }

    /// One open file less.
    mutating func closedFile(at now: MonotonicTime) -> Outcome {
        precondition(opens > 0, "an open file was closed twice")
        opens -= 1
        var outcome = Outcome()
        guard opens == 0 else { return outcome }
        if phase == .open { drain(.lastClose, until: now, &outcome) }
        if phase == .closed && holdsLease { release(lease: true, &outcome) }
        return outcome
    }

    /// fsync wants everything healed that was written until now: answers the newest epoch which holds any of it, nil if
    /// there is none open. `isClosed` tells when it has ended.
    mutating func endEpochSoon() -> (through: Int32?, Outcome) {
        var outcome = Outcome()
        guard let epoch = current else { return (nil, outcome) }
        guard epoch.records > 0 else { return (previous?.generation ?? epoch.generation - 1, outcome) }
        // A roll under way ends this epoch too.
        if canRoll { roll(&outcome) } else if phase == .open && !isRolling { rollIsWanted = true }
        return (epoch.generation, outcome)
    }

    /// Whoever waits will be woken at `time`, or earlier.
    mutating func wakeWaiters(at time: MonotonicTime) -> Outcome {
        var outcome = Outcome()
        wake(at: time, &outcome)
        return outcome
    }

    /// `over-limit block` must not wait for a healer that waits for a replica.
    mutating func stopBlocking() -> Outcome {
        guard detour?.blocks == true else { return Outcome() }
        detour!.blocks = false
        return Outcome(wakes: true)
    }

    /// What made data fops take a detour is over.
    mutating func endDetour(_ reasons: [Detour]) -> Outcome {
        guard let active = detour, reasons.contains(active.reason) else { return Outcome() }
        detour = nil
        return Outcome(wakes: active.blocks)
    }
}
