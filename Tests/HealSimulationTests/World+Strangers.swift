import ReplicaState
import TranslatorCore
import TranslatorTesting
import Translators

// Who meets the other copies while the target is away, or its disk does not answer.
extension World {
    /// The disk of the writer's target answers EIO for a while, to everybody; its brick is there. Old copies must not
    /// take that for a reason to accuse it.
    func diskFails() {
        guard let writer, writer.isAlive, let target = writer.journal?.target, mayGo(target) else { return }
        note("the disk of brick \(target) fails")
        failing = target
        lossCount += 1
        healsFailedAt = .init(nanoseconds: .max)
        for process in processes { process.faulty(target).failDisk() }
        executor.start { [self] in
            await sleep(milliseconds: 300..<3_000)
            guard failing == target else { return }
            note("the disk of brick \(target) is repaired")
            (failing, healsFailedAt) = (nil, now + .seconds(2))
            for process in processes { process.faulty(target).mend() }
        }
    }

    /// The writer's mount has the file closed, its kernel forgets it, its target goes; then it is asked to cut the file
    /// off by name. Alone, as every truncate.
    func changeForgotten() async {
        guard let mount = writer, mount.isAlive, let target = mount.journal?.target else { return }
        await close(mount)
        for _ in 0..<20 where mount.graph.environment.inodes.find(file) != nil { await sleep(milliseconds: 20..<60) }
        guard mount.isAlive, mayGo(target) else { return }
        note("\(mount.name) has forgotten the file, and loses brick \(target)")
        mount.unreachable = [target]
        lossCount += 1
        mount.cut(target)
        await sleep(milliseconds: 0..<300)
        let inode = mount.graph.environment.inodes.inode(file, type: .regular)
        let opens = executor.happens(50)
        let size = opens ? 0 : SlottedFile.size(before: executor.number(in: 8..<SlottedFile.slots + 1))
        oracle.beginTruncate(to: size)
        do {
            if opens {
                let fd = Fd(inode: inode, flags: [.readWrite, .truncate])
                _ = try await mount.top.open(OpenRequest(fd: fd), in: frame)
                mount.fd = fd
            } else {
                _ = try await mount.top.truncate(TruncateRequest(.inode(inode), size: UInt64(size)), in: frame)
            }
            if mount.isAlive { oracle.truncated(to: size) }
            note("\(mount.name) cut the forgotten file off at \(size)")
        } catch { note("\(mount.name): truncate of the forgotten file: \(error)") }
        await sleep(milliseconds: 0..<1_000)
        mount.unreachable = []
        if down != target { mount.reconnect(target) }
    }

    /// A mount that starts while that brick is away, reads what the others have, and ends: not where a mark says that
    /// they may be old, and then never what is.
    func visit(without target: Int) async {
        let losses = lossCount
        let name = nextName("stranger")
        do {
            let mount = SimulatedMount(
                name,
                try replicas.graph(of: "cluster/replicate", connections: connections, environment: environment(name)),
                journal: nil)
            try await mount.graph.start()
            mount.cut(target)
            if await isRefused(mount, without: target) {
                note("\(name) is refused: brick \(target) may be ahead")
            } else {
                note("\(name) starts")
                await read(all: mount) { self.lossCount == losses && self.down == target }
            }
            await mount.graph.stop()
        } catch { note("\(name): \(error)") }
    }

    /// What `volmount` asks at its start (`MissingTarget`).
    private func isRefused(_ mount: SimulatedMount, without target: Int) async -> Bool {
        guard missingRule != .ahead else { return false }
        let root = FopTarget.inode(mount.graph.environment.inodes.inode(.root, type: .directory))
        var marks: [AheadMark] = []
        for replica in all where replica != target {
            let found = try? await mount.faulty(replica).getxattr(GetxattrRequest(root), in: frame)
            marks += (found?.xattrs ?? [:]).compactMap { AheadMark(key: $0.key, value: $0.value) }
        }
        let names = replicas.pendingKeys.map { String($0.dropFirst("trusted.afr.".count)) }
        return !AheadMark.missing(marks, names: names, up: all.map { $0 != target }, own: []).isEmpty
    }

    private func read(all mount: SimulatedMount, while isSo: () -> Bool) async {
        await open(mount)
        guard let fd = mount.fd else { return }
        for slot in 0..<SlottedFile.slots where isSo() {
            readCount += 1
            let number = readCount
            reads[number] = (slot, oracle.values(of: slot), oracle.mayEnd(before: slot))
            defer { reads[number] = nil }
            let request = ReadRequest(
                fd: fd, offset: UInt64(SlottedFile.offset(slot)), bytes: SlottedFile.slotBytes)
            guard let reply = try? await mount.top.readv(request, in: frame), isSo(), let allowed = reads[number]
            else { continue }
            let bytes = reply.payload.copiedBytes()
            guard let objection = Self.objection(to: bytes, allowed.values, mayEnd: allowed.mayEnd) else { continue }
            broken("\(mount.name), which no root warned, read \(objection) from slot \(slot)")
        }
        await mount.top.release(fd)
    }

    var isAnybodyAhead: Bool {
        let root = replicas.bricks.map { $0.xattrNames(.root) }
        return root.joined().contains { $0.hasPrefix(AheadMark.keyPrefix) }
    }
}
