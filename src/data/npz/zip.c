#include "data/npz/zip.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/spool.h"

enum {
    LOCAL_SIGNATURE = 0x04034b50,
    CENTRAL_SIGNATURE = 0x02014b50,
    END_SIGNATURE = 0x06054b50,
    END64_SIGNATURE = 0x06064b50,
    LOCATOR64_SIGNATURE = 0x07064b50,
    LOCAL_SIZE = 30,
    CENTRAL_SIZE = 46,
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR64_SIZE = 20,
    MAX_COMMENT = 65535,
    /* no deflate stream unpacks to more than this times its size */
    DEFLATE_RATIO = 1032
};

typedef struct directory {
    uint64_t n_entry, size, at;
} directory;

/* The end record: the last signature whose comment ends exactly at the file's end. */
static bool find_end(size_t *out, const uint8_t *bytes, size_t size)
{
    if (size < END_SIZE)
        return false;
    size_t lowest = size > END_SIZE + MAX_COMMENT ? size - END_SIZE - MAX_COMMENT : 0;
    for (size_t at = size - END_SIZE + 1; at-- > lowest;)
        if (tgl__le32(bytes + at) == END_SIGNATURE &&
            at + END_SIZE + tgl__le16(bytes + at + 20) == size) {
            *out = at;
            return true;
        }
    return false;
}

static tgl_status read_end(directory *out, const uint8_t *bytes, size_t size,
                           const char *path, tgl_error *err)
{
    size_t end;
    if (!find_end(&end, bytes, size))
        return tgl__fail_at(err, TGL_EFORMAT, size,
                            "'%s': no end of a ZIP archive found; is it truncated?",
                            path);
    *out = (directory){tgl__le16(bytes + end + 10), tgl__le32(bytes + end + 12),
                       tgl__le32(bytes + end + 16)};
    bool wide = end >= LOCATOR64_SIZE &&
                tgl__le32(bytes + end - LOCATOR64_SIZE) == LOCATOR64_SIGNATURE;
    if (wide) {
        uint64_t at = tgl__le64(bytes + end - LOCATOR64_SIZE + 8);
        if (size < END64_SIZE || at > size - END64_SIZE ||
            tgl__le32(bytes + at) != END64_SIGNATURE)
            return tgl__fail_at(err, TGL_EFORMAT, end,
                                "'%s': the ZIP64 end record is not where it should be",
                                path);
        *out = (directory){tgl__le64(bytes + at + 32), tgl__le64(bytes + at + 40),
                           tgl__le64(bytes + at + 48)};
    }
    if (out->at > end || out->size > end - out->at ||
        out->n_entry > out->size / CENTRAL_SIZE)
        return tgl__fail_at(err, TGL_EFORMAT, end,
                            "'%s': the ZIP directory (%" PRIu64 " entries, %" PRIu64
                            " bytes at %" PRIu64 ") does not fit the file",
                            path, out->n_entry, out->size, out->at);
    return TGL_OK;
}

/* Sizes and position above 4 GiB stand in extra field 1, in this order, where the fixed
 * field is all ones. */
static void widen(tgl_zip_entry *entry, uint64_t *local, const uint8_t *extra, size_t n)
{
    while (n >= 4) {
        uint16_t id = tgl__le16(extra);
        size_t length = tgl__le16(extra + 2);
        if (length > n - 4)
            return;
        const uint8_t *p = extra + 4;
        uint64_t *fields[] = {&entry->size, &entry->packed, local};
        for (int f = 0; id == 1 && f < 3; f++)
            if (*fields[f] == UINT32_MAX && length >= 8) {
                *fields[f] = tgl__le64(p);
                p += 8;
                length -= 8;
            }
        length = tgl__le16(extra + 2);
        extra += 4 + length;
        n -= 4 + length;
    }
}

static bool same_size(uint32_t local, uint64_t central)
{
    return local == UINT32_MAX || local == central; /* all ones: it stands elsewhere */
}

/* The member's own header must tell what the directory tells: no flipped bit of either
 * renames a member or moves it. Sizes and CRC follow the data where flag 3 is set. */
