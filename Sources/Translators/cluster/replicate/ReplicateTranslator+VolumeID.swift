import Synchronization
import TranslatorCore

extension ReplicateTranslator {
    /// The bricks of this machine must be of one volume: the volfile's, or the one that they have on disk. A brick
    /// without volume-id joins it; where none has one, a volume is born (DESIGN §3.2, "Volume id").
    func settleVolumeID() throws(VolfileError) {
        let bricks = replicas.compactMap(\.localBrick)
        guard !bricks.isEmpty else { return }
        var id = volumeID ?? bricks.lazy.compactMap(\.volumeID).first
        for brick in bricks {
            let wanted = id ?? .random()
            let has = try adopted(wanted, by: brick)
            guard has == id ?? has else { throw foreign(brick, has, to: wanted) }
            id = has
        }
        state.withLock { $0.volumeID = id }
    }

    private func adopted(_ id: Gfid, by brick: any LocalBrick) throws(VolfileError) -> Gfid {
        do throws(FopError) { return try brick.adopt(volumeID: id) } catch {
            throw brick.volume.error("brick \(brick.brickDirectory): its volume-id cannot be written: \(error)")
        }
    }

    private func foreign(_ brick: any LocalBrick, _ has: Gfid, to wanted: Gfid) -> VolfileError {
        brick.volume.error(
            "brick \(brick.brickDirectory) belongs to volume-id \(has), the other bricks of \"\(name)\" to \(wanted); check option directory"
        )
    }
}
