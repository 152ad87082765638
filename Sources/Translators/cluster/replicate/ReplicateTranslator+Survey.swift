import ReplicaState
import Synchronization
import TranslatorCore

// Which directories are bricks of this volume, which become some, and which are away (heal-protocol.md §3.2, "Volume
// id").
extension ReplicateTranslator {
    /// How long another process may take to make bricks.
    private static let claimTimeout = Duration.seconds(20), claimPause = Duration.milliseconds(20)

    private struct OwnBrick {
        let replica: Int
        let brick: any LocalBrick
    }
    private var ownBricks: [OwnBrick] {
        replicas.indices.compactMap { replica in
            guard isServedHere[replica], let brick = replicas[replica].localBrick else { return nil }
            return OwnBrick(replica: replica, brick: brick)
        }
    }

    /// Bricks that another process serves have their volume-id already, and it must be the volfile's.
    public func survey() async throws(VolfileError) {
        let own = ownBricks
        guard !own.isEmpty else { return }
        var sights = try look(own)
        var claims: [any BrickClaim] = []
        // Who makes bricks does so alone: whoever comes second finds them made.
        if sights.contains(where: { if case .blank = $0 { true } else { false } }) {
            claims = try await claimAll(own, sights)
            sights = try look(own)
        }
        let wanted = volumeID ?? own.lazy.compactMap(\.brick.volumeID).first
        let survey = VolumeSurvey(sights: sights, wanted: wanted, makesBricks: volume.environment.makesBricks)
        switch survey.verdict(ifBorn: .random()) {
        case .refused(let position, let why): throw refusal(own[position].brick, why)
        case .roles(let roles, let id): try take(roles, id, own, claims)
        }
    }

    private func look(_ own: [OwnBrick]) throws(VolfileError) -> [BrickSight] {
        var sights: [BrickSight] = []
        for one in own { sights.append(try one.brick.sight()) }
        return sights
    }

    private func refusal(_ brick: any LocalBrick, _ why: String) -> VolfileError {
        brick.volume.error("brick \(brick.brickDirectory): \(why)")
    }

    /// In an order that is the same for everybody: that of the directories' names.
    private func claimAll(
        _ own: [OwnBrick], _ sights: [BrickSight]
    ) async throws(VolfileError) -> [any BrickClaim] {
        var claims: [any BrickClaim] = []
        let there = zip(own, sights).filter { if case .away = $1 { false } else { true } }.map { $0.0.brick }
        for brick in there.sorted(by: { $0.brickDirectory < $1.brickDirectory }) {
            claims.append(try await claim(brick))
        }
        return claims
    }

    private func claim(_ brick: any LocalBrick) async throws(VolfileError) -> any BrickClaim {
        let time = volume.environment.time
        let deadline = time.now() + Self.claimTimeout
        while true {
            do throws(FopError) {
                if let claim = try brick.claim() { return claim }
            } catch { throw refusal(brick, "cannot be locked: \(error)") }
            guard time.now() < deadline, (try? await time.sleep(for: Self.claimPause)) != nil else {
                throw refusal(brick, "another process has been making a brick of it for \(Self.claimTimeout)")
            }
        }
    }

    private func take(
        _ roles: [VolumeSurvey.Role], _ id: Gfid, _ own: [OwnBrick], _ claims: [any BrickClaim]
    ) throws(VolfileError) {
        // All of them, down to the disk, before the first has an id.
        if !roles.contains(.member) { for claim in claims { try claim.intend(id) } }
        var roleOf = [VolumeSurvey.Role?](repeating: nil, count: replicas.count)
        for (one, role) in zip(own, roles) {
            roleOf[one.replica] = role
            one.brick.order(
                BrickOrder(volumeID: id, isMade: role.isMade) { [weak self] () throws(VolfileError) in
                    try BrickPlaces.check(self?.ownBricks.map(\.brick) ?? [])
                })
        }
        let making = roles.contains(where: \.isMade) ? claims : []
        state.withLock { state in
            (state.volumeID, state.roles, state.claims) = (id, roleOf, making)
        }
    }

    /// Bricks that were laid out get their volume-id. Of one that others are to fill they say so first.
    func finishMaking() async throws(VolfileError) {
        let (roles, id) = state.withLock { ($0.roles, $0.volumeID) }
        defer { state.withLock { $0.claims = [] } }
        guard let id else { return }
        for one in ownBricks where roles[one.replica]?.isMade == true && one.brick.isServing {
            if roles[one.replica] == .replacement { try await blameReplacement(one) }
            do throws(FopError) {
                let has = try one.brick.adopt(volumeID: id)
                guard has == id else { throw .exists }
            } catch {
                throw refusal(one.brick, "its volume-id cannot be written: \(error)")
            }
        }
    }

    /// Its root misses every name, so the others accuse it there; whoever heals names heals it from them. Source:
    /// GlusterFS `afr.c`, `trusted.replace-brick`: the same counts.
    private func blameReplacement(_ new: OwnBrick) async throws(VolfileError) {
        var values: Xattrs = [:]
        for (replica, key) in pendingKeys.enumerated() {
            values[key] = (replica == new.replica ? PendingCounts(metadata: 1, entry: 1) : .zero).xattr
        }
        let root = volume.environment.inodes.inode(.root, type: .directory)
        let frame = Frame(caller: .root)
        var count = 0
        for (replica, one) in replicas.enumerated() where replica != new.replica && !isMadeNow(replica) {
            guard one.localBrick?.isServing ?? true else { continue }
            do throws(FopError) {
                _ = try await one.xattrop(
                    XattropRequest(.inode(root), operation: .addArray, values: values), in: frame)
                count += 1
            } catch {
                throw refusal(new.brick, "\"\(one.name)\" cannot say what it misses: \(error)")
            }
        }
        guard count > 0 else { throw refusal(new.brick, "no other brick is there to say what it misses") }
        volume.log(.warning, "brick \(new.brick.brickDirectory) is new and empty: its names are to be healed")
    }

    private func isMadeNow(_ replica: Int) -> Bool { state.withLock { $0.roles[replica]?.isMade == true } }
}