static tgl_status compare_headers(const tgl_zip_entry *entry, const uint8_t *local,
                                  const char *path, tgl_error *err)
{
    size_t n_name = strlen(entry->name);
    bool behind = tgl__le16(local + 6) & 1u << 3;
    const char *what = NULL;
    if (tgl__le16(local + 26) != n_name ||
        memcmp(local + LOCAL_SIZE, entry->name, n_name) != 0)
        what = "name";
    else if (tgl__le16(local + 8) != entry->method)
        what = "compression";
    else if (!behind && tgl__le32(local + 14) != entry->crc)
        what = "CRC";
    else if (!behind && (!same_size(tgl__le32(local + 18), entry->packed) ||
                         !same_size(tgl__le32(local + 22), entry->size)))
        what = "size";
    if (what == NULL)
        return TGL_OK;
    return tgl__fail_at(err, TGL_EFORMAT, entry->at,
                        "'%s': member '%s': its own header tells another %s than the "
                        "directory",
                        path, entry->name, what);
}

/* Where the data begins, from the local header in front of it. */
static tgl_status locate(tgl_zip_entry *entry, uint64_t local, const uint8_t *bytes,
                         size_t size, const char *path, tgl_error *err)
{
    if (size < LOCAL_SIZE || local > size - LOCAL_SIZE ||
        tgl__le32(bytes + local) != LOCAL_SIGNATURE)
        return tgl__fail_at(err, TGL_EFORMAT, local,
                            "'%s': member '%s' has no local header", path, entry->name);
    uint64_t at = local + LOCAL_SIZE + tgl__le16(bytes + local + 26) +
                  tgl__le16(bytes + local + 28);
    if (at > size || entry->packed > size - at)
        return tgl__fail_at(err, TGL_EFORMAT, local,
                            "'%s': member '%s' of %" PRIu64
                            " bytes runs past the file's end",
                            path, entry->name, entry->packed);
    entry->at = at;
    return compare_headers(entry, bytes + local, path, err);
}

static tgl_status check_entry(const tgl_zip_entry *entry, uint16_t flags, size_t at,
                              const char *path, tgl_error *err)
{
    if (flags & 1)
        return tgl__fail_at(err, TGL_EUNSUPPORTED, at, "'%s': member '%s' is encrypted",
                            path, entry->name);
    if (entry->method != 0 && entry->method != 8)
        return tgl__fail_at(err, TGL_EUNSUPPORTED, at,
                            "'%s': member '%s': expected compression 0 (stored) or 8 "
                            "(deflate), found %u",
                            path, entry->name, entry->method);
    bool good = entry->method == 0 ? entry->size == entry->packed
                                   : entry->size / DEFLATE_RATIO <= entry->packed;
    if (!good)
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "'%s': member '%s': %" PRIu64
                            " bytes cannot unpack to %" PRIu64,
                            path, entry->name, entry->packed, entry->size);
    return TGL_OK;
}

typedef struct lister {
    const uint8_t *bytes;
    size_t size, at, end; /* of the file; of the directory's rest */
    uint64_t left;        /* members stand in front of the directory, once each */
    tgl_arena *arena;
    const char *path;
    tgl_error *err;
} lister;

static tgl_status list_one(lister *l, tgl_zip_entry *e, uint64_t number)
{
    const uint8_t *p = l->bytes + l->at;
    if (l->end - l->at < CENTRAL_SIZE || tgl__le32(p) != CENTRAL_SIGNATURE)
        return tgl__fail_at(l->err, TGL_EFORMAT, l->at,
                            "'%s': expected ZIP directory entry %" PRIu64, l->path,
                            number);
    size_t n_name = tgl__le16(p + 28), n_extra = tgl__le16(p + 30),
           n_comment = tgl__le16(p + 32);
    if (l->end - l->at - CENTRAL_SIZE < n_name + n_extra + n_comment)
        return tgl__fail_at(l->err, TGL_EFORMAT, l->at,
                            "'%s': ZIP directory entry %" PRIu64 " is cut off", l->path,
                            number);
    *e = (tgl_zip_entry){.method = tgl__le16(p + 10),
                         .crc = tgl__le32(p + 16),
                         .packed = tgl__le32(p + 20),
                         .size = tgl__le32(p + 24)};
    e->name = tgl__arena_strndup(l->arena, (const char *)p + CENTRAL_SIZE, n_name);
    if (e->name == NULL)
        return tgl__fail_nomem(l->err);
    uint64_t local = tgl__le32(p + 42);
    widen(e, &local, p + CENTRAL_SIZE + n_name, n_extra);
    TGL_TRY(check_entry(e, tgl__le16(p + 8), l->at, l->path, l->err));
    TGL_TRY(locate(e, local, l->bytes, l->size, l->path, l->err));
    if (e->packed > l->left)
        return tgl__fail_at(l->err, TGL_EFORMAT, l->at,
                            "'%s': member '%s' overlaps another", l->path, e->name);
    l->left -= e->packed;
    l->at += CENTRAL_SIZE + n_name + n_extra + n_comment;
    return TGL_OK;
}

