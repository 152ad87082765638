/// A translator whose brick directory is on this machine: `storage/posix`. What stands above reaches it through the
/// translators in between, to put lock files and journals under the brick's `.glusterfs/bypass/`.
public protocol LocalBrick: Translator {
    /// The brick's root, an absolute path.
    var brickDirectory: String { get }
}

extension Translator {
    /// The local brick below, if every translator on the way down has one subvolume.
    public var localBrick: (any LocalBrick)? {
        var current: any Translator = self
        while true {
            if let brick = current as? any LocalBrick { return brick }
            guard current.subvolumes.count == 1 else { return nil }
            current = current.subvolume
        }
    }
}
