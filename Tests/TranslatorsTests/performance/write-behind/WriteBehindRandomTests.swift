import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// One caller that knows what the file must be, over a brick that answers late and out of order.
@Suite struct WriteBehindRandomTests {
    private static let slow = (
        name: "slow",
        lines: [
            "type debug/delay-gen", "option delay-percentage 50%", "option delay-duration 200", "option enable writev",
            "option seed 3",
        ]
    )
    private static let failing = (
        name: "failing",
        lines: [
            "type debug/error-gen", "option failure 3%", "option error-no ENOSPC", "option enable writev",
            "option random-failure on", "option seed 9",
        ]
    )
    private static let optionSets = [
        [], ["aggregate-size 0", "cache-size 512KB"], ["trickling-writes off"], ["strict-write-ordering on"],
    ]

    private struct Model {
        var bytes: [UInt8] = []
        mutating func write(_ block: [UInt8], at offset: Int) {
            if bytes.count < offset + block.count {
                bytes += [UInt8](repeating: 0, count: offset + block.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + block.count, with: block)
        }
        mutating func truncate(_ size: Int) {
            if size < bytes.count { bytes.removeLast(bytes.count - size) }
            bytes += [UInt8](repeating: 0, count: size - bytes.count)
        }
    }

    @Test(arguments: 1...12)
    func `a caller always sees what it wrote, and its size`(seed: UInt64) async throws {
        let options = Self.optionSets[Int(seed) % Self.optionSets.count]
        let stack = try await WriteBehindStack(options, below: [Self.slow])
        let fds = [try await stack.create("file")]
        let all = fds + [try await stack.open(fds[0].inode), try await stack.open(fds[0].inode)]
        var (random, model) = (SeededRandom(seed: seed), Model())
        for step in 0..<400 {
            let fd = all.randomElement(using: &random)!
            let offset = Int.random(in: 0..<60_000, using: &random)
            let count = Int.random(in: 1...9_000, using: &random)
            let comment: Comment = "seed \(seed), step \(step)"
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<13:
                let block = [UInt8](repeating: UInt8.random(in: 1...255, using: &random), count: count)
                #expect(try await stack.write(block, to: fd, at: UInt64(offset)) == count, comment)
                model.write(block, at: offset)
            case 13, 14, 15:
                let reply = try await stack.top.readv(
                    ReadRequest(fd: fd, offset: UInt64(offset), bytes: count), in: stack.frame)
                #expect(reply.payload.copiedBytes() == Array(model.bytes.dropFirst(offset).prefix(count)), comment)
            case 16:
                _ = try await stack.top.truncate(TruncateRequest(.fd(fd), size: UInt64(offset)), in: stack.frame)
                model.truncate(offset)
            case 17: #expect(try await stack.size(fd) == UInt64(model.bytes.count), comment)
            case 18:
                let request = LookupRequest(.name("file", parent: stack.root))
                #expect(
                    try await stack.top.lookup(request, in: stack.frame).iatt.size == UInt64(model.bytes.count),
                    comment)
            default:
                try await stack.fsync(fd)
                #expect(try stack.bytes() == model.bytes, comment)
            }
        }
        for fd in all { try await stack.close(fd) }
        #expect(try stack.bytes() == model.bytes, "seed \(seed)")
        await stack.stop()
    }

    @Test(arguments: 1...8)
    func `who writes again what an error was told for loses nothing`(seed: UInt64) async throws {
        // Goal: no failure stays untold. Method: a caller that writes everything since its last good fsync again
        // whenever a write or an fsync fails; an untold failure leaves a difference.
        let stack = try await WriteBehindStack(
            seed.isMultiple(of: 2) ? [] : ["resync-failed-syncs-after-fsync on"], below: [Self.failing, Self.slow])
        let fd = try await stack.create("file")
        var (random, model) = (SeededRandom(seed: seed), Model())
        var told = 0
        for _ in 0..<15 {
            var unsynced: [(offset: Int, block: [UInt8])] = []
            for _ in 0..<20 {
                let block = [UInt8](
                    repeating: UInt8.random(in: 1...255, using: &random),
                    count: Int.random(in: 1...5_000, using: &random))
                let offset = Int.random(in: 0..<40_000, using: &random)
                unsynced.append((offset, block))
                model.write(block, at: offset)
            }
            while true {
                let error = await stack.error {
                    for (offset, block) in unsynced { try await stack.write(block, to: fd, at: UInt64(offset)) }
                    try await stack.fsync(fd)
                }
                guard error != nil else { break }
                told += 1
            }
            #expect(try stack.bytes() == model.bytes, "seed \(seed)")
        }
        #expect(told > 0)
        await stack.stop()
    }
}
