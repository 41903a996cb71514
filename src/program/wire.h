/* What the binary forms of programs and payloads share: a reader that cannot leave its
 * bytes, packed arrays of codes, and the checksum. */
#ifndef TGL_PROGRAM_WIRE_H
#define TGL_PROGRAM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <trigline/fixed.h>

#include "base/buffer.h"

/* CRC-32 (ISO 3309, polynomial 0xedb88320, as in zlib and Ethernet). */
uint32_t tgl__crc32(const void *bytes, size_t n);

typedef struct tgl__reader {
    const uint8_t *bytes;
    size_t size, at;
    bool failed; /* something beyond the end was asked for; every read then gives 0 */
} tgl__reader;

uint8_t tgl__read_u8(tgl__reader *reader);
uint16_t tgl__read_u16(tgl__reader *reader);
uint32_t tgl__read_u32(tgl__reader *reader);
uint64_t tgl__read_u64(tgl__reader *reader);
tgl_type tgl__read_type(tgl__reader *reader);
const uint8_t *tgl__read_bytes(tgl__reader *reader, size_t n); /* NULL past the end */
/* (count) codes written by tgl__write_codes; release with tgl__free. NULL when the bytes
 * are too few (reader->failed) or memory ran out. Allocates at most 8 times what is
 * left. */
int64_t *tgl__read_codes(tgl__reader *reader, uint64_t count);

void tgl__write_u8(tgl_buffer *buffer, unsigned v);
void tgl__write_u16(tgl_buffer *buffer, unsigned v);
void tgl__write_u32(tgl_buffer *buffer, uint32_t v);
void tgl__write_u64(tgl_buffer *buffer, uint64_t v);
void tgl__write_type(tgl_buffer *buffer, tgl_type type);
/* A byte 1, 2, 4 or 8 (the narrowest that holds every code), then the codes in that many
 * bytes each, two's complement. */
void tgl__write_codes(tgl_buffer *buffer, const int64_t *codes, uint64_t count);

#endif
