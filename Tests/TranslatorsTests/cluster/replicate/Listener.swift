import Synchronization
import TranslatorCore

/// Stands on top of a graph and remembers what it is told.
final class Listener: Translator {
    static let type: TranslatorType = "testing/listener"
    static let needs: SubvolumeNeed = .none
    let volume: Volume
    private let events = Mutex<[GraphEvent]>([])

    init(_ volume: Volume) { self.volume = volume }
    convenience init() {
        let options = try! OptionValues([:], declarations: [])
        self.init(
            Volume(
                name: "listener", type: Self.type, options: options, subvolumes: [], slot: 1000,
                environment: GraphEnvironment(log: .silent), location: VolfileLocation(file: "test", line: 0)))
    }

    var heard: [GraphEvent] { events.withLock { $0 } }
    func notify(_ event: GraphEvent, from subvolume: any Translator) { events.withLock { $0.append(event) } }
}
