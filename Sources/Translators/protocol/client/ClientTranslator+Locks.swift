import TranslatorCore
import WireProtocol

// A lock that waits is a call without an answer: it takes no thread, and no frame-timeout. There is no way to take it
// back: a task that is cancelled waits on.
extension ClientTranslator {
    public func inodelk(_ request: InodelkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try reach(request.target, isByGfidToo: true)
        let arguments = InodelkArguments(request, fd: number)
        return try await brick.call(arguments, in: frame, isPatient: request.command == .acquire).result.doneReply()
    }
    public func entrylk(_ request: EntrylkRequest, in frame: Frame) async throws(FopError) -> DoneReply {
        let (brick, number) = try reach(request.target)
        let arguments = EntrylkArguments(request, fd: number)
        return try await brick.call(arguments, in: frame, isPatient: request.command == .acquire).result.doneReply()
    }
    public func lk(_ request: LkRequest, in frame: Frame) async throws(FopError) -> LkReply {
        let (brick, number) = try reach(request.fd)
        let arguments = LkArguments(request, fd: number, owner: frame.lockOwner)
        let isPatient = request.command == .setWait
        let reply = try await brick.call(arguments, in: frame, isPatient: isPatient).result.lkReply()
        if request.command != .get, request.lock.kind != .unlock {
            let context: ClientFd? = request.fd.contexts.context(at: slot)
            context?.tookLock()
        }
        return reply
    }
}
