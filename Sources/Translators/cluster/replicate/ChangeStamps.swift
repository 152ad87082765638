import TranslatorCore

/// Change stamps of all replicas in one (`XdataKey.changeStamp`).
enum ChangeStamps {
    static let question: Xdata = [XdataKey.changeStamp: .uint(1)]

    /// Nil where one has none: it cannot say, was not asked, or its brick does not know of them.
    static func combined(_ answers: [Xdata?]) -> UInt64? {
        // FNV-1a's offset and multiplier (64 bits).
        var combined: UInt64 = 0xCBF2_9CE4_8422_2325
        for answer in answers {
            guard case .uint(let stamp) = answer?[XdataKey.changeStamp] else { return nil }
            combined = (combined ^ stamp) &* 0x100_0000_01B3
        }
        return combined
    }
}
