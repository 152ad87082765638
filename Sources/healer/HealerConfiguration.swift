import CPosix
import DaemonProcess
import Glibc
import GlusterVolume
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

    /// Of a volfile with everything from the bricks up, as volmount takes it.
    init(
        _ text: String, file: String, volumeName: String?, commandLine: [(name: String, text: String)]
    ) throws(DaemonFailure) {
        let registry = InTreeTranslators.registry
        do throws(VolfileError) {
            let whole = try Volfile(text, file: file, top: volumeName)
            // All of it is checked, also what is not started here: a bad volfile is told by whoever reads it first.
            _ = try Graph(whole, registry: registry, environment: GraphEnvironment(log: .silent))
            volume = whole.top.name
            var sets: [Volfile] = []
            for block in whole.volumes where registry[block.type] is any ReplicaSet.Type {
                // By itself, so that nobody is warned of what stands above and is left out on purpose.
                let cut = try Volfile(text, file: file, top: block.name)
                sets.append(try Volfile(cut.volumes, file: file))
            }
            parts = try Self.parts(sets, commandLine)
        } catch {
            throw DaemonFailure(error)
        }
        try checkThereAreParts(file)
    }

    /// Of a volfile that glusterd makes for its clients: what stands above the replica sets is no matter of healers.
    init(
        fetched text: String, from source: VolfileSource, commandLine: [(name: String, text: String)]
    ) async throws(DaemonFailure) {
        let cluster = source.volume
        volume = cluster.name
        let goesDirect = try HealerOptions(volfile: nil, commandLine: commandLine).values.flag("direct")
        do throws(VolfileError) {
            let fetched = try Volfile(text, file: cluster.description, writer: .glusterd)
            let terms = await source.brickTerms(of: fetched) { goesDirect && $0.isOnThisMachine }
            let sets = try ServedVolfile.replicaSets(of: fetched, terms: terms) { goesDirect && $0.isOnThisMachine }
            parts = try Self.parts(sets, commandLine)
        } catch {
            throw DaemonFailure(error)
        }
        try checkThereAreParts(cluster.description)
    }

    private func checkThereAreParts(_ file: String) throws(DaemonFailure) {
        guard parts.isEmpty else { return }
        throw DaemonFailure(
            .configuration, "\(file): no cluster/replicate under \"\(volume)\": there is nothing to heal")
    }

    private static func parts(
        _ sets: [Volfile], _ commandLine: [(name: String, text: String)]
    ) throws(VolfileError) -> [Part] {
        var parts: [Part] = []
        for set in sets {
            do throws(DaemonFailure) {
                let options = try HealerOptions(volfile: set.top, commandLine: commandLine)
                parts.append(Part(volfile: set, options: options, settings: try options.settings()))
            } catch {
                throw VolfileError(VolfileLocation(file: "options", line: 0), error.description)
            }
        }
        return parts
    }

    var printed: String {
        parts.map { "[\($0.volfile.top.name)]\n\($0.options.table)" }.joined(separator: "\n")
    }
}
