import TranslatorCore

/// A line of `healctl events --json`: `{"event":"finished","volume":…,"time":…,"heal":{…}}`.
extension HealEvent: JSONExchangeable {
    public var json: JSONText {
        var members: [(key: String, value: JSONText)] = [
            ("event", .text(name)), ("volume", .text(volume)), ("time", .time(time)),
        ]
        switch change {
        case .stateChanged(let from, let to):
            members += [("from", .text(from.rawValue)), ("to", .text(to.rawValue))]
        case .started(let heal), .progressed(let heal): members.append(("heal", heal.json))
        case .finished(let heal): members.append(("heal", heal.json))
        case .quarantined(let file): members.append(("file", file.json))
        case .writerAppeared(let writer), .writerGone(let writer), .recordsLost(let writer):
            members.append(("writer", .gfid(writer)))
        case .note(let note): members.append(("note", .text(note)))
        case .paused, .resumed: break
        }
        return .object(members)
    }

    /// The word that tells events apart.
    public var name: String {
        switch change {
        case .stateChanged: "state-changed"
        case .started: "started"
        case .progressed: "progressed"
        case .finished: "finished"
        case .quarantined: "quarantined"
        case .paused: "paused"
        case .resumed: "resumed"
        case .writerAppeared: "writer-appeared"
        case .writerGone: "writer-gone"
        case .recordsLost: "records-lost"
        case .note: "note"
        }
    }

    public init(json: JSONText) throws(CodecError) {
        let object = try JSONObject(json, "event")
        self.init(
            volume: try object.text("volume"), time: try object.timestamp("time"), change: try Self.change(in: object))
    }

    private static func change(in object: JSONObject) throws(CodecError) -> Change {
        switch try object.text("event") {
        case "state-changed": .stateChanged(from: try object.choice("from"), to: try object.choice("to"))
        case "started": .started(try ActiveHeal(json: object["heal"] ?? .null))
        case "progressed": .progressed(try ActiveHeal(json: object["heal"] ?? .null))
        case "finished": .finished(try FinishedHeal(json: object["heal"] ?? .null))
        case "quarantined": .quarantined(try QuarantinedFile(json: object["file"] ?? .null))
        case "paused": .paused
        case "resumed": .resumed
        case "writer-appeared": .writerAppeared(try object.gfid("writer"))
        case "writer-gone": .writerGone(try object.gfid("writer"))
        case "records-lost": .recordsLost(writer: try object.gfid("writer"))
        case "note": .note(try object.text("note"))
        case let other: throw CodecError("event \"\(other)\" is not known to this version")
        }
    }
}
