import TranslatorCore

extension Volfile {
    /// The text of the volfile at `path`.
    public static func text(of path: String) throws(DaemonFailure) -> String {
        do throws(FopError) { return String(decoding: try LocalFile.bytes(of: path), as: UTF8.self) } catch {
            throw DaemonFailure(.configuration, "volfile \(path): \(error)")
        }
    }
}
