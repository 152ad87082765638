import CPosix
import Glibc
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

@Suite(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs trusted xattrs: root on ext4 or xfs"))
struct LocksAcrossProcessesTests {
    private let scratch = TemporaryDirectory()
    private var brick: String { scratch.subdirectory("brick") }
    private let again = ["failed", "11"]

    private func processes(_ count: Int) async throws -> [ExerciserProcess] {
        var made: [ExerciserProcess] = []
        for _ in 0..<count { made.append(try await ExerciserProcess(brick: brick)) }
        return made
    }

    @Test func `a lock of one process keeps another out until it is released`() async throws {
        let each = try await processes(2)
        #expect(await each[0].ask("try a 1 write 0 0 d") == ["granted"])
        #expect(await each[1].ask("try b 1 write 0 0 d") == again)
        #expect(await each[1].ask("try c 1 read 4096 1 d") == again)
        #expect(await each[1].ask("try d 1 write 0 0 other") == ["granted"])
        each[1].tell("lock e 1 write 0 0 d")
        #expect(await each[0].says("contended d 0 0"))
        #expect(await each[0].ask("wanted f 0 0 d") == ["wanted", "true"])
        #expect(!each[1].lines.contains("granted e"))
        #expect(await each[0].ask("unlock g 1 write 0 0 d") == ["released"])
        #expect(await each[1].says("granted e"))
        #expect(await each[0].ask("wanted h 0 0 d") == ["wanted", "false"])
        #expect(await each[0].ask("try i 1 write 0 0 d") == again)
    }

    @Test func `readers of several processes share, and a writer waits for the last`() async throws {
        let each = try await processes(3)
        #expect(await each[0].ask("try a 1 read 0 0 d") == ["granted"])
        #expect(await each[1].ask("try b 1 read 0 0 d") == ["granted"])
        each[2].tell("lock c 1 write 0 0 d")
        #expect(await each[0].says("contended d 0 0"))
        #expect(await each[1].says("contended d 0 0"))
        _ = await each[0].ask("unlock d 1 read 0 0 d")
        #expect(await each[2].ask("count e d") == ["count", "2"])
        _ = await each[1].ask("unlock f 1 read 0 0 d")
        #expect(await each[2].says("granted c"))
    }

    @Test func `the epoch's byte passes heal windows and meets whole-file lockers`() async throws {
        let each = try await processes(3)
        let epoch = "\(UInt64(1) << 63 - 3) 1", inspection = "\(UInt64(1) << 63 - 5) 1"
        #expect(await each[0].ask("try a 1 write \(epoch) d") == ["granted"])
        #expect(await each[1].ask("try b 1 write 0 131072 d") == ["granted"])
        #expect(await each[1].ask("try c 2 write \(inspection) d") == ["granted"])
        // A window's waiter is no reason to close the epoch; somebody who wants the whole file is.
        each[2].tell("lock d 1 write 0 131072 d")
        #expect(await each[1].says("contended d 0 131072"))
        #expect(await each[0].ask("wanted e \(epoch) d") == ["wanted", "false"])
        each[2].tell("lock f 2 write 0 0 d")
        #expect(await each[0].says("contended d \(epoch)"))
        #expect(await each[0].ask("wanted g \(epoch) d") == ["wanted", "true"])
    }

    @Test func `names of a directory keep apart across processes, the whole directory does not`() async throws {
        let each = try await processes(2)
        #expect(await each[0].ask("entry a 1 try x d") == ["granted"])
        #expect(await each[1].ask("entry b 1 try x d") == again)
        #expect(await each[1].ask("entry c 1 try y d") == ["granted"])
        each[1].tell("entry d 2 lock * d")
        // Once it waits, no new owner gets a name.
        #expect(
            await eventually {
                let number = each[0].lines.count
                if await each[0].ask("entry e\(number) 3 try z d") == again { return true }
                return await each[0].ask("entry u\(number) 3 unlock z d") != ["released"]
            })
        _ = await each[1].ask("entry f 1 unlock y d")
        #expect(!each[1].lines.contains("granted d"))
        _ = await each[0].ask("entry g 1 unlock x d")
        #expect(await each[1].says("granted d"))
    }

    @Test func `additions under the lock are never lost, and nobody starves`() async throws {
        // Method: read, add, write without any other protection, by three processes with two owners each; whole-file
        // lockers among range lockers that overlap.
        let each = try await processes(3)
        let file = scratch.appending("number")
        close(cposix_open(file, O_RDWR | O_CREAT, 0o600))
        let times = 150
        for (number, process) in each.enumerated() {
            process.tell("add a\(number) 1 0 0 d \(times) \(file)")
            process.tell("add b\(number) 2 \(4096 * number) 1048576 d \(times) \(file)")
        }
        for (number, process) in each.enumerated() {
            for id in ["a\(number)", "b\(number)"] {
                #expect(
                    await eventually(within: .seconds(120)) { process.lines.contains { $0.hasPrefix("added \(id) ") } },
                    "\(process.lines)")
            }
        }
        #expect(number(in: file) == UInt64(times * 6))
    }

    private func number(in file: String) -> UInt64 {
        let descriptor = cposix_open(file, O_RDONLY, 0)
        defer { close(descriptor) }
        var number: UInt64 = 0
        pread(descriptor, &number, 8, 0)
        return number
    }

    @Test func `a whole-file waiter is not starved by ranges that come and go without a gap`() async throws {
        let each = try await processes(3)
        let file = scratch.appending("number")
        close(cposix_open(file, O_RDWR | O_CREAT, 0o600))
        // Two range lockers overlap so that some range is held at every moment; they would go on for very long.
        each[0].tell("add a 1 0 8192 d 1000000 \(file)")
        each[1].tell("add b 1 16384 8192 d 1000000 \(file)")
        #expect(await eventually { number(in: file) > 100 })
        let waiter = each[2]
        for round in 0..<20 {
            #expect(await waiter.ask("lock w\(round) 1 write 0 0 d", within: .seconds(20)) == ["granted"])
            #expect(await waiter.ask("unlock u\(round) 1 write 0 0 d") == ["released"])
        }
    }

    @Test func `kill -9 of a holder frees its locks, and of a waiter its place`() async throws {
        var each = try await processes(4)
        #expect(await each[0].ask("try a 1 write 0 0 d") == ["granted"])
        each[1].tell("lock b 1 write 0 0 d")
        #expect(await eventually { await each[0].ask("wanted w\(each[0].lines.count) 0 0 d") == ["wanted", "true"] })
        each[2].tell("lock c 1 write 0 0 d")
        #expect(await eventually { await each[2].ask("count n\(each[2].lines.count) d") == ["count", "3"] })
        each[1].signal(SIGKILL)
        waitpid(each[1].pid, nil, 0)
        each[0].signal(SIGKILL)
        #expect(await each[2].says("granted c"))
        each.removeFirst(2)
        #expect(await each[1].ask("try d 1 write 0 0 d") == again)
    }

    @Test func `a stopped process keeps its locks, and a waiter can give up`() async throws {
        let each = try await processes(2)
        #expect(await each[0].ask("try a 1 write 0 0 d") == ["granted"])
        each[0].signal(SIGSTOP)
        each[1].tell("lock b 1 write 0 0 d")
        #expect(await eventually { await each[1].ask("count n\(each[1].lines.count) d") == ["count", "2"] })
        each[1].tell("cancel b")
        #expect(await each[1].says("failed b 4"))
        #expect(await each[1].ask("try c 1 write 0 0 d") == again)
        each[0].signal(SIGCONT)
        #expect(await each[0].ask("wanted d 0 0 d") == ["wanted", "false"])
        #expect(await each[0].ask("unlock e 1 write 0 0 d") == ["released"])
        #expect(await each[1].ask("try f 1 write 0 0 d") == ["granted"])
    }

    @Test func `a waiter of another process is served before those who come later here`() async throws {
        let each = try await processes(2)
        #expect(await each[0].ask("try a 1 write 0 0 d") == ["granted"])
        each[1].tell("lock b 1 write 0 0 d")
        #expect(await each[0].says("contended d 0 0"))
        #expect(await each[0].ask("try c 1 write 4096 10 d") == ["granted"])
        each[0].tell("lock e 2 write 0 0 d")
        _ = await each[0].ask("unlock f 1 write 4096 10 d")
        _ = await each[0].ask("unlock g 1 write 0 0 d")
        #expect(await each[1].says("granted b"))
        #expect(!each[0].lines.contains("granted e"))
        _ = await each[1].ask("unlock h 1 write 0 0 d")
        #expect(await each[0].says("granted e"))
    }

    // MARK: - POSIX locks

    @Test func `POSIX locks of several processes meet at single bytes`() async throws {
        let each = try await processes(2)
        // SQLite's pending, reserved and shared bytes lie side by side.
        #expect(await each[0].ask("posix a 1 set write 1073741825 1") == ["granted", "write", "1073741825", "1"])
        #expect(await each[1].ask("posix b 1 set read 1073741826 510") == ["granted", "read", "1073741826", "510"])
        #expect(await each[0].ask("posix c 1 set read 1073741826 510") == ["granted", "read", "1073741826", "510"])
        #expect(await each[0].ask("posix d 1 set write 1073741826 510") == again)
        #expect(await each[1].ask("posix e 1 get write 0 0") == ["granted", "write", "1073741825", "1"])
        #expect(await each[1].ask("posix f 1 get read 1073741826 0") == ["granted", "unlock", "1073741826", "0"])
        #expect(await each[0].ask("posix g 1 get write 1073741826 0") == ["granted", "read", "1073741826", "510"])
    }

    @Test func `a POSIX waiter goes when another process unlocks, shrinks its lock, or dies`() async throws {
        var each = try await processes(3)
        #expect(await each[0].ask("posix a 1 set write 0 0") == ["granted", "write", "0", "0"])
        each[1].tell("posix b 1 wait write 100 10")
        each[2].tell("posix c 1 wait read 200 10")
        #expect(await each[0].ask("posix d 1 set read 200 10") == ["granted", "read", "200", "10"])
        #expect(await each[2].says("granted c read 200 10"))
        #expect(!each[1].lines.contains("granted b write 100 10"))
        #expect(await each[0].ask("posix e 1 set unlock 100 10") == ["granted", "unlock", "100", "10"])
        #expect(await each[1].says("granted b write 100 10"))
        each[2].tell("posix f 1 wait write 0 100")
        each[0].signal(SIGKILL)
        #expect(await each[2].says("granted f write 0 100"))
        each[1].tell("posix g 1 wait write 0 0")
        each[1].tell("cancel g")
        #expect(await each[1].says("failed g 4"))
        each.removeAll()
        // Who was killed may have left the file; the next who closes it as the last takes it away.
        let files = brick + "/.glusterfs/bypass/locks/posix"
        _ = try PosixLockFile(path: "\(files)/\(Gfid.root)")
        #expect(ExerciserProcess.names(in: files) == [])
    }

    @Test func `the file of POSIX locks lives as long as somebody has it open`() throws {
        let path = scratch.appending("posix")
        let lock = PosixLockTable.Held(
            owner: LockOwner(rawValue: 1), isWrite: true, start: 0, end: .max, pid: 1, fd: ObjectIdentifier(scratch))
        do {
            let first = try PosixLockFile(path: path)
            do {
                let second = try PosixLockFile(path: path)
                #expect(try first.change(from: [], to: [lock], in: .whole))
                #expect(try !second.change(from: [], to: [lock], in: .whole))
            }
            #expect(access(path, F_OK) == 0)
        }
        #expect(access(path, F_OK) != 0)
    }

    @Test func `opening and removing the file of POSIX locks at once never splits it in two`() async throws {
        // Method: several threads open it, take its lock, note it, and close it; no two may ever hold it.
        let path = scratch.appending("posix")
        let fd = ObjectIdentifier(scratch)
        let lock = PosixLockTable.Held(
            owner: LockOwner(rawValue: 1), isWrite: true, start: 0, end: 1, pid: 1, fd: fd)
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask(executorPreference: IOExecutor.shared) {
                    for _ in 0..<500 {
                        guard let file = try? PosixLockFile(path: path) else { continue }
                        guard (try? file.change(from: [], to: [lock], in: .whole)) == true else { continue }
                        #expect(tally.holders.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue == 0)
                        tally.taken.wrappingAdd(1, ordering: .relaxed)
                        tally.holders.wrappingSubtract(1, ordering: .sequentiallyConsistent)
                        _ = try? file.change(from: [lock], to: [], in: .whole)
                    }
                }
            }
        }
        #expect(tally.taken.load(ordering: .relaxed) > 100)
        #expect(access(path, F_OK) != 0)
    }
}

private final class Tally: Sendable {
    let holders = Atomic<Int>(0), taken = Atomic<Int>(0)
}
