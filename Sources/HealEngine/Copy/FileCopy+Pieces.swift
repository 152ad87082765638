import RangeMapping
import TranslatorCore

/// The pieces of a window, copied under its lock.
extension FileCopy {
    /// Makes the sinks' bytes and holes in `pieces` equal to the source's.
    func copy(_ pieces: [ByteRange], of job: CopyJob) async throws(CopyInterruption) {
        // What the source last said is data, which holds for many pieces where a file is dense.
        var data: ByteRange?
        for piece in pieces {
            let blocks = piece.expanded(toMultiplesOf: 4096)
            if data.map({ $0.start <= blocks.start && blocks.end <= $0.end }) != true {
                do throws(FopError) {
                    let first = try await sourceMap().begin(blocks)
                    data = first.kind.readsAsZeros ? nil : first.range
                } catch {
                    throw .sourceFailed(error)
                }
            }
            if let data, data.start <= blocks.start && blocks.end <= data.end {
                try await copyData(piece, of: job)
            } else {
                try await copyMapped(piece, blocks, of: job)
            }
            if alive(job.sinks).isEmpty { throw .noSinkLeft }
            tally.done(piece.count)
        }
    }

    /// A piece whose blocks are not all data.
    private func copyMapped(
        _ piece: ByteRange, _ blocks: ByteRange, of job: CopyJob
    ) async throws(CopyInterruption) {
        let mappings: [Mapping]
        do throws(FopError) {
            mappings = try await sourceMap().mappings(in: blocks)
        } catch {
            throw .sourceFailed(error)
        }
        for mapping in mappings {
            if mapping.kind.readsAsZeros {
                await punch(mapping.range, job.sinks)
            } else if let data = mapping.range.intersection(piece) {
                try await copyData(data, of: job)
            }
        }
    }

    /// Whole blocks that are a hole on the source: whatever a sink has there goes.
    private func punch(_ hole: ByteRange, _ sinks: [Int]) async {
        _ = await replicas.each(alive(sinks)) { [self] sink in
            do throws(FopError) {
                guard let data = try await map(of: sink).seek(.data, from: hole.start), data < hole.end else { return }
                try await makeHole(hole, on: sink)
            } catch {
                drop(sink, error)
            }
        }
    }

    private func makeHole(_ hole: ByteRange, on sink: Int) async throws(FopError) {
        let (replica, fd) = (replicas.replicas[sink], fds[sink]!)
        do throws(FopError) {
            _ = try await replica.discard(
                DiscardRequest(fd: fd, offset: hole.start, bytes: hole.count), in: frame)
        } catch .notSupported {
            // A file system without holes: zeros are the next best thing.
            _ = try await replica.zerofill(
                ZerofillRequest(fd: fd, offset: hole.start, bytes: hole.count, keepsSize: true), in: frame)
        }
    }

    private func copyData(_ data: ByteRange, of job: CopyJob) async throws(CopyInterruption) {
        for block in data.split(atMultiplesOf: HealWindow.blockBytes) { try await copyBlock(block, of: job) }
    }

    private func copyBlock(_ data: ByteRange, of job: CopyJob) async throws(CopyInterruption) {
        var sinks = alive(job.sinks)
        if job.byChecksum {
            sinks = try await differing(data, sinks)
            if sinks.isEmpty {
                tally.skipped(data.count)
                return
            }
        }
        let payload: Payload
        do throws(FopError) {
            payload = try await replicas.replicas[source].readv(
                ReadRequest(fd: fds[source]!, offset: data.start, bytes: Int(data.count)), in: frame
            ).payload
        } catch {
            throw .sourceFailed(error)
        }
        // Nothing: the source was cut in the meantime, which the end of the copy makes good.
        guard payload.count > 0 else { return }
        if payload.isAllZero, isUnwrittenOnSource(data) { return await punch(data, sinks) }
        let (frame, fds) = (frame, fds)
        let answers = await replicas.each(sinks) { [replicas] sink -> Result<WriteReply, FopError> in
            do throws(FopError) {
                return .success(
                    try await replicas.replicas[sink].writev(
                        WriteRequest(fd: fds[sink]!, offset: data.start, payload: payload), in: frame))
            } catch {
                return .failure(error)
            }
        }
        for (sink, answer) in answers {
            switch answer {
            case .success(let reply) where reply.bytes == payload.count: tally.moved(UInt64(payload.count))
            case .success: drop(sink, .noSpace)
            case .failure(let error): drop(sink, error)
            }
        }
    }

    /// The sinks that do not have these bytes, or have them as a hole.
    private func differing(_ data: ByteRange, _ sinks: [Int]) async throws(CopyInterruption) -> [Int] {
        var differing: [Int] = [], compared: [Int] = []
        let holes = await replicas.each(sinks) { [self] sink -> Result<UInt64?, FopError> in
            do throws(FopError) { return .success(try await map(of: sink).seek(.hole, from: data.start)) } catch {
                return .failure(error)
            }
        }
        for (sink, answer) in holes {
            switch answer {
            case .success(let hole?) where hole >= data.end: compared.append(sink)
            case .success: differing.append(sink)
            case .failure(let error): drop(sink, error)
            }
        }
        // A new sink is all hole: then the source is read once, to be copied.
        guard !compared.isEmpty else { return differing }
        let (frame, fds, source) = (frame, fds, source)
        let answers = await replicas.each([source] + compared) {
            [replicas] replica -> Result<RchecksumReply, FopError> in
            do throws(FopError) {
                return .success(
                    try await replicas.replicas[replica].rchecksum(
                        RchecksumRequest(fd: fds[replica]!, offset: data.start, bytes: Int(data.count)), in: frame))
            } catch {
                return .failure(error)
            }
        }
        var expected: RchecksumReply?
        for (replica, answer) in answers {
            switch answer {
            case .success(let sums) where replica == source: expected = sums
            case .success(let sums): if sums != expected { differing.append(replica) }
            case .failure(let error) where replica == source: throw .sourceFailed(error)
            case .failure(let error): drop(replica, error)
            }
        }
        return differing
    }
}
