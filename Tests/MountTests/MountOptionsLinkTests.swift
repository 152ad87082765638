import DaemonProcess
import HealTransport
import Testing
import TranslatorTesting

@testable import volmount

@Suite struct MountOptionsLinkTests {
    private func sentence(_ options: String) throws -> String {
        let options = try MountOptions([options], long: [:])
        do throws(DaemonFailure) {
            guard let link = try options.link() else { return "none" }
            return "\(link.address)"
        } catch {
            #expect(error.code == .configuration)
            return error.description
        }
    }

    @Test func `who listens for other hosts has keys; half of them is a mistake, and loopback needs none`() throws {
        let scratch = TemporaryDirectory("mo")
        #expect(try sentence("bypass") == "none")
        #expect(try sentence("bypass,listen=tcp://127.0.0.1:24100") == "tcp://127.0.0.1:24100")
        #expect(try sentence("listen=tcp://0.0.0.0:24100").contains("-o listen: endpoint tcp://0.0.0.0:24100 can be"))
        #expect(try sentence("listen=here").hasPrefix("-o listen: \"here\" is no endpoint"))
        #expect(try sentence("listen=tcp://*:1,curve-key=/k").hasPrefix("-o curve-key and -o healer-keys go together"))
        #expect(try sentence("curve-key=/k,healer-keys=/h").hasPrefix("-o curve-key is for -o listen"))
        let missing = scratch.appending("key")
        #expect(
            try sentence("listen=tcp://*:1,curve-key=\(missing),healer-keys=\(missing)").hasPrefix(
                "-o listen: cannot read \(missing)"))
    }
}
