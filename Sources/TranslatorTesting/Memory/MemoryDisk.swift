import Synchronization
import TranslatorCore

/// What of a `MemoryBrick` is on the disk for sure, and what happened to each file since.
struct MemoryDisk: Sendable {
    private var synced: [Gfid: MemoryFile] = [:]
    private var since: [Gfid: [MemoryChange]] = [:]

    mutating func changed(_ gfid: Gfid, _ change: MemoryChange) { since[gfid, default: []].append(change) }

    /// fsync(2), or a file that has always been there.
    mutating func synced(_ gfid: Gfid, _ file: MemoryFile) { (synced[gfid], since[gfid]) = (file, nil) }

    /// Whether a power cut may leave xattrs of which this is true.
    func mayLeave(of gfid: Gfid, _ isSo: (Xattrs) -> Bool) -> Bool {
        guard var file = synced[gfid] else { return false }
        for change in since[gfid] ?? [] {
            switch change {
            case .write, .truncate, .zero: continue
            case .xattrs, .xattrsRemoved:
                if isSo(file.xattrs) { return true }
                file.apply(change)
            }
        }
        return isSo(file.xattrs)
    }

    /// The file as it is found after a power cut. Metadata reach the disk in their order, so any number of them is
    /// there from the first on; of data, which nobody puts in order, any part is there within the size that is.
    func left(of gfid: Gfid, using random: inout some RandomNumberGenerator) -> MemoryFile? {
        guard var file = synced[gfid] else { return nil }
        let changes = since[gfid] ?? []
        // All of them, half the time: what is lost then is data that nobody synced.
        let ordered =
            Bool.random(using: &random) ? changes.count : Int.random(in: 0...changes.count, using: &random)
        for (position, change) in changes.enumerated() {
            let isOrdered = position < ordered
            switch change {
            case .write(let bytes, let offset):
                let size = file.content.count
                if isOrdered && offset + bytes.count > size { file.truncate(to: offset + bytes.count) }
                let isWritten = Bool.random(using: &random)
                if isWritten && offset < file.content.count {
                    file.write(Array(bytes.prefix(file.content.count - offset)), at: offset)
                }
            case .truncate, .zero, .xattrs, .xattrsRemoved: if isOrdered { file.apply(change) }
            }
        }
        return file
    }
}

extension MemoryBrick {
    /// Whether a power cut may leave this file with xattrs of which that is true, whatever it has now.
    public func mayReturn(_ gfid: Gfid, _ isSo: (Xattrs) -> Bool) -> Bool {
        state.withLock { $0.disk?.mayLeave(of: gfid, isSo) ?? false }
    }

    /// The machine is gone and back: what was not synced may be lost, and every lock is. Cut its connections first.
    public func losePower(using random: inout some RandomNumberGenerator) {
        state.withLock { state in
            guard let disk = state.disk else { preconditionFailure("made without losesPower") }
            precondition(state.locks.isEmpty, "connections hold locks of a machine that is gone")
            state.boot += 1
            state.changeCount += 1
            for gfid in state.files.keys.sorted() {
                guard let left = disk.left(of: gfid, using: &random) else { continue }
                state.files[gfid] = left
                state.disk!.synced(gfid, left)
                for (name, value) in left.xattrs {
                    state.updateIndex(gfid, watched: name, isNonZero: value.contains { $0 != 0 })
                }
            }
        }
    }
}
