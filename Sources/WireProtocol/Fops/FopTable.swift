import TranslatorCore

extension Fop {
    /// The arguments that this fop has on the wire, and by `Result` what it answers: the table of gluster-wire.md §6.
    public var arguments: any FopArguments.Type {
        switch self {
        case .stat, .fstat: StatArguments.self
        case .readlink: ReadlinkArguments.self
        case .mknod: MknodArguments.self
        case .mkdir: MkdirArguments.self
        case .unlink: UnlinkArguments.self
        case .rmdir: RmdirArguments.self
        case .symlink: SymlinkArguments.self
        case .rename: RenameArguments.self
        case .link: LinkArguments.self
        case .truncate, .ftruncate: TruncateArguments.self
        case .open: OpenArguments.self
        case .readv: ReadArguments.self
        case .writev: WriteArguments.self
        case .statfs: StatfsArguments.self
        case .flush, .release, .releasedir: FlushArguments.self
        case .fsync: FsyncArguments.self
        case .setxattr, .fsetxattr: SetxattrArguments.self
        case .getxattr, .fgetxattr: GetxattrArguments.self
        case .removexattr, .fremovexattr: RemovexattrArguments.self
        case .opendir: OpendirArguments.self
        case .fsyncdir: FsyncdirArguments.self
        case .access: AccessArguments.self
        case .create: CreateArguments.self
        case .lk: LkArguments.self
        case .lookup: LookupArguments.self
        case .readdir: ReaddirArguments.self
        case .readdirp: ReaddirpArguments.self
        case .inodelk, .finodelk: InodelkArguments.self
        case .entrylk, .fentrylk: EntrylkArguments.self
        case .xattrop, .fxattrop: XattropArguments.self
        case .rchecksum: RchecksumArguments.self
        case .setattr, .fsetattr: SetattrArguments.self
        case .fallocate: FallocateArguments.self
        case .discard, .zerofill: DiscardArguments.self
        case .ipc: IpcArguments.self
        case .seek: SeekArguments.self
        case .copyFileRange: CopyFileRangeArguments.self
        }
    }
}
