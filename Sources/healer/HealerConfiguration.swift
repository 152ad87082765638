import CPosix
import DaemonProcess
import Glibc
import HealEngine
import TranslatorCore
import Translators

/// What to heal and how: the volfile cut down to its replica sets, and the options. Reads files, starts nothing.
struct HealerConfiguration {
    /// One `cluster/replicate` and everything below it. What stands above is for mounts.
    struct Part {
        let volfile: Volfile
        let options: HealerOptions
        let settings: HealSettings
    }
    let volume: String
    let parts: [Part]

    init(volfilePath: String, volumeName: String?, commandLine: [(name: String, text: String)]) throws(DaemonFailure) {
        let text = try Volfile.text(of: volfilePath)
        let registry = InTreeTranslators.registry
        let whole: Volfile
        do throws(VolfileError) {
            whole = try Volfile(text, file: volfilePath, top: volumeName)
            // All of it is checked, also what is not started here: a bad volfile is told by whoever reads it first.
            _ = try Graph(whole, registry: registry, environment: GraphEnvironment(log: .silent))
        } catch {
            throw DaemonFailure(error)
        }
        volume = whole.top.name
        var parts: [Part] = []
        for block in whole.volumes where registry[block.type] is any ReplicaSet.Type {
            let options = try HealerOptions(volfile: block, commandLine: commandLine)
            do throws(VolfileError) {
                // By itself, so that nobody is warned of what stands above and is left out on purpose.
                let cut = try Volfile(text, file: volfilePath, top: block.name)
                parts.append(
                    Part(
                        volfile: try Volfile(cut.volumes, file: volfilePath), options: options,
                        settings: try Self.settings(options)))
            } catch {
                throw DaemonFailure(error)
            }
        }
        guard !parts.isEmpty else {
            throw DaemonFailure(
                .configuration, "\(volfilePath): no cluster/replicate under \"\(volume)\": there is nothing to heal")
        }
        self.parts = parts
    }

    private static func settings(_ options: HealerOptions) throws(VolfileError) -> HealSettings {
        do throws(DaemonFailure) { return try options.settings() } catch {
            throw VolfileError(VolfileLocation(file: "options", line: 0), error.description)
        }
    }

    var printed: String {
        parts.map { "[\($0.volfile.top.name)]\n\($0.options.table)" }.joined(separator: "\n")
    }
}
