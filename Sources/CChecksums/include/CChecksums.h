// Checksums of well-kept C libraries: XXH64 (xxhash), Adler-32 and CRC-32 (zlib), SHA-256 and MD5 (OpenSSL's
// libcrypto).
#ifndef CCHECKSUMS_H
#define CCHECKSUMS_H
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>
#include <zlib.h>

static inline uint64_t cchecksums_xxh64(const void *bytes, size_t count, uint64_t seed) {
    return XXH64(bytes, count, seed);
}
static inline uint64_t cchecksums_xxh3(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }
/// zlib's Adler-32 with any start value. GlusterFS starts both sums at 0 (rchecksum), zlib's own start is 1.
static inline uint32_t cchecksums_adler32(uint32_t start, const void *bytes, size_t count) {
    return (uint32_t)adler32_z(start, (const Bytef *)bytes, count);
}
/// Writes 32 bytes; returns 1 when done.
static inline int cchecksums_sha256(const void *bytes, size_t count, unsigned char *digest) {
    return EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL);
}
/// Writes 16 bytes; returns 1 when done.
static inline int cchecksums_md5(const void *bytes, size_t count, unsigned char *digest) {
    return EVP_Digest(bytes, count, digest, NULL, EVP_md5(), NULL);
}
#endif
