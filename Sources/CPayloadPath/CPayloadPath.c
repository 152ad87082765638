#define _GNU_SOURCE
#include "CPayloadPath.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { page_bytes = 4096 };

static atomic_bool is_watching;
static atomic_uint_fast64_t writes_in_place, writes_elsewhere, reads_in_place, reads_elsewhere;
static _Thread_local const void *received, *fetched;

void cpayloadpath_start(void) {
    writes_in_place = writes_elsewhere = reads_in_place = reads_elsewhere = 0;
    is_watching = 1;
}

struct cpayloadpath_counts cpayloadpath_stop(void) {
    is_watching = 0;
    return (struct cpayloadpath_counts){writes_in_place, writes_elsewhere, reads_in_place, reads_elsewhere};
}

ssize_t readv(int fd, const struct iovec *parts, int count) {
    received = count == 2 ? parts[1].iov_base : 0;
    return syscall(SYS_readv, fd, parts, count);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    if (is_watching) {
        if (count == 1 && parts[0].iov_base == received) writes_in_place++;
        else writes_elsewhere++;
    }
    return syscall(SYS_pwritev2, fd, parts, count, offset, 0L, flags);
}

ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset) {
    fetched = buffer;
    return syscall(SYS_pread64, fd, buffer, bytes, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (is_watching && count == 2 && parts[1].iov_len >= page_bytes) {
        if (parts[1].iov_base == fetched) reads_in_place++;
        else reads_elsewhere++;
    }
    return syscall(SYS_writev, fd, parts, count);
}
