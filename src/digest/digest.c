#include "digest/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/file.h"

/* libcrypto's context under a name of ours, so that no header shows it. */
static EVP_MD_CTX *context_of(tgl_sha256_stream *stream)
{
    return (EVP_MD_CTX *)stream;
}

tgl_status tgl__sha256(tgl_sha256 *out, const void *bytes, size_t n, tgl_error *err)
{
    unsigned int size = 0;
    if (EVP_Digest(n > 0 ? bytes : "", n, out->bytes, &size, EVP_sha256(), NULL) != 1)
        return tgl__fail_nomem(err);
    return TGL_OK;
}

tgl_status tgl__sha256_file(tgl_sha256 *out, uint64_t *size, const char *path,
                            tgl_error *err)
{
    tgl_mapping map;
    TGL_TRY(tgl__file_map(&map, path, err));
    tgl_status status = tgl__sha256(out, map.bytes, map.size, err);
    if (size != NULL)
        *size = map.size;
    tgl__file_unmap(&map);
    return status;
}

void tgl__sha256_format(char out[TGL_DIGEST_TEXT], const tgl_sha256 *digest)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out, "sha256:", 7);
    for (int i = 0; i < TGL_SHA256_SIZE; i++) {
        out[7 + 2 * i] = hex[digest->bytes[i] >> 4];
        out[8 + 2 * i] = hex[digest->bytes[i] & 15];
    }
    out[71] = '\0';
}

tgl_status tgl__sha256_parse(tgl_sha256 *out, const char *text, tgl_error *err)
{
    tgl_sha256 digest;
    bool good = strncmp(text, "sha256:", 7) == 0 && strlen(text) == 71;
    for (int i = 0; good && i < 2 * TGL_SHA256_SIZE; i++) {
        char c = text[7 + i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        good = v >= 0;
        if (i % 2 == 0)
            digest.bytes[i / 2] = (uint8_t)((unsigned)v << 4);
        else
            digest.bytes[i / 2] = (uint8_t)(digest.bytes[i / 2] | (unsigned)v);
    }
    if (!good)
        return tgl__fail(err, TGL_EFORMAT,
                         "expected 'sha256:' and 64 hex digits, found '%.80s'", text);
    *out = digest;
    return TGL_OK;
}

bool tgl__sha256_equal(const tgl_sha256 *a, const tgl_sha256 *b)
{
    return memcmp(a->bytes, b->bytes, TGL_SHA256_SIZE) == 0;
}

tgl_status tgl__sha256_new(tgl_sha256_stream **out, tgl_error *err)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return tgl__fail_nomem(err);
    }
    *out = (tgl_sha256_stream *)context;
    return TGL_OK;
}

tgl_status tgl__sha256_update(tgl_sha256_stream *stream, const void *bytes, size_t n,
                              tgl_error *err)
{
    return EVP_DigestUpdate(context_of(stream), bytes, n) == 1 ? TGL_OK
                                                               : tgl__fail_nomem(err);
}

tgl_status tgl__sha256_final(tgl_sha256 *out, tgl_sha256_stream *stream, tgl_error *err)
{
    return EVP_DigestFinal_ex(context_of(stream), out->bytes, NULL) == 1
               ? TGL_OK
               : tgl__fail_nomem(err);
}

void tgl__sha256_free(tgl_sha256_stream *stream)
{
    EVP_MD_CTX_free(context_of(stream));
}

uint64_t tgl__xxh64(const void *bytes, size_t n, uint64_t seed)
{
    return XXH64(bytes, n, seed);
}

uint64_t tgl__xxh3(const void *bytes, size_t n)
{
    return XXH3_64bits(bytes, n);
}
