/* Digests: the one room that knows libcrypto and xxHash. */
#ifndef TGL_DIGEST_DIGEST_H
#define TGL_DIGEST_DIGEST_H

#include <stdbool.h>
#include <trigline/base.h>

#define TGL_SHA256_SIZE 32
#define TGL_DIGEST_TEXT 72 /* "sha256:" + 64 hex digits + zero */

typedef struct tgl_sha256 {
    uint8_t bytes[TGL_SHA256_SIZE];
} tgl_sha256;

tgl_status tgl__sha256(tgl_sha256 *out, const void *bytes, size_t n, tgl_error *err);
tgl_status tgl__sha256_file(tgl_sha256 *out, uint64_t *size, const char *path,
                            tgl_error *err);
/* OCI's form, "sha256:<hex>", both ways. */
void tgl__sha256_format(char out[TGL_DIGEST_TEXT], const tgl_sha256 *digest);
tgl_status tgl__sha256_parse(tgl_sha256 *out, const char *text, tgl_error *err);
bool tgl__sha256_equal(const tgl_sha256 *a, const tgl_sha256 *b);

/* Piecewise. */
typedef struct tgl_sha256_stream tgl_sha256_stream;
tgl_status tgl__sha256_new(tgl_sha256_stream **out, tgl_error *err);
tgl_status tgl__sha256_update(tgl_sha256_stream *stream, const void *bytes, size_t n,
                              tgl_error *err);
tgl_status tgl__sha256_final(tgl_sha256 *out, tgl_sha256_stream *stream,
                             tgl_error *err); /* stream stays to be freed */
void tgl__sha256_free(tgl_sha256_stream *stream);

/* ROOT's checksums. */
uint64_t tgl__xxh64(const void *bytes, size_t n, uint64_t seed);
uint64_t tgl__xxh3(const void *bytes, size_t n);

#endif
