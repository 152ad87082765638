import ArgumentParser
import Glibc

extension AsyncParsableCommand {
    /// As `main(_:)`, but what is wrong with the command line is told in one sentence instead of with the usage. Exit
    /// code 64, EX_USAGE of sysexits.h.
    public static func runOrRefuse(_ arguments: [String]? = nil) async {
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else { exit(withError: error) }
            // A hint ("Did you mean …?") stands on a line of its own.
            let sentence = message(for: error).split(separator: "\n").joined(separator: " ")
            let name = configuration.commandName ?? "\(Self.self)"
            var line = "\(name): \(sentence); \(name) --help lists what there is\n"
            line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
            Glibc.exit(code.rawValue)
        }
    }
}
