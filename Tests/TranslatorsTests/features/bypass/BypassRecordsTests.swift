import Glibc
import RangeMapping
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// What the records of an epoch say, against what has changed on the target.
extension BypassTests {
    @Suite struct BypassRecordsTests {
        @Test(arguments: UInt64(1)...12)
        func `every byte that a data fop changes is in a record of the epoch it was admitted to`(seed: UInt64)
            async throws
        {
            // Goal: a heal of the records makes the replicas equal. Method: random fops one after the other, each
            // compared with the file before it.
            var random = SeededRandom(seed: seed)
            let stack = try await BypassStack()
            let fd = try await stack.create("file"), appending = try await stack.open(fd.inode, [.readWrite, .append])
            let source = try await stack.create("source")
            try await stack.write([UInt8](repeating: 0x55, count: 40_000), to: source)
            var before = stack.content(0, "file")
            for step in 0..<60 {
                stack.observer.clear()
                let offset = UInt64.random(in: 0..<60_000, using: &random),
                    bytes = UInt64.random(in: 0..<9_000, using: &random)
                let content = (0..<bytes).map { _ in UInt8.random(in: 1...255, using: &random) }
                let fop = Int.random(in: 0..<9, using: &random)
                switch fop {
                case 0, 1: try await stack.write(content, to: fd, at: offset)
                case 2: try await stack.write(content, to: appending, at: 3)
                case 3: try await stack.truncate(fd, to: offset)
                case 4: try await fallocate(stack, fd, offset, bytes, keepsSize: Bool.random(using: &random))
                case 5 where bytes > 0:
                    _ = try await stack.bypass.discard(
                        DiscardRequest(fd: fd, offset: offset, bytes: bytes), in: stack.frame)
                case 6 where bytes > 0:
                    let keeps = Bool.random(using: &random)
                    _ = try await stack.bypass.zerofill(
                        ZerofillRequest(fd: fd, offset: offset, bytes: bytes, keepsSize: keeps), in: stack.frame)
                case 7:
                    _ = try await stack.bypass.copyFileRange(
                        CopyFileRangeRequest(
                            source: source, sourceOffset: min(offset, 39_000), sink: fd, sinkOffset: offset,
                            bytes: bytes),
                        in: stack.frame)
                case 8:
                    stack.clock.advance(by: .milliseconds(Int64.random(in: 1...40, using: &random)))
                default: break
                }
                let after = stack.content(0, "file")
                let records = stack.observer.steps.compactMap { step -> ByteRange? in
                    guard step.gfid == fd.inode.gfid, case .began(_, let offset, let bytes) = step.event else {
                        return nil
                    }
                    return ByteRange(offset: offset, bytes: bytes)
                }
                let changed = changes(before, after)
                #expect(
                    changed.allSatisfy { byte in records.contains { $0.start <= byte && byte < $0.end } },
                    "seed \(seed), step \(step), fop \(fop): \(changed.first ?? 0)… not in \(records)")
                // A change of size is in a record that reaches the larger of both.
                if after.count != before.count {
                    #expect(records.contains { $0.end >= UInt64(max(before.count, after.count)) })
                }
                before = after
            }
            #expect(stack.text(1, "file") == "" && stack.text(1, "source") == "")
            for fd in [fd, appending, source] { try await stack.close(fd) }
            // Everything begun has ended, and every close counts what was begun.
            await stack.stop()
        }

        /// Positions where the files differ; beyond its end a file reads as zeros.
        private func changes(_ a: [UInt8], _ b: [UInt8]) -> [UInt64] {
            (0..<max(a.count, b.count)).filter { position in
                (position < a.count ? a[position] : 0) != (position < b.count ? b[position] : 0)
            }.map { UInt64($0) }
        }

        private func fallocate(
            _ stack: BypassStack, _ fd: Fd, _ offset: UInt64, _ bytes: UInt64, keepsSize: Bool
        ) async throws {
            let request = FallocateRequest(fd: fd, offset: offset, bytes: bytes, keepsSize: keepsSize)
            if bytes > 0 {
                _ = try await stack.bypass.fallocate(request, in: stack.frame)
            } else {
                await #expect(throws: FopError.invalid) { try await stack.bypass.fallocate(request, in: stack.frame) }
            }
        }

