import HealProtocol
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealTransport

@Suite struct ControlTests {
    let healer = Gfid.random()

    @Test func `a healer answers, also while another request waits`() async throws {
        let scene = try TransportScene()
        let gate = Mutex<CheckedContinuation<Void, Never>?>(nil)
        let server = try ControlServer(directory: scene.directory, healer: healer) { request in
            if case .heal = request {
                await withCheckedContinuation { continuation in gate.withLock { $0 = continuation } }
                return .healed(nil)
            }
            return .done("\(request)")
        }
        defer { server.close() }
        let waiting = Mutex<ControlReply?>(nil)
        WorkerThread.start(name: "wait") { [directory = scene.directory, healer] in
            let reply = try? ControlClient(directory: directory, healer: healer).ask(
                .heal(.path("a"), waits: true), timeout: nil)
            waiting.withLock { $0 = reply }
        }
        let isWaiting = await eventually { gate.withLock { $0 != nil } }
        #expect(isWaiting)
        let replies = try await blocking { [directory = scene.directory, healer] in
            let client = try ControlClient(directory: directory, healer: healer)
            return [try client.ask(.pause), try client.ask(.resume)]
        }
        #expect(replies == [.done("pause"), .done("resume")])
        #expect(waiting.withLock { $0 } == nil)
        gate.withLock { $0 }?.resume()
        let isAnswered = await eventually { waiting.withLock { $0 } == .healed(nil) }
        #expect(isAnswered)
    }

    @Test func `nonsense is answered with a sentence or passed over, and the next request is served`() async throws {
        let scene = try TransportScene()
        let server = try ControlServer(directory: scene.directory, healer: healer) { _ in .done("here") }
        defer { server.close() }
        let socket = ZMQSocket(.dealer, messageBytesMax: 1 << 20)
        try socket.connect(scene.directory.endpoint(healer, .control))
        socket.send([])
        socket.send([1, 2, 3])
        for _ in 0..<6 { socket.send([9], more: true) }
        socket.send([9])
        socket.send(ControlFrame(number: 7, json: .object([("request", .text("explode"))])).encoded)
        var answer: ControlFrame?
        let isAnswered = await eventually {
            answer = socket.receive { try? ControlFrame(decoding: Array($0)) } ?? nil
            return answer != nil
        }
        #expect(isAnswered)
        #expect(answer?.number == 7)
        let reply = try ControlReply(json: try #require(answer).json)
        guard case .failed(let failure) = reply else { return #expect(Bool(false), "\(reply)") }
        #expect(failure.reason == .badRequest)
        #expect(failure.description.contains("explode"))
        let next = try await blocking { [directory = scene.directory, healer] in
            try ControlClient(directory: directory, healer: healer).ask(.status)
        }
        #expect(next == .done("here"))
    }

    @Test func `a second healer of the same id is told that the endpoint is in use`() throws {
        let scene = try TransportScene()
        let server = try ControlServer(directory: scene.directory, healer: healer) { _ in .done("") }
        defer { server.close() }
        #expect(throws: TransportError.self) {
            try ControlServer(directory: scene.directory, healer: healer) { _ in .done("") }
        }
    }

    @Test func `a healer that ends while it is asked is noticed`() async throws {
        let scene = try TransportScene()
        let asked = Atomic<Bool>(false)
        let server = try ControlServer(directory: scene.directory, healer: healer) { _ in
            asked.store(true, ordering: .releasing)
            try? await Task.sleep(for: .seconds(3600))
            return .done("")
        }
        let told = Mutex<String?>(nil)
        WorkerThread.start(name: "ask") { [directory = scene.directory, healer] in
            do {
                _ = try ControlClient(directory: directory, healer: healer).ask(.status, timeout: nil)
            } catch { told.withLock { $0 = "\(error)" } }
        }
        let isAsked = await eventually { asked.load(ordering: .acquiring) }
        #expect(isAsked)
        server.close()
        let isTold = await eventually { told.withLock { $0?.contains("has ended") } == true }
        #expect(isTold)
        #expect(throws: TransportError.self) { try ControlClient(directory: scene.directory, healer: healer) }
    }

    @Test func `a healer that never answers is given up after the time allowed`() throws {
        let scene = try TransportScene()
        let socket = ZMQSocket(.router, messageBytesMax: 100)
        try socket.bind(scene.directory.endpoint(healer, .control))
        defer { socket.close() }
        let client = try ControlClient(directory: scene.directory, healer: healer)
        do {
            _ = try client.ask(.status, timeout: .milliseconds(50))
            Issue.record("answered")
        } catch { #expect(error.reason == .noAnswer) }
    }

    @Test func `a listener misses no event after it was greeted`() throws {
        let scene = try TransportScene()
        let publisher = try HealerPublisher(directory: scene.directory, healer: healer)
        defer { publisher.close() }
        let listener = try HealEventListener(directory: scene.directory, healer: healer)
        let time = Timestamp(seconds: 1_000, nanoseconds: 0)
        for number in 0..<100 {
            publisher.confirm(scene.confirmation(.root, 1))
            publisher.publish(HealEvent(volume: "v", time: time, change: .note("\(number)")))
        }
        for number in 0..<100 { #expect(listener.next(timeout: .seconds(5))?.change == .note("\(number)")) }
        #expect(listener.next(timeout: .milliseconds(1)) == nil)
        #expect(throws: TransportError.self) {
            try HealEventListener(directory: scene.directory, healer: .random(), timeout: .milliseconds(20))
        }
    }
}
