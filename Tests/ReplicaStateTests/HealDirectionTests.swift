import ReplicaState
import Testing
import TranslatorCore

/// Every matrix of two and three replicas, and the rules beside the counts.
@Suite struct HealDirectionTests {
    /// All matrices of `count` replicas whose counts of `kind` and dirty are 0 or 1.
    private static func matrices(of count: Int, _ kind: PendingKind) -> [PendingMatrix] {
        (0..<1 << (count * count + count)).map { bits in
            var matrix = PendingMatrix(replicas: count)
            for i in 0..<count {
                for j in 0..<count { matrix.counts[i][j][kind] = Int32(bits >> (i * count + j) & 1) }
                matrix.dirty[i][kind] = Int32(bits >> (count * count + i) & 1)
            }
            return matrix
        }
    }

    /// Regular files of one size, the later replica the newer.
    private static func files(_ sizes: [UInt64], ctimes: [Int64]? = nil) -> [Iatt] {
        sizes.enumerated().map { replica, size in
            var iatt = Iatt()
            iatt.mode = FileType.regular.rawValue | 0o644
            iatt.size = size
            iatt.ctime.seconds = ctimes?[replica] ?? Int64(100 + replica)
            return iatt
        }
    }

    private static func permutations(_ count: Int) -> [[Int]] {
        count == 1
            ? [[0]]
            : permutations(count - 1).flatMap { shorter in
                (0..<count).map { at in
                    var longer = shorter
                    longer.insert(count - 1, at: at)
                    return longer
                }
            }
    }

    /// Replica `order[i]` becomes replica i.
    private static func permute(_ matrix: PendingMatrix, _ order: [Int]) -> PendingMatrix {
        var permuted = PendingMatrix(replicas: order.count)
        for i in order.indices {
            for j in order.indices { permuted.counts[i][j] = matrix.counts[order[i]][order[j]] }
            permuted.dirty[i] = matrix.dirty[order[i]]
        }
        return permuted
    }

    @Test(arguments: [2, 3], [QuorumRule.none, .auto])
    func `a replica is source or sink, never both, and a source is among its equals`(count: Int, quorum: QuorumRule) {
        for matrix in Self.matrices(of: count, .data) {
            let direction = HealDirection.data(
                matrix, iatts: Self.files([6, 8, 7].prefix(count).map(\.self)), quorum: quorum)
            guard case .copy(let source, let sources, let sinks) = direction else { continue }
            #expect(sources.contains(source))
            #expect(!sinks.isEmpty)
            #expect((sources + sinks).sorted() == Array(0..<count))
        }
    }

    @Test(arguments: [2, 3], PendingKind.allCases)
    func `without quorum's help a source is never accused by one who may speak`(count: Int, kind: PendingKind) {
        for matrix in Self.matrices(of: count, kind) {
            guard case .copy(_, let sources, _) = Self.decide(kind, matrix, .none, xattrsDiffer: true) else { continue }
            for source in sources {
                for i in matrix.replicas where !matrix.accuses(i, i, of: kind) {
                    #expect(!matrix.accuses(i, source, of: kind), "\(matrix)")
                }
            }
        }
    }

    @Test(arguments: [2, 3], [QuorumRule.none, .auto])
    func `it is split-brain exactly if everybody is accused by too many`(count: Int, quorum: QuorumRule) {
        // Goal: the rule said once more, in other words than the code's. Method: count the honest accusers of each.
        for matrix in Self.matrices(of: count, .data) {
            let honest = matrix.replicas.filter { !matrix.accuses($0, $0, of: .data) }
            let accusers = matrix.replicas.map { j in honest.count { matrix.accuses($0, j, of: .data) } }
            let trusted = quorum == .auto ? accusers.contains { $0 < count / 2 + 1 } : accusers.contains(0)
            let isSplitBrain = Self.decide(.data, matrix, quorum) == .splitBrain
            #expect(isSplitBrain == !trusted, "\(matrix)")
        }
    }

    @Test(arguments: [2, 3], [QuorumRule.none, .auto])
    func `renaming the replicas renames the decision`(count: Int, quorum: QuorumRule) {
        let files = Self.files([6, 8, 8].prefix(count).map(\.self))
        for matrix in Self.matrices(of: count, .data) {
            let plain = HealDirection.data(matrix, iatts: files, quorum: quorum)
            for order in Self.permutations(count) {
                let renamed = HealDirection.data(
                    Self.permute(matrix, order), iatts: order.map { files[$0] }, quorum: quorum)
                switch (plain, renamed) {
                case (.copy(_, let sources, let sinks), .copy(_, let otherSources, let otherSinks)):
                    #expect(otherSources.map { order[$0] }.sorted() == sources)
                    #expect(otherSinks.map { order[$0] }.sorted() == sinks)
                default: #expect(plain == renamed)
                }
            }
        }
    }

