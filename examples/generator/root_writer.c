#include "root_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

enum {
    FILE_VERSION = 62400,
    FIRST_RECORD = 100, /* fBEGIN */
    KEY_FIXED = 26,     /* a key without its three strings, 32-bit seeks */
    BASKET_EXTRA = 19,  /* version, buffer size, event size, events, last, flag */
    TITLE_MAX = 128,
    ZSTD_LEVEL = 1,
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
} branch_state;

struct root_writer {
    int fd;
    char *path, *temporary;
    char tree[TITLE_MAX], title[TITLE_MAX];
    branch_state branch[ROOT_MAX_BRANCH];
    size_t n_branch, n_basket, basket_room;
    uint64_t n_row, end;
    uint32_t directory_name_size;
};

struct root_cluster {
    uint32_t n_row;
    bytes data;                        /* the baskets one after the other */
    size_t begin[ROOT_MAX_BRANCH + 1]; /* of each branch's basket in `data` */
    uint32_t raw_size[ROOT_MAX_BRANCH];
    int32_t maximum[ROOT_MAX_BRANCH];
};

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

/* The uncompressed object of a basket: values, then for jagged branches the number of
 * offsets and the offsets, which count from the start of the key. */
static void basket_object(bytes *raw, const branch_state *branch,
                          const root_values *values, uint32_t n_row, uint32_t n_key,
                          uint32_t *border)
{
    unsigned size = leaf_kinds[branch->declared.type].size;
    size_t n_value = values->offsets != NULL ? values->offsets[n_row] : n_row;
    raw->n = 0;
    uint8_t *to = grow(raw, n_value * size);
    if (to != NULL)
        swap_values(to, values->values, n_value, size);
    *border = (uint32_t)(n_key + n_value * size);
    if (values->offsets == NULL)
        return;
    put(raw, n_row + 1, 4);
    to = grow(raw, 4 * ((size_t)n_row + 1));
    for (uint32_t i = 0; to != NULL && i <= n_row; i++)
        store(to + 4 * (size_t)i, n_key + size * values->offsets[i], 4);
}

/* A ROOT block: "ZS", method version, sizes in 24 bits little-endian, the frame. Answers
 * the bytes written at `to`, 0 when it does not get smaller. */
static size_t compress_block(ZSTD_CCtx *zstd, uint8_t *to, size_t room, const bytes *raw)
{
    if (raw->n <= 16 || raw->n > BLOCK_MAX || room < 9)
        return 0;
    size_t n = ZSTD_compressCCtx(zstd, to + 9, room - 9, raw->at, raw->n, ZSTD_LEVEL);
    if (ZSTD_isError(n) || n + 9 >= raw->n)
        return 0;
    to[0] = 'Z';
    to[1] = 'S';
    to[2] = 1;
    for (unsigned i = 0; i < 3; i++) {
        to[3 + i] = (uint8_t)(n >> (8 * i));
        to[6 + i] = (uint8_t)(raw->n >> (8 * i));
    }
    return n + 9;
}

