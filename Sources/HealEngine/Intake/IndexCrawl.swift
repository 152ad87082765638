import TranslatorCore

/// Reads the indices in which bricks keep what may need heal, through fops, as GlusterFS's daemon does
/// (gluster-wire.md §11). Index entries can be stale both ways; the counts decide.
struct IndexCrawl: Sendable {
    static let indices = ["glusterfs.xattrop_index_gfid", "glusterfs.xattrop_dirty_gfid"]
    /// Asked at once from a brick.
    static let replyBytes = 128 * 1024

    let replicas: HealReplicas

    /// Calls `found` for every file in any index of any replica that is up; a file can come more than once. `found` may
    /// wait until there is room. Answers which replicas could not be read, and why.
    func run(_ found: (Gfid) async -> Void) async -> [Int: FopError] {
        var failures: [Int: FopError] = [:]
        for (position, state) in replicas.watch.states.enumerated() where state.isUp {
            for index in Self.indices {
                do throws(FopError) {
                    try await read(index, of: replicas.replicas[position], found)
                } catch {
                    failures[position] = error
                }
            }
        }
        return failures
    }

    /// All names in the indices of one replica.
    func names(of replica: Int) async throws(FopError) -> Set<Gfid> {
        var found: Set<Gfid> = []
        for index in Self.indices { try await read(index, of: replicas.replicas[replica]) { found.insert($0) } }
        return found
    }

    private func directory(_ index: String, of replica: any Translator) async throws(FopError) -> Inode {
        let root = replicas.environment.inodes.inode(.root, type: .directory)
        let answer = try await replica.getxattr(GetxattrRequest(.inode(root), name: index), in: .healer())
        guard let bytes = answer.xattrs[index], let gfid = Gfid(bytes: bytes), !gfid.isNone else { throw .noData }
        let inode = replicas.environment.inodes.inode(gfid, type: .directory)
        _ = try await replica.lookup(LookupRequest(.inode(inode)), in: .healer())
        return inode
    }

    private func read(_ index: String, of replica: any Translator, _ found: (Gfid) async -> Void) async throws(FopError)
    {
        let fd = Fd(inode: try await directory(index, of: replica), flags: [.directory])
        _ = try await replica.opendir(OpendirRequest(fd: fd), in: .healer())
        var offset: UInt64 = 0
        var failure: FopError?
        reading: while !Task.isCancelled {
            do throws(FopError) {
                let reply = try await replica.readdir(
                    ReaddirRequest(fd: fd, offset: offset, bytes: Self.replyBytes), in: .healer())
                for entry in reply.entries {
                    // The base file of the links and the two dots are no gfids.
                    if let gfid = Gfid("\(entry.name)") { await found(gfid) }
                }
                guard let last = reply.entries.last, !reply.isEnd else { break reading }
                offset = last.nextOffset
            } catch {
                failure = error
                break reading
            }
        }
        await replica.releasedir(fd)
        if let failure { throw failure }
    }

    /// Takes the names of a file that is gone everywhere out of all indices.
    func dropNames(of gfid: Gfid) async {
        for replica in replicas.replicas {
            for index in Self.indices {
                guard let inode = try? await directory(index, of: replica) else { continue }
                _ = try? await replica.unlink(UnlinkRequest(parent: inode, name: EntryName("\(gfid)")), in: .healer())
            }
        }
    }
}
