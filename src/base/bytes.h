/* Reading and writing numbers in a given byte order; bounds are the caller's. */
#ifndef TGL_BASE_BYTES_H
#define TGL_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t tgl__be16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return __builtin_bswap16(v);
}
static inline uint32_t tgl__be32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}
static inline uint64_t tgl__be64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
static inline uint16_t tgl__le16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return v;
}
static inline uint32_t tgl__le32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static inline uint64_t tgl__le64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}
static inline void tgl__put_le16(void *p, uint16_t v)
{
    memcpy(p, &v, 2);
}
static inline void tgl__put_le32(void *p, uint32_t v)
{
    memcpy(p, &v, 4);
}
static inline void tgl__put_le64(void *p, uint64_t v)
{
    memcpy(p, &v, 8);
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the byte readers assume a little-endian machine"
#endif

#endif
