import Testing
import TranslatorCore

@testable import Translators

@Suite struct OwnedLocksTests {
    let owner = LockOwner(rawValue: 1), other = LockOwner(rawValue: 2)
    let fd = Fd(inode: Inode(gfid: .random(), type: .regular), flags: .readWrite)
    var by: ObjectIdentifier { ObjectIdentifier(fd) }

    private func lock(_ kind: PosixLock.Kind, _ start: UInt64, _ length: UInt64) -> PosixLock {
        PosixLock(kind: kind, range: LockRange(start: start, length: length), pid: 7)
    }

    @Test func `a grant that nobody waits for any more is undone, and what was held before it stays`() {
        var locks = OwnedLocks()
        #expect(locks.undoing(lock(.write, 10, 0), of: owner) == [lock(.unlock, 10, 0)])
        locks.changed(lock(.read, 0, 20), of: owner, by: by)
        locks.changed(lock(.write, 30, 10), of: owner, by: by)
        locks.changed(lock(.write, 15, 1), of: other, by: by)
        #expect(
            locks.undoing(lock(.write, 10, 90), of: owner)
                == [lock(.read, 10, 10), lock(.unlock, 20, 10), lock(.unlock, 40, 60)])
        #expect(locks.undoing(lock(.read, 5, 5), of: owner).isEmpty)
    }

    @Test func `an unlock, a close by the owner and a release of the file are remembered`() {
        var locks = OwnedLocks()
        let whole = lock(.write, 0, 0)
        locks.changed(whole, of: owner, by: by)
        locks.changed(lock(.unlock, 10, 10), of: owner, by: by)
        #expect(locks.undoing(whole, of: owner) == [lock(.unlock, 10, 10)])
        locks.letGo(of: owner)
        #expect(locks.isEmpty)
        locks.changed(whole, of: owner, by: by)
        locks.released(by)
        #expect(locks.undoing(whole, of: owner) == [lock(.unlock, 0, 0)])
    }
}