        @Test(arguments: UInt64(1)...6)
        func `closes count their records, whoever writes at once`(seed: UInt64) async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file"), appending = try await stack.open(fd.inode, [.readWrite, .append])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<6 {
                    group.addTask {
                        var random = SeededRandom(seed: seed * 100 + UInt64(writer))
                        for _ in 0..<30 {
                            let offset = UInt64.random(in: 0..<100_000, using: &random)
                            switch Int.random(in: 0..<8, using: &random) {
                            case 0: try await stack.truncate(fd, to: offset)
                            case 1, 2: try await stack.write("appended", to: appending)
                            default: try await stack.write("written", to: fd, at: offset)
                            }
                        }
                    }
                }
                // Meanwhile it rolls.
                for generation: Int32 in 2...4 {
                    #expect(
                        await stack.pass {
                            stack.observer.events.contains(.opened(generation)) || stack.phase(fd) == .closed
                        })
                    try await stack.write("and on", to: fd)
                }
                try await group.waitForAll()
            }
            for fd in [fd, appending] { try await stack.close(fd) }
            var begun: [Int32: UInt64] = [:], ended: [Int32: UInt64] = [:], opened: [Int32] = []
            for event in stack.observer.events {
                switch event {
                case .began(let generation, _, _): begun[generation, default: 0] += 1
                case .ended(let generation, _, _): ended[generation, default: 0] += 1
                case .opened(let generation): opened.append(generation)
                case .closed(let generation, let records, let isExact):
                    #expect(
                        isExact && records == begun[generation, default: 0] && records == ended[generation, default: 0])
                default: break
                }
            }
            #expect(Set(stack.observer.closed.keys) == Set(opened) && opened == opened.sorted() && opened.count >= 4)
            #expect(stack.epochs(0, about: 1, "file").opened == opened.last)
            #expect(stack.counts(0, about: 1, "file").data == opened.last! * 65_536)
            await stack.stop()
        }

        @Test func `appends of many writers never overlap`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file", flags: [.readWrite, .append])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for _ in 0..<25 {
                            try await stack.write([UInt8](repeating: 65 + UInt8(writer), count: 10), to: fd, at: 0)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let content = stack.content(0, "file")
            #expect(content.count == 8 * 25 * 10)
            let pieces = stride(from: 0, to: content.count, by: 10).map { Array(content[$0..<$0 + 10]) }
            #expect(pieces.allSatisfy { Set($0).count == 1 })
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `an append goes behind what other writes made longer`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file"), appending = try await stack.open(fd.inode, [.writeOnly, .append])
            try await stack.write("0123456789", to: fd, at: 90)
            try await stack.write("end", to: appending, at: 0)
            #expect(stack.content(0, "file").count == 103)
            try await stack.truncate(fd, to: 5)
            try await stack.write("end", to: appending, at: 0)
            #expect(stack.observer.events.contains(.began(1, offset: 5, bytes: 3)))
            #expect(stack.observer.events.contains(.began(1, offset: 5, bytes: 98)))
            for fd in [fd, appending] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `a write that fails keeps its record, and its error reaches the caller`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file"), appending = try await stack.open(fd.inode, [.writeOnly, .append])
            try await stack.write("abc", to: fd)
            stack.faulty[0].fail(.writev, with: .noSpace, times: 1, at: .after)
            await #expect(throws: FopError.noSpace) { try await stack.write("0123456789", to: fd, at: 3) }
            #expect(
                stack.observer.events.suffix(2) == [.began(1, offset: 3, bytes: 10), .ended(1, offset: 3, bytes: 10)])
            // It was written all the same: the next append looks where the end is.
            try await stack.write("end", to: appending)
            #expect(stack.text(0, "file") == "abc0123456789end")
            for fd in [fd, appending] { try await stack.close(fd) }
            #expect(stack.observer.closed == [1: 3])
            await stack.stop()
        }

        @Test func `offsets beyond what a file can have are refused without a record`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            stack.observer.clear()
            let far = UInt64(Int64.max)
            await #expect(throws: FopError.fileTooLarge) { try await stack.write("ab", to: fd, at: far) }
            await #expect(throws: FopError.fileTooLarge) { try await stack.truncate(fd, to: .max) }
            await #expect(throws: FopError.fileTooLarge) {
                try await stack.bypass.discard(DiscardRequest(fd: fd, offset: .max, bytes: 2), in: stack.frame)
            }
            #expect(stack.observer.events.isEmpty)
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `an empty write changes nothing and has no record`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("a", to: fd)
            stack.observer.clear()
            #expect(try await stack.write("", to: fd, at: 100) == 0)
            try await stack.truncate(fd, to: 1)
            #expect(stack.observer.events.isEmpty && stack.text(0, "file") == "a")
            try await stack.close(fd)
            await stack.stop()
        }

        @Test func `a truncate by gfid of an open file is part of its epoch, of a closed one it is not`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("abcdef", to: fd)
            _ = try await stack.bypass.truncate(TruncateRequest(.inode(fd.inode), size: 2), in: stack.frame)
            #expect(stack.observer.events.contains(.began(1, offset: 2, bytes: 4)))
            #expect(stack.text(1, "file") == "")
            try await stack.close(fd)
            stack.observer.clear()
            _ = try await stack.bypass.truncate(TruncateRequest(.inode(fd.inode), size: 1), in: stack.frame)
            #expect(stack.observer.events.isEmpty)
            #expect(stack.content(0, "file").count == 1 && stack.content(1, "file").count == 1)
            await stack.stop()
        }

        @Test func `an open that truncates closes the epoch and truncates all replicas`() async throws {
            let stack = try await BypassStack()
            let fd = try await stack.create("file")
            try await stack.write("abc", to: fd)
            let again = try await stack.open(fd.inode, [.readWrite, .truncate])
            #expect(stack.observer.closed == [1: 1])
            #expect(stack.text(0, "file") == "" && stack.text(1, "file") == "")
            try await stack.write("d", to: again)
            #expect(stack.text(0, "file") == "d")
            for fd in [fd, again] { try await stack.close(fd) }
            await stack.stop()
        }

        @Test func `a copy from a file that replicas have in different states never lets them copy their own`()
            async throws
        {
            let stack = try await BypassStack()
            let source = try await stack.create("source")
            try await stack.write("newest", to: source)
            // The sink goes through replicate.
            stack.observer.canJournal = false
            let sink = try await stack.create("sink")
            let reply = try await stack.bypass.copyFileRange(
                CopyFileRangeRequest(source: source, sourceOffset: 0, sink: sink, sinkOffset: 2, bytes: 100),
                in: stack.frame)
            #expect(reply.bytes == 6)
            #expect(stack.text(0, "sink") == "\0\0newest" && stack.text(1, "sink") == "\0\0newest")
            for fd in [source, sink] { try await stack.close(fd) }
            await stack.stop()
        }
    }
}