tgl_status tgl__zip_list(tgl_zip_entry **entries, size_t *n_entry, tgl_arena *arena,
                         const uint8_t *bytes, size_t size, const char *path,
                         tgl_error *err)
{
    directory dir = {0};
    TGL_TRY(read_end(&dir, bytes, size, path, err));
    tgl_zip_entry *list = tgl__arena_alloc(arena, dir.n_entry, sizeof *list);
    if (list == NULL)
        return tgl__fail_nomem(err);
    lister l = {bytes, size, dir.at, dir.at + dir.size, dir.at, arena, path, err};
    for (uint64_t i = 0; i < dir.n_entry; i++)
        TGL_TRY(list_one(&l, &list[i], i));
    if (l.at != l.end)
        return tgl__fail_at(err, TGL_EFORMAT, l.at,
                            "'%s': expected %" PRIu64
                            " entries in the ZIP directory, found more",
                            path, dir.n_entry);
    *entries = list;
    *n_entry = dir.n_entry;
    return TGL_OK;
}

static tgl_status compare_crc(const tgl_zip_entry *entry, const void *data,
                              const char *path, tgl_error *err)
{
    uint32_t crc = libdeflate_crc32(0, data, entry->size);
    if (crc == entry->crc)
        return TGL_OK;
    return tgl__fail_at(err, TGL_EFORMAT, entry->at,
                        "'%s': member '%s': expected CRC %08" PRIx32 ", found %08" PRIx32,
                        path, entry->name, entry->crc, crc);
}

tgl_status tgl__zip_check(const tgl_zip_entry *entry, const uint8_t *bytes,
                          const char *path, tgl_error *err)
{
    return compare_crc(entry, bytes + entry->at, path, err);
}

tgl_status tgl__zip_unpack(void *out, const tgl_zip_entry *entry, const uint8_t *bytes,
                           bool verify, const char *path, tgl_error *err)
{
    if (entry->method == 0) {
        if (entry->size > 0)
            memcpy(out, bytes + entry->at, entry->size);
    } else {
        struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
        if (inflater == NULL)
            return tgl__fail_nomem(err);
        enum libdeflate_result result = libdeflate_deflate_decompress(
            inflater, bytes + entry->at, entry->packed, out, entry->size, NULL);
        libdeflate_free_decompressor(inflater);
        if (result != LIBDEFLATE_SUCCESS)
            return tgl__fail_at(err, TGL_EFORMAT, entry->at,
                                "'%s': member '%s' does not unpack to %" PRIu64 " bytes",
                                path, entry->name, entry->size);
    }
    return verify ? compare_crc(entry, out, path, err) : TGL_OK;
}

/* libdeflate writes symbols as it decodes them and stops with "insufficient space", so
 * the bytes before the last, cut-off match (258 at most) are the member's. */
tgl_status tgl__zip_peek(uint8_t *out, size_t n, const tgl_zip_entry *entry,
                         const uint8_t *bytes, tgl_error *err)
{
    memset(out, 0, n);
    if (entry->method == 0) {
        memcpy(out, bytes + entry->at, entry->size < n ? (size_t)entry->size : n);
        return TGL_OK;
    }
    struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
    if (inflater == NULL)
        return tgl__fail_nomem(err);
    size_t got;
    (void)libdeflate_deflate_decompress(inflater, bytes + entry->at, entry->packed, out,
                                        n, &got);
    libdeflate_free_decompressor(inflater);
    return TGL_OK;
}

enum { LARGE_MEMBER = 8 << 20 };

/* Room to pack in: on disk for a large member, where that can be had. */
static void *pack_room(size_t *mapped, const tgl_zip_member *member, size_t size)
{
    *mapped = 0;
    void *room = size >= LARGE_MEMBER && member->beside != NULL
                     ? tgl__spool_scratch(member->beside, size)
                     : NULL;
    if (room == NULL)
        return tgl__malloc(size);
    *mapped = size;
    return room;
}

