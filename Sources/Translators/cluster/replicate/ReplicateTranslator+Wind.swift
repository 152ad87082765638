import TranslatorCore

/// What each replica answered to one fop; nil: it was not asked.
typealias Answers<Reply: Sendable> = [Result<Reply, FopError>?]

extension ReplicateTranslator {
    /// Winds one fop to every replica in `chosen` and returns when all have answered.
    ///
    /// Replicas of this machine are called one after the other on this thread, which is fastest while nothing suspends
    /// (DESIGN §8). Those beyond a network are started first and are under way meanwhile. `isSlow` is for fops that
    /// wait for the disk: then local ones run at the same time, too.
    func windAll<Reply: Sendable>(
        _ chosen: [Bool], isSlow: Bool = false,
        _ wind: @escaping @Sendable (_ replica: Int) async throws(FopError) -> Reply
    ) async -> Answers<Reply> {
        var answers = Answers<Reply>(repeating: nil, count: chosen.count)
        guard let last = lastInline(of: chosen) else { return answers }
        var started: [(Int, Task<Result<Reply, FopError>, Never>)] = []
        for replica in chosen.indices where chosen[replica] && replica != last {
            if !isServedHere[replica] {
                started.append(
                    (
                        replica,
                        // What comes after the reply goes on where it may block, not in the runtime's own pool.
                        Task.immediate(executorPreference: volume.environment.executor) {
                            await Self.result { () throws(FopError) in try await wind(replica) }
                        }
                    ))
            } else if isSlow {
                let task = Task(executorPreference: volume.environment.executor) {
                    await Self.result { () throws(FopError) in try await wind(replica) }
                }
                started.append((replica, task))
            }
        }
        for replica in chosen.indices where chosen[replica] && isServedHere[replica] && !isSlow && replica != last {
            answers[replica] = await Self.result { () throws(FopError) in try await wind(replica) }
        }
        answers[last] = await Self.result { () throws(FopError) in try await wind(last) }
        for (replica, task) in started { answers[replica] = await task.value }
        return answers
    }

    /// The last chosen replica, a local one if there is any: it runs on this thread, after the others are under way.
    private func lastInline(of chosen: [Bool]) -> Int? {
        chosen.indices.last { chosen[$0] && isServedHere[$0] } ?? chosen.lastIndex(of: true)
    }

    static func result<Reply>(
        _ body: () async throws(FopError) -> Reply
    ) async -> Result<Reply, FopError> {
        do throws(FopError) { return .success(try await body()) } catch { return .failure(error) }
    }
}

extension Result {
    var error: Failure? { if case .failure(let error) = self { error } else { nil } }
    var value: Success? { if case .success(let value) = self { value } else { nil } }
}
