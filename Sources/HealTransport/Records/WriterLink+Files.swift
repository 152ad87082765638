import TranslatorCore

/// What operators write down for both ends.
extension WriterLink {
    /// The writer's end: listens at `address`, with the secret key in one file, and admits healers whose public keys
    /// are in the other. Without files it must be loopback.
    public static func listening(
        at address: String, secretKeyFile: String?, healerKeysFile: String?
    ) throws(TransportError) -> WriterLink {
        let address = try WriterAddress(address)
        guard let secretKeyFile, let healerKeysFile else {
            try SocketSecurity.none.check(address.records)
            return WriterLink(address, security: .none)
        }
        let secretKey = try KeyFile.secretKey(in: secretKeyFile)
        let keys = try KeyFile.publicKeys(in: healerKeysFile)
        do throws(TransportError) {
            return WriterLink(address, security: .server(secretKey: secretKey, guests: try CurveGuests(keys)))
        } catch {
            throw TransportError(error.reason, "\(healerKeysFile): \(error)")
        }
    }

    /// A healer's ends: a line for each writer, `tcp://HOST:PORT`, its public key, and while keys are changed a second
    /// one. `secretKeyFile`: the healer's own. A line without a key must be loopback.
    public static func writers(in path: String, secretKeyFile: String?) throws(TransportError) -> [WriterLink] {
        let secretKey = try secretKeyFile.map { path throws(TransportError) in try KeyFile.secretKey(in: path) }
        var links: [WriterLink] = []
        for (number, words) in try KeyFile.lines(of: path) {
            do throws(TransportError) { links += try writer(words, secretKey) } catch {
                throw TransportError(error.reason, "\(path):\(number): \(error)")
            }
        }
        guard !links.isEmpty else {
            throw TransportError(.badEndpoint, "\(path) names no writer: write tcp://HOST:PORT and its public key")
        }
        return links
    }

    /// One for each key: whichever the writer has by now lets us in.
    private static func writer(_ words: [String], _ secretKey: CurveKey?) throws(TransportError) -> [WriterLink] {
        let address = try WriterAddress(words[0])
        guard words.count > 1 else {
            try SocketSecurity.none.check(address.records)
            return [WriterLink(address, security: .none)]
        }
        guard words.count - 1 <= CurveGuests.keysMax else {
            throw TransportError(
                .notAllowed, "\(words.count - 1) keys for \(address): \(CurveGuests.keysMax) are valid at once")
        }
        guard let secretKey else {
            throw TransportError(.notAllowed, "\(address) has a key, so a key of ours is needed: give --curve-key")
        }
        var links: [WriterLink] = []
        for word in words.dropFirst() {
            let key = try CurveKey(z85: word)
            links.append(
                WriterLink(
                    address,
                    security: .client(serverKey: key, publicKey: secretKey.publicHalf, secretKey: secretKey)))
        }
        return links
    }
}
