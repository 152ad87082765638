import Testing

/// Names replaced, and whoever replaces them killed: heal-protocol.md §3.6, by seeds.
@Suite(.serialized) struct NamesSimulationTests {
    @Test(arguments: UInt64(1)...40)
    func `whenever a mount dies, the next finds the same names everywhere, and what was acknowledged`(seed: UInt64) {
        let world = NamesWorld(seed: seed)
        world.run()
        if let violation = world.violation {
            Issue.record("seed \(seed): \(violation)\n\(world.history.joined(separator: "\n"))")
        }
    }

    @Test func `what it is about happens: mounts die, and halves are finished`() {
        let worlds = (UInt64(1)...10).map { NamesWorld(seed: $0) }
        worlds.forEach { $0.run() }
        #expect(worlds.reduce(0) { $0 + $1.deaths } > 20)
        #expect(worlds.reduce(0) { $0 + $1.finished } > 5)
    }

    @Test func `without what mounts note of their changes, names that differ are found`() {
        let broken = (UInt64(1)...10).filter { seed in
            let world = NamesWorld(seed: seed, journals: false)
            world.run()
            return world.violation?.hasPrefix("names differ") ?? false
        }
        #expect(broken.count > 3)
    }
}
