// The kernel's own FUSE message structures (linux/fuse.h), and what newer kernels than this header added. No decisions.
#ifndef CFUSE_H
#define CFUSE_H
#include <linux/fuse.h>
#include <sys/ioctl.h>

// Linux 6.18 (protocol 7.45): as FUSE_COPY_FILE_RANGE, but the reply counts in 64 bits.
#define CFUSE_COPY_FILE_RANGE_64 53
struct cfuse_copy_file_range_out {
	uint64_t	bytes_copied;
};

// A macro that Swift does not see.
static const unsigned long cfuse_dev_ioc_clone = FUSE_DEV_IOC_CLONE;

#endif
