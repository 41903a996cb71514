/* ROOT files: what the parts of the reader share. Everything on disk is big-endian; text
 * and arrays stay where they are (in the mapped file or in the tree's unpacked bytes) and
 * are viewed, not copied. Layouts: docs/root.md. */
#ifndef TGL_DATA_ROOT_ROOT_H
#define TGL_DATA_ROOT_ROOT_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/root/root_kernels.h"

/* Bounds-checked reading: a read past the end answers zero and sets `failed`, which stays
 * set; callers check it before they use what they read. */
typedef struct tgl_root_cursor {
    const uint8_t *at, *end;
    bool failed;
} tgl_root_cursor;

static inline size_t tgl__root_left(const tgl_root_cursor *c)
{
    return (size_t)(c->end - c->at);
}
static inline const uint8_t *tgl__root_take(tgl_root_cursor *c, size_t n)
{
    if (n > tgl__root_left(c)) {
        c->failed = true;
        c->at = c->end;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}
static inline uint8_t tgl__root_u8(tgl_root_cursor *c)
{
    const uint8_t *p = tgl__root_take(c, 1);
    return p == NULL ? 0 : *p;
}
static inline uint16_t tgl__root_u16(tgl_root_cursor *c)
{
    const uint8_t *p = tgl__root_take(c, 2);
    return p == NULL ? 0 : tgl__be16(p);
}
static inline uint32_t tgl__root_u32(tgl_root_cursor *c)
{
    const uint8_t *p = tgl__root_take(c, 4);
    return p == NULL ? 0 : tgl__be32(p);
}
static inline uint64_t tgl__root_u64(tgl_root_cursor *c)
{
    const uint8_t *p = tgl__root_take(c, 8);
    return p == NULL ? 0 : tgl__be64(p);
}

typedef struct tgl_root_text {
    const char *text; /* not zero-terminated */
    uint32_t size;
} tgl_root_text;

/* A TString: one byte of length, or 255 and four bytes of it. */
tgl_root_text tgl__root_text(tgl_root_cursor *c);
bool tgl__root_text_is(tgl_root_text a, const char *b);
bool tgl__root_text_same(tgl_root_text a, tgl_root_text b);

typedef struct tgl_root_file {
    const uint8_t *bytes;
    size_t size;
    const char *name; /* for messages */
    bool verify;
    uint64_t keys_at; /* key list of the top directory, 0: none */
    uint64_t info_at; /* key of the streamer info, 0: none */
} tgl_root_file;

typedef struct tgl_root_key {
    uint64_t at, seek;
    uint32_t n_byte, object_size; /* whole record; object when unpacked */
    uint16_t key_size, cycle;
    tgl_root_text class_name, name;
} tgl_root_key;

/* root_file.c */
tgl_status tgl__root_header(tgl_root_file *file, tgl_error *err);
/* The key at a file position; the whole record lies within the file. */
tgl_status tgl__root_key_at(tgl_root_key *out, const tgl_root_file *file, uint64_t at,
                            tgl_error *err);

typedef struct tgl_root_entry {
    char *path; /* "dir/tree" */
    tgl_root_key key;
} tgl_root_entry;

typedef struct tgl_root_listing {
    tgl_root_entry *entries; /* trees and RNTuples, in the file's order */
    size_t n, capacity;
} tgl_root_listing;

/* Every TTree and RNTuple key in the file; strings live in `arena`. */
tgl_status tgl__root_list(tgl_root_listing *out, const tgl_root_file *file,
                          tgl_arena *arena, tgl_error *err);
void tgl__root_listing_release(tgl_root_listing *listing);

/* root_codec.c. One per thread; zero-initialise, release at the end. */
typedef struct tgl_root_codec {
    void *inflate, *zstd;
    uint8_t *bytes;
    size_t capacity;
} tgl_root_codec;

/* The record's object, unpacked: it points into the file itself when stored raw, else to
 * `room` (size bytes) or, where that is NULL, to the codec's buffer, good until its next
 * use. `size` bytes exactly. */
tgl_status tgl__root_unpack(const uint8_t **out, tgl_root_codec *codec,
                            const tgl_root_file *file, uint64_t at, size_t packed_size,
                            size_t size, uint8_t *room, tgl_error *err);
void tgl__root_codec_release(tgl_root_codec *codec);

/* root_streamer.c: the file's own description of its classes. */
typedef struct tgl_root_element {
    tgl_root_text name, title, type_name, count_name;
    int32_t type; /* ROOT's code: 1 char … 18 bool, +20 array, +40 pointer … */
    int32_t array_size, base_version;
    uint8_t kind; /* tgl_root_element_kind */
} tgl_root_element;

enum tgl_root_element_kind {
    TGL_ROOT_E_OTHER,
    TGL_ROOT_E_BASE,
    TGL_ROOT_E_BASIC,
    TGL_ROOT_E_COUNTED, /* pointer to numbers, length in another member */
    TGL_ROOT_E_STRING,
    TGL_ROOT_E_OBJECT,  /* in place */
    TGL_ROOT_E_POINTER, /* any object, or none */
    TGL_ROOT_E_STL
};

typedef struct tgl_root_class {
    tgl_root_text name;
    int32_t version;
    uint32_t checksum;
    uint32_t n_element;
    tgl_root_element *elements;
    struct tgl_root_plan *plan; /* how to walk an object; made at first use */
} tgl_root_class;

typedef struct tgl_root_schema {
    tgl_root_class **classes; /* in the arena: they keep their places */
    size_t n, capacity;
    uint8_t *bytes; /* the unpacked streamer info, owned; NULL: none */
    tgl_arena *arena;
    const tgl_root_file *file;
} tgl_root_schema;

tgl_status tgl__root_schema_read(tgl_root_schema *out, const tgl_root_file *file,
                                 tgl_arena *arena, tgl_error *err);
/* From the file, else built in, else NULL. version < 0: the highest. */
tgl_root_class *tgl__root_class_find(tgl_root_schema *schema, tgl_root_text name,
                                     int32_t version);
/* Parses an unpacked streamer info list (for the fuzz harness too); `origin` is the key's
 * size, from which references count. */
tgl_status tgl__root_schema_parse(tgl_root_schema *out, const uint8_t *bytes, size_t n,
                                  tgl_error *err);
void tgl__root_schema_release(tgl_root_schema *schema);

/* root_tree.c: the tree's branches and leaves, decoded by those descriptions. */
typedef enum tgl_root_kind {
    TGL_ROOT_OTHER,
    TGL_ROOT_BRANCH,
    TGL_ROOT_LEAF,
    TGL_ROOT_BASKET
} tgl_root_kind;

typedef struct tgl_root_object {
    tgl_root_kind kind;
    tgl_root_text class_name;
} tgl_root_object;

typedef struct tgl_root_objects {
    tgl_root_object **items; /* those present */
    uint32_t *places;        /* their index in the array on disk */
    uint32_t n, capacity;
} tgl_root_objects;

typedef struct tgl_root_array { /* numbers as they stand on disk */
    const uint8_t *bytes;
    uint32_t n;
    uint8_t width; /* bytes of one */
} tgl_root_array;

typedef struct tgl_root_branch {
    tgl_root_object object;
    tgl_root_text name, class_name, clones_name, parent_name, file_name;
    int32_t n_basket; /* fWriteBasket */
    int32_t entry_offset_size, id, type, streamer_type, class_version;
    uint32_t checksum;
    uint8_t io_bits;
    bool has_class_name; /* a TBranchElement or TBranchObject */
    bool is_seen;        /* already listed */
    uint64_t n_entry, first_entry;
    tgl_root_array basket_bytes, basket_entry, basket_seek;
    tgl_root_objects children, leaves, baskets;
    struct tgl_root_branch *count, *parent;
} tgl_root_branch;

typedef struct tgl_root_leaf {
    tgl_root_object object;
    tgl_root_text name, title;
    int32_t size; /* fLen: numbers per item */
    int32_t type; /* TLeafElement: element type code */
    bool is_unsigned;
    struct tgl_root_leaf *count;
    tgl_root_branch *branch;
} tgl_root_leaf;

/* A basket, from its key on disk or from inside the tree. */
typedef struct tgl_root_basket {
    tgl_root_object object;
    uint64_t at;          /* file position of the record, 0 when embedded */
    uint32_t packed_size; /* bytes after the key on disk */
    uint32_t object_size; /* bytes when unpacked: data, then offsets */
    uint32_t border;      /* bytes of data */
    uint32_t n_entry;
    uint32_t key_size;
    const uint8_t *data;    /* embedded only: the data … */
    const uint8_t *offsets; /* … and the offsets (big-endian, counting key_size), or NULL
                             */
    uint32_t n_offset;
} tgl_root_basket;

typedef struct tgl_root_tree {
    tgl_root_text name;
    uint64_t n_entry;
    tgl_root_objects branches;
    uint8_t *bytes; /* the unpacked tree, owned */
} tgl_root_tree;

tgl_status tgl__root_tree_read(tgl_root_tree *out, const tgl_root_file *file,
                               const tgl_root_key *key, tgl_root_schema *schema,
                               tgl_arena *arena, tgl_error *err);

/* root_layout.c: what column each branch is. */
typedef enum tgl_root_shape {
    TGL_ROOT_FIXED,
    TGL_ROOT_JAGGED,
    TGL_ROOT_STRING
} tgl_root_shape;

typedef enum tgl_root_coding {
    TGL_ROOT_PLAIN,    /* the number itself */
    TGL_ROOT_FLOAT_UP, /* float32 on disk, float64 in memory (Double32_t) */
    TGL_ROOT_SCALED,   /* uint32 steps of a range */
    TGL_ROOT_CUT,      /* exponent byte, 16 bits of sign and mantissa */
    TGL_ROOT_BITS /* TObject::fBits: two more bytes follow where one of its bits is set */
} tgl_root_coding;

typedef struct tgl_root_layout {
    const tgl_root_branch *branch;
    const tgl_root_branch *count; /* jagged: holds the number of items per entry */
    tgl_root_shape shape;
    tgl_root_coding coding;
    tgl_dtype dtype;
    uint8_t width;     /* bytes of one number on disk */
    uint8_t header;    /* bytes before the values of each entry: 0, 1, 6 or 10 */
    uint8_t long_text; /* string: length is always four bytes */
    uint32_t n_number; /* numbers per item: the product of the dimensions */
    uint32_t stride;   /* fixed: bytes per entry (leaf lists: of all leaves) … */
    uint32_t skip;     /* … and where this leaf's bytes begin */
    double low, step;  /* scaled: low + code / step; cut: step is the mantissa's bits */
} tgl_root_layout;

typedef struct tgl_root_columns {
    tgl_field *fields;
    tgl_root_layout *layouts;
    size_t n, capacity;
} tgl_root_columns;

tgl_status tgl__root_columns(tgl_root_columns *out, const tgl_root_tree *tree,
                             tgl_root_schema *schema, tgl_arena *arena, tgl_error *err);
void tgl__root_columns_release(tgl_root_columns *columns);

/* root_basket.c: one basket's bytes to values. */
typedef struct tgl_root_piece {
    const uint8_t *data;    /* border bytes */
    const uint8_t *offsets; /* n_offset big-endian positions, or NULL */
    uint32_t n_offset;
} tgl_root_piece;

tgl_status tgl__root_basket_at(tgl_root_basket *out, const tgl_root_file *file,
                               uint64_t at, tgl_error *err);
/* A basket's fields from behind its key to its flag byte and what that announces; shared
 * by both kinds. `embedded` baskets continue with offsets and data. */
tgl_status tgl__root_basket_fields(tgl_root_basket *basket, tgl_root_cursor *c,
                                   bool embedded, tgl_error *err);
tgl_status tgl__root_basket_open(tgl_root_piece *out, const tgl_root_basket *basket,
                                 tgl_root_codec *codec, const tgl_root_file *file,
                                 tgl_error *err);
/* Where entries begin[0 … n] lie: `first` to `last` of the basket. `counts` (items per
 * entry of the basket) where it stores no offsets. */
tgl_status tgl__root_basket_starts(uint32_t *starts, const tgl_root_basket *basket,
                                   const tgl_root_piece *piece,
                                   const tgl_root_layout *layout, const int64_t *counts,
                                   tgl_error *err);
/* Codes of TObject::fBits in a run of bytes, into `out` unless NULL; false when they do
 * not fill it. */
bool tgl__root_bits(uint32_t *out, uint64_t *n, const uint8_t *in, size_t size);
/* `n` numbers from big-endian bytes to memory, decoded. */
void tgl__root_numbers(void *out, const uint8_t *in, size_t n,
                       const tgl_root_layout *layout, const tgl_root_kernels *kernels);

/* root_read.c */
typedef struct tgl_root_reader {
    tgl_reader reader;
    tgl_mapping mapping;
    bool is_mapped;
    tgl_root_file file;
    tgl_arena arena;
    tgl_root_schema schema;
    tgl_root_tree tree;
    tgl_root_columns columns;
    const tgl_root_kernels *kernels;
    size_t n_thread;
} tgl_root_reader;

tgl_status tgl__root_read(tgl_reader *reader, tgl_table *table, const size_t *which,
                          size_t n, uint64_t begin, uint64_t end,
                          const tgl_progress *progress, tgl_error *err);

/* root.c: a file that is already in memory; `bytes` stay the caller's and must outlive
 * the reader. */
tgl_status tgl__root_open_memory(tgl_reader **out, const uint8_t *bytes, size_t n,
                                 const char *name, const tgl_source_options *options,
                                 tgl_error *err);

extern const tgl_format tgl__format_root;

#endif
