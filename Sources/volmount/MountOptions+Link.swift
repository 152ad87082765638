import DaemonProcess
import HealTransport
import TranslatorCore

extension MountOptions {
    /// Where healers on other hosts hear this mount; nil: nowhere.
    func link() throws(DaemonFailure) -> WriterLink? {
        let (key, healers) = (process.text(ifSet: "curve-key"), process.text(ifSet: "healer-keys"))
        guard (key == nil) == (healers == nil) else {
            throw DaemonFailure(
                .configuration, "-o curve-key and -o healer-keys go together: give both, or none of them")
        }
        guard let address = process.text(ifSet: "listen") else {
            guard key == nil else {
                throw DaemonFailure(.configuration, "-o curve-key is for -o listen: give both, or none of them")
            }
            return nil
        }
        do throws(TransportError) {
            return try .listening(at: address, secretKeyFile: key, healerKeysFile: healers)
        } catch {
            throw DaemonFailure(.configuration, "-o listen: \(error)")
        }
    }
}
