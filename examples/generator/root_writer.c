#include "root_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lz4hc.h>
#include <xxhash.h>
#include <zstd.h>

enum {
    FILE_VERSION = 62400,
    FIRST_RECORD = 100, /* fBEGIN */
    KEY_FIXED = 26,     /* a key without its three strings, 32-bit seeks */
    BASKET_EXTRA = 19,  /* version, buffer size, event size, events, last, flag */
    TITLE_MAX = 128,
    ZSTD_LEVEL = 1,
    LZ4_LEVEL = 4,
    BLOCK_HEADER = 9,
    LZ4_CHECKSUM = 8,
    BLOCK_MAX = 0xFFFFFF, /* largest compressed block */
    DATIME = 0x7A210000,  /* 2025-08-16 00:00:00, the same in every file */
    BYTE_COUNT_MASK = 0x40000000,
    MIN_SLOTS = 10
};
#define FILE_MAX UINT64_C(2000000000)

typedef struct bytes {
    uint8_t *at;
    size_t n, room;
    int failed;
} bytes;

typedef struct basket_place {
    uint32_t n_byte; /* on disk, key included */
    uint32_t seek;
    uint64_t first_row;
} basket_place;

typedef struct branch_state {
    root_branch declared;
    int count_index; /* the branch that counts this one, or -1 */
    int32_t maximum; /* of a counter */
    uint64_t raw_byte, zip_byte;
    basket_place *place;
    size_t n_basket, basket_room;
} branch_state;

struct root_writer {
    int fd;
    char *path, *temporary;
    char tree[TITLE_MAX], title[TITLE_MAX];
    branch_state branch[ROOT_MAX_BRANCH];
    root_packing packing;
    size_t n_branch;
    uint64_t n_row, end;
    uint32_t directory_name_size;
};

typedef struct packed_basket {
    size_t begin; /* in the cluster's data */
    uint32_t n_byte, raw_size, first_row, branch;
} packed_basket;

struct root_cluster {
    uint32_t n_row;
    bytes data; /* the baskets one after the other, by branch, then row */
    packed_basket *baskets;
    size_t n_basket, basket_room;
    int32_t maximum[ROOT_MAX_BRANCH];
};

/* What packing one cluster needs besides. */
typedef struct packer {
    ZSTD_CCtx *zstd;
    void *lz4;
    bytes raw;
} packer;

static const struct leaf_kind {
    char letter;            /* of the branch title */
    const char *class_name; /* of the leaf */
    uint8_t size, is_unsigned;
} leaf_kinds[] = {{'S', "TLeafS", 2, 0},
                  {'I', "TLeafI", 4, 0},
                  {'i', "TLeafI", 4, 1},
                  {'l', "TLeafL", 8, 1},
                  {'F', "TLeafF", 4, 0}};

__attribute__((format(printf, 3, 4))) static tgl_status
fail(tgl_error *err, tgl_status code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        err->code = code;
        err->offset = TGL_NO_OFFSET;
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return code;
}

/* ---- big-endian bytes; a failed allocation sticks and is reported at the end ---- */

static uint8_t *grow(bytes *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->room - b->n < n) {
        size_t room = b->room * 2 + n + 256;
        uint8_t *at = realloc(b->at, room);
        if (at == NULL) {
            b->failed = 1;
            return NULL;
        }
        b->at = at;
        b->room = room;
    }
    b->n += n;
    return b->at + b->n - n;
}

