import HealProtocol
import TranslatorCore

extension LeftNames {
    /// A brick beyond a network may still have a dead client's requests in hand for so long after its connection went.
    private static let drain = Duration.seconds(1)

    /// Settles all that dead mounts left on the bricks of this machine (DESIGN §3.6). What cannot be settled now stays:
    /// answers why, and nothing for replicas that are down. By mounts before they serve, and by healers.
    public static func settleAll(of set: any NameSettling, volume: Gfid, boot: Gfid) async -> [String] {
        var complaints: [String] = []
        for brick in set.replicas.compactMap({ $0.localBrick?.brickDirectory }) {
            let left = LeftNames(brick: brick, volume: volume, boot: boot)
            let journals: [Journal]
            do throws(JournalError) {
                journals = try left.journals { complaints.append($0.description) }
            } catch {
                complaints.append(error.description)
                continue
            }
            if journals.contains(where: { !$0.changes.isEmpty }), !set.replicas.allSatisfy(\.isBrickServedHere) {
                try? await set.volume.environment.time.sleep(for: drain)
            }
            for journal in journals {
                do throws(FopError) {
                    for change in journal.changes {
                        _ = try await set.settle(change, isBelieved: journal.isBelieved)
                    }
                    left.forget(journal.mount)
                } catch {
                    guard error != .notConnected else { continue }
                    complaints.append("the names journal of mount \(journal.mount) on \(brick): \(error)")
                }
            }
        }
        return complaints
    }
}
