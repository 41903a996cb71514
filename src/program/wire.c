#include "program/wire.h"

#include "base/bytes.h"
#include "base/memory.h"

/* Four bytes at once: nibble[k][v] is what the nibble v, k nibbles above the lowest of a
 * 32-bit word, leaves when the word has been shifted out. The last row is the usual table
 * of a single nibble. */
static const uint32_t nibble[8][16] = {
    {0x00000000, 0xb8bc6765, 0xaa09c88b, 0x12b5afee, 0x8f629757, 0x37def032, 0x256b5fdc,
     0x9dd738b9, 0xc5b428ef, 0x7d084f8a, 0x6fbde064, 0xd7018701, 0x4ad6bfb8, 0xf26ad8dd,
     0xe0df7733, 0x58631056},
    {0x00000000, 0x5019579f, 0xa032af3e, 0xf02bf8a1, 0x9b14583d, 0xcb0d0fa2, 0x3b26f703,
     0x6b3fa09c, 0xed59b63b, 0xbd40e1a4, 0x4d6b1905, 0x1d724e9a, 0x764dee06, 0x2654b999,
     0xd67f4138, 0x866616a7},
    {0x00000000, 0x01c26a37, 0x0384d46e, 0x0246be59, 0x0709a8dc, 0x06cbc2eb, 0x048d7cb2,
     0x054f1685, 0x0e1351b8, 0x0fd13b8f, 0x0d9785d6, 0x0c55efe1, 0x091af964, 0x08d89353,
     0x0a9e2d0a, 0x0b5c473d},
    {0x00000000, 0x1c26a370, 0x384d46e0, 0x246be590, 0x709a8dc0, 0x6cbc2eb0, 0x48d7cb20,
     0x54f16850, 0xe1351b80, 0xfd13b8f0, 0xd9785d60, 0xc55efe10, 0x91af9640, 0x8d893530,
     0xa9e2d0a0, 0xb5c473d0},
    {0x00000000, 0x191b3141, 0x32366282, 0x2b2d53c3, 0x646cc504, 0x7d77f445, 0x565aa786,
     0x4f4196c7, 0xc8d98a08, 0xd1c2bb49, 0xfaefe88a, 0xe3f4d9cb, 0xacb54f0c, 0xb5ae7e4d,
     0x9e832d8e, 0x87981ccf},
    {0x00000000, 0x4ac21251, 0x958424a2, 0xdf4636f3, 0xf0794f05, 0xbabb5d54, 0x65fd6ba7,
     0x2f3f79f6, 0x3b83984b, 0x71418a1a, 0xae07bce9, 0xe4c5aeb8, 0xcbfad74e, 0x8138c51f,
     0x5e7ef3ec, 0x14bce1bd},
    {0x00000000, 0x77073096, 0xee0e612c, 0x990951ba, 0x076dc419, 0x706af48f, 0xe963a535,
     0x9e6495a3, 0x0edb8832, 0x79dcb8a4, 0xe0d5e91e, 0x97d2d988, 0x09b64c2b, 0x7eb17cbd,
     0xe7b82d07, 0x90bf1d91},
    {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
     0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
     0xa00ae278, 0xbdbdf21c},
};

uint32_t tgl__crc32(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint32_t crc = UINT32_MAX;
    for (; n >= 4; n -= 4, p += 4) {
        uint32_t word = crc ^ tgl__le32(p);
        crc = nibble[0][word & 15] ^ nibble[1][word >> 4 & 15] ^
              nibble[2][word >> 8 & 15] ^ nibble[3][word >> 12 & 15] ^
              nibble[4][word >> 16 & 15] ^ nibble[5][word >> 20 & 15] ^
              nibble[6][word >> 24 & 15] ^ nibble[7][word >> 28];
    }
    for (; n > 0; n--, p++) {
        crc ^= *p;
        crc = (crc >> 4) ^ nibble[7][crc & 15];
        crc = (crc >> 4) ^ nibble[7][crc & 15];
    }
    return ~crc;
}

