#include "program/wire.h"

#include "base/bytes.h"
#include "base/memory.h"

uint32_t tgl__crc32(const void *bytes, size_t n)
{
    static const uint32_t nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const uint8_t *p = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = (crc >> 4) ^ nibble[crc & 15];
        crc = (crc >> 4) ^ nibble[crc & 15];
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
