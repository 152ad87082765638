import FuseProtocol
import Synchronization
import TranslatorCore

/// Close-to-open: what was written before a close or an unlock is seen by whoever opens or locks next, on other mounts
/// too. The translators below ask the replicas anew; here the kernel's caches follow. With the writeback cache nobody
/// else writes the volume, and there is nothing to follow.
extension FuseSession {
    /// At an open the kernel drops a file's pages itself, but goes on to believe its size. Told that it changed, it
    /// asks before it reads. This takes no page's lock, so that a worker may do it. `stamp`: of the file at this open,
    /// where nothing below would say anything else now than before (`XdataKey.changeStamp`).
    func refuteKernel(
        of fd: Fd, _ node: Node, _ stamp: XdataValue?, _ queue: FuseQueue, _ frame: Frame
    ) async {
        // What was told longer ago, and the size after O_TRUNC, it does not believe anyway.
        guard !isWriteback, !fd.flags.contains(.truncate), node.mode.value(at: environment.time.now()) != nil else {
            return
        }
        var seen: UInt64 = 0
        if case .uint(let now) = stamp { seen = now }
        guard seen == 0 || node.toldStamp.load(ordering: .relaxed) != seen else { return }
        guard let iatt = try? await top.stat(StatRequest(.fd(fd)), in: frame).iatt else { return }
        node.toldStamp.store(seen, ordering: .relaxed)
        guard node.told.exchange(iatt.changeDigest, ordering: .relaxed) != iatt.changeDigest else { return }
        queue.notify(FuseNotification.invalidateInode(node: node.number, offset: -1))
    }

    /// Before the kernel hears that a lock is granted: nothing that it read before is read again. Times would not tell,
    /// because two changes within a tick of the brick's clock have the same.
    func dropCached(of node: Node, _ queue: FuseQueue) async {
        if !isWriteback { await invalidate(node, queue) }
    }

    /// Has the kernel drop what it caches of a file, and write out first what it keeps dirty. It sends requests and
    /// waits for them inside the notification, so that stands on a thread of its own: no worker waits for another.
    func invalidate(_ node: Node, _ queue: FuseQueue) async {
        let message = FuseNotification.invalidateInode(node: node.number)
        await withCheckedContinuation { continuation in
            WorkerThread.start(name: "fuse-flush") {
                queue.notify(message)
                continuation.resume()
            }
        }
    }
}

extension Iatt {
    /// Differs, as good as always, where size, mtime or ctime differ. Never 0.
    var changeDigest: UInt64 {
        var digest = WordDigest()
        digest.add(size)
        for time in [mtime, ctime] {
            digest.add(time.seconds)
            digest.add(Int64(time.nanoseconds))
        }
        return digest.value | 1
    }
}
