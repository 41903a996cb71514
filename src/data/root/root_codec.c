/* ROOT's compressed blocks: a 9-byte header (two letters, a method byte, packed and
 * unpacked size in three little-endian bytes each), then the codec's own bytes. A record
 * above 16 MiB is a chain of them. */
#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/error.h"
#include "data/root/root.h"
#include "digest/digest.h"

enum { BLOCK_HEADER = 9, LZ4_CHECKSUM = 8 };

static uint32_t le24(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

void tgl__root_codec_release(tgl_root_codec *codec)
{
    if (codec->inflate != NULL)
        libdeflate_free_decompressor(codec->inflate);
    if (codec->zstd != NULL)
        (void)ZSTD_freeDCtx(codec->zstd);
    tgl__free(codec->bytes);
    *codec = (tgl_root_codec){0};
}

/* The three below: TGL_OK, TGL_EFORMAT for a corrupt block, TGL_ENOMEM. */

static tgl_status inflate(tgl_root_codec *codec, const uint8_t *in, size_t n_in,
                          uint8_t *out, size_t n_out, bool zlib_frame)
{
    if (codec->inflate == NULL)
        codec->inflate = libdeflate_alloc_decompressor();
    if (codec->inflate == NULL)
        return TGL_ENOMEM;
    size_t used = 0, made = 0;
    enum libdeflate_result result =
        zlib_frame ? libdeflate_zlib_decompress_ex(codec->inflate, in, n_in, out, n_out,
                                                   &used, &made)
                   : libdeflate_deflate_decompress_ex(codec->inflate, in, n_in, out,
                                                      n_out, &used, &made);
    return result == LIBDEFLATE_SUCCESS && made == n_out ? TGL_OK : TGL_EFORMAT;
}

static tgl_status unlzma(const uint8_t *in, size_t n_in, uint8_t *out, size_t n_out)
{
    uint64_t memory = 512u << 20;
    size_t in_at = 0, out_at = 0;
    lzma_ret result = lzma_stream_buffer_decode(&memory, 0, NULL, in, &in_at, n_in, out,
                                                &out_at, n_out);
    if (result == LZMA_MEM_ERROR)
        return TGL_ENOMEM;
    return result == LZMA_OK && out_at == n_out ? TGL_OK : TGL_EFORMAT;
}

static tgl_status unzstd(tgl_root_codec *codec, const uint8_t *in, size_t n_in,
                         uint8_t *out, size_t n_out)
{
    if (codec->zstd == NULL)
        codec->zstd = ZSTD_createDCtx();
    if (codec->zstd == NULL)
        return TGL_ENOMEM;
    size_t made = ZSTD_decompressDCtx(codec->zstd, out, n_out, in, n_in);
    if (ZSTD_getErrorCode(made) == ZSTD_error_memory_allocation)
        return TGL_ENOMEM;
    return !ZSTD_isError(made) && made == n_out ? TGL_OK : TGL_EFORMAT;
}

static tgl_status unlz4(const tgl_root_file *file, uint64_t at, const uint8_t *in,
                        size_t n_in, uint8_t *out, size_t n_out, tgl_error *err)
{
    if (n_in < LZ4_CHECKSUM)
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "LZ4 block of %zu bytes, expected at "
                            "least %d",
                            n_in, (int)LZ4_CHECKSUM);
    const uint8_t *packed = in + LZ4_CHECKSUM;
    size_t n_packed = n_in - LZ4_CHECKSUM;
    if (file->verify && tgl__xxh64(packed, n_packed, 0) != tgl__be64(in))
        return tgl__fail_at(err, TGL_EFORMAT, at, "LZ4 block fails its XXH64 checksum");
    int made =
        LZ4_decompress_safe((const char *)packed, (char *)out, (int)n_packed, (int)n_out);
    if (made < 0 || (size_t)made != n_out)
        return tgl__fail_at(err, TGL_EFORMAT, at, "LZ4 block is corrupt");
    return TGL_OK;
}