static void store(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static void put(bytes *b, uint64_t value, unsigned size)
{
    uint8_t *to = grow(b, size);
    if (to != NULL)
        store(to, value, size);
}

static void put_raw(bytes *b, const void *from, size_t n)
{
    uint8_t *to = grow(b, n);
    if (to != NULL && n != 0)
        memcpy(to, from, n);
}

static void put_string(bytes *b, const char *text)
{
    size_t n = strlen(text); /* names and titles here are below 255 bytes */
    put(b, n, 1);
    put_raw(b, text, n);
}

static void put_f32(bytes *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(b, bits, 4);
}

/* A byte count of what follows, filled in by close_count, and a class version. */
static size_t open_count(bytes *b, unsigned version)
{
    size_t at = b->n;
    put(b, 0, 4);
    put(b, version, 2);
    return at;
}

static void close_count(bytes *b, size_t at)
{
    if (!b->failed)
        store(b->at + at, (b->n - at - 4) | BYTE_COUNT_MASK, 4);
}

static size_t key_size(const char *class_name, const char *name, const char *title)
{
    return KEY_FIXED + 3 + strlen(class_name) + strlen(name) + strlen(title);
}

static void put_key(bytes *b, const char *class_name, const char *name, const char *title,
                    size_t n_disk, size_t n_object, size_t n_key, uint64_t seek,
                    uint64_t parent)
{
    put(b, n_key + n_disk, 4);
    put(b, 4, 2);
    put(b, n_object, 4);
    put(b, DATIME, 4);
    put(b, n_key, 2);
    put(b, 1, 2); /* cycle */
    put(b, seek, 4);
    put(b, parent, 4);
    put_string(b, class_name);
    put_string(b, name);
    put_string(b, title);
}

/* ---- baskets ---- */

/* Big-endian copies of `n` values. */
static void swap_values(uint8_t *to, const uint8_t *from, size_t n, unsigned size)
{
    if (size == 2) {
        for (size_t i = 0; i < n; i++) {
            uint16_t v;
            memcpy(&v, from + 2 * i, 2);
            store(to + 2 * i, v, 2);
        }
    } else if (size == 4) {
        for (size_t i = 0; i < n; i++) {
            uint32_t v;
            memcpy(&v, from + 4 * i, 4);
            store(to + 4 * i, v, 4);
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            uint64_t v;
            memcpy(&v, from + 8 * i, 8);
            store(to + 8 * i, v, 8);
        }
    }
}

/* The uncompressed object of a basket of rows [from, to): values, then for jagged
 * branches the number of offsets and the offsets, which count from the start of the key.
 */
static void basket_object(bytes *raw, const branch_state *branch,
                          const root_values *values, uint32_t from, uint32_t to,
                          uint32_t n_key, uint32_t *border)
{
    unsigned size = leaf_kinds[branch->declared.type].size;
    const uint32_t *offsets = values->offsets;
    uint32_t first = offsets != NULL ? offsets[from] : from;
    size_t n_value = (offsets != NULL ? offsets[to] : to) - first;
    raw->n = 0;
    uint8_t *at = grow(raw, n_value * size);
    if (at != NULL)
        swap_values(at, (const uint8_t *)values->values + (size_t)first * size, n_value,
                    size);
    *border = (uint32_t)(n_key + n_value * size);
    if (offsets == NULL)
        return;
    put(raw, to - from + 1, 4);
    at = grow(raw, 4 * ((size_t)(to - from) + 1));
    for (uint32_t i = from; at != NULL && i <= to; i++)
        store(at + 4 * (size_t)(i - from), n_key + size * (offsets[i] - first), 4);
}

/* The rows from `from` that fill one basket: at least one. */
static uint32_t basket_end(const root_writer *writer, const branch_state *branch,
                           const root_values *values, uint32_t from, uint32_t n_row)
{
    uint64_t size = leaf_kinds[branch->declared.type].size;
    uint64_t room = writer->packing.basket_bytes;
    uint32_t to = from + 1;
    if (values->offsets == NULL)
        return room / size < n_row - from ? from + (uint32_t)(room / size) : n_row;
    while (to < n_row && size * (values->offsets[to + 1] - values->offsets[from]) +
                                 4 * ((uint64_t)(to + 1 - from) + 2) <=
                             room)
        to++;
    return to;
}

static size_t lz4_block(packer *p, uint8_t *to, size_t room)
{
    uint8_t *packed = to + BLOCK_HEADER + LZ4_CHECKSUM;
    int n = LZ4_compress_HC_extStateHC(
        p->lz4, (const char *)p->raw.at, (char *)packed, (int)p->raw.n,
        (int)(room - BLOCK_HEADER - LZ4_CHECKSUM), LZ4_LEVEL);
    if (n <= 0)
        return 0;
    store(to + BLOCK_HEADER, XXH64(packed, (size_t)n, 0), LZ4_CHECKSUM);
    return (size_t)n + LZ4_CHECKSUM;
}

static size_t zstd_block(packer *p, uint8_t *to, size_t room)
{
    size_t n = ZSTD_compressCCtx(p->zstd, to + BLOCK_HEADER, room - BLOCK_HEADER,
                                 p->raw.at, p->raw.n, ZSTD_LEVEL);
    return ZSTD_isError(n) ? 0 : n;
}

static size_t block_room(const packer *p)
{
    size_t zstd = ZSTD_compressBound(p->raw.n),
           lz4 = (size_t)LZ4_compressBound(BLOCK_MAX);
    if (p->raw.n < BLOCK_MAX)
        lz4 = (size_t)LZ4_compressBound((int)p->raw.n);
    return (zstd > lz4 ? zstd : lz4) + BLOCK_HEADER + LZ4_CHECKSUM;
}

/* A ROOT block: "L4" or "ZS", method version, sizes in 24 bits little-endian, the codec's
 * bytes (LZ4: their XXH64 before them). Answers the bytes written at `to`, 0 when it does
 * not get smaller. */
static size_t compress_block(packer *p, root_codec codec, uint8_t *to, size_t room)
{
    size_t n_raw = p->raw.n;
    if (n_raw <= 16 || n_raw > BLOCK_MAX)
        return 0;
    size_t n = codec == CODEC_LZ4 ? lz4_block(p, to, room) : zstd_block(p, to, room);
    if (n == 0 || n + BLOCK_HEADER >= n_raw)
        return 0;
    memcpy(to, codec == CODEC_LZ4 ? "L4" : "ZS", 2);
    to[2] = 1;
    for (unsigned i = 0; i < 3; i++) {
        to[3 + i] = (uint8_t)(n >> (8 * i));
        to[6 + i] = (uint8_t)(n_raw >> (8 * i));
    }
    return n + BLOCK_HEADER;
}

static void pack_basket(bytes *out, const root_writer *writer, const branch_state *branch,
                        const root_values *values, uint32_t from, uint32_t end, packer *p)
{
    const char *name = branch->declared.name;
    size_t n_key = key_size("TBasket", name, writer->tree) + BASKET_EXTRA;
    uint32_t border, n_row = end - from;
    basket_object(&p->raw, branch, values, from, end, (uint32_t)n_key, &border);
    if (p->raw.failed) {
        out->failed = 1;
        return;
    }
    size_t start = out->n;
    put_key(out, "TBasket", name, writer->tree, 0, p->raw.n, n_key, 0, FIRST_RECORD);
    put(out, 3, 2);
    put(out, border, 4); /* fBufferSize */
    put(out,
        values->offsets != NULL ? 4 * ((uint64_t)n_row + 1)
                                : leaf_kinds[branch->declared.type].size,
        4);
    put(out, n_row, 4);
    put(out, border, 4);
    put(out, 0, 1);
    size_t room = block_room(p);
    uint8_t *to = grow(out, room);
    if (to == NULL)
        return;
    size_t n_disk = compress_block(p, writer->packing.codec, to, room);
    if (n_disk == 0) {
        memcpy(to, p->raw.at, p->raw.n);
        n_disk = p->raw.n;
    }
    out->n -= room - n_disk;
    store(out->at + start, n_key + n_disk, 4);
}

static packed_basket *new_basket(root_cluster *cluster)
{
    if (cluster->n_basket == cluster->basket_room) {
        size_t room = cluster->basket_room * 2 + 64;
        packed_basket *more = realloc(cluster->baskets, room * sizeof *more);
        if (more == NULL)
            return NULL;
        cluster->baskets = more;
        cluster->basket_room = room;
    }
    return &cluster->baskets[cluster->n_basket++];
}

/* The branch's baskets for all rows of the cluster; 0: out of memory. */
static int pack_branch(root_cluster *cluster, const root_writer *writer, size_t index,
                       const root_values *values, packer *p)
{
    const branch_state *branch = &writer->branch[index];
    uint32_t from = 0;
    while (from < cluster->n_row) {
        uint32_t end = basket_end(writer, branch, values, from, cluster->n_row);
        packed_basket *basket = new_basket(cluster);
        size_t begin = cluster->data.n;
        if (basket == NULL)
            return 0;
        pack_basket(&cluster->data, writer, branch, values, from, end, p);
        if (cluster->data.failed)
            return 0;
        *basket = (packed_basket){begin, (uint32_t)(cluster->data.n - begin),
                                  (uint32_t)p->raw.n, from, (uint32_t)index};
        from = end;
    }
    return 1;
}

static int32_t largest(const root_values *values, uint32_t n_row)
{
    int32_t most = 0;
    for (uint32_t i = 0; i < n_row; i++) {
        int32_t v;
        memcpy(&v, (const uint8_t *)values->values + 4 * (size_t)i, 4);
        most = v > most ? v : most;
    }
    return most;
}

static void packer_release(packer *p)
{
    ZSTD_freeCCtx(p->zstd);
    free(p->lz4);
    free(p->raw.at);
}

tgl_status root_cluster_pack(root_cluster **out, const root_writer *writer,
                             const root_values *values, uint32_t n_row, tgl_error *err)
{
    root_cluster *cluster = calloc(1, sizeof *cluster);
    packer p = {ZSTD_createCCtx(), malloc((size_t)LZ4_sizeofStateHC()), {0}};
    int good = cluster != NULL && p.zstd != NULL && p.lz4 != NULL;
    if (good)
        cluster->n_row = n_row;
    for (size_t i = 0; good && i < writer->n_branch; i++) {
        good = pack_branch(cluster, writer, i, &values[i], &p);
        if (writer->branch[i].declared.type == LEAF_I32)
            cluster->maximum[i] = largest(&values[i], n_row);
    }
    packer_release(&p);
    if (good) {
        *out = cluster;
        return TGL_OK;
    }
    root_cluster_free(cluster);
    return fail(err, TGL_ENOMEM, "out of memory packing %u rows of '%s'", n_row,
                writer->path);
}

void root_cluster_free(root_cluster *cluster)
{
    if (cluster != NULL) {
        free(cluster->data.at);
        free(cluster->baskets);
    }
    free(cluster);
}

/* ---- the file ---- */

static tgl_status write_all(root_writer *writer, const uint8_t *at, size_t n,
                            uint64_t offset, tgl_error *err)
{
    while (n != 0) {
        ssize_t wrote = pwrite(writer->fd, at, n, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return fail(err, TGL_EIO, "cannot write '%s': %s", writer->temporary,
                        strerror(errno));
        at += wrote;
        n -= (size_t)wrote;
        offset += (uint64_t)wrote;
    }
    return TGL_OK;
}

static basket_place *new_place(branch_state *branch)
{
    if (branch->n_basket == branch->basket_room) {
        size_t room = branch->basket_room * 2 + 64;
        basket_place *place = realloc(branch->place, room * sizeof *place);
        if (place == NULL)
            return NULL;
        branch->place = place;
        branch->basket_room = room;
    }
    return &branch->place[branch->n_basket++];
}

/* Only here is it known where the basket lies: fSeekKey is at byte 18 of its key. */
static tgl_status place_basket(root_writer *writer, const root_cluster *cluster,
                               const packed_basket *basket, tgl_error *err)
{
    branch_state *branch = &writer->branch[basket->branch];
    uint64_t seek = writer->end + basket->begin;
    basket_place *place = new_place(branch);
    if (place == NULL)
        return fail(err, TGL_ENOMEM, "out of memory for the baskets of '%s'",
                    writer->path);
    store(cluster->data.at + basket->begin + 18, seek, 4);
    *place =
        (basket_place){basket->n_byte, (uint32_t)seek, writer->n_row + basket->first_row};
    branch->zip_byte += basket->n_byte;
    branch->raw_byte += basket->raw_size +
                        key_size("TBasket", branch->declared.name, writer->tree) +
                        BASKET_EXTRA;
    return TGL_OK;
}

tgl_status root_writer_append(root_writer *writer, const root_cluster *cluster,
                              tgl_error *err)
{
    if (cluster->n_row == 0)
        return TGL_OK;
    if (writer->end + cluster->data.n + (UINT64_C(1) << 24) > FILE_MAX)
        return fail(err, TGL_ELIMIT, "'%s' would pass 2 GB: generate fewer events",
                    writer->path);
    for (size_t i = 0; i < cluster->n_basket; i++) {
        tgl_status status = place_basket(writer, cluster, &cluster->baskets[i], err);
        if (status != TGL_OK)
            return status;
    }
    for (size_t i = 0; i < writer->n_branch; i++)
        if (cluster->maximum[i] > writer->branch[i].maximum)
            writer->branch[i].maximum = cluster->maximum[i];
    tgl_status status =
        write_all(writer, cluster->data.at, cluster->data.n, writer->end, err);
    writer->end += cluster->data.n;
    writer->n_row += cluster->n_row;
    return status;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static tgl_status declare(root_writer *writer, const root_branch *branches,
                          size_t n_branch, tgl_error *err)
{
    if (n_branch > ROOT_MAX_BRANCH)
        return fail(err, TGL_ELIMIT, "more than %d branches", ROOT_MAX_BRANCH);
    writer->n_branch = n_branch;
    for (size_t i = 0; i < n_branch; i++) {
        branch_state *branch = &writer->branch[i];
        branch->declared = branches[i];
        branch->count_index = -1;
        for (size_t j = 0; branches[i].count != NULL && j < i; j++)
            if (strcmp(branches[j].name, branches[i].count) == 0)
                branch->count_index = (int)j;
        if (branches[i].count != NULL && branch->count_index < 0)
            return fail(err, TGL_EUSAGE, "branch '%s': no counter '%s' before it",
                        branches[i].name, branches[i].count);
    }
    return TGL_OK;
}

tgl_status root_writer_open(root_writer **out, const char *path, const char *tree,
                            const char *title, const root_branch *branches,
                            size_t n_branch, const root_packing *packing, tgl_error *err)
{
    root_writer *writer = calloc(1, sizeof *writer);
    size_t n = strlen(path) + 16;
    if (writer == NULL)
        return fail(err, TGL_ENOMEM, "out of memory opening '%s'", path);
    writer->fd = -1;
    writer->packing = *packing;
    writer->path = strdup(path);
    writer->temporary = malloc(n);
    snprintf(writer->tree, sizeof writer->tree, "%s", tree);
    snprintf(writer->title, sizeof writer->title, "%s", title);
    tgl_status status = declare(writer, branches, n_branch, err);
    if (status == TGL_OK && (writer->path == NULL || writer->temporary == NULL))
        status = fail(err, TGL_ENOMEM, "out of memory opening '%s'", path);
    if (status == TGL_OK) {
        snprintf(writer->temporary, n, "%s.XXXXXX", path);
        writer->fd = mkstemp(writer->temporary);
        if (writer->fd < 0)
            status = fail(err, TGL_EIO, "cannot create '%s': %s", path, strerror(errno));
    }
    if (status != TGL_OK) {
        root_writer_abandon(writer);
        return status;
    }
    /* Header, key of the directory, its name and title again, the directory record. */
    const char *name = base_name(path);
    size_t n_key = key_size("TFile", name, "");
    writer->directory_name_size = (uint32_t)(n_key + 2 + strlen(name));
    writer->end = FIRST_RECORD + writer->directory_name_size + 60;
    *out = writer;
    return TGL_OK;
}

void root_writer_abandon(root_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->fd >= 0) {
        close(writer->fd);
        unlink(writer->temporary);
    }
    for (size_t i = 0; i < writer->n_branch; i++)
        free(writer->branch[i].place);
    free(writer->path);
    free(writer->temporary);
    free(writer);
}

/* ROOT's number for codec and level. */
static uint64_t compression(const root_writer *writer)
{
    return writer->packing.codec == CODEC_LZ4 ? 400 + LZ4_LEVEL : 500 + ZSTD_LEVEL;
}

/* ---- the TTree object ---- */

static void put_object(bytes *b)
{
    put(b, 1, 2);
    put(b, 0, 4);
    put(b, 0x03000000, 4); /* on the heap, not deleted */
}

static void put_named(bytes *b, const char *name, const char *title)
{
    size_t count = open_count(b, 1);
    put_object(b);
    put_string(b, name);
    put_string(b, title);
    close_count(b, count);
}

static size_t open_array(bytes *b, size_t n)
{
    size_t count = open_count(b, 3);
    put_object(b);
    put_string(b, "");
    put(b, n, 4);
    put(b, 0, 4);
    return count;
}

static void put_features(bytes *b) /* ROOT::TIOFeatures: no feature */
{
    size_t count = open_count(b, 0);
    put(b, 0x1AA12F10, 4); /* checksum of the class, as it has no version */
    put(b, 0, 1);
    close_count(b, count);
}

static void put_fill(bytes *b)
{
    size_t count = open_count(b, 2);
    put(b, 0, 2);
    put(b, 1001, 2);
    close_count(b, count);
}

static size_t open_class(bytes *b, const char *class_name, size_t *any)
{
    *any = b->n;
    put(b, 0, 4);
    put(b, 0xFFFFFFFF, 4);
    put_raw(b, class_name, strlen(class_name) + 1);
    return b->n;
}

/* A leaf; answers where its object starts, which is what references to it name. */
static uint32_t put_leaf(bytes *b, const branch_state *branch, uint32_t count_reference,
                         size_t n_key)
{
    const struct leaf_kind *kind = &leaf_kinds[branch->declared.type];
    char title[2 * TITLE_MAX];
    if (branch->declared.count != NULL)
        snprintf(title, sizeof title, "%s[%s]", branch->declared.name,
                 branch->declared.count);
    else
        snprintf(title, sizeof title, "%s", branch->declared.name);
    size_t any;
    open_class(b, kind->class_name, &any);
    size_t leaf = open_count(b, 1);
    size_t base = open_count(b, 2);
    put_named(b, branch->declared.name, title);
    put(b, 1, 4); /* fLen */
    put(b, kind->size, 4);
    put(b, 0, 4);
    put(b, branch->maximum > 0, 1); /* fIsRange */
    put(b, kind->is_unsigned, 1);
    put(b, count_reference, 4);
    close_count(b, base);
    put(b, 0, kind->size); /* fMinimum */
    put(b, kind->size == 4 ? (uint64_t)branch->maximum : 0, kind->size);
    close_count(b, leaf);
    close_count(b, any);
    return (uint32_t)(any + n_key + 2);
}

static void put_basket_tables(bytes *b, const root_writer *writer,
                              const branch_state *branch, size_t n_slot)
{
    put(b, 1, 1);
    for (size_t i = 0; i < n_slot; i++)
        put(b, i < branch->n_basket ? branch->place[i].n_byte : 0, 4);
    put(b, 1, 1);
    for (size_t i = 0; i < n_slot; i++)
        put(b,
            i < branch->n_basket    ? branch->place[i].first_row
            : i == branch->n_basket ? writer->n_row
                                    : 0,
            8);
    put(b, 1, 1);
    for (size_t i = 0; i < n_slot; i++)
        put(b, i < branch->n_basket ? branch->place[i].seek : 0, 8);
}

static uint32_t put_branch(bytes *b, const root_writer *writer,
                           const branch_state *branch, uint32_t count_reference,
                           size_t n_key)
{
    char title[2 * TITLE_MAX];
    size_t n_slot = branch->n_basket + 1 < MIN_SLOTS ? MIN_SLOTS : branch->n_basket + 1;
    snprintf(title, sizeof title, "%s%s%s%s/%c", branch->declared.name,
             branch->declared.count != NULL ? "[" : "",
             branch->declared.count != NULL ? branch->declared.count : "",
             branch->declared.count != NULL ? "]" : "",
             leaf_kinds[branch->declared.type].letter);
    size_t any;
    open_class(b, "TBranch", &any);
    size_t count = open_count(b, 13);
    put_named(b, branch->declared.name, title);
    put_fill(b);
    put(b, compression(writer), 4);
    put(b, writer->packing.basket_bytes, 4); /* fBasketSize */
    put(b, branch->declared.count != NULL ? 1000 : 0, 4);
    put(b, branch->n_basket, 4);
    put(b, writer->n_row, 8);
    put_features(b);
    put(b, 0, 4);
    put(b, n_slot, 4);
    put(b, 0, 4);
    put(b, writer->n_row, 8);
    put(b, 0, 8);
    put(b, branch->raw_byte, 8);
    put(b, branch->zip_byte, 8);
    close_count(b, open_array(b, 0));
    size_t leaves = open_array(b, 1);
    uint32_t leaf = put_leaf(b, branch, count_reference, n_key);
    close_count(b, leaves);
    close_count(b, open_array(b, 0));
    put_basket_tables(b, writer, branch, n_slot);
    put_string(b, "");
    close_count(b, count);
    close_count(b, any);
    return leaf;
}

static void put_tree_numbers(bytes *b, const root_writer *writer)
{
    uint64_t raw = 0, zip = 0;
    for (size_t i = 0; i < writer->n_branch; i++) {
        raw += writer->branch[i].raw_byte;
        zip += writer->branch[i].zip_byte;
    }
    put(b, writer->n_row, 8);
    put(b, raw, 8);
    put(b, zip, 8);
    put(b, 0, 8);
    put(b, zip, 8);                          /* fFlushedBytes */
    put(b, UINT64_C(0x3FF0000000000000), 8); /* fWeight 1.0 */
    put(b, 0, 4);
    put(b, 25, 4);
    put(b, 0, 4);
    put(b, 1000, 4);
    put(b, 0, 4);
    put(b, UINT64_C(1000000000000), 8);
    put(b, UINT64_C(1000000000000), 8);
    put(b, 0, 8);
    put(b, (uint64_t)-300000000, 8);
    put(b, (uint64_t)-30000000, 8);
    put(b, 1000000, 8);
}

static void put_tree(bytes *b, const root_writer *writer, size_t n_key)
{
    uint32_t leaf[ROOT_MAX_BRANCH];
    size_t tree = open_count(b, 20);
    put_named(b, writer->tree, writer->title);
    size_t count = open_count(b, 2); /* TAttLine */
    put(b, 602, 2);
    put(b, 1, 2);
    put(b, 1, 2);
    close_count(b, count);
    put_fill(b);
    count = open_count(b, 2); /* TAttMarker */
    put(b, 1, 2);
    put(b, 1, 2);
    put_f32(b, 1.0F);
    close_count(b, count);
    put_tree_numbers(b, writer);
    put(b, 0, 1); /* no cluster ranges */
    put(b, 0, 1);
    put_features(b);
    count = open_array(b, writer->n_branch);
    for (size_t i = 0; i < writer->n_branch; i++) {
        int counter = writer->branch[i].count_index;
        leaf[i] = put_branch(b, writer, &writer->branch[i],
                             counter >= 0 ? leaf[counter] : 0, n_key);
    }
    close_count(b, count);
    count = open_array(b, writer->n_branch);
    for (size_t i = 0; i < writer->n_branch; i++)
        put(b, leaf[i], 4);
    close_count(b, count);
    for (int i = 0; i < 7; i++)
        put(b, 0,
            4); /* aliases, index values, index, tree index, friends, info, reference */
    close_count(b, tree);
}

/* ---- the end of the file ---- */

static void put_directory(bytes *b, const root_writer *writer, uint64_t keys,
                          size_t n_keys)
{
    const char *name = base_name(writer->path);
    put_key(b, "TFile", name, "", 2 + strlen(name) + 60, 2 + strlen(name) + 60,
            key_size("TFile", name, ""), FIRST_RECORD, 0);
    put_string(b, name);
    put_string(b, "");
    put(b, 5, 2);
    put(b, DATIME, 4);
    put(b, DATIME, 4);
    put(b, n_keys, 4);
    put(b, writer->directory_name_size, 4);
    put(b, FIRST_RECORD, 4);
    put(b, 0, 4);
    put(b, keys, 4);
    put(b, 1, 2); /* UUID: version and 16 zero bytes, then ROOT's padding */
    for (int i = 0; i < 7; i++)
        put(b, 0, 4);
}

static void put_header(bytes *b, const root_writer *writer, uint64_t end, uint64_t info,
                       size_t n_info, uint64_t free_list, size_t n_free)
{
    put_raw(b, "root", 4);
    put(b, FILE_VERSION, 4);
    put(b, FIRST_RECORD, 4);
    put(b, end, 4);
    put(b, free_list, 4);
    put(b, n_free, 4);
    put(b, 1, 4);
    put(b, writer->directory_name_size, 4);
    put(b, 4, 1);
    put(b, compression(writer), 4);
    put(b, info, 4);
    put(b, n_info, 4);
    put(b, 1, 2);
    while (b->n < FIRST_RECORD && !b->failed)
        put(b, 0, 1);
}

/* Tree, key list, streamer list and free list behind the baskets, then the head. */
static tgl_status write_tables(root_writer *writer, tgl_error *err)
{
    bytes tree = {0}, tail = {0}, head = {0};
    const char *file_name = base_name(writer->path);
    size_t n_key = key_size("TTree", writer->tree, writer->title);
    put_tree(&tree, writer, n_key);
    put_key(&tail, "TTree", writer->tree, writer->title, tree.n, tree.n, n_key,
            writer->end, FIRST_RECORD);
    put_raw(&tail, tree.at, tree.n);

    uint64_t keys = writer->end + tail.n;
    size_t n_list = key_size("TFile", file_name, "");
    put_key(&tail, "TFile", file_name, "", 4 + n_key, 4 + n_key, n_list, keys,
            FIRST_RECORD);
    put(&tail, 1, 4);
    put_key(&tail, "TTree", writer->tree, writer->title, tree.n, tree.n, n_key,
            writer->end, FIRST_RECORD);

    uint64_t info = writer->end + tail.n;
    const char *info_title = "Doubly linked list";
    size_t n_info = key_size("TList", "StreamerInfo", info_title);
    put_key(&tail, "TList", "StreamerInfo", info_title, 21, 21, n_info, info,
            FIRST_RECORD);
    size_t count = open_count(&tail, 5);
    put_object(&tail);
    put_string(&tail, "");
    put(&tail, 0, 4);
    close_count(&tail, count);

    uint64_t free_list = writer->end + tail.n;
    put_key(&tail, "TFile", file_name, "", 10, 10, n_list, free_list, FIRST_RECORD);
    uint64_t end = free_list + n_list + 10;
    put(&tail, 1, 2);
    put(&tail, end, 4);
    put(&tail, FILE_MAX, 4);

    put_header(&head, writer, end, info, n_info + 21, free_list, n_list + 10);
    put_directory(&head, writer, keys, n_list + 4 + n_key);
    tgl_status status = TGL_OK;
    if (tree.failed || tail.failed || head.failed)
        status = fail(err, TGL_ENOMEM, "out of memory closing '%s'", writer->path);
    else if (end > FILE_MAX)
        status = fail(err, TGL_ELIMIT, "'%s' would pass 2 GB", writer->path);
    if (status == TGL_OK)
        status = write_all(writer, tail.at, tail.n, writer->end, err);
    if (status == TGL_OK)
        status = write_all(writer, head.at, head.n, 0, err);
    free(tree.at);
    free(tail.at);
    free(head.at);
    return status;
}

tgl_status root_writer_close(root_writer *writer, tgl_error *err)
{
    tgl_status status = write_tables(writer, err);
    if (status == TGL_OK && (fchmod(writer->fd, 0644) != 0 || fsync(writer->fd) != 0))
        status = fail(err, TGL_EIO, "cannot sync '%s': %s", writer->temporary,
                      strerror(errno));
    if (status == TGL_OK && rename(writer->temporary, writer->path) != 0)
        status = fail(err, TGL_EIO, "cannot rename '%s' to '%s': %s", writer->temporary,
                      writer->path, strerror(errno));
    if (status == TGL_OK) {
        close(writer->fd);
        writer->fd = -1;
    }
    root_writer_abandon(writer);
    return status;
}
