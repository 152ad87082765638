/// What somebody may have meant who wrote a name that does not exist.
public enum NearestName {
    /// The most similar of `names`, if any is similar enough: at most one slip for each three letters.
    public static func among(_ names: some Sequence<String>, to wrong: String) -> String? {
        let slipsMax = max(1, wrong.count / 3)
        let ranked = names.map { (slips: distance($0.lowercased(), wrong.lowercased()), name: $0) }
        return ranked.filter { $0.slips <= slipsMax }.min { ($0.slips, $0.name) < ($1.slips, $1.name) }?.name
    }

    /// `; did you mean "replicate-0"?`, or nothing.
    public static func hint(_ names: some Sequence<String>, to wrong: String) -> String {
        among(names, to: wrong).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// How many letters must be put in, taken out, changed or swapped with their neighbour: optimal string alignment.
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.unicodeScalars), b = Array(b.unicodeScalars)
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            row.reserveCapacity(b.count + 1)
            for j in 0..<b.count {
                var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforeLast[j - 1] + 1) }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
