import ReplicaState
import Testing
import TranslatorCore

/// What the genuine 10.3 daemon decided, case by case.
@Suite struct HealDirectionVectorTests {
    struct Case: Decodable, CustomTestStringConvertible {
        let testDescription: String
        let matrix: PendingMatrix
        let iatts: [Iatt]
        let quorum: QuorumRule
        /// Whose content each replica had afterwards; nil: split-brain.
        let contents: [Int]?

        private enum Key: String, CodingKey {
            case name = "case", replicas, quorum = "quorum_type", sizes, pending, dirty, real
            case newest = "newest_ctime_brick", order = "ctime_order_oldest_first", contents =
                "real_contents_from_brick"
        }

        init(from decoder: any Decoder) throws {
            let json = try decoder.container(keyedBy: Key.self)
            testDescription = try json.decode(String.self, forKey: .name)
            quorum = try json.decode(String.self, forKey: .quorum) == "auto" ? .auto : .none
            let count = try json.decode(Int.self, forKey: .replicas)
            let order =
                try json.decodeIfPresent([Int].self, forKey: .order)
                ?? (try json.decode(Int.self, forKey: .newest) == 1 ? [0, 1] : [1, 0])
            iatts = try json.decode([UInt64].self, forKey: .sizes).enumerated().map { replica, size in
                var iatt = Iatt()
                iatt.mode = FileType.regular.rawValue
                iatt.size = size
                iatt.ctime.seconds = 1000 + Int64(order.firstIndex(of: replica)!)
                return iatt
            }
            var matrix = PendingMatrix(replicas: count)
            for (i, row) in try json.decode([[Int32]].self, forKey: .pending).enumerated() {
                for (j, value) in row.enumerated() { matrix.counts[i][j].data = value }
            }
            for (i, value) in try json.decode([Int32].self, forKey: .dirty).enumerated() {
                matrix.dirty[i].data = value
            }
            self.matrix = matrix
            contents =
                try json.decodeIfPresent([Int].self, forKey: .contents)
                ?? (try? json.decode(Int.self, forKey: .real)).map { [Int](repeating: $0, count: count) }
        }
    }
    private struct File: Decodable { let cases: [Case] }
    static let cases = try! Vectors.decode("afr-data-direction.json", as: File.self).cases

    @Test func `there are 27 cases`() { #expect(Self.cases.count == 27) }

    @Test(arguments: cases) func `content flows as the genuine daemon made it flow`(given: Case) throws {
        let direction = HealDirection.data(given.matrix, iatts: given.iatts, quorum: given.quorum)
        let unchanged = Array(given.matrix.replicas)
        switch direction {
        case .copy(let source, _, let sinks):
            // A replica that is a source besides keeps its own content, which is as good.
            #expect(unchanged.map { sinks.contains($0) ? source : $0 } == given.contents)
        case .nothing: #expect(given.contents == unchanged)
        case .splitBrain: #expect(given.contents == nil || given.contents == unchanged)
        case .merge: Issue.record("content is never merged")
        }
    }

    @Test func `circular blame is nothing to do, blame by all on all is split-brain`() throws {
        let circular = try #require(Self.cases.first { $0.testDescription == "e5-circular" })
        #expect(HealDirection.data(circular.matrix, iatts: circular.iatts, quorum: .auto) == .nothing)
        let blamed = try #require(Self.cases.first { $0.testDescription == "e6-all-blamed-by-2" })
        #expect(HealDirection.data(blamed.matrix, iatts: blamed.iatts, quorum: .auto) == .splitBrain)
    }
}