    @Test(arguments: [2, 3]) func `how often somebody is accused does not matter, only whether`(count: Int) {
        for matrix in Self.matrices(of: count, .data) {
            var doubled = matrix
            // The counts of a self-accusing replica weigh as a witness; all others only accuse.
            for i in matrix.replicas where !matrix.accuses(i, i, of: .data) {
                for j in matrix.replicas { doubled.counts[i][j].data *= 65_536 }
            }
            #expect(Self.decide(.data, doubled, .auto) == Self.decide(.data, matrix, .auto))
        }
    }

    @Test(arguments: [2, 3], PendingKind.allCases)
    func `one kind's decision does not look at another kind's counts`(count: Int, kind: PendingKind) {
        for other in PendingKind.allCases where other != kind {
            let clean = Self.decide(kind, PendingMatrix(replicas: count), .auto)
            for matrix in Self.matrices(of: count, other) { #expect(Self.decide(kind, matrix, .auto) == clean) }
        }
    }

    @Test(arguments: [2, 3]) func `equal copies that nobody accuses need nothing`(count: Int) {
        #expect(Self.decide(.data, PendingMatrix(replicas: count), .auto) == .nothing)
        #expect(Self.decide(.metadata, PendingMatrix(replicas: count), .auto) == .nothing)
    }

    @Test func `a local replica is the source only if it is one at all`() {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = 1
        let files = Self.files([6, 6, 6])
        #expect(
            HealDirection.data(matrix, iatts: files, quorum: .auto, local: 2)
                == .copy(source: 2, sources: [0, 2], sinks: [1]))
        #expect(
            HealDirection.data(matrix, iatts: files, quorum: .auto, local: 1)
                == .copy(source: 0, sources: [0, 2], sinks: [1]))
    }

    @Test func `a split-brain of empty files is the first replica's`() {
        var matrix = PendingMatrix(replicas: 2)
        (matrix.counts[0][1].data, matrix.counts[1][0].data) = (1, 1)
        #expect(
            HealDirection.data(matrix, iatts: Self.files([0, 0]), quorum: .none)
                == .copy(source: 0, sources: [0], sinks: [1]))
        #expect(HealDirection.data(matrix, iatts: Self.files([0, 1]), quorum: .none) == .splitBrain)
    }

    @Test func `a favorite child is believed only where it is one`() {
        var matrix = PendingMatrix(replicas: 3)
        for i in 0..<3 { for j in 0..<3 where i != j { matrix.counts[i][j].data = 1 } }
        func decide(_ sizes: [UInt64], _ policy: FavoriteChildPolicy) -> HealDirection {
            HealDirection.data(matrix, iatts: Self.files(sizes), quorum: .auto, policy: policy)
        }
        #expect(decide([6, 9, 7], .none) == .splitBrain)
        #expect(decide([6, 9, 7], .size) == .copy(source: 1, sources: [1], sinks: [0, 2]))
        #expect(decide([6, 9, 9], .size) == .splitBrain)
        #expect(decide([6, 9, 9], .ctime) == .copy(source: 2, sources: [2], sinks: [0, 1]))
        #expect(decide([6, 9, 9], .majority) == .copy(source: 1, sources: [1], sinks: [0, 2]))
        #expect(decide([6, 9, 7], .majority) == .splitBrain)
    }

    @Test func `metadata: unaccused copies that differ from the first become sinks`() {
        var files = Self.files([6, 6, 6])
        files[1].mode = FileType.regular.rawValue | 0o600
        let none = PendingMatrix(replicas: 3)
        let xattrs: [Xattrs] = [[:], [:], ["user.a": [1]]]
        #expect(
            HealDirection.metadata(none, iatts: files, xattrs: xattrs, quorum: .auto)
                == .copy(source: 0, sources: [0], sinks: [1, 2]))
    }

    @Test func `metadata: the first source that is a witness is the only one`() {
        var matrix = PendingMatrix(replicas: 3)
        matrix.dirty[1].metadata = 1
        let files = Self.files([6, 6, 6])
        #expect(
            HealDirection.metadata(matrix, iatts: files, xattrs: [[:], [:], [:]], quorum: .auto)
                == .copy(source: 1, sources: [1], sinks: [0, 2]))
    }

    @Test func `metadata: what AFR, SELinux and quota keep for themselves makes no difference`() {
        let own = ["trusted.afr.v-client-1", "security.selinux", "trusted.glusterfs.quota.size"]
        for name in own {
            #expect(
                HealDirection.metadata(
                    PendingMatrix(replicas: 2), iatts: Self.files([6, 6]), xattrs: [[name: [1]], [:]], quorum: .none)
                    == .nothing)
        }
        #expect(
            HealDirection.metadata(
                PendingMatrix(replicas: 2), iatts: Self.files([6, 6]),
                xattrs: [["trusted.glusterfs.mdata": [1]], [:]], quorum: .none)
                == .copy(source: 0, sources: [0], sinks: [1]))
    }

    @Test func `metadata: a split-brain of equal copies is none, of unequal ones it stays`() {
        var matrix = PendingMatrix(replicas: 2)
        (matrix.counts[0][1].metadata, matrix.counts[1][0].metadata) = (1, 1)
        var files = Self.files([6, 6])
        func decide() -> HealDirection {
            HealDirection.metadata(matrix, iatts: files, xattrs: [[:], [:]], quorum: .none)
        }
        #expect(decide() == .copy(source: 0, sources: [0], sinks: [1]))
        files[1].uid = 7
        #expect(decide() == .splitBrain)
    }

    @Test func `metadata: of directories in split-brain by time alone the newest is right`() {
        var matrix = PendingMatrix(replicas: 2)
        (matrix.counts[0][1].metadata, matrix.counts[1][0].metadata) = (1, 1)
        var directories = Self.files([6, 6])
        for i in 0..<2 {
            directories[i].mode = FileType.directory.rawValue | 0o755
            directories[i].mtime.seconds = Int64(i)
        }
        #expect(
            HealDirection.metadata(matrix, iatts: directories, xattrs: [[:], [:]], quorum: .none)
                == .copy(source: 1, sources: [1], sinks: [0]))
    }

    @Test(arguments: [2, 3]) func `entry: names are merged wherever anybody is dirty or nobody is blamed`(count: Int) {
        for matrix in Self.matrices(of: count, .entry) {
            let isDirty = matrix.dirty.contains { $0.entry != 0 }
            let isBlamed = matrix.replicas.contains { matrix.isAccused($0, of: .entry) }
            if isDirty || !isBlamed { #expect(HealDirection.entry(matrix) == .merge) }
            #expect(HealDirection.entry(matrix) != .splitBrain)
            #expect(HealDirection.entry(matrix) != .nothing)
        }
    }

    @Test func `entry: a plain accusation has its direction, mutual ones are merged`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[1][0].entry = 3
        #expect(HealDirection.entry(matrix) == .copy(source: 1, sources: [1], sinks: [0]))
        matrix.counts[0][1].entry = 1
        #expect(HealDirection.entry(matrix) == .merge)
    }

    @Test(arguments: [PendingKind.metadata, .entry])
    func `a replica that only a sink accuses is healed too`(kind: PendingKind) {
        // All counts come off after a heal: who is not healed now would be forgotten.
        var matrix = PendingMatrix(replicas: 3)
        (matrix.counts[0][1][kind], matrix.counts[1][2][kind]) = (1, 1)
        #expect(Self.decide(kind, matrix, .auto) == .copy(source: 0, sources: [0], sinks: [1, 2]))
    }

    /// Equal copies but, where asked, for one xattr: metadata that is equal everywhere is never in split-brain.
    private static func decide(
        _ kind: PendingKind, _ matrix: PendingMatrix, _ quorum: QuorumRule, xattrsDiffer: Bool = false
    ) -> HealDirection {
        let count = matrix.replicas.count
        let files = Self.files([UInt64](repeating: 6, count: count))
        let xattrs: [Xattrs] = (0..<count).map { xattrsDiffer ? ["user.a": [UInt8($0)]] : [:] }
        return switch kind {
        case .data: .data(matrix, iatts: files, quorum: quorum)
        case .metadata: .metadata(matrix, iatts: files, xattrs: xattrs, quorum: quorum)
        case .entry: .entry(matrix)
        }
    }
}
