import ReplicaState
import Testing
import TranslatorCore

@Suite struct PendingMatrixTests {
    private let keys = ["trusted.afr.v-client-0", "trusted.afr.v-client-1"]

    @Test func `row i is what replica i says, column j whom it says it of`() throws {
        let matrix = try PendingMatrix(keys: keys) { replica, key in
            replica == 0 && key == keys[1] ? PendingCounts(data: 3, entry: 1).xattr : nil
        }
        #expect(matrix.accuses(0, 1, of: .data))
        #expect(!matrix.accuses(1, 0, of: .data))
        #expect(!matrix.accuses(0, 1, of: .metadata))
        #expect(matrix.isAccused(1, of: .entry) && !matrix.isAccused(0, of: .entry))
        #expect(matrix.isPending(.data) && !matrix.isPending(.metadata))
    }

    @Test func `dirty alone makes a kind pending`() throws {
        let matrix = try PendingMatrix(keys: keys) { replica, key in
            replica == 1 && key == "trusted.afr.dirty" ? PendingCounts(metadata: 1).xattr : nil
        }
        #expect(matrix.isPending(.metadata) && !matrix.isPending(.data))
        #expect(!matrix.isAccused(0, of: .metadata) && !matrix.isAccused(1, of: .metadata))
    }

    @Test func `undo names every key, takes off what was read and nothing of another kind`() throws {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1] = PendingCounts(data: 7, metadata: 2)
        matrix.dirty[0] = PendingCounts(data: 1, metadata: 1)
        let deltas = matrix.undo(.data, keys: keys)
        for delta in deltas { #expect(Set(delta.keys) == Set(keys + ["trusted.afr.dirty"])) }
        #expect(deltas[0][keys[1]] == PendingCounts(data: -7).xattr)
        #expect(deltas[0]["trusted.afr.dirty"] == PendingCounts(data: -1).xattr)
        #expect(deltas[1].values.allSatisfy { $0.allSatisfy { $0 == 0 } })
    }

    @Test func `undo keeps a failed sink accused by all and its own dirty mark`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1] = PendingCounts(data: 7)
        matrix.dirty[1] = PendingCounts(data: 1)
        let deltas = matrix.undo(.data, keys: keys, failed: [1])
        #expect(deltas[0][keys[1]] == PendingCounts(data: 1).xattr)
        #expect(deltas[1][keys[1]] == PendingCounts(data: 1).xattr)
        #expect(deltas[1]["trusted.afr.dirty"] == PendingCounts.zero.xattr)
    }

    @Test func `undo of a full crawl takes off the request for it`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1] = PendingCounts(data: 1, entry: 4)
        #expect(
            matrix.undo(.entry, keys: keys, fullCrawl: true)[0][keys[1]] == PendingCounts(data: -1, entry: -4).xattr)
        #expect(matrix.undo(.entry, keys: keys)[0][keys[1]] == PendingCounts(entry: -4).xattr)
    }
}
