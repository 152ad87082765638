import ReplicaState
import TranslatorCore

// Changes of owner, mode, times and xattrs.
extension ReplicateTranslator {
    public func setattr(_ request: SetattrRequest, in frame: Frame) async throws(FopError) -> AttributesReply {
        try await changeMetadata(target(request.target), in: frame) { replica, target throws(FopError) in
            try await replica.setattr(
                SetattrRequest(target, iatt: request.iatt, valid: request.valid, xdata: request.xdata), in: frame)
        }
    }

    public func setxattr(_ request: SetxattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        if request.xattrs.keys.contains(where: { $0.hasPrefix(Self.ownXattrs) }) { throw .notPermitted }
        let target = target(request.target)
        let restore = restoreXattrs(Array(request.xattrs.keys), of: target, in: frame)
        return try await changeMetadata(target, restoring: restore, in: frame) { replica, target throws(FopError) in
            try await replica.setxattr(
                SetxattrRequest(target, xattrs: request.xattrs, mode: request.mode, xdata: request.xdata), in: frame)
        }
    }

    public func removexattr(_ request: RemovexattrRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        if request.names.contains(where: { $0.hasPrefix(Self.ownXattrs) }) { throw .notPermitted }
        return try await changeMetadata(target(request.target), in: frame) { replica, target throws(FopError) in
            try await replica.removexattr(
                RemovexattrRequest(target, names: request.names, xdata: request.xdata), in: frame)
        }
    }

    public func xattrop(_ request: XattropRequest, in frame: Frame) async throws(FopError) -> XattropReply {
        if request.values.keys.contains(where: { $0.hasPrefix(Self.ownXattrs) }) { throw .notPermitted }
        return try await changeMetadata(target(request.target), in: frame) { replica, target throws(FopError) in
            try await replica.xattrop(
                XattropRequest(target, operation: request.operation, values: request.values, xdata: request.xdata),
                in: frame)
        }
    }

    private func changeMetadata<Reply: Sendable>(
        _ target: ReplicaTarget, restoring restore: Restore? = nil, in frame: Frame,
        _ wind: @escaping @Sendable (any Translator, FopTarget) async throws(FopError) -> Reply
    ) async throws(FopError) -> Reply {
        let outcome = try await perform(.metadata(target), restoring: restore, in: frame) {
            [self] replica throws(FopError) in
            try await wind(replicas[replica], try await self.target(target, on: replica, in: frame))
        }
        return try outcome.reply(among: settings.favorite)
    }
}

extension Outcome {
    /// The reply of a change that was done.
    func reply(among favorite: Int?) throws(FopError) -> Reply {
        guard let reply = reply(preferring: favorite) else { throw error ?? .io }
        return reply
    }
}
