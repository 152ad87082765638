import TranslatorCore

/// What becomes of a write that is offered.
enum WriteAdmission: Equatable, Sendable {
    /// It is in the window: its caller is answered.
    case taken
    /// The window is full: its caller waits for room.
    case full
    /// The window is full of what cannot be written: its caller has to write itself.
    case refused
    /// An earlier write of the same fd failed; this is told once.
    case failed(FopError)
}

/// What one that waits is resumed with.
enum WriteBehindAnswer: Equatable, Sendable {
    /// Never `full`.
    case admission(WriteAdmission)
    /// All that it waited for was tried; the first failure among them.
    case settled(FopError?)
}

/// The writes of one inode that were taken over from their callers and are not on the volume below yet: which goes down
/// next, who waits for which, whose failure is still to be told. Decides, never acts: no I/O, no clock, no `await`.
///
/// A write is queued → under way → gone, or failed: then gone too or, with `resyncs`, kept and queued again when
/// somebody waits for it. Writes that overlap go down one after the other in the order they came; others side by side.
/// `Waiter` is who waits.
struct PendingWrites<Waiter> {
    struct Limits: Equatable {
        /// Bytes pending; a write is taken while there are fewer.
        var windowBytes: Int
        /// Neighbours become one write up to this.
        var aggregateBytes: Int
        /// Writes below at once.
        var underWayMax: Int
        /// The youngest write goes when no other is under way; else it waits for neighbours until somebody needs it.
        var trickles: Bool
        /// One after the other, whether they overlap or not.
        var isStrict: Bool
        /// What failed is kept and tried again until a flush.
        var resyncs: Bool
    }
    /// One write below: of one caller's request, or of several that follow one another in the file.
    struct Write {
        /// Ascending in the order in which they came.
        let number: UInt64
        let fd: Fd
        let offset: UInt64
        let flags: OpenFlags
        /// Of the last of the requests.
        var frame: Frame
        var slices: [IobufSlice]
        var bytes: Int
        /// What it takes of the window.
        var charge: Int

        var appends: Bool { flags.contains(.append) || fd.flags.contains(.append) }
        /// Nobody knows where an append goes.
        var range: LockRange { appends ? .whole : LockRange(start: offset, length: UInt64(bytes)) }
    }
    typealias Wakes = [(waiter: Waiter, answer: WriteBehindAnswer)]

    private struct Settling {
        let upTo: UInt64
        let range: LockRange
        let waiter: Waiter
        var left: Int
        var error: FopError?
    }

    /// What a request takes of the window at least: small ones cost memory beside their bytes.
    static var chargeMin: Int { 4096 }
    /// IOV_MAX (writev(2)) is 1,024; a write below has a few pieces more.
    private static var slicesMax: Int { 512 }

    private(set) var limits: Limits
    private(set) var charged = 0
    private(set) var queued: [Write] = []
    private(set) var underWay: [Write] = []
    private(set) var failed: [Write] = []
    /// By fd; each is told once.
    private(set) var failures: [ObjectIdentifier: FopError] = [:]
    /// Of an fd that was closed before anybody was told.
    private(set) var orphan: FopError?
    private var entering: [(request: WriteRequest, frame: Frame, waiter: Waiter)] = []
    private var settlings: [Settling] = []
    private var lastNumber: UInt64 = 0
    /// Writes up to this number go as soon as they can, and take no neighbours any more.
    private var urgentUpTo: UInt64 = 0
    /// Writes up to this number are not kept when they fail.
    private var forgottenUpTo: UInt64 = 0
    /// Somebody sends what `next` gives.
    private(set) var isSending = false
    /// Bytes the file has at least, as long as nobody else shortens it.
    var sizeAtLeast: UInt64 = 0
    /// When the last write was done, on the translator's count of them.
    var settledAt: UInt64 = 0

    init(limits: Limits) { self.limits = limits }

    var isEmpty: Bool { queued.isEmpty && underWay.isEmpty && failed.isEmpty }
    var enteringCount: Int { entering.count }
    private var isFull: Bool { charged >= limits.windowBytes }
}

// Coming in.
extension PendingWrites {
    private mutating func numbered(_ request: WriteRequest, _ frame: Frame) -> Write {
        lastNumber += 1
        let bytes = request.payload.count
        return Write(
            number: lastNumber, fd: request.fd, offset: request.offset, flags: request.flags, frame: frame,
            slices: request.payload.slices, bytes: bytes, charge: max(bytes, Self.chargeMin))
    }

    mutating func offer(_ request: WriteRequest, in frame: Frame) -> WriteAdmission {
        precondition(request.payload.count > 0, "nothing is no write")
        if let error = takeFailure(of: request.fd) { return .failed(error) }
        guard entering.isEmpty, !isFull else { return isStuck ? .refused : .full }
        take(request, frame)
        return .taken
    }

    /// After an offer that was `full`, and under the same lock.
    mutating func waitForRoom(_ request: WriteRequest, in frame: Frame, _ waiter: Waiter) {
        precondition(isFull || !entering.isEmpty)
        entering.append((request, frame, waiter))
    }

    private mutating func take(_ request: WriteRequest, _ frame: Frame) {
        let write = numbered(request, frame)
        charged += write.charge
        guard let last = queued.indices.last, joins(write, queued[last]) else { return queued.append(write) }
        queued[last].slices += write.slices
        queued[last].bytes += write.bytes
        queued[last].charge += write.charge
        queued[last].frame = write.frame
    }

