import Glibc
import Testing
import TranslatorCore
import TranslatorTesting
import WireProtocol

@testable import Translators

/// One connection to GlusterFS's own brick process.
@Suite(.serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs))
struct BrickConnectionTests {
    private static let blockBytes = 128 * 1024

    private static func iobuf(_ bytes: [UInt8], _ pool: IobufPool) -> Iobuf {
        let draft = pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        return draft.freeze(count: bytes.count)
    }

    private static func random(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test(arguments: [BrickProcess.Listen.inet, .unix])
    func `what is written is in the brick's file, and is read back`(_ listen: BrickProcess.Listen) async throws {
        try await writeAndRead(listen)
    }

    @Test(.enabled(if: BrickProcess.hasInet6, "needs the address ::1"))
    func `what is written over IPv6 is in the brick's file, and is read back`() async throws {
        try await writeAndRead(.inet6)
    }

    private func writeAndRead(_ listen: BrickProcess.Listen) async throws {
        let brick = try BrickProcess(listen)
        let client = try await BrickClient(brick)
        let pool = IobufPool()
        let file = try await client.create("file")
        let bytes = Self.random(300_001, seed: 1)
        // Three stretches, and none of a length that anything is aligned to.
        let payload = Payload(
            [bytes[..<1], bytes[1..<70_000], bytes[70_000...]].map {
                IobufSlice(Self.iobuf(Array($0), pool))
            })
        #expect(try await client.write(payload, to: file, at: 0) == bytes.count)
        #expect(try TextFile.bytes(brick.directory + "/file") == bytes)
        let reply = try await client.read(1 << 20, of: file, at: 3)
        #expect(reply.payload.copiedBytes() == Array(bytes[3...]))
        #expect(reply.isEndOfFile)
        #expect(try await client.read(10, of: file, at: 1 << 30).payload.count == 0)
        #expect(client.connection.callCount == 0)
    }

    @Test func `32 writes at once, and 32 reads, each come to their own place`() async throws {
        let brick = try BrickProcess()
        let client = try await BrickClient(brick)
        let pool = IobufPool()
        let file = try await client.create("file")
        let blocks = (0..<32).map { Self.random(Self.blockBytes, seed: UInt64($0)) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for (number, block) in blocks.enumerated() {
                let payload = Payload(Self.iobuf(block, pool))
                group.addTask {
                    try await client.write(payload, to: file, at: UInt64(number * Self.blockBytes))
                }
            }
            for try await written in group { #expect(written == Self.blockBytes) }
        }
        #expect(try TextFile.bytes(brick.directory + "/file") == blocks.flatMap { $0 })
        try await withThrowingTaskGroup(of: (Int, [UInt8]).self) { group in
            for number in blocks.indices {
                group.addTask {
                    let offset = UInt64(number * Self.blockBytes)
                    let reply = try await client.read(Self.blockBytes, of: file, at: offset)
                    return (number, reply.payload.copiedBytes())
                }
            }
            for try await (number, bytes) in group { #expect(bytes == blocks[number], "block \(number)") }
        }
    }

    @Test func `a lock that waits holds up nothing, and its holder is told`() async throws {
        let brick = try BrickProcess()
        let holder = try await BrickClient(brick), waiter = try await BrickClient(brick)
        let file = try await holder.create("file")
        let owner = holder.frame, other = waiter.frame
        try await holder.lock(.acquire, file.fd.inode, as: owner)
        let wait = Task { try await waiter.lock(.acquire, file.fd.inode, as: other) }
        #expect(await eventually { !holder.callbacks.isEmpty })
        guard case .inodelkContention(let contention)? = holder.callbacks.first else {
            Issue.record("\(holder.callbacks)")
            return
        }
        #expect((contention.gfid, contention.domain) == (file.fd.inode.gfid, "d"))
        // Later calls of the same connection are answered first.
        #expect(try await waiter.stat(file.fd.inode).gfid == file.fd.inode.gfid)
        #expect(waiter.connection.callCount == 1)
        try await holder.lock(.release, file.fd.inode, as: owner)
        try await wait.value
        #expect(waiter.connection.callCount == 0)
    }

    @Test func `when the brick is killed every call under way fails, and the end is told once`() async throws {
        let brick = try BrickProcess()
        let holder = try await BrickClient(brick), waiter = try await BrickClient(brick)
        let file = try await holder.create("file")
        try await holder.lock(.acquire, file.fd.inode, as: holder.frame)
        let waits = (0..<20).map { _ in
            Task { try await waiter.lock(.acquire, file.fd.inode, as: Frame(caller: .root)) }
        }
        #expect(await eventually { waiter.connection.callCount == 20 && !holder.callbacks.isEmpty })
        brick.kill()
        for wait in waits { await #expect(throws: FopError.notConnected) { try await wait.value } }
        #expect(await eventually { !waiter.ends.isEmpty })
        await #expect(throws: FopError.notConnected) { _ = try await waiter.stat(file.fd.inode) }
        waiter.connection.close()
        #expect(waiter.ends.count == 1)

        // A new process on the same directory has the file, but none of the locks.
        try brick.start()
        let again = try await BrickClient(brick)
        #expect(try await again.stat(file.fd.inode).gfid == file.fd.inode.gfid)
        try await again.lock(.tryAcquire, file.fd.inode, as: again.frame)
    }

    @Test func `a brick that is silent for the ping-timeout is given up`() async throws {
        let brick = try BrickProcess()
        let client = try await BrickClient(brick) { $0.pingTimeout = .milliseconds(500) }
        // Alive but idle: its answers to pings keep the connection.
        let start = SystemTimeSource().now()
        #expect(await eventually { SystemTimeSource().now() - start > .milliseconds(1500) })
        #expect(client.ends == [])
        try brick.send(SIGSTOP)
        let root = Inode(gfid: .root, type: .directory)
        await #expect(throws: FopError.notConnected) { _ = try await client.stat(root) }
        #expect(await eventually { client.ends.first?.contains("ping-timeout") == true }, "\(client.ends)")
    }

    @Test func `a call without an answer fails after the frame-timeout, and its late answer is let pass`() async throws
    {
        let brick = try BrickProcess()
        let client = try await BrickClient(brick) { $0.frameTimeout = .milliseconds(400) }
        try brick.send(SIGSTOP)
        let root = Inode(gfid: .root, type: .directory)
        await #expect(throws: FopError.notConnected) { _ = try await client.stat(root) }
        try brick.send(SIGCONT)
        #expect(try await client.stat(root).gfid == .root)
        #expect(client.ends == [])
    }

    @Test func `a brick says no in its own words, and fops before its yes are errors`() async throws {
        let brick = try BrickProcess()
        let client = try await BrickClient(brick, introduced: false)
        let root = Inode(gfid: .root, type: .directory)
        await #expect(throws: FopError.io) { _ = try await client.stat(root) }
        let refusal = await #expect(throws: HandshakeFailure.self) {
            _ = try await client.connection.introduce(BrickClient.introduction(brick, subvolume: "/nowhere"))
        }
        #expect("\(try #require(refusal))".contains("check remote-subvolume"), "\(refusal!)")
    }

    @Test func `where nobody listens the error names the address`() async throws {
        let settings = BrickConnection.Settings(.unix(path: "/nowhere/socket"), pool: IobufPool())
        let error = await #expect(throws: BrickUnreachable.self) {
            _ = try await BrickConnection.connect(settings) { _ in }
        }
        #expect("\(try #require(error))".contains("/nowhere/socket: No such file or directory"))
    }
}
