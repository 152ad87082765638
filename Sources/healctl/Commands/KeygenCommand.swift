import ArgumentParser
import HealTransport

struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a pair of CURVE keys, for a writer or a healer that other hosts reach.",
        discussion: """
            The secret key goes into FILE, the public one into FILE.pub and onto the terminal. A mount has its own by
            -o curve-key=FILE and the healers' by healer-keys; a healer its own by --curve-key, and the writers' by
            --writers.
            """)

    @Argument(help: ArgumentHelp("The file to make.", valueName: "file")) var file: String

    func run() throws {
        do throws(TransportError) {
            show([try KeyFile.makePair(file).z85])
        } catch {
            throw fail(error.description, .failure)
        }
    }
}
