import DaemonProcess
import GlusterVolume

/// `mount.volmount SPEC DIR [-sfnv] [-o OPTIONS] [-t TYPE]`, as mount(8) calls it for `mount -t volmount` and fstab(5),
/// where SPEC is `HOST[,HOST2...]:/VOLUME` or the path of a volfile. Here the same arguments as `volmount` takes them.
/// For `mount -o remount` of a mount that no line of fstab(5) describes it is called as `mount.fuse.volmount`, by the
/// type that the kernel shows; without that name mount(8) would take fuse's own helper.
enum MountHelper {
    static let name = "mount.volmount"
    static let isCalled =
        CommandLine.arguments.first?.split(separator: "/").last.map { $0 == name || $0 == "mount.fuse.volmount" }
        ?? false

    /// As mount(8) has them: 1, incorrect invocation; 32, mount failure.
    static func exitCode(_ code: DaemonFailure.Code) -> Int32 { code == .configuration ? 1 : 32 }

    /// Nil when mount(8) asks for nothing to be done (`-f`). Throws one sentence for what cannot be understood.
    static func arguments(_ arguments: [String]) throws(DaemonFailure) -> [String]? {
        var operands: [String] = []
        var options: [String] = []
        var isFake = false
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "-o", "-t", "-N":
                guard let value = rest.popFirst() else {
                    throw DaemonFailure(.configuration, "\(name): \(word) needs a value")
                }
                if word == "-o" { options += ["-o", value] }
            case _ where word.hasPrefix("-o") && word.count > 2: options += ["-o", String(word.dropFirst(2))]
            case _ where word.hasPrefix("-"):
                guard word.dropFirst().allSatisfy({ "sfnvrw".contains($0) }) else {
                    throw DaemonFailure(.configuration, "\(name): unknown option \(word)")
                }
                if word.contains("f") { isFake = true }
                if word.contains("r") { options += ["-o", "ro"] }
            default: operands.append(word)
            }
        }
        guard operands.count == 2 else {
            throw DaemonFailure(.configuration, "usage: \(name) HOST:/VOLUME|VOLFILE DIR [-o OPTIONS]")
        }
        if isFake { return nil }
        let volume = ClusterVolume.isNamed(by: operands[0]) ? [operands[0]] : ["--volfile", operands[0]]
        return options + volume + [operands[1]]
    }
}
