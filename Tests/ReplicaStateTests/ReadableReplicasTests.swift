import ReplicaState
import Testing
import TranslatorCore

@Suite struct ReadableReplicasTests {
    private func iatt(_ type: FileType, size: UInt64 = 6) -> Iatt {
        var iatt = Iatt()
        iatt.mode = type.rawValue
        iatt.size = size
        return iatt
    }

    @Test func `an accused replica is not read, one without an answer neither`() {
        var matrix = PendingMatrix(replicas: 3)
        matrix.counts[0][1].data = 1
        let file = iatt(.regular)
        let readable = ReadableReplicas(matrix, iatts: [file, file, nil], isLocked: false)
        #expect(readable == ReadableReplicas(data: [true, false, false], metadata: [true, true, false]))
    }

    @Test func `a directory's content is its names`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1].data = 1
        let directory = iatt(.directory)
        #expect(ReadableReplicas(matrix, iatts: [directory, directory], isLocked: false).data == [true, true])
        matrix.counts[0][1].entry = 1
        #expect(ReadableReplicas(matrix, iatts: [directory, directory], isLocked: false).data == [true, false])
    }

    @Test func `a shorter copy is not read, unless a writer is at work`() {
        let matrix = PendingMatrix(replicas: 2)
        let iatts = [iatt(.regular, size: 4), iatt(.regular, size: 6)]
        #expect(ReadableReplicas(matrix, iatts: iatts, isLocked: false).data == [false, true])
        #expect(ReadableReplicas(matrix, iatts: iatts, isLocked: true).data == [true, true])
        #expect(ReadableReplicas(matrix, iatts: iatts, isLocked: false).metadata == [true, true])
    }

    @Test func `an accused copy's size does not put others down`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][1].data = 1
        let iatts = [iatt(.regular, size: 4), iatt(.regular, size: 6)]
        #expect(ReadableReplicas(matrix, iatts: iatts, isLocked: false).data == [true, false])
    }

    @Test func `mutual accusations leave nobody to read`() {
        var matrix = PendingMatrix(replicas: 2)
        (matrix.counts[0][1].data, matrix.counts[1][0].data) = (1, 1)
        let file = iatt(.regular)
        #expect(!ReadableReplicas(matrix, iatts: [file, file], isLocked: false).data.contains(true))
    }

    @Test func `who accuses itself is not read`() {
        var matrix = PendingMatrix(replicas: 2)
        matrix.counts[0][0].data = 1
        let file = iatt(.regular)
        #expect(ReadableReplicas(matrix, iatts: [file, file], isLocked: false).data == [false, true])
    }
}
