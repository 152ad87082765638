import FuseProtocol
import Glibc
import Synchronization
import TranslatorCore

/// Files whose name is given to others all the time (`SecondWalks`). All of this comes after an error.
extension FuseSession {
    private static let looksMax = 8
    /// Whoever is changing the name at this moment is waited for.
    private static let settled: Xdata = [XdataKey.settledName: .int(1)]

    /// What stands under a name. It may be gone by the time that all of it was asked after.
    func found(_ name: EntryName, in parent: Inode, _ frame: Frame) async throws(FopError) -> LookupReply {
        do throws(FopError) { return try await look(name, in: parent, [:], frame) } catch {
            guard error == .stale else { throw error }
            return try await foundAgain(name, in: parent, frame)
        }
    }

    private func foundAgain(_ name: EntryName, in parent: Inode, _ frame: Frame) async throws(FopError) -> LookupReply {
        for _ in 1..<Self.looksMax {
            do throws(FopError) { return try await look(name, in: parent, Self.settled, frame) } catch {
                guard error == .stale else { throw error }
            }
        }
        return try await look(name, in: parent, Self.settled, frame)
    }

    /// What the kernel is told of a name.
    func replyFound(_ found: LookupReply, as name: EntryName, in parent: Inode, _ call: FuseCall) async {
        guard let walk = secondWalks.walk(call.pid, at: environment.time.now), found.iatt.isRegular else {
            return replyEntry(found.iatt, inode: found.inode, call)
        }
        let (found, fd) = walk.needsName ? (found, nil) : await hold(found, as: name, in: parent, frame(call))
        let node = remember(found.iatt, found.inode)
        let handle = fd.map { hold($0, node) }
        let place = SecondWalks.Place(node: node.number, parent: parent, name: name)
        if let before = secondWalks.found(place, held: handle, by: call.pid) { await letGo(before) }
        if !call.queue.reply(call.unique, entry(node, found.iatt)) { forget(node.number, lookups: 1) }
    }

    /// Opens what stands under the name, until that is still there to be opened. Nil: it cannot be, for another reason.
    private func hold(
        _ found: LookupReply, as name: EntryName, in parent: Inode, _ frame: Frame
    ) async -> (LookupReply, Fd?) {
        var found = found
        for _ in 0..<Self.looksMax where found.iatt.isRegular {
            let fd = Fd(inode: inode(of: found.iatt, found.inode), flags: writeGate.isOpen ? .readWrite : [])
            do throws(FopError) {
                _ = try await top.open(OpenRequest(fd: fd), in: frame)
                return (found, fd)
            } catch {
                guard error.isAbsence,
                    let next = try? await foundAgain(name, in: parent, frame)
                else { return (found, nil) }
                found = next
            }
        }
        return (found, nil)
    }

    private func hold(_ fd: Fd, _ node: Node) -> UInt64 {
        nodes.opened(node)
        let number = handles.add(OpenHandle(fd: fd, node: node, isHeldByMount: true))
        Task.detached(executorPreference: environment.executor) { [self] in
            try? await environment.time.sleep(for: SecondWalks.patience)
            await letGo(number)
        }
        return number
    }

    private func letGo(_ number: UInt64) async {
        guard handles[number]?.isHeldByMount.exchange(false, ordering: .relaxed) == true else { return }
        await abandon(number)
    }

    /// A brick opens a file without a name as long as somebody has it open, but the kernel may have come to it by the
    /// name that it had. ESTALE has it look again, once; one that comes back without having looked any name up has
    /// opened a descriptor anew (/proc/self/fd).
    func checkReopens(_ call: FuseCall) throws(FopError) {
        // Who has no number cannot be told from others.
        if call.pid == 0 { return }
        guard let walk = secondWalks.walk(call.pid, at: environment.time.now), walk.found == nil else { throw .stale }
    }

    /// The kernel opens what is held for it: that is its open file from now on. Nil: nothing is.
    func takeHeld(_ node: Node, _ call: FuseCall) -> (number: UInt64, handle: OpenHandle)? {
        guard let number = secondWalks.walk(call.pid, at: environment.time.now)?.held, let handle = handles[number],
            handle.node === node, handle.isHeldByMount.exchange(false, ordering: .relaxed)
        else { return nil }
        return (number, handle)
    }

    /// Does something to a file by its inode, and where that has lost its last name by what has it open here: the
    /// kernel names no open file for fstat(2), fchmod(2) and their like. `ifHeld`: only where the mount holds it for
    /// who walks a second time.
    func reaching<Reply>(
        _ node: Node, ifHeld: Bool = false, _ body: (FopTarget) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        do throws(FopError) { return try await body(.inode(node.inode)) } catch {
            guard error.isAbsence else { throw error }
            while let (number, open) = handles.first(of: node, isHeldByMount: ifHeld ? true : nil) {
                do throws(FopError) { return try await body(.fd(open.fd)) } catch {
                    // One that was closed meanwhile says little: the caller's is another.
                    if handles[number] != nil { throw error }
                }
            }
            throw error
        }
    }

    /// Attributes of what was found by name, as the kernel may be told them. Without a name: ESTALE, upon which it
    /// walks the path again, unless somebody here has the file open. Told of 0 links it keeps the file under its name,
    /// and refuses to link it with ENOENT; what it has just found had one.
    func checkNamed(_ iatt: Iatt, _ node: Node, _ handle: UInt64?) throws(FopError) -> Iatt {
        guard iatt.nlink == 0, !iatt.isDirectory, handle == nil else { return iatt }
        if handles.first(of: node, isHeldByMount: false) != nil { return iatt }
        guard handles.first(of: node, isHeldByMount: true) != nil else { throw .stale }
        var named = iatt
        named.nlink = 1
        return named
    }

    /// Links what stands under the name of a file that lost it since the kernel walked there a second time.
    func linkAgain(_ node: Node, _ name: EntryName, in parent: Node, _ call: FuseCall) async throws(FopError) {
        guard let place = secondWalks.walk(call.pid, at: environment.time.now)?.found, place.node == node.number else {
            throw .stale
        }
        let frame = frame(call)
        for _ in 0..<Self.looksMax {
            let found = try await foundAgain(place.name, in: place.parent, frame)
            // The kernel has checked the other file. Who owns this one may link it, too.
            guard found.iatt.isRegular, call.uid == 0 || call.uid == found.iatt.uid else { break }
            let linked = inode(of: found.iatt, found.inode)
            do throws(FopError) {
                let reply = try await top.link(LinkRequest(inode: linked, parent: parent.inode, name: name), in: frame)
                return replyEntry(reply.iatt, inode: linked, call)
            } catch {
                guard error.isAbsence else { throw error }
            }
        }
        throw .stale
    }
}
