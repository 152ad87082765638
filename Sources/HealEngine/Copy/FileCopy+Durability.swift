import TranslatorCore

extension FileCopy {
    /// fsync of the source, where marks promise durability, and then of the sinks: before the marks go, what they stood
    /// for is on disk everywhere (DESIGN §3.3, step 5).
    func makeDurable(_ plan: HealPlan, ensuresSource: Bool) async throws(CopyInterruption) {
        if ensuresSource {
            do throws(FopError) { try await fsync(source) } catch { throw .sourceFailed(error) }
        }
        let answers = await replicas.each(alive(plan.sinks.map(\.replica))) { [self] sink -> FopError? in
            do throws(FopError) { try await fsync(sink) } catch { return error }
            return nil
        }
        for (sink, error) in answers { if let error { drop(sink, error) } }
        if alive(plan.sinks.map(\.replica)).isEmpty { throw .noSinkLeft }
    }

    private func fsync(_ replica: Int) async throws(FopError) {
        _ = try await replicas.replicas[replica].fsync(FsyncRequest(fd: fds[replica]!, dataOnly: false), in: frame)
    }

    /// The sinks get the source's times, as if nobody had written to them now: setattr with valid 0x70.
    func restoreTimes(on sinks: [Int]) async throws(FopError) {
        let iatt = try await replicas.replicas[source].stat(StatRequest(.fd(fds[source]!)), in: frame).iatt
        let (frame, fds) = (frame, fds)
        let answers = await replicas.each(sinks) { [replicas] sink -> FopError? in
            do throws(FopError) {
                _ = try await replicas.replicas[sink].setattr(
                    SetattrRequest(.fd(fds[sink]!), iatt: iatt, valid: .times), in: frame)
                return nil
            } catch {
                return error
            }
        }
        for (sink, error) in answers { if let error { drop(sink, error) } }
    }
}