static void free_room(void *room, size_t mapped)
{
    if (mapped > 0)
        tgl__spool_unmap(room, mapped);
    else
        tgl__free(room);
}

void tgl__zip_release(tgl_zip_member *member)
{
    free_room(member->packed, member->mapped);
    member->packed = NULL;
}

/* Deflate head and body, which must lie together for that, into member->packed. */
static tgl_status deflate_member(tgl_zip_member *member, size_t size, int level,
                                 tgl_error *err)
{
    size_t whole_mapped;
    struct libdeflate_compressor *deflater = libdeflate_alloc_compressor(level);
    uint8_t *whole = pack_room(&whole_mapped, member, size);
    member->packed = pack_room(&member->mapped, member, size);
    tgl_status status = TGL_OK;
    if (deflater == NULL || whole == NULL || member->packed == NULL) {
        status = tgl__fail_nomem(err);
    } else {
        memcpy(whole, member->head, member->n_head);
        if (member->n_body > 0)
            memcpy(whole + member->n_head, member->body, member->n_body);
        member->n_packed =
            libdeflate_deflate_compress(deflater, whole, size, member->packed, size);
    }
    libdeflate_free_compressor(deflater);
    free_room(whole, whole_mapped);
    if (status != TGL_OK || member->n_packed == 0 || member->n_packed >= size)
        tgl__zip_release(member); /* not smaller: stored */
    member->deflated = member->packed != NULL;
    return status;
}

tgl_status tgl__zip_pack(tgl_zip_member *member, int level, tgl_error *err)
{
    size_t size = member->n_head + member->n_body;
    member->crc = libdeflate_crc32(0, member->head, member->n_head);
    if (member->n_body > 0)
        member->crc = libdeflate_crc32(member->crc, member->body, member->n_body);
    return level <= 0 || size < 128 ? TGL_OK : deflate_member(member, size, level, err);
}

static bool is_ascii(const char *name)
{
    for (; *name != '\0'; name++)
        if ((unsigned char)*name >= 0x80)
            return false;
    return true;
}

/* The fields local header and directory share, from "version needed" to the lengths. */
static void put_common(uint8_t *p, const tgl_zip_member *m, bool wide, uint16_t n_extra)
{
    uint64_t size = m->n_head + m->n_body, packed = m->deflated ? m->n_packed : size;
    tgl__put_le16(p, wide ? 45 : 20);
    tgl__put_le16(p + 2, is_ascii(m->name) ? 0 : 1u << 11); /* the name is UTF-8 */
    tgl__put_le16(p + 4, m->deflated ? 8 : 0);
    tgl__put_le16(p + 6, 0);          /* 00:00:00 */
    tgl__put_le16(p + 8, 1 << 5 | 1); /* 1980-01-01 */
    tgl__put_le32(p + 10, m->crc);
    tgl__put_le32(p + 14, wide ? UINT32_MAX : (uint32_t)packed);
    tgl__put_le32(p + 18, wide ? UINT32_MAX : (uint32_t)size);
    tgl__put_le16(p + 22, (uint16_t)strlen(m->name));
    tgl__put_le16(p + 24, n_extra);
}

static bool is_wide(const tgl_zip_member *m)
{
    return m->n_head + m->n_body >= UINT32_MAX || m->at >= UINT32_MAX;
}

