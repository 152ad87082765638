import CPosix
import Glibc
import HealProtocol
import Synchronization
import TranslatorCore

/// What the janitor thread does: segments ahead of their use, and away when nobody needs them.
extension JournalWriter {
    private static let retryInterval = Duration.seconds(1)

    func keepHouse() {
        var complained = false
        while true {
            let isClosed = state.withLock { $0.isClosed }
            if !isClosed { prepareSpare(&complained) }
            let isSettled = takeStock()
            giveUpOldest()
            sweep()
            if isClosed, isSettled { return }
            let hasSpare = state.withLock { $0.spare != nil }
            wakeup.wait(timeout: isSettled ? (hasSpare ? nil : Self.retryInterval) : .milliseconds(10))
        }
    }

    /// Makes the next segment while the active one still has room. A journal that had none goes on in it at once.
    private func prepareSpare(_ complained: inout Bool) {
        while let number = state.withLock({ $0.spare == nil ? takeNumber(&$0) : nil }) {
            do throws(JournalError) {
                let segment = try JournalSegment(header: header(number), directory: directory)
                segment.populate()
                let isTaken = state.withLock { offer(segment, &$0) }
                if !isTaken { unlink(path(number)) }
                if complained { log.write(.info, volume: "journal") { "\(directory) has room again" } }
                complained = false
            } catch {
                if !complained {
                    log.write(.warning, volume: "journal") {
                        "\(error). When the journal is full, files are healed whole until there is room"
                    }
                }
                complained = true
                return
            }
        }
    }

    /// False if an appender, faster than we, is in a later segment already: segments must be filled in their order,
    /// because what was blind is lifted by a *later* one.
    private func offer(_ segment: JournalSegment, _ state: inout State) -> Bool {
        guard segment.number > state.active.number, state.spare == nil else { return false }
        if state.isFull {
            activate(segment, &state)
        } else {
            state.spare = segment
        }
        return true
    }

    /// Learns what the full segments hold, once the last store into them has ended. False if one has not.
    private func takeStock() -> Bool {
        let sealed = state.withLock { $0.sealed.map(\.segment) }
        for segment in sealed {
            guard segment.isStored(count: sizes.ordinarySlots) else { return false }
            let newest = segment.newestGenerations(count: sizes.ordinarySlots)
            state.withLock { state in
                let sealed = state.sealed.removeFirst()
                let unhealed = newest.filter { (sealed.healed[$0.key] ?? .min) < $0.value }
                state.doomed += state.trim.add(segment: segment.number, newest: unhealed, isBlind: sealed.isBlind)
            }
        }
        return true
    }

    private func giveUpOldest() {
        let limit = sizes.limitBytes / sizes.segmentBytes
        let count: Int = state.withLock { state in
            var count = 0
            // Beside those whose contents are known: the active one, the spare one, and the full ones.
            while state.trim.segments.count + state.sealed.count + 2 > limit, let oldest = state.trim.giveUpOldest() {
                state.doomed.append(oldest)
                count += 1
            }
            return count
        }
        if count > 0 {
            log.write(.warning, volume: "journal") {
                "\(directory) is beyond journal-limit (\(sizes.limitBytes) bytes): \(count) segments given up, their files are healed whole"
            }
        }
    }

    private func sweep() {
        let doomed: [UInt64] = state.withLock { state in
            defer { state.doomed = [] }
            return state.doomed
        }
        for number in doomed { unlink(path(number)) }
    }
}
