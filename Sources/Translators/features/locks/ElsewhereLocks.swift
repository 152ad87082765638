import TranslatorCore

/// `OtherProcesses` by way of a lock file; without one there are none. Made for one visit of a table.
struct ElsewhereLocks<Claim: DomainLockClaim>: OtherProcesses {
    let file: KernelLockFile?
    let region: UInt64
    /// The first error that the kernel gave: what was asked did not happen.
    private(set) var failure: FopError?

    init(file: KernelLockFile?, region: UInt64) { (self.file, self.region) = (file, region) }

    mutating func take(_ claim: Claim, waiting id: LockRequestID?, isNested: Bool) -> Bool {
        attempt(alone: true, failed: false) { (file, region) throws(FopError) in
            try file.take(claim.holding, in: region, waiting: id, isNested: isNested)
        }
    }
    mutating func giveBack(_ claim: Claim) {
        attempt(alone: (), failed: ()) { (file, region) throws(FopError) in
            try file.giveBack(claim.holding, in: region)
        }
    }
    mutating func waits(_ id: LockRequestID, for claim: Claim, isNested: Bool) {
        attempt(alone: (), failed: ()) { (file, region) throws(FopError) in
            try file.wait(id, for: claim.holding, in: region, isNested: isNested)
        }
    }
    mutating func waitsNoMore(_ id: LockRequestID, for claim: Claim) {
        attempt(alone: (), failed: ()) { (file, region) throws(FopError) in
            try file.waitNoMore(id, for: claim.holding, in: region)
        }
    }

    /// Whether another process waits for what conflicts with `claim`.
    mutating func isWanted(_ claim: Claim) -> Bool {
        attempt(alone: false, failed: false) { (file, region) throws(FopError) in
            try file.isWanted(claim.holding, in: region)
        }
    }
    /// Whether another process waits for anything in this domain.
    mutating func isAnythingWanted() -> Bool {
        attempt(alone: false, failed: false) { (file, region) throws(FopError) in try file.isAnythingWanted(region) }
    }
    /// Whether another process holds anything in this domain.
    mutating func isHeldElsewhere() -> Bool {
        attempt(alone: false, failed: false) { (file, region) throws(FopError) in try file.isHeldElsewhere(region) }
    }

    private mutating func attempt<Result>(
        alone: Result, failed: Result, _ body: (KernelLockFile, UInt64) throws(FopError) -> Result
    ) -> Result {
        guard let file else { return alone }
        do throws(FopError) { return try body(file, region) } catch {
            failure = failure ?? error
            return failed
        }
    }
}
