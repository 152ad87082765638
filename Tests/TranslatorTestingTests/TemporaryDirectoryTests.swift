import CPosix
import Glibc
import ReplicaState
import Testing
import TranslatorCore
import TranslatorTesting

@Suite struct TemporaryDirectoryTests {
    @Test func `it goes with everything in it, odd names too, and leaves what a link points at`() {
        let outside = TemporaryDirectory()
        let kept = outside.subdirectory("kept")
        var path: String
        do {
            let scratch = TemporaryDirectory()
            path = scratch.path
            let inner = scratch.subdirectory("inner")
            let odd = Array(inner.utf8CString.dropLast()) + [CChar(bitPattern: 0x2F), CChar(bitPattern: 0xFF), 0]
            #expect(mkdir(odd, 0o700) == 0)
            #expect(symlink(kept, scratch.appending("link")) == 0)
            #expect(access(path, F_OK) == 0)
        }
        #expect(access(path, F_OK) != 0)
        #expect(access(kept, F_OK) == 0)
    }

    @Test(.enabled(if: TemporaryDirectory.allowsTrustedXattrs, "needs root and a file system with trusted xattrs"))
    func `an xattr that is not there reads as nil and as zero counts`() {
        let scratch = TemporaryDirectory()
        #expect(XattrReading.value(of: "trusted.afr.vol-client-1", at: scratch.path) == nil)
        #expect(XattrReading.counts(of: "trusted.afr.vol-client-1", at: scratch.path).isZero)
        XattrReading.set("trusted.afr.vol-client-1", to: [0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3], at: scratch.path)
        let counts = XattrReading.counts(of: "trusted.afr.vol-client-1", at: scratch.path)
        #expect([counts.data, counts.metadata, counts.entry] == [65_536, 2, 3])
    }
}
