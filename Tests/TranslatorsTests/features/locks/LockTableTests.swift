import Testing
import TranslatorCore

@testable import Translators

/// Other processes as a test wants them: in the way or not, by the toss of a coin; they note what they are told.
private struct CapriciousProcesses: OtherProcesses {
    var random: SeededGenerator
    var refuses = false
    var taken: [InodelkClaim] = []
    var waiting: Set<LockRequestID> = []

    mutating func take(_ claim: InodelkClaim, waiting id: LockRequestID?, isNested: Bool) -> Bool {
        if let id { precondition(waiting.contains(id), "a waiting request was announced") }
        if refuses, random.next() % 3 == 0 { return false }
        taken.append(claim)
        return true
    }
    mutating func giveBack(_ claim: InodelkClaim) { taken.remove(at: taken.firstIndex(of: claim)!) }
    mutating func waits(_ id: LockRequestID, for claim: InodelkClaim, isNested: Bool) {
        precondition(waiting.insert(id).inserted)
    }
    mutating func waitsNoMore(_ id: LockRequestID, for claim: InodelkClaim) {
        precondition(waiting.remove(id) != nil)
    }
}

/// The same run for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

@Suite struct LockTableTests {
    /// The rules once more, as plainly as they can be said: who may have what, given who holds and who came before.
    private struct NaiveLine {
        struct Entry { let id: LockRequestID, owner: LockOwner, claim: InodelkClaim }
        var held: [Entry] = []
        var line: [Entry] = []

        func mayHave(_ entry: Entry, before: [Entry]) -> Bool {
            for other in held where other.owner != entry.owner {
                let bothRead = other.claim.mode == .read && entry.claim.mode == .read
                if other.claim.range.overlaps(entry.claim.range) && !bothRead { return false }
            }
            if (held + before).contains(where: { $0.owner == entry.owner }) { return true }
            return !before.contains {
                $0.claim.range.overlaps(entry.claim.range) && !($0.claim.mode == .read && entry.claim.mode == .read)
            }
        }
        mutating func settle() -> [LockRequestID] {
            var granted: [LockRequestID] = []
            var before: [Entry] = []
            for entry in line {
                if mayHave(entry, before: before) {
                    held.append(entry)
                    granted.append(entry.id)
                } else {
                    before.append(entry)
                }
            }
            line = before
            return granted
        }
    }

    private func randomClaim(_ random: inout SeededGenerator) -> InodelkClaim {
        let ranges = [
            LockRange.whole, LockRange(start: 0, length: 2), LockRange(start: 1, length: 3),
            LockRange(start: 4, length: 1), LockRange(start: 3, length: 0),
        ]
        return InodelkClaim(
            range: ranges.randomElement(using: &random)!, mode: Bool.random(using: &random) ? .read : .write)
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `every answer is the naive line's answer`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = LockTable<InodelkClaim>()
        var others = NoOtherProcesses<InodelkClaim>()
        var naive = NaiveLine()
        for step in 1...120 as ClosedRange<UInt64> {
            let owner = LockOwner(rawValue: random.next() % 4 + 1)
            switch random.next() % 5 {
            case 0, 1, 2:
                let claim = randomClaim(&random)
                let canWait = Bool.random(using: &random)
                let entry = NaiveLine.Entry(id: step, owner: owner, claim: claim)
                let answer = table.request(claim, owner: owner, id: step, canWait: canWait, others: &others)
                if naive.mayHave(entry, before: naive.line) {
                    naive.held.append(entry)
                    #expect(answer == .granted, "seed \(seed) step \(step)")
                } else {
                    #expect(answer == (canWait ? .waiting : .refused), "seed \(seed) step \(step)")
                    if canWait { naive.line.append(entry) }
                }
            case 3:
                let claim = naive.held.randomElement(using: &random)?.claim ?? randomClaim(&random)
                let position = naive.held.lastIndex { $0.owner == owner && $0.claim.range == claim.range }
                let released = table.release(claim, owner: owner, others: &others)
                #expect(released == (position != nil), "seed \(seed) step \(step)")
                if let position {
                    naive.held.remove(at: position)
                    let granted = table.promote(others: &others)
                    #expect(granted == naive.settle(), "seed \(seed) step \(step)")
                }
            default:
                guard let entry = naive.line.randomElement(using: &random) else { continue }
                naive.line.removeAll { $0.id == entry.id }
                let wasWaiting = table.cancel(entry.id, others: &others)
                #expect(wasWaiting)
                let isStillWaiting = table.cancel(entry.id, others: &others)
                #expect(!isStillWaiting)
                let granted = table.promote(others: &others)
                #expect(granted == naive.settle(), "seed \(seed) step \(step)")
            }
            #expect(table.grants.count == naive.held.count && table.waiters.map(\.id) == naive.line.map(\.id))
        }
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `what other processes are told is what the table holds and awaits`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = LockTable<InodelkClaim>()
        var others = CapriciousProcesses(random: SeededGenerator(seed: seed ^ 0xFFFF), refuses: true)
        for step in 1...120 as ClosedRange<UInt64> {
            let owner = LockOwner(rawValue: random.next() % 4 + 1)
            switch random.next() % 6 {
            case 0, 1, 2:
                _ = table.request(
                    randomClaim(&random), owner: owner, id: step, canWait: Bool.random(using: &random), others: &others)
            case 3:
                guard let grant = table.grants.randomElement(using: &random) else { continue }
                let wasHeld = table.release(grant.claim, owner: grant.owner, others: &others)
                #expect(wasHeld)
                _ = table.promote(others: &others)
            case 4:
                guard let waiter = table.waiters.randomElement(using: &random) else { continue }
                let wasWaiting = table.cancel(waiter.id, others: &others)
                #expect(wasWaiting)
                _ = table.promote(others: &others)
            default:
                // An event from outside: whoever was in the way has gone.
                _ = table.promote(others: &others)
            }
            #expect(Set(others.waiting) == Set(table.waiters.map(\.id)), "seed \(seed) step \(step)")
            #expect(count(others.taken) == count(table.grants.map(\.claim)), "seed \(seed) step \(step)")
            for (position, grant) in table.grants.enumerated() {
                for other in table.grants[..<position] where other.owner != grant.owner {
                    #expect(!other.claim.conflicts(with: grant.claim), "seed \(seed) step \(step)")
                }
            }
        }
        // Once nobody is in the way and every holder lets go, nobody is left waiting.
        others.refuses = false
        while let grant = table.grants.first {
            let wasHeld = table.release(grant.claim, owner: grant.owner, others: &others)
            #expect(wasHeld)
            _ = table.promote(others: &others)
        }
        _ = table.promote(others: &others)
        while let grant = table.grants.first {
            let wasHeld = table.release(grant.claim, owner: grant.owner, others: &others)
            #expect(wasHeld)
            _ = table.promote(others: &others)
        }
        #expect(table.isEmpty && others.waiting.isEmpty && others.taken.isEmpty)
    }

    private func count(_ claims: [InodelkClaim]) -> [InodelkClaim: Int] {
        claims.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}
