import Synchronization
import TranslatorCore

/// `features/utime`: the client sets times, so that all replicas have the same. The time of a fop is its frame's, from
/// the mount's clock; which times it sets is decided by fop where it becomes a call. Here is decided whether reading
/// sets the access time. Source: GlusterFS `utime.c`, its option; gluster-wire.md §3.
public final class UtimeTranslator: Translator {
    public static let type: TranslatorType = "features/utime"
    public static let summary = "Has the bricks record the client's clock, the same time on all replicas."
    public static let needs: SubvolumeNeed = .exactly(1)
    public static let options: [OptionDeclaration] = [
        .flag("noatime", default: true, "Opening and reading leave the access time as it is.").reconfigurable()
    ]

    public let volume: Volume
    private let keepsAccessTime: Atomic<Bool>

    public init(_ volume: Volume) throws(VolfileError) {
        self.volume = volume
        keepsAccessTime = Atomic(volume.options.flag("noatime"))
    }
    public func reconfigure(_ options: OptionValues) throws(VolfileError) {
        keepsAccessTime.store(options.flag("noatime"), ordering: .relaxed)
    }

    private func marked(_ frame: Frame) -> Frame {
        keepsAccessTime.load(ordering: .relaxed) ? frame : frame.recordingAccess()
    }

    public func open(_ request: OpenRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.open(request, in: marked(frame))
    }
    public func opendir(_ request: OpendirRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        try await subvolume.opendir(request, in: marked(frame))
    }
    public func readv(_ request: ReadRequest, in frame: Frame) async throws(FopError) -> ReadReply {
        try await subvolume.readv(request, in: marked(frame))
    }
}