    private func joins(_ write: Write, _ last: Write) -> Bool {
        last.number > urgentUpTo && last.fd === write.fd && last.flags == write.flags
            && (last.appends || last.offset + UInt64(last.bytes) == write.offset)
            && last.bytes + write.bytes <= limits.aggregateBytes
            && last.slices.count + write.slices.count <= Self.slicesMax && last.frame.caller == write.frame.caller
    }

    /// New limits; those who fit now come in.
    mutating func adopt(_ new: Limits) -> Wakes {
        limits = new
        var wakes = Wakes()
        admit(&wakes)
        return wakes
    }

    /// Failed writes fill the window: room comes only when somebody waits for them.
    private var isStuck: Bool { !failed.isEmpty && isFull && underWay.isEmpty && nextPosition() == nil }

    private mutating func admit(_ wakes: inout Wakes) {
        while let first = entering.first, !isFull || isStuck {
            entering.removeFirst()
            if isStuck {
                wakes.append((first.waiter, .admission(.refused)))
            } else {
                take(first.request, first.frame)
                wakes.append((first.waiter, .admission(.taken)))
            }
        }
    }
}

// Going down.
extension PendingWrites {
    /// True: the caller sends what `next` gives until there is nothing.
    mutating func beginSending() -> Bool {
        guard !isSending, nextPosition() != nil else { return false }
        isSending = true
        return true
    }

    /// Nil: nothing can go now, and who sends has ended.
    mutating func next() -> Write? {
        guard let position = nextPosition() else {
            isSending = false
            return nil
        }
        let write = queued.remove(at: position)
        underWay.append(write)
        return write
    }

    private func nextPosition() -> Int? {
        guard underWay.count < limits.underWayMax else { return nil }
        if limits.isStrict {
            return underWay.isEmpty && failed.isEmpty && !queued.isEmpty && isDue(0) ? 0 : nil
        }
        return queued.indices.first { isDue($0) && !isBehindOther($0) }
    }

    private func isDue(_ position: Int) -> Bool {
        let write = queued[position]
        return position < queued.count - 1 || write.number <= urgentUpTo || write.bytes >= limits.aggregateBytes
            || (limits.trickles && underWay.isEmpty) || isFull
    }

    private func isBehindOther(_ position: Int) -> Bool {
        let range = queued[position].range
        return underWay.contains { $0.range.overlaps(range) } || failed.contains { $0.range.overlaps(range) }
            || queued[..<position].contains { $0.range.overlaps(range) }
    }

    /// A write came to its end; answers whom to resume. `charged` is lower unless it is kept.
    mutating func finished(_ number: UInt64, error: FopError?) -> Wakes {
        guard let position = underWay.firstIndex(where: { $0.number == number }) else {
            preconditionFailure("a write ends once")
        }
        let write = underWay.remove(at: position)
        let isKept = error != nil && limits.resyncs && number > forgottenUpTo
        if let error {
            if isKept {
                failed.append(write)
            } else {
                charged -= write.charge
                note(error, of: write.fd)
            }
        } else {
            charged -= write.charge
            if !write.appends { sizeAtLeast = max(sizeAtLeast, write.range.end) }
        }
        var wakes = Wakes()
        settle(write, error, isKept: isKept, &wakes)
        admit(&wakes)
        return wakes
    }

    /// A write that is kept may hold up others for as long as it fails: who waits for it, or for what may be behind it,
    /// waits no longer.
    private mutating func settle(_ write: Write, _ error: FopError?, isKept: Bool, _ wakes: inout Wakes) {
        for position in settlings.indices.reversed() where write.number <= settlings[position].upTo {
            let isWaitedFor = write.range.overlaps(settlings[position].range)
            guard isWaitedFor || isKept else { continue }
            if isWaitedFor { settlings[position].left -= 1 }
            settlings[position].error = settlings[position].error ?? error
            guard settlings[position].left == 0 || isKept else { continue }
            let done = settlings.remove(at: position)
            wakes.append((done.waiter, .settled(done.error)))
        }
    }
}

// Waiting for what is pending.
extension PendingWrites {
    func isPending(_ range: LockRange) -> Bool {
        queued.contains { $0.range.overlaps(range) } || underWay.contains { $0.range.overlaps(range) }
            || failed.contains { $0.range.overlaps(range) }
    }

    /// Resumes `waiter` when every write of now that overlaps `range` was tried. False: there is none. `forgets`: what
    /// fails is not kept any more.
    mutating func settle(_ range: LockRange, forgets: Bool, _ waiter: Waiter) -> Bool {
        let left = [queued, underWay, failed].reduce(0) { $0 + $1.count { $0.range.overlaps(range) } }
        if forgets { forgottenUpTo = lastNumber }
        guard left > 0 else { return false }
        settlings.append(Settling(upTo: lastNumber, range: range, waiter: waiter, left: left))
        urgentUpTo = lastNumber
        // In their order, and before whatever came later.
        queued = failed.sorted { $0.number < $1.number } + queued
        failed = []
        return true
    }
}

// Failures.
extension PendingWrites {
    private mutating func note(_ error: FopError, of fd: Fd) {
        let key = ObjectIdentifier(fd)
        failures[key] = failures[key] ?? error
    }

    /// What `fd` is still to be told; it is told then.
    mutating func takeFailure(of fd: Fd) -> FopError? {
        if let error = failures.isEmpty ? nil : failures.removeValue(forKey: ObjectIdentifier(fd)) { return error }
        defer { orphan = nil }
        return orphan
    }

    /// `fd` is gone. What it was not told, the next one of the same file is. Answers that.
    mutating func closed(_ fd: Fd) -> FopError? {
        guard let error = failures.removeValue(forKey: ObjectIdentifier(fd)) else { return nil }
        orphan = orphan ?? error
        return error
    }
}