const uint8_t *tgl__read_bytes(tgl__reader *reader, size_t n)
{
    if (reader->failed || n > reader->size - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *p = reader->bytes + reader->at;
    reader->at += n;
    return p;
}

uint8_t tgl__read_u8(tgl__reader *reader)
{
    const uint8_t *p = tgl__read_bytes(reader, 1);
    return p == NULL ? 0 : *p;
}

uint16_t tgl__read_u16(tgl__reader *reader)
{
    const uint8_t *p = tgl__read_bytes(reader, 2);
    return p == NULL ? 0 : tgl__le16(p);
}

uint32_t tgl__read_u32(tgl__reader *reader)
{
    const uint8_t *p = tgl__read_bytes(reader, 4);
    return p == NULL ? 0 : tgl__le32(p);
}

uint64_t tgl__read_u64(tgl__reader *reader)
{
    const uint8_t *p = tgl__read_bytes(reader, 8);
    return p == NULL ? 0 : tgl__le64(p);
}

tgl_type tgl__read_type(tgl__reader *reader)
{
    tgl_type type;
    type.is_signed = tgl__read_u8(reader);
    type.width = tgl__read_u8(reader);
    type.frac = (int16_t)tgl__read_u16(reader);
    return type;
}

static int64_t one_code(const uint8_t *p, size_t size)
{
    switch (size) {
    case 1:
        return (int8_t)*p;
    case 2:
        return (int16_t)tgl__le16(p);
    case 4:
        return (int32_t)tgl__le32(p);
    default:
        return (int64_t)tgl__le64(p);
    }
}

int64_t *tgl__read_codes(tgl__reader *reader, uint64_t count)
{
    size_t size = tgl__read_u8(reader);
    bool known = size == 1 || size == 2 || size == 4 || size == 8;
    if (!known || reader->failed || count > (reader->size - reader->at) / size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *p = tgl__read_bytes(reader, (size_t)count * size);
    int64_t *codes = tgl__calloc(count == 0 ? 1 : (size_t)count, sizeof *codes);
    if (codes == NULL || p == NULL)
        return codes;
    for (uint64_t i = 0; i < count; i++)
        codes[i] = one_code(p + i * size, size);
    return codes;
}

void tgl__write_u8(tgl_buffer *buffer, unsigned v)
{
    uint8_t b = (uint8_t)v;
    tgl__buffer_append(buffer, &b, 1);
}

void tgl__write_u16(tgl_buffer *buffer, unsigned v)
{
    uint8_t b[2];
    tgl__put_le16(b, (uint16_t)v);
    tgl__buffer_append(buffer, b, sizeof b);
}

void tgl__write_u32(tgl_buffer *buffer, uint32_t v)
{
    uint8_t b[4];
    tgl__put_le32(b, v);
    tgl__buffer_append(buffer, b, sizeof b);
}

void tgl__write_u64(tgl_buffer *buffer, uint64_t v)
{
    uint8_t b[8];
    tgl__put_le64(b, v);
    tgl__buffer_append(buffer, b, sizeof b);
}

void tgl__write_type(tgl_buffer *buffer, tgl_type type)
{
    tgl__write_u8(buffer, type.is_signed);
    tgl__write_u8(buffer, type.width);
    tgl__write_u16(buffer, (uint16_t)type.frac);
}

void tgl__write_codes(tgl_buffer *buffer, const int64_t *codes, uint64_t count)
{
    size_t size = 1;
    for (uint64_t i = 0; i < count; i++)
        while (size < 8 && (codes[i] < -(INT64_C(1) << (8 * size - 1)) ||
                            codes[i] > (INT64_C(1) << (8 * size - 1)) - 1))
            size *= 2;
    tgl__write_u8(buffer, (unsigned)size);
    uint8_t *p = tgl__buffer_extend(buffer, (size_t)count * size);
    if (p == NULL)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t b[8];
        tgl__put_le64(b, (uint64_t)codes[i]);
        memcpy(p + i * size, b, size);
    }
}
