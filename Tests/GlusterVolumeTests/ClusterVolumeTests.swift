import Testing
import Translators

@testable import GlusterVolume

@Suite struct ClusterVolumeTests {
    private func hosts(_ spec: String, backups: [String] = []) throws -> [String] {
        try ClusterVolume(spec, backups: backups).servers.map(\.host)
    }

    @Test func `a volume is named by its hosts and its name, with a slash or without`() throws {
        for spec in ["db1:/vm", "db1:vm"] {
            let volume = try ClusterVolume(spec)
            #expect(volume.name == "vm")
            #expect(volume.servers == [VolfileServer(host: "db1", port: 24007)])
            #expect("\(volume)" == spec)
        }
        #expect(try hosts("db1,db2,10.0.0.3:/vm") == ["db1", "db2", "10.0.0.3"])
        #expect(try hosts("db1:/vm", backups: ["db2", "db3"]) == ["db1", "db2", "db3"])
    }

    @Test func `addresses of IPv6 stand in brackets or bare, and are shown in brackets`() throws {
        #expect(try hosts("[fe80::1],db2:/vm") == ["fe80::1", "db2"])
        #expect(try hosts("fe80::1:/vm") == ["fe80::1"])
        #expect("\(try ClusterVolume("fe80::1:/vm").servers[0])" == "[fe80::1]:24007")
    }

    @Test(arguments: ["db1:/vm", "db1,db2:vm", "::1:/vm"])
    func `what names a volume is no path of a file`(spec: String) {
        #expect(ClusterVolume.isNamed(by: spec))
    }

    @Test(arguments: ["/etc/bypass/vm.vol", "/a:/b", "./db1:/vm", "vm.vol", "../x:y"])
    func `a path of a file names no volume`(spec: String) {
        #expect(!ClusterVolume.isNamed(by: spec))
    }

    @Test(arguments: [
        ("db1:/", "the volume's name is missing"), (":/vm", "a host's name is missing"),
        ("db1,,db2:/vm", "a host's name is missing"), ("vm", "there is no colon in it"),
        ("db1:/vm/sub", "a directory inside a volume cannot be mounted by itself"),
    ])
    func `what cannot be understood is refused with the way to write it`(spec: String, why: String) {
        let sentence = "\"\(spec)\": \(why); write it as HOST[,HOST2...]:/VOLUME, or give a file with --volfile"
        #expect { try ClusterVolume(spec) } throws: { "\($0)" == sentence }
    }
}
