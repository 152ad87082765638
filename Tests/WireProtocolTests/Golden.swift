import Foundation
import Testing
import TranslatorCore
import WireProtocol

/// Bytes captured between GlusterFS 10.3 and its clients, as they stand in `Golden/`, one JSON object a line.
enum Golden {
    /// A call and its reply, marks included. Fields are in the order of the wire, bytes in hexadecimal.
    struct Exchange: Decodable, Sendable, CustomTestStringConvertible {
        let name: String, op: String
        let request: String
        let header: [String], arguments: [String]
        let reply: String, results: [String]
        var file = ""
        var testDescription: String { "\(file): \(name)" }

        private enum CodingKeys: String, CodingKey { case name, op, request, header, arguments, reply, results }
    }

    /// A call that the RPC layer refused.
    struct Refusal: Decodable, Sendable {
        let name: String, request: String, reply: String
    }

    /// A call of a server, which nobody answers.
    struct Callback: Decodable, Sendable {
        let name: String, request: String
        let header: [String], arguments: [String]
    }

    struct Dict: Decodable, Sendable {
        let name: String, bytes: String
        let isLegacy: Bool
        let fields: [String]
    }

    /// Who talked is in the name: a mount, a self-heal daemon, or another client that tried every fop.
    static let exchangeFiles = [
        "every-fop", "fuse-client", "fuse-client-degraded", "fuse-reconnect", "shd-data-heal", "shd-entry-heal",
        "shd-metadata-heal",
    ]

    static let exchanges: [Exchange] = exchangeFiles.flatMap { file in
        lines(file, as: Exchange.self).map { exchange in
            var exchange = exchange
            exchange.file = file
            return exchange
        }
    }
    static let refusals = lines("rpc-errors", as: Refusal.self)
    static let callbacks = lines("callback", as: Callback.self)
    static let dicts = lines("dict", as: Dict.self)

    private static func lines<Value: Decodable>(_ name: String, as: Value.Type) -> [Value] {
        let file = Bundle.module.bundleURL.appendingPathComponent("Golden/\(name).jsonl")
        let decoder = JSONDecoder()
        return try! Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map {
            try decoder.decode(Value.self, from: $0)
        }
    }

    /// Every record there is, of either direction, without its mark.
    static let records: [[UInt8]] =
        exchanges.flatMap { [record($0.request), record($0.reply)] }
        + refusals.flatMap { [record($0.request), record($0.reply)] } + callbacks.map { record($0.request) }

    /// The bytes of a record without its mark; all were captured in one fragment.
    static func record(_ hex: String) -> [UInt8] { Array(bytes(hex).dropFirst(Record.markBytes)) }

    static func bytes(_ hex: String) -> [UInt8] {
        func digit(_ character: UInt8) -> UInt8 {
            character < UInt8(ascii: "a") ? character - UInt8(ascii: "0") : character - UInt8(ascii: "a") + 10
        }
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { digit(digits[$0]) << 4 | digit(digits[$0 + 1]) }
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
