// The kernel's own FUSE message structures (linux/fuse.h). No code, no decisions.
#ifndef CFUSE_H
#define CFUSE_H
#include <linux/fuse.h>
#endif
