import TranslatorCore

/// A burst of writes to the target under one mark (DESIGN §3.1). Open from the answered xattrop until its close is
/// published.
struct Epoch: Hashable {
    /// The largest *opened* that the xattrop answered with.
    let generation: Int32
    /// Range records begun in it.
    private(set) var records: UInt64 = 0
    /// Bytes of those records.
    private(set) var bytes: UInt64 = 0
    /// Data fops admitted to it that have not come back.
    private(set) var inFlight = 0
    /// When the first record began: from then on it is due to roll.
    private(set) var firstRecord: MonotonicTime?
    /// False once a lock behind it was lost: what its records say may not be all that was written.
    var isExact = true

    init(generation: Int32) { self.generation = generation }

    /// A data fop is admitted that may change `bytes`; 0: it says so later, or nothing changes.
    mutating func begin(bytes: UInt64, at now: MonotonicTime) {
        inFlight += 1
        if bytes > 0 { note(bytes: bytes, at: now) }
    }

    mutating func note(bytes: UInt64, at now: MonotonicTime) {
        records += 1
        self.bytes &+= bytes
        if firstRecord == nil { firstRecord = now }
    }

    mutating func end() {
        precondition(inFlight > 0, "a data fop ended twice")
        inFlight -= 1
    }

    var closed: ClosedEpoch {
        precondition(inFlight == 0, "an epoch closes after its writes have landed")
        return ClosedEpoch(
            generation: generation, records: records, bytes: bytes, firstRecord: firstRecord, isExact: isExact)
    }
}

/// What is published of an epoch that has ended.
struct ClosedEpoch: Hashable {
    let generation: Int32
    let records: UInt64, bytes: UInt64
    let firstRecord: MonotonicTime?
    let isExact: Bool
    /// Whether its mark is known to be on the target: then it waits for the healer, written in or not.
    var isMarked = true

    /// An epoch that may be marked on disk and under which nothing was written, because nobody knows whether its
    /// xattrop was done.
    static func unknown(generation: Int32) -> ClosedEpoch {
        ClosedEpoch(generation: generation, records: 0, bytes: 0, firstRecord: nil, isExact: false, isMarked: false)
    }
}
