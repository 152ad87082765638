import TranslatorCore

/// The inodelks of a `MemoryBrick`, with the rules of gluster-wire.md §9: per (inode, domain), owned by (connection,
/// owner), stacking, first come first served, queued requests ahead of new ones. Decides; whoever calls resumes.
struct MemoryLocks {
    struct Holder: Hashable, Sendable {
        let connection: UInt64
        let owner: LockOwner
    }
    struct Lock: Equatable, Sendable {
        let holder: Holder
        let mode: LockMode
        let range: LockRange

        func conflicts(with other: Lock) -> Bool {
            holder != other.holder && range.overlaps(other.range) && (mode == .write || other.mode == .write)
        }
    }
    struct Waiter: Sendable {
        let number: UInt64
        let lock: Lock
        let continuation: CheckedContinuation<FopError?, Never>
    }
    private struct Domain {
        var granted: [Lock] = []
        var queue: [Waiter] = []
    }
    private struct Key: Hashable, Comparable {
        let gfid: Gfid
        let domain: String
        static func < (a: Key, b: Key) -> Bool { (a.gfid, a.domain) < (b.gfid, b.domain) }
    }
    private var domains: [Key: Domain] = [:]

    /// Holders in the way of `lock`; empty when it can be granted now.
    private func obstacles(_ lock: Lock, in domain: Domain) -> [Lock] {
        let held = domain.granted.filter { $0.conflicts(with: lock) }
        if !held.isEmpty { return held }
        // Whoever holds here already passes those who queue.
        if domain.granted.contains(where: { $0.holder == lock.holder }) { return [] }
        return domain.queue.map(\.lock).filter { $0.conflicts(with: lock) }
    }

    mutating func tryAcquire(_ lock: Lock, _ gfid: Gfid, _ domain: String) -> Bool {
        let key = Key(gfid: gfid, domain: domain)
        guard obstacles(lock, in: domains[key] ?? Domain()).isEmpty else { return false }
        domains[key, default: Domain()].granted.append(lock)
        return true
    }

    /// Grants at once (nil) or queues and answers who is in the way.
    mutating func acquire(_ waiter: Waiter, _ gfid: Gfid, _ domain: String) -> [Lock]? {
        let key = Key(gfid: gfid, domain: domain)
        let obstacles = obstacles(waiter.lock, in: domains[key] ?? Domain())
        if obstacles.isEmpty {
            domains[key, default: Domain()].granted.append(waiter.lock)
            return nil
        }
        domains[key, default: Domain()].queue.append(waiter)
        return obstacles
    }

    /// Nil when it was not held; else whom to resume.
    mutating func release(_ lock: Lock, _ gfid: Gfid, _ domain: String) -> [Waiter]? {
        let key = Key(gfid: gfid, domain: domain)
        guard let position = domains[key]?.granted.firstIndex(of: lock) else { return nil }
        domains[key]!.granted.remove(at: position)
        return settle(key)
    }

    private mutating func settle(_ key: Key) -> [Waiter] {
        guard var domain = domains[key] else { return [] }
        var woken: [Waiter] = []
        var stillWaiting: [Waiter] = []
        for waiter in domain.queue {
            let isFree =
                !domain.granted.contains { $0.conflicts(with: waiter.lock) }
                && !stillWaiting.contains { $0.lock.conflicts(with: waiter.lock) }
            if isFree {
                domain.granted.append(waiter.lock)
                woken.append(waiter)
            } else {
                stillWaiting.append(waiter)
            }
        }
        domain.queue = stillWaiting
        domains[key] = domain.granted.isEmpty && domain.queue.isEmpty ? nil : domain
        return woken
    }

    /// Takes a waiter out of its queue; nil when it was granted already.
    mutating func cancel(_ number: UInt64) -> (cancelled: Waiter, woken: [Waiter])? {
        for (key, domain) in domains {
            guard let position = domain.queue.firstIndex(where: { $0.number == number }) else { continue }
            let waiter = domains[key]!.queue.remove(at: position)
            return (waiter, settle(key))
        }
        return nil
    }

    /// The connection died: everything it holds or waits for is gone.
    mutating func drop(connection: UInt64) -> (cancelled: [Waiter], woken: [Waiter]) {
        var cancelled: [Waiter] = [], woken: [Waiter] = []
        for key in domains.keys.sorted() {
            cancelled += domains[key]!.queue.filter { $0.lock.holder.connection == connection }
            domains[key]!.queue.removeAll { $0.lock.holder.connection == connection }
            domains[key]!.granted.removeAll { $0.holder.connection == connection }
            woken += settle(key)
        }
        return (cancelled, woken)
    }

    /// What is granted on this file, for assertions.
    func granted(_ gfid: Gfid, _ domain: String) -> [Lock] { domains[Key(gfid: gfid, domain: domain)]?.granted ?? [] }
    var isEmpty: Bool { domains.isEmpty }
}
