import Synchronization
import TranslatorCore
import TranslatorTesting
import Translators

/// `features/locks` alone on a storage that does nothing, and what it says upwards.
struct LockingStack {
    let graph: Graph
    let locks: any Translator
    let clock = ManualClock()
    let events: EventCatcher
    let inode = Inode(gfid: Gfid(high: 0x1234_5678_0000_4000, low: 0x8000_0000_0000_0001), type: .regular)

    init(_ options: String = "") throws {
        graph = try Graph.fromText(
            """
            volume brick
                type testing/inert
            end-volume
            volume locks
                type features/locks
                \(options)
                subvolumes brick
            end-volume
            volume top
                type testing/event-catcher
                subvolumes locks
            end-volume
            """, extra: [EventCatcher.self], environment: GraphEnvironment(time: clock, log: .silent))
        locks = graph["locks"]!
        events = graph.top as! EventCatcher
    }

    func inodelk(
        _ command: LockCommand, _ owner: UInt64, _ range: LockRange = .whole, mode: LockMode = .write,
        domain: String = "vol-replicate-0"
    ) async throws(FopError) {
        _ = try await locks.inodelk(
            InodelkRequest(.inode(inode), domain: domain, command: command, mode: mode, range: range),
            in: Frame(caller: .root, lockOwner: LockOwner(rawValue: owner)))
    }

    func entrylk(
        _ command: LockCommand, _ owner: UInt64, _ name: EntryName?, mode: LockMode = .write, domain: String = "vol"
    ) async throws(FopError) {
        _ = try await locks.entrylk(
            EntrylkRequest(.inode(inode), domain: domain, name: name, command: command, mode: mode),
            in: Frame(caller: .root, lockOwner: LockOwner(rawValue: owner)))
    }

    /// Granted and waiting, as the wire's clients see them.
    func count(domain: String = "vol-replicate-0") async throws(FopError) -> Int64 {
        let reply = try await locks.stat(
            StatRequest(.inode(inode), xdata: [XdataKey.inodelkDomainCount: .string(domain)]), in: Frame(caller: .root))
        return reply.xdata[XdataKey.inodelkCount]!.integer!
    }

    func waitUntil(count expected: Int64) async -> Bool {
        await eventually { (try? await count()) == expected }
    }
}

/// `testing/event-catcher`: keeps what comes up from below.
final class EventCatcher: Translator {
    static let type: TranslatorType = "testing/event-catcher"
    static let needs: SubvolumeNeed = .exactly(1)
    let volume: Volume
    private let caught = Mutex<[GraphEvent]>([])

    init(_ volume: Volume) throws(VolfileError) { self.volume = volume }

    func notify(_ event: GraphEvent, from subvolume: any Translator) { caught.withLock { $0.append(event) } }

    /// Domain and range of each inodelk contention notice so far.
    var inodelkContentions: [(String, LockRange)] {
        caught.withLock {
            $0.compactMap { if case .inodelkContention(_, let domain, let range) = $0 { (domain, range) } else { nil } }
        }
    }
    var entrylkContentions: [EntryName?] {
        caught.withLock {
            $0.compactMap { if case .entrylkContention(_, _, let name) = $0 { .some(name) } else { nil } }
        }
    }
}

/// The error that `body` throws, or nil.
func fopError(_ body: () async throws -> Void) async -> FopError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? FopError ?? { fatalError("not a fop's error: \(error)") }()
    }
}
