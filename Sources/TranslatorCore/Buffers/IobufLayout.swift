/// Which sizes a pool keeps and how many free blocks of each.
struct IobufLayout: Sendable {
    /// Bytes, ascending, multiples of `IobufPool.alignment`; at most `IobufCache.classesMax`.
    let capacities: [Int]
    /// Per thread and class.
    let freeCountsMax: [Int]
    /// The class of each size, by pages: sizes are looked up at every get.
    private let classOfPages: [UInt8]

    init(sizes: [Int], cachedBytesMax: Int) {
        capacities = Array(Set(sizes)).sorted()
        precondition(!capacities.isEmpty && capacities.count <= IobufCache.classesMax)
        precondition(capacities.allSatisfy { $0 > 0 && $0.isMultiple(of: IobufPool.alignment) })
        freeCountsMax = capacities.map { max(2, cachedBytesMax / $0) }
        var classes: [UInt8] = []
        for pages in 0...capacities.last! / IobufPool.alignment {
            classes.append(UInt8(capacities.firstIndex { $0 >= pages * IobufPool.alignment }!))
        }
        classOfPages = classes
    }

    /// The smallest class that holds `bytes`; nil: too large for a pool.
    @inline(__always) func sizeClass(for bytes: Int) -> Int? {
        let pages = (bytes + IobufPool.alignment - 1) / IobufPool.alignment
        return pages < classOfPages.count ? Int(classOfPages[pages]) : nil
    }
}
