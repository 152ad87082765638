import Synchronization

/// Numbers that no one else in this process has had: 1, 2, 3, …
public enum UniqueNumber {
    private static let last = Atomic<UInt64>(0)
    public static func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}