static void pack_basket(bytes *out, const root_writer *writer, const branch_state *branch,
                        const root_values *values, uint32_t n_row, ZSTD_CCtx *zstd,
                        bytes *raw)
{
    const char *name = branch->declared.name;
    size_t n_key = key_size("TBasket", name, writer->tree) + BASKET_EXTRA;
    uint32_t border;
    basket_object(raw, branch, values, n_row, (uint32_t)n_key, &border);
    if (raw->failed) {
        out->failed = 1;
        return;
    }
    size_t start = out->n;
    put_key(out, "TBasket", name, writer->tree, 0, raw->n, n_key, 0, FIRST_RECORD);
    put(out, 3, 2);
    put(out, border, 4); /* fBufferSize */
    put(out,
        values->offsets != NULL ? 4 * ((uint64_t)n_row + 1)
                                : leaf_kinds[branch->declared.type].size,
        4);
    put(out, n_row, 4);
    put(out, border, 4);
    put(out, 0, 1);
    size_t room = ZSTD_compressBound(raw->n) + 9;
    uint8_t *to = grow(out, room);
    if (to == NULL)
        return;
    size_t n_disk = compress_block(zstd, to, room, raw);
    if (n_disk == 0) {
        memcpy(to, raw->at, raw->n);
        n_disk = raw->n;
    }
    out->n -= room - n_disk;
    store(out->at + start, n_key + n_disk, 4);
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

tgl_status root_cluster_pack(root_cluster **out, const root_writer *writer,
                             const root_values *values, uint32_t n_row, tgl_error *err)
{
    root_cluster *cluster = calloc(1, sizeof *cluster);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    bytes raw = {0};
    if (cluster == NULL || zstd == NULL)
        goto no_memory;
    cluster->n_row = n_row;
    for (size_t i = 0; i < writer->n_branch; i++) {
        const branch_state *branch = &writer->branch[i];
        cluster->begin[i] = cluster->data.n;
        pack_basket(&cluster->data, writer, branch, &values[i], n_row, zstd, &raw);
        cluster->raw_size[i] = (uint32_t)raw.n;
        if (branch->declared.type == LEAF_I32)
            cluster->maximum[i] = largest(&values[i], n_row);
    }
    cluster->begin[writer->n_branch] = cluster->data.n;
    if (cluster->data.failed)
        goto no_memory;
    ZSTD_freeCCtx(zstd);
    free(raw.at);
    *out = cluster;
    return TGL_OK;
no_memory:
    ZSTD_freeCCtx(zstd);
    free(raw.at);
    root_cluster_free(cluster);
    return fail(err, TGL_ENOMEM, "out of memory packing %u rows of '%s'", n_row,
                writer->path);
}

void root_cluster_free(root_cluster *cluster)
{
    if (cluster != NULL)
        free(cluster->data.at);
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

static tgl_status room_for_basket(root_writer *writer, tgl_error *err)
{
    if (writer->n_basket < writer->basket_room)
        return TGL_OK;
    size_t room = writer->basket_room * 2 + 64;
    for (size_t i = 0; i < writer->n_branch; i++) {
        basket_place *place = realloc(writer->branch[i].place, room * sizeof *place);
        if (place == NULL)
            return fail(err, TGL_ENOMEM, "out of memory for the baskets of '%s'",
                        writer->path);
        writer->branch[i].place = place;
    }
    writer->basket_room = room;
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
    tgl_status status = room_for_basket(writer, err);
    if (status != TGL_OK)
        return status;
    for (size_t i = 0; i < writer->n_branch; i++) {
        branch_state *branch = &writer->branch[i];
        size_t n = cluster->begin[i + 1] - cluster->begin[i];
        uint64_t seek = writer->end + cluster->begin[i];
        /* Only here is it known where the basket lies: fSeekKey is at byte 18 of its key.
         */
        store(cluster->data.at + cluster->begin[i] + 18, seek, 4);
        branch->place[writer->n_basket] =
            (basket_place){(uint32_t)n, (uint32_t)seek, writer->n_row};
        branch->zip_byte += n;
        branch->raw_byte += cluster->raw_size[i] +
                            key_size("TBasket", branch->declared.name, writer->tree) +
                            BASKET_EXTRA;
        if (cluster->maximum[i] > branch->maximum)
            branch->maximum = cluster->maximum[i];
    }
    status = write_all(writer, cluster->data.at, cluster->data.n, writer->end, err);
    writer->end += cluster->data.n;
    writer->n_row += cluster->n_row;
    writer->n_basket++;
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
                            size_t n_branch, tgl_error *err)
{
    root_writer *writer = calloc(1, sizeof *writer);
    size_t n = strlen(path) + 16;
    if (writer == NULL)
        return fail(err, TGL_ENOMEM, "out of memory opening '%s'", path);
    writer->fd = -1;
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
        put(b, i < writer->n_basket ? branch->place[i].n_byte : 0, 4);
    put(b, 1, 1);
    for (size_t i = 0; i < n_slot; i++)
        put(b,
            i < writer->n_basket    ? branch->place[i].first_row
            : i == writer->n_basket ? writer->n_row
                                    : 0,
            8);
    put(b, 1, 1);
    for (size_t i = 0; i < n_slot; i++)
        put(b, i < writer->n_basket ? branch->place[i].seek : 0, 8);
}

static uint32_t put_branch(bytes *b, const root_writer *writer,
                           const branch_state *branch, uint32_t count_reference,
                           size_t n_key)
{
    char title[2 * TITLE_MAX];
    size_t n_slot = writer->n_basket + 1 < MIN_SLOTS ? MIN_SLOTS : writer->n_basket + 1;
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
    put(b, 500 + ZSTD_LEVEL, 4);
    put(b, 32000, 4); /* fBasketSize */
    put(b, branch->declared.count != NULL ? 1000 : 0, 4);
    put(b, writer->n_basket, 4);
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
    put(b, 500 + ZSTD_LEVEL, 4);
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
