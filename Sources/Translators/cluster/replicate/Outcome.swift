import TranslatorCore

/// What a change has come to, over all replicas. Source: gluster-disk-format.md §3 and §6.
struct Outcome<Reply: Sendable>: Sendable {
    let answers: Answers<Reply>
    /// Who did it, as far as anybody did.
    let succeeded: [Bool]

    /// `progress` of a reply: how much was done; replicas that did less than the furthest have failed (short writes).
    init(_ answers: Answers<Reply>, progress: (Reply) -> UInt64 = { _ in 0 }) {
        self.answers = answers
        let reached = answers.map { $0?.value.map(progress) }
        let furthest = reached.compactMap(\.self).max()
        succeeded = reached.map { $0 != nil && $0 == furthest }
    }

    /// Nobody did it, and all that were asked gave the same reason: nothing changed anywhere, so that nobody failed.
    var isRefused: Bool {
        let reasons = Set(answers.compactMap { $0?.error })
        return !succeeded.contains(true) && reasons.count == 1 && !mayBeHalfDone
    }

    /// Some failure says nothing of what happened: before its connection was lost a replica may have done it, and an
    /// I/O error may have come in the middle.
    var mayBeHalfDone: Bool {
        answers.contains { $0?.error?.saysLittle ?? false }
    }

    /// Nobody did it, because the object is nowhere any more.
    var isGone: Bool {
        let reasons = answers.compactMap { $0?.error }
        return !succeeded.contains(true) && !reasons.isEmpty && reasons.allSatisfy(\.isAbsence)
    }

    /// The error to hand up: what a replica that was there said, in preference to that another was not there.
    var error: FopError? {
        let errors = answers.compactMap { $0?.error }
        return errors.first { $0 != .notConnected } ?? errors.first
    }

    /// What the first of `chosen` that failed says.
    func error(of chosen: [Bool]) -> FopError? { zip(chosen, answers).lazy.compactMap { $0 ? $1?.error : nil }.first }

    /// The reply of the first replica in `order` that succeeded.
    func reply(preferring first: Int?) -> Reply? {
        if let first, succeeded[first], let value = answers[first]?.value { return value }
        return succeeded.firstIndex(of: true).flatMap { answers[$0]?.value }
    }
}

extension QuorumRule {
    /// Throws what a client is told when fewer replicas than quorum asks for take part.
    func check(_ taking: [Bool]) throws(FopError) {
        if !taking.contains(true) { throw .notConnected }
        if !isMet(by: taking) { throw .readOnly }
    }
}
