import Testing
import TranslatorCore

@Suite struct IobufHandleTests {
    private let pool = IobufPool()

    @Test func `get is 128 KiB with one reference; get2 is the size asked for, 0 the default`() {
        let handles = [
            pool.get(), pool.get2(0), pool.get2(5000), pool.get2(2 << 20), pool.getPageAligned(100, alignment: 512),
        ]
        #expect(handles.map(\.capacity) == [131_072, 131_072, 8192, 2 << 20, 4096])
        #expect(handles.allSatisfy { $0.references == 1 })
        #expect(pool.counts.active == 5)
        handles.forEach { $0.unref() }
        #expect(pool.counts.active == 0)
    }

    @Test func `the buffer goes home at the last unref, not before`() {
        let handle = pool.get()
        handle.ref()
        #expect(handle.references == 2)
        handle.unref()
        #expect(pool.counts.active == 1)
        handle.unref()
        #expect(handle.references == 0 && pool.counts.active == 0)
    }

    @Test func `a frozen buffer lives on where ARC holds it`() {
        let handle = pool.get()
        handle.bytes[0] = 42
        let iobuf = handle.freeze(count: 1)
        handle.unref()
        #expect(pool.counts.active == 1 && iobuf.withBytes { Array($0) } == [42])
    }

    @Test func `an unref too many traps, also when the memory has a new owner`() async {
        await #expect(processExitsWith: .failure) {
            let handle = IobufPool().get()
            handle.unref()
            handle.unref()
        }
        await #expect(processExitsWith: .failure) {
            let pool = IobufPool()
            let old = pool.get()
            old.unref()
            _ = pool.get()
            old.unref()
        }
    }

    @Test func `ref after the last unref, writing after freeze, and sharing before it trap`() async {
        await #expect(processExitsWith: .failure) {
            let handle = IobufPool().get()
            handle.unref()
            handle.ref()
        }
        await #expect(processExitsWith: .failure) {
            let handle = IobufPool().get()
            handle.freeze(count: 1)
            handle.bytes[0] = 1
        }
        await #expect(processExitsWith: .failure) { _ = IobufPool().get().iobuf }
    }
}

@Suite struct IobrefTests {
    private let pool = IobufPool()
    private func filled(_ byte: UInt8) -> IobufHandle {
        let handle = pool.get2(4096)
        handle.bytes[0] = byte
        handle.freeze(count: 1)
        return handle
    }

    @Test func `it takes its own reference and gives it back at the last unref`() {
        let iobref = Iobref(), handle = filled(1)
        iobref.add(handle)
        handle.unref()
        #expect(pool.counts.active == 1)
        iobref.ref()
        iobref.unref()
        #expect(pool.counts.active == 1 && iobref.references == 1)
        iobref.unref()
        #expect(pool.counts.active == 0 && iobref.references == 0)
    }

    @Test func `it grows past its sixteen slots and keeps the order`() {
        let iobref = Iobref()
        for byte in 0..<100 as Range<UInt8> {
            let handle = filled(byte)
            iobref.add(handle)
            handle.unref()
        }
        #expect(iobref.bytes == 100)
        #expect(iobref.payload.copiedBytes() == Array(0..<100))
        iobref.unref()
        #expect(pool.counts.active == 0)
    }

    @Test func `after a merge both must be unref'd, or the buffers stay`() {
        // The leak that the seed warns of: unref of `to` alone does not free what came from `from`.
        let to = Iobref(), from = Iobref(), handle = filled(1)
        from.add(handle)
        handle.unref()
        to.merge(from)
        #expect(handle.references == 2)
        to.unref()
        #expect(pool.counts.active == 1)
        from.unref()
        #expect(pool.counts.active == 0)
    }

    @Test func `clear gives back the buffers and one reference of the iobref`() {
        let iobref = Iobref(), handle = filled(1)
        iobref.add(handle)
        iobref.ref()
        iobref.clear()
        #expect(handle.references == 1 && iobref.references == 1 && iobref.iobufs.isEmpty)
        iobref.clear()
        #expect(iobref.references == 0)
        handle.unref()
    }

    @Test func `merging with itself doubles it`() {
        let iobref = Iobref(), handle = filled(1)
        iobref.add(handle)
        iobref.merge(iobref)
        #expect(handle.references == 3)
        iobref.unref()
        handle.unref()
        #expect(pool.counts.active == 0)
    }

    @Test func `an unref too many traps`() async {
        await #expect(processExitsWith: .failure) {
            let iobref = Iobref()
            iobref.unref()
            iobref.unref()
        }
    }
}
