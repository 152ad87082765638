import Glibc
import Synchronization
import TranslatorCore

/// What posix hangs on an open file or directory.
final class PosixFd: Sendable {
    /// Of the brick's directory, as `PosixTranslator.serving` counts.
    let opening: UInt64
    let object: BrickObject
    /// With O_DIRECT; nil unless the file was opened so.
    let direct: Descriptor?
    /// For directories: where it is read.
    let stream: DirectoryReader?
    /// Shared by all fds of the inode.
    let inode: PosixInode

    init(file: BrickObject, direct: Descriptor?, inode: PosixInode, opening: UInt64) {
        (object, self.direct, stream, self.inode) = (file, direct, nil, inode)
        self.opening = opening
    }

    init(directory stream: DirectoryStream, inode: PosixInode, opening: UInt64) {
        (object, direct, self.inode, self.opening) = (stream.object, nil, inode, opening)
        self.stream = DirectoryReader(stream)
    }
}

/// What posix hangs on an inode.
final class PosixInode: Sendable {
    /// Whether writes have times to record in `trusted.glusterfs.mdata`, so that those of files without one, all that
    /// we make, pay nothing. Read at open, set when mdata is made through this translator.
    let hasMdata = Atomic<Bool>(false)
    /// The change stamp under which the file had no mdata: under the same one nobody need look. 0: not known.
    let stampWithoutMdata = Atomic<UInt64>(0)
}

/// An open directory's stream: one reader at a time.
final class DirectoryReader: Sendable {
    let stream: Mutex<DirectoryStream>
    init(_ stream: DirectoryStream) { self.stream = Mutex(stream) }
}
