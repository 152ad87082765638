import CPosix
import Glibc

/// That every brick of a graph has a directory of its own: two replicas on one would be one copy that counts as two,
/// and each would wait for the other's locks. Paths prove nothing, there are links: device and inode number do, of the
/// directory and of all above it.
public enum BrickPlaces {
    private struct Place: Hashable {
        let device: UInt, inode: UInt
    }

    /// Throws the sentence about the first brick that is, or lies within, the directory of another. Directories that
    /// cannot be opened are passed over.
    public static func check(_ bricks: [any LocalBrick]) throws(VolfileError) {
        guard bricks.count > 1 else { return }
        let lines = bricks.map { ancestry(of: $0.brickDirectory) }
        for (position, line) in lines.enumerated() where !line.isEmpty {
            for (other, otherLine) in lines.enumerated() where other != position {
                guard let place = otherLine.first, line.contains(place) else { continue }
                // Told of the later one in the volfile where the two are the same.
                if line.first == place && position < other { continue }
                throw refusal(bricks[position], isSame: line.first == place, as: bricks[other])
            }
        }
    }

    private static func refusal(_ brick: any LocalBrick, isSame: Bool, as other: any LocalBrick) -> VolfileError {
        let relation =
            isSame
            ? "is the directory of volume \"\(other.name)\" (\(other.brickDirectory)) too"
            : "lies within the brick of volume \"\(other.name)\" (\(other.brickDirectory))"
        return brick.volume.error(
            "brick \(brick.brickDirectory) \(relation): every replica needs a directory of its own")
    }

    /// The directory and what it lies in, up to the root. Empty where it cannot be opened.
    private static func ancestry(of path: String) -> [Place] {
        var current = cposix_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        var line: [Place] = []
        // PATH_MAX allows no more levels.
        while current >= 0, line.count < Int(PATH_MAX) / 2 {
            var status = stat()
            let isKnown = fstat(current, &status) == 0
            let place = Place(device: UInt(status.st_dev), inode: UInt(status.st_ino))
            let above = isKnown && line.last != place ? cposix_openat(current, "..", O_PATH | O_CLOEXEC, 0) : -1
            close(current)
            if isKnown && line.last != place { line.append(place) }
            current = above
        }
        if current >= 0 { close(current) }
        return line
    }
}
