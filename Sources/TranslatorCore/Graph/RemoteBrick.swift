/// A translator whose brick is on the other side of a connection: `protocol/client`.
public protocol RemoteBrick: Translator {
    /// `HOST:/DIRECTORY`, as `gluster volume info` shows it.
    var brickPlace: String { get }
}

extension Translator {
    /// What people know the brick below by: its directory where it is opened from here, else `HOST:/DIRECTORY`. Nil
    /// where there is none, or not one.
    public var shownBrick: String? {
        var current: any Translator = self
        while true {
            if let brick = current as? any LocalBrick { return brick.brickDirectory }
            if let brick = current as? any RemoteBrick { return brick.brickPlace }
            guard current.subvolumes.count == 1 else { return nil }
            current = current.subvolume
        }
    }
}
