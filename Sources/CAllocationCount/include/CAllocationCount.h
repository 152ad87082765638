// Counts the calling thread's heap allocations. Linked into a test binary it takes the place of the C library's malloc
// and its like, and forwards to them; no LD_PRELOAD. Never linked into a product.
#ifndef CALLOCATIONCOUNT_H
#define CALLOCATIONCOUNT_H

#include <stdint.h>

// Allocations that the calling thread made so far: malloc, calloc, realloc, and the aligned ones.
uint64_t callocationcount_allocations(void);
// Bytes asked for by them.
uint64_t callocationcount_bytes(void);
// 0 where a sanitizer owns malloc and nothing is counted.
int callocationcount_is_counting(void);

#endif
