import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct LocalFileTests {
    private let scratch = TemporaryDirectory("local-file")

    @Test func `a file is read to its end, also where its size is not known before`() throws {
        let path = scratch.appending("f")
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let descriptor = creat(path, 0o600)
        #expect(bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
        close(descriptor)
        #expect(try LocalFile.bytes(of: path) == bytes)
        let status = String(decoding: try LocalFile.bytes(of: "/proc/self/status"), as: UTF8.self)
        #expect(status.contains("\nPid:\t\(getpid())\n"))
    }

    @Test func `names are all there but the two dots`() throws {
        for name in ["a", ".b", "c d"] { close(creat(scratch.appending(name), 0o600)) }
        #expect(try LocalFile.names(in: scratch.path).sorted() == [".b", "a", "c d"])
    }

    @Test func `what cannot be read says why`() {
        #expect(throws: FopError.noEntry) { try LocalFile.bytes(of: scratch.appending("none")) }
        #expect(throws: FopError.isDirectory) { try LocalFile.bytes(of: scratch.path) }
        #expect(throws: FopError.noEntry) { try LocalFile.names(in: scratch.appending("none")) }
        #expect(throws: FopError.notDirectory) { try LocalFile.names(in: "/proc/self/status") }
    }
}
