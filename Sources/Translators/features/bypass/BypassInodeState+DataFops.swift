import ReplicaState
import TranslatorCore

extension BypassInodeState {
    /// Where a data fop goes. `bytes` are recorded at once if it is admitted (0: `record` follows). `ticket` is nil at
    /// the first call and the caller's to keep until the answer is not `wait`, or until it gives up (`withdraw`).
    mutating func admit(
        _ access: Access, bytes: UInt64, ticket: inout UInt64?, at now: MonotonicTime
    ) -> (Admission, Outcome) {
        var outcome = Outcome()
        let admission = decide(access, bytes, ticket, now, &outcome)
        if admission == .wait {
            if ticket == nil {
                lastTicket += 1
                ticket = lastTicket
                if access == .exclusive { exclusiveTickets.append(lastTicket) }
            }
        } else if ticket != nil {
            outcome.wakes = withdraw(&ticket).wakes || outcome.wakes
        }
        return (admission, outcome)
    }

    private mutating func decide(
        _ access: Access, _ bytes: UInt64, _ ticket: UInt64?, _ now: MonotonicTime, _ outcome: inout Outcome
    ) -> Admission {
        switch phase {
        case .open:
            guard mayEnter(access, ticket) else { return .wait }
            if access == .exclusive { isExclusive = true }
            lastUse = now
            let isFirst = bytes > 0 && current!.firstRecord == nil
            current!.begin(bytes: bytes, at: now)
            if isFirst && canRoll { outcome.deadline = nextDeadline }
            return .target(generation: current!.generation)
        case .opening, .draining, .releasing: return .wait
        case .closed:
            if let active = detour, now < active.until {
                guard active.blocks else { return .replicate(active.reason) }
                wake(at: active.until, &outcome)
                return .wait
            }
            guard opens > 0 else { return .replicate(.notOpen) }
            startOpening(&outcome)
            return .wait
        }
    }

    private mutating func startOpening(_ outcome: inout Outcome) {
        phase = .opening
        (closeAfterOpening, lostTargetWhileOpening) = (nil, false)
        outcome.work = .open
    }

    /// The first write will come at once: opens the epoch for it.
    mutating func anticipate() -> Outcome {
        var outcome = Outcome()
        if phase == .closed && opens > 0 && detour == nil { startOpening(&outcome) }
        return outcome
    }

    /// First come, first served between those that run alone and those that need not.
    private func mayEnter(_ access: Access, _ ticket: UInt64?) -> Bool {
        if isExclusive { return false }
        let first = exclusiveTickets.first
        switch access {
        case .shared: return first == nil || (ticket.map { $0 < first! } ?? false)
        case .exclusive: return inFlight == 0 && (first == nil || first == ticket)
        }
    }

    /// Whoever was told to wait gives up.
    mutating func withdraw(_ ticket: inout UInt64?) -> Outcome {
        guard let number = ticket else { return Outcome() }
        ticket = nil
        guard let position = exclusiveTickets.firstIndex(of: number) else { return Outcome() }
        exclusiveTickets.remove(at: position)
        return Outcome(wakes: phase == .open)
    }

    /// An admitted fop that runs alone has found out what it may change.
    mutating func record(bytes: UInt64, in generation: Int32, at now: MonotonicTime) -> Outcome {
        precondition(isExclusive, "ranges are recorded at admission, or by a fop that runs alone")
        guard bytes > 0 else { return Outcome() }
        var outcome = Outcome()
        if current!.generation == generation {
            current!.note(bytes: bytes, at: now)
            if canRoll { outcome.deadline = nextDeadline }
        } else {
            previous!.note(bytes: bytes, at: now)
        }
        return outcome
    }

    /// What a data fop did to the size of the file.
    enum SizeEffect: Hashable, Sendable {
        case none, unknown
        case atLeast(UInt64), exactly(UInt64)
    }

    /// An admitted fop has landed or failed.
    mutating func leave(_ access: Access, in generation: Int32, size effect: SizeEffect) -> Outcome {
        var outcome = Outcome()
        if current!.generation == generation { current!.end() } else { previous!.end() }
        switch effect {
        case .none: break
        case .unknown: size = nil
        case .atLeast(let end): size = size.map { max($0, end) }
        case .exactly(let end): size = end
        }
        if access == .exclusive {
            isExclusive = false
            outcome.wakes = true
        } else if inFlight == 0 && !exclusiveTickets.isEmpty {
            outcome.wakes = true
        }
        settle(&outcome)
        return outcome
    }

    /// The size as `stat` found it, for the fop that runs alone and asked.
    mutating func learn(size: UInt64) { if isExclusive { self.size = size } }
}
