import TranslatorCore

/// What a graph with `features/bypass` needs beside it: somebody who journals what it writes and publishes it. The seam
/// between the translator, which declares `WriteObserver`, and `HealTransport`, which has the sockets.
struct BypassService {
    /// Hands every bypass translator of `graph` its observer. Before the graph starts.
    init(_ graph: Graph, runtimeDirectory: String, log: Log) throws(Failure) {}

    /// After the last fop and before the graph stops: what was recorded is published.
    func stop() async {}
}
