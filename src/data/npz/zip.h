/* ZIP archives (PKWARE APPNOTE 6.3): stored and deflated members, ZIP64. */
#ifndef TGL_DATA_NPZ_ZIP_H
#define TGL_DATA_NPZ_ZIP_H

#include "base/file.h"
#include "base/memory.h"
#include <stdbool.h>
#include <trigline/base.h>

typedef struct tgl_zip_entry {
    const char *name; /* zero-terminated copy */
    uint16_t method;  /* 0 stored, 8 deflated */
    uint32_t crc;
    uint64_t size, packed; /* bytes unpacked and in the file */
    uint64_t at;           /* where the packed bytes begin in the file */
} tgl_zip_entry;

/* The members of the archive in `bytes`, each checked to lie inside it. Entries and names
 * live in `arena`. `path` is for messages. */
tgl_status tgl__zip_list(tgl_zip_entry **entries, size_t *n_entry, tgl_arena *arena,
                         const uint8_t *bytes, size_t size, const char *path,
                         tgl_error *err);

/* Unpack a whole member into `out` (entry->size bytes); checks the CRC when `verify`. */
tgl_status tgl__zip_unpack(void *out, const tgl_zip_entry *entry, const uint8_t *bytes,
                           bool verify, const char *path, tgl_error *err);

/* Does a stored member have its CRC? */
tgl_status tgl__zip_check(const tgl_zip_entry *entry, const uint8_t *bytes,
                          const char *path, tgl_error *err);

/* The first bytes of a member, zeros behind what could be had: at least min(n - 258,
 * entry->size) are right. A look ahead only: what is found must be checked again on the
 * unpacked member. */
tgl_status tgl__zip_peek(uint8_t *out, size_t n, const tgl_zip_entry *entry,
                         const uint8_t *bytes, tgl_error *err);

/* ---- writing ---- */
typedef struct tgl_zip_member {
    const char *name;
    const void *head, *body; /* the member's bytes are head then body */
    size_t n_head, n_body;
    /* filled by tgl__zip_pack */
    uint32_t crc;
    bool deflated;
    uint8_t *packed; /* NULL when stored */
    size_t n_packed;
    const char *beside; /* set by the caller: large members are packed in a file there */
    size_t mapped;      /* bytes of such a file, 0: `packed` is plain memory */
    uint64_t at;        /* local header, filled by tgl__zip_put */
} tgl_zip_member;

/* CRC and compression of one member (level 0: stored, also when deflating does not pay).
 * Thread-safe for different members. Release with tgl__zip_release. */
tgl_status tgl__zip_pack(tgl_zip_member *member, int level, tgl_error *err);
void tgl__zip_release(tgl_zip_member *member);
/* Append a packed member at file position *position; a stored body that follows a head of
 * a multiple of 64 bytes begins at a multiple of 64. */
tgl_status tgl__zip_put(tgl_writer *writer, uint64_t *position, tgl_zip_member *member,
                        tgl_error *err);
/* The central directory. Dates are all 1980-01-01, so that bytes depend on contents only.
 */
tgl_status tgl__zip_finish(tgl_writer *writer, uint64_t position,
                           const tgl_zip_member *members, size_t n_member,
                           tgl_error *err);

#endif