tgl_status tgl__zip_put(tgl_writer *writer, uint64_t *position, tgl_zip_member *m,
                        tgl_error *err)
{
    enum { PADDING_ID = 0xa11e }; /* an extra field nobody reads */
    uint8_t head[LOCAL_SIZE] = {0}, extra[20 + 4 + 64] = {0};
    size_t n_name = strlen(m->name), n_extra = 0;
    uint64_t size = m->n_head + m->n_body, packed = m->deflated ? m->n_packed : size;
    m->at = *position;
    bool wide = is_wide(m);
    if (n_name > UINT16_MAX)
        return tgl__fail(err, TGL_ELIMIT, "column name of %zu bytes is too long for ZIP",
                         n_name);
    if (wide) {
        tgl__put_le16(extra, 1);
        tgl__put_le16(extra + 2, 16);
        tgl__put_le64(extra + 4, size);
        tgl__put_le64(extra + 12, packed);
        n_extra = 20;
    }
    uint64_t data = *position + LOCAL_SIZE + n_name + n_extra;
    if (!m->deflated && data % 64 != 0) {
        size_t pad = (64 - (data + 4) % 64) % 64;
        tgl__put_le16(extra + n_extra, PADDING_ID);
        tgl__put_le16(extra + n_extra + 2, (uint16_t)pad);
        n_extra += 4 + pad;
    }
    tgl__put_le32(head, LOCAL_SIGNATURE);
    put_common(head + 4, m, wide, (uint16_t)n_extra);
    TGL_TRY(tgl__writer_put(writer, head, sizeof head, err));
    TGL_TRY(tgl__writer_put(writer, m->name, n_name, err));
    TGL_TRY(tgl__writer_put(writer, extra, n_extra, err));
    if (m->deflated) {
        TGL_TRY(tgl__writer_put(writer, m->packed, m->n_packed, err));
    } else {
        TGL_TRY(tgl__writer_put(writer, m->head, m->n_head, err));
        TGL_TRY(tgl__writer_put(writer, m->body, m->n_body, err));
    }
    *position += LOCAL_SIZE + n_name + n_extra + packed;
    return TGL_OK;
}

static tgl_status put_central(tgl_writer *writer, uint64_t *size, const tgl_zip_member *m,
                              tgl_error *err)
{
    uint8_t head[CENTRAL_SIZE] = {0}, extra[28] = {0};
    size_t n_name = strlen(m->name);
    bool wide = is_wide(m);
    uint64_t length = m->n_head + m->n_body;
    tgl__put_le32(head, CENTRAL_SIGNATURE);
    tgl__put_le16(head + 4, wide ? 45 : 20); /* made by: MS-DOS, no file modes */
    put_common(head + 6, m, wide, wide ? sizeof extra : 0);
    tgl__put_le32(head + 42, wide ? UINT32_MAX : (uint32_t)m->at);
    tgl__put_le16(extra, 1);
    tgl__put_le16(extra + 2, 24);
    tgl__put_le64(extra + 4, length);
    tgl__put_le64(extra + 12, m->deflated ? m->n_packed : length);
    tgl__put_le64(extra + 20, m->at);
    TGL_TRY(tgl__writer_put(writer, head, sizeof head, err));
    TGL_TRY(tgl__writer_put(writer, m->name, n_name, err));
    TGL_TRY(tgl__writer_put(writer, extra, wide ? sizeof extra : 0, err));
    *size += sizeof head + n_name + (wide ? sizeof extra : 0);
    return TGL_OK;
}

tgl_status tgl__zip_finish(tgl_writer *writer, uint64_t position,
                           const tgl_zip_member *members, size_t n_member, tgl_error *err)
{
    uint64_t size = 0;
    for (size_t i = 0; i < n_member; i++)
        TGL_TRY(put_central(writer, &size, &members[i], err));
    if (n_member >= UINT16_MAX || position + size >= UINT32_MAX) {
        uint8_t wide[END64_SIZE + LOCATOR64_SIZE] = {0};
        tgl__put_le32(wide, END64_SIGNATURE);
        tgl__put_le64(wide + 4, END64_SIZE - 12);
        tgl__put_le16(wide + 12, 45);
        tgl__put_le16(wide + 14, 45);
        tgl__put_le64(wide + 24, n_member);
        tgl__put_le64(wide + 32, n_member);
        tgl__put_le64(wide + 40, size);
        tgl__put_le64(wide + 48, position);
        uint8_t *locator = wide + END64_SIZE;
        tgl__put_le32(locator, LOCATOR64_SIGNATURE);
        tgl__put_le64(locator + 8, position + size);
        tgl__put_le32(locator + 16, 1);
        TGL_TRY(tgl__writer_put(writer, wide, sizeof wide, err));
    }
    uint8_t end[END_SIZE] = {0};
    uint16_t n = n_member >= UINT16_MAX ? UINT16_MAX : (uint16_t)n_member;
    tgl__put_le32(end, END_SIGNATURE);
    tgl__put_le16(end + 8, n);
    tgl__put_le16(end + 10, n);
    tgl__put_le32(end + 12, size >= UINT32_MAX ? UINT32_MAX : (uint32_t)size);
    tgl__put_le32(end + 16, position >= UINT32_MAX ? UINT32_MAX : (uint32_t)position);
    return tgl__writer_put(writer, end, sizeof end, err);
}
