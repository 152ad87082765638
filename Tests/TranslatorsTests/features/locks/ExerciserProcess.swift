import CPosix
import Glibc
import Synchronization
import TranslatorCore
import TranslatorTesting

/// One `LockExerciser` on a brick. Ends with the object, by kill -9 if need be.
final class ExerciserProcess: Sendable {
    let pid: pid_t
    private let input: Int32
    private let output: Int32
    private let heard = Mutex<(lines: [String], rest: [UInt8])>(([], []))

    init(brick: String) async throws {
        var toChild: [Int32] = [0, 0], fromChild: [Int32] = [0, 0]
        guard pipe2(&toChild, O_CLOEXEC) == 0, pipe2(&fromChild, O_CLOEXEC) == 0 else { throw FopError.last }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            close(toChild[0])
            close(fromChild[1])
        }
        var child = pid_t()
        let path = Self.executable
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(path), strdup(brick), nil]
        defer { arguments.forEach { free($0) } }
        let failed = posix_spawn(&child, path, &actions, nil, &arguments, Glibc.environ)
        guard failed == 0 else { throw FopError(failed) }
        (pid, input, output) = (child, toChild[1], fromChild[0])
        _ = cposix_fcntl_int(output, F_SETFL, O_NONBLOCK)
        guard await says("ready") else { throw FopError.timedOut }
    }

    deinit {
        close(input)
        close(output)
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    /// It stands beside the test's own executable.
    private static var executable: String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        _ = readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return own[..<own.lastIndex(of: "/")!] + "/LockExerciser"
    }

    /// Entries of a directory, without "." and "..".
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    func tell(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        precondition(write(input, bytes, bytes.count) == bytes.count)
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// Everything it said so far.
    var lines: [String] {
        heard.withLock { heard in
            var bytes = [UInt8](repeating: 0, count: 4096)
            while case let count = read(output, &bytes, bytes.count), count > 0 { heard.rest += bytes.prefix(count) }
            while let end = heard.rest.firstIndex(of: UInt8(ascii: "\n")) {
                heard.lines.append(String(decoding: heard.rest[..<end], as: UTF8.self))
                heard.rest.removeSubrange(...end)
            }
            return heard.lines
        }
    }

    /// Waits until it says just this.
    func says(_ line: String, within deadline: Duration = .seconds(20)) async -> Bool {
        await eventually(within: deadline) { lines.contains(line) }
    }

    /// Tells it a command and waits for the answer with the command's ID, which must be a fresh one: the words behind
    /// it.
    func ask(_ command: String, within deadline: Duration = .seconds(60)) async -> [String] {
        let id = command.split(separator: " ")[1]
        tell(command)
        var answer: [String] = []
        _ = await eventually(within: deadline) {
            for line in lines {
                let words = line.split(separator: " ")
                if words.count >= 2, words[1] == id, words[0] != "contended" { answer = words.map(String.init) }
            }
            return !answer.isEmpty
        }
        return answer.isEmpty ? [] : [answer[0]] + answer.dropFirst(2)
    }
}
