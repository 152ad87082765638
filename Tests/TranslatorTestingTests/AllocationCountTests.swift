import CPosix
import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@Suite(.enabled(if: AllocationCount.isCounting, "a sanitizer owns malloc"))
struct AllocationCountTests {
    @Test func `each kind of allocation counts once, and work without any counts none`() async {
        #expect(await AllocationCount.average { free(malloc(100)) } == 1)
        #expect(await AllocationCount.average { free(calloc(10, 10)) } == 1)
        #expect(
            await AllocationCount.average {
                var memory: UnsafeMutableRawPointer?
                _ = posix_memalign(&memory, 4096, 4096)
                free(memory)
            } == 1)
        var sum = 0
        #expect(await AllocationCount.average { sum += 1 } == 0)
        #expect(sum == 1001)
    }

    @Test func `an iobuf from the free list is one allocation: the object`() async {
        let pool = IobufPool()
        #expect(await AllocationCount.average { _ = pool.draft(bytes: 4096).freeze(count: 1) } == 1)
    }
}