static tgl_status unpack_block(tgl_root_codec *codec, const tgl_root_file *file,
                               uint64_t at, const uint8_t *block, size_t n_in,
                               uint8_t *out, size_t n_out, tgl_error *err)
{
    const uint8_t *in = block + BLOCK_HEADER;
    tgl_status status;
    if (block[0] == 'Z' && block[1] == 'L')
        status = inflate(codec, in, n_in, out, n_out, true);
    else if (block[0] == 'C' && block[1] == 'S')
        status = inflate(codec, in, n_in, out, n_out, false);
    else if (block[0] == 'X' && block[1] == 'Z')
        status = unlzma(in, n_in, out, n_out);
    else if (block[0] == 'L' && block[1] == '4')
        return unlz4(file, at, in, n_in, out, n_out, err);
    else if (block[0] == 'Z' && block[1] == 'S')
        status = unzstd(codec, in, n_in, out, n_out);
    else
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "unknown compression tag 0x%02x 0x%02x, expected ZL, XZ, L4, "
                            "ZS or CS",
                            block[0], block[1]);
    if (status == TGL_ENOMEM)
        return tgl__fail_nomem(err);
    if (status != TGL_OK)
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "%c%c block is corrupt or fails its "
                            "checksum",
                            block[0], block[1]);
    return TGL_OK;
}

/* Walks the chain once before anything is allocated: the sizes must add up. */
static tgl_status check_chain(const tgl_root_file *file, uint64_t at, size_t packed_size,
                              size_t size, tgl_error *err)
{
    const uint8_t *p = file->bytes + at;
    size_t used = 0, made = 0;
    while (used < packed_size) {
        if (packed_size - used < BLOCK_HEADER)
            return tgl__fail_at(err, TGL_EFORMAT, at + used,
                                "%zu bytes left for a block header, expected %d",
                                packed_size - used, (int)BLOCK_HEADER);
        size_t n_in = le24(p + used + 3), n_out = le24(p + used + 6);
        if (n_in > packed_size - used - BLOCK_HEADER)
            return tgl__fail_at(err, TGL_EFORMAT, at + used,
                                "compressed block of %zu bytes in a record with %zu left",
                                n_in, packed_size - used - BLOCK_HEADER);
        used += BLOCK_HEADER + n_in;
        made += n_out;
        if (made >= size)
            break;
    }
    if (made != size)
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "compressed blocks unpack to %zu bytes, the key says %zu",
                            made, size);
    return TGL_OK;
}

static tgl_status grow(tgl_root_codec *codec, size_t size, tgl_error *err)
{
    if (codec->capacity >= size)
        return TGL_OK;
    tgl__free(codec->bytes);
    codec->capacity = 0;
    codec->bytes = tgl__aligned(size, 1);
    if (codec->bytes == NULL)
        return tgl__fail_nomem(err);
    codec->capacity = size;
    return TGL_OK;
}

tgl_status tgl__root_unpack(const uint8_t **out, tgl_root_codec *codec,
                            const tgl_root_file *file, uint64_t at, size_t packed_size,
                            size_t size, uint8_t *room, tgl_error *err)
{
    if (at > file->size || packed_size > file->size - at)
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "record of %zu bytes ends behind the "
                            "file's %zu",
                            packed_size, file->size);
    if (packed_size == size || size == 0) {
        *out = file->bytes + at;
        return TGL_OK;
    }
    TGL_TRY(check_chain(file, at, packed_size, size, err));
    if (room == NULL) {
        TGL_TRY(grow(codec, size, err));
        room = codec->bytes;
    }
    size_t used = 0, made = 0;
    while (made < size) {
        const uint8_t *block = file->bytes + at + used;
        size_t n_in = le24(block + 3), n_out = le24(block + 6);
        TGL_TRY(
            unpack_block(codec, file, at + used, block, n_in, room + made, n_out, err));
        used += BLOCK_HEADER + n_in;
        made += n_out;
    }
    *out = room;
    return TGL_OK;
}
