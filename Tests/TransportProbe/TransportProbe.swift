import CPosix
import Glibc
import HealProtocol
import HealTransport
import TranslatorCore

/// A bypass writer without a mount, to be killed by tests: `TransportProbe journal BRICK VOLUME WRITER`. Two threads
/// journal ranges of epoch 1 of a file each; a line on standard output names the last record that was in the journal
/// when its write might have begun.
@main enum TransportProbe {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, arguments[1] == "journal", let volume = Gfid(arguments[3]),
            let writer = Gfid(arguments[4])
        else {
            print("usage: TransportProbe journal BRICK VOLUME WRITER")
            exit(64)
        }
        let journal = try JournalWriter(
            brick: arguments[2],
            identity: JournalIdentity(
                volume: volume, writer: writer, boot: try BootID.current(), replicaSet: 0, target: 0),
            sizes: JournalSizes(segmentBytes: JournalSizes.segmentBytesMin, limitBytes: 1 << 30))
        for file in UInt64(1)...2 {
            WorkerThread.start(name: "writer") { write(file, journal) }
        }
        while true { pause() }
    }

    static func write(_ file: UInt64, _ journal: JournalWriter) {
        func append(_ kind: WriteRecord.Kind, sequence: UInt64) {
            let identity = journal.identity
            let record = WriteRecord(
                volume: identity.volume, replicaSet: 0, target: 0, writer: identity.writer, boot: identity.boot,
                gfid: Gfid(high: file << 56, low: file), generation: 1, sequence: sequence, kind: kind)
            guard case .stored = journal.append(record) else {
                print("blind")
                exit(1)
            }
        }
        append(.opening, sequence: 0)
        append(.opened, sequence: 0)
        var sequence: UInt64 = 0
        while true {
            sequence += 1
            append(.range(offset: sequence * 4096, bytes: 4096), sequence: sequence)
            if sequence.isMultiple(of: 512) {
                let line = Array("\(file) \(sequence)\n".utf8)
                _ = Glibc.write(1, line, line.count)  // at once: nothing may wait in a buffer when we are killed
            }
        }
    }
}
