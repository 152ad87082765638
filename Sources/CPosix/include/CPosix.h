// The Linux calls and constants that the Glibc module lacks. Headers and inline shims only, no decisions.
#ifndef CPOSIX_H
#define CPOSIX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

// Variadic in C, so Swift cannot see them.
static inline int cposix_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static inline int cposix_openat(int directory, const char *path, int flags, mode_t mode) {
    return openat(directory, path, flags, mode);
}
static inline int cposix_fcntl_int(int fd, int command, int argument) { return fcntl(fd, command, argument); }
static inline int cposix_fcntl_lock(int fd, int command, struct flock *lock) { return fcntl(fd, command, lock); }
static inline int cposix_ioctl_ptr(int fd, unsigned long request, void *argument) {
    return ioctl(fd, request, argument);
}

// With _GNU_SOURCE its address is a transparent union, which Swift cannot make.
static inline int cposix_connect(int fd, const struct sockaddr *address, socklen_t bytes) {
    return connect(fd, address, bytes);
}
static inline int cposix_bind(int fd, const struct sockaddr *address, socklen_t bytes) {
    return bind(fd, address, bytes);
}
static inline int cposix_getsockname(int fd, struct sockaddr *address, socklen_t *bytes) {
    return getsockname(fd, address, bytes);
}

static inline long cposix_syscall(long number, long a, long b, long c, long d) { return syscall(number, a, b, c, d); }
// Credentials and umask of the calling thread alone: the C library's own calls change all threads.
static inline int cposix_thread_setresuid(uid_t real, uid_t effective, uid_t saved) {
    return (int)syscall(SYS_setresuid, real, effective, saved);
}
static inline int cposix_thread_setresgid(gid_t real, gid_t effective, gid_t saved) {
    return (int)syscall(SYS_setresgid, real, effective, saved);
}
static inline int cposix_thread_setgroups(int count, const gid_t *groups) {
    return (int)syscall(SYS_setgroups, count, groups);
}
static inline int cposix_renameat2(int from, const char *old, int to, const char *new_, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, old, to, new_, flags);
}

// Macros with casts or arguments.
static inline unsigned int cposix_major(uint64_t device) { return major(device); }
static inline unsigned int cposix_minor(uint64_t device) { return minor(device); }
static inline uint64_t cposix_makedev(unsigned int major, unsigned int minor) { return makedev(major, minor); }
static inline int cposix_statx(int fd, unsigned int mask, struct statx *status) {
    return statx(fd, "", AT_EMPTY_PATH, mask, status);
}
static inline int cposix_o_tmpfile(void) { return O_TMPFILE; }
static inline unsigned long cposix_fs_ioc_fiemap(void) { return FS_IOC_FIEMAP; }
static inline long cposix_utime_omit(void) { return UTIME_OMIT; }
static inline char **cposix_environ(void) { return environ; }

// The descriptor that came with one byte over a unix socket (unix(7), SCM_RIGHTS), or -1.
static inline int cposix_receive_descriptor(int socket) {
    char byte;
    struct iovec data = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t got;
    while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {}
    struct cmsghdr *first = got > 0 ? CMSG_FIRSTHDR(&message) : 0;
    if (!first || first->cmsg_level != SOL_SOCKET || first->cmsg_type != SCM_RIGHTS) return -1;
    int descriptor;
    memcpy(&descriptor, CMSG_DATA(first), sizeof descriptor);
    return descriptor;
}
static inline int cposix_is_mapping_failed(const void *address) { return address == MAP_FAILED; }

#endif
