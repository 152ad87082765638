import TranslatorCore

/// Change stamps of all replicas in one (`XdataKey.changeStamp`).
enum ChangeStamps {
    static let question: Xdata = [XdataKey.changeStamp: .uint(1)]

    /// Nil where one has none: it cannot say, was not asked, or its brick does not know of them.
    static func combined(_ answers: [Xdata?]) -> UInt64? {
        var digest = WordDigest()
        for answer in answers {
            guard case .uint(let stamp) = answer?[XdataKey.changeStamp] else { return nil }
            digest.add(stamp)
        }
        return digest.value
    }
}
