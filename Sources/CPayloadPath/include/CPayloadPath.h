// Watches which memory a thread's payload is in, from the call that brings it to the call that takes it away. Linked
// into a test binary it takes the place of the C library's readv, pread, pwritev2 and writev, and makes the system
// calls itself. Never linked into a product.
#ifndef CPAYLOADPATH_H
#define CPAYLOADPATH_H

#include <stdint.h>

// Requests counted since `cpayloadpath_start`, by any thread.
struct cpayloadpath_counts {
    // pwritev2 out of the very memory that the thread's last readv of two parts filled with its second one; and others.
    uint64_t writes_in_place, writes_elsewhere;
    // writev of a head and a page or more, out of the very memory that the thread's last pread filled; and others.
    uint64_t reads_in_place, reads_elsewhere;
};

void cpayloadpath_start(void);
struct cpayloadpath_counts cpayloadpath_stop(void);

#endif
