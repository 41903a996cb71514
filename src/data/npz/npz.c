/* NPZ, NumPy's archive of arrays: reading. Our own files carry a document in the member
 * trigline.json. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "data/arrays.h"
#include "data/npz/npz_arrays.h"
#include "data/npz/npz_write.h"

enum { DOCUMENT_LIMIT = 64 << 20 };

typedef struct npz_reader {
    tgl_array_reader base;
    tgl_npz_arrays arrays;
} npz_reader;

static bool sniff(const uint8_t *head, size_t n)
{
    return n >= 4 && memcmp(head, "PK", 2) == 0 &&
           ((head[2] == 3 && head[3] == 4) || (head[2] == 5 && head[3] == 6));
}

static void close_npz(tgl_reader *base)
{
    npz_reader *r = (npz_reader *)base;
    for (size_t i = 0; i < r->arrays.n_array; i++)
        tgl__npz_forget(&r->arrays.arrays[i]);
    if (r->arrays.map.bytes != NULL)
        tgl__file_unmap(&r->arrays.map);
    tgl__arrays_release(&r->base);
    tgl__free(r);
}

static tgl_status read_document(npz_reader *r, tgl_error *err)
{
    for (size_t i = 0; i < r->arrays.n_entry; i++) {
        const tgl_zip_entry *entry = &r->arrays.entries[i];
        if (strcmp(entry->name, TGL_NPZ_DOCUMENT) != 0)
            continue;
        if (entry->size > DOCUMENT_LIMIT)
            return tgl__fail(err, TGL_ELIMIT, "'%s': %s is larger than %d bytes",
                             r->base.path, entry->name, DOCUMENT_LIMIT);
        char *text = tgl__malloc(entry->size);
        if (text == NULL)
            return tgl__fail_nomem(err);
        char what[256];
        snprintf(what, sizeof what, "'%.200s': %s", r->base.path, TGL_NPZ_DOCUMENT);
        tgl_status status = tgl__zip_unpack(text, entry, r->arrays.map.bytes,
                                            r->arrays.verify, r->base.path, err);
        if (status == TGL_OK)
            status = tgl__document_read(&r->base.document, text, entry->size, what, err);
        tgl__free(text);
        return status;
    }
    return TGL_OK;
}

static tgl_status describe_arrays(npz_reader *r, tgl_error *err)
{
    tgl_arena *arena = &r->base.arena;
    r->base.n_array = r->arrays.n_array;
    r->base.arrays = tgl__arena_alloc(arena, r->base.n_array, sizeof *r->base.arrays);
    if (r->base.arrays == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < r->base.n_array; i++) {
        const tgl_npy *npy = &r->arrays.arrays[i].npy;
        tgl_array *a = &r->base.arrays[i];
        *a = (tgl_array){.name = r->arrays.arrays[i].name,
                         .declared = npy->descr,
                         .dtype = npy->dtype,
                         .is_plain = !npy->swapped && !npy->fortran,
                         .n_dim = npy->n_dim,
                         .index = i};
        for (unsigned d = 0; d < npy->n_dim && d <= TGL_MAX_DIM; d++)
            a->dim[d] = npy->shape[d];
        if (npy->kind != 0)
            continue;
        a->refusal =
            tgl__arena_printf(arena, "NumPy type %s is not supported", npy->descr);
        if (a->refusal == NULL)
            return tgl__fail_nomem(err);
    }
    return TGL_OK;
}

/* ---- reading ---- */

/* Fixed-width text of rows [begin, end): trailing zeros go, UCS-4 becomes UTF-8. Called
 * with out NULL to count. */
static uint64_t put_text(uint8_t *out, const tgl_npy *npy, const uint8_t *cell)
{
    uint64_t n = 0;
    if (npy->kind == 'S') {
        n = npy->size;
        while (n > 0 && cell[n - 1] == 0)
            n--;
        if (out != NULL && n > 0)
            memcpy(out, cell, n);
        return n;
    }
    uint32_t length = npy->size / 4;
    while (length > 0 && tgl__le32(cell + 4 * (length - 1)) == 0)
        length--;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t c = npy->swapped ? tgl__be32(cell + 4 * i) : tgl__le32(cell + 4 * i);
        uint8_t bytes[4];
        int m;
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            c = 0xfffd; /* no character: the replacement character */
        if (c < 0x80) {
            m = 1;
            bytes[0] = (uint8_t)c;
        } else {
            m = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            for (int b = m - 1; b > 0; b--, c >>= 6)
                bytes[b] = (uint8_t)(0x80 | (c & 0x3f));
            bytes[0] = (uint8_t)(c | (m == 2 ? 0xc0 : m == 3 ? 0xe0 : 0xf0));
        }
        if (out != NULL)
            memcpy(out + n, bytes, (size_t)m);
        n += (uint64_t)m;
    }
    return n;
}

static tgl_status read_strings(tgl_column *c, tgl_array_reader *base,
                               const tgl_array *array, uint64_t begin, uint64_t end,
                               tgl_error *err)
{
    npz_reader *r = (npz_reader *)base;
    tgl_npz_array *own = &r->arrays.arrays[array->index];
    const tgl_npy *npy = &own->npy;
    const uint8_t *data;
    uint64_t n_row = end - begin;
    TGL_TRY(tgl__npz_data(&data, &r->arrays, own, err));
    int64_t *offsets = tgl__aligned(n_row + 1, 8);
    if (offsets == NULL)
        return tgl__fail_nomem(err);
    c->offsets = offsets;
    offsets[0] = 0;
    for (uint64_t i = 0; i < n_row; i++)
        offsets[i + 1] =
            offsets[i] + (int64_t)put_text(NULL, npy, data + (begin + i) * npy->size);
    c->n_value = (uint64_t)offsets[n_row];
    uint8_t *values = tgl__aligned(c->n_value, 1);
    if (values == NULL)
        return tgl__fail_nomem(err);
    c->values = values;
    for (uint64_t i = 0; i < n_row; i++)
        put_text(values + offsets[i], npy, data + (begin + i) * npy->size);
    return TGL_OK;
}

static tgl_status read_numbers(void **out, tgl_array_reader *base, const tgl_array *array,
                               uint64_t begin, uint64_t end, tgl_error *err)
{
    npz_reader *r = (npz_reader *)base;
    tgl_npz_array *own = &r->arrays.arrays[array->index];
    const uint8_t *data;
    size_t n;
    TGL_TRY(tgl__arrays_count(&n, base, array, begin, end, err));
    TGL_TRY(tgl__npz_data(&data, &r->arrays, own, err));
    void *block = tgl__aligned(n, own->npy.size);
    if (block == NULL)
        return tgl__fail_nomem(err);
    tgl__npy_rows(block, &own->npy, data, begin, end);
    *out = block;
    return TGL_OK;
}

static void forget(tgl_array_reader *base, const tgl_array *array)
{
    tgl__npz_forget(&((npz_reader *)base)->arrays.arrays[array->index]);
}

static tgl_status open_npz(tgl_reader **out, const char *path,
                           const tgl_source_options *options, tgl_error *err)
{
    if (options->object != NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': an NPZ file holds one table, no object '%s'", path,
                         options->object);
    npz_reader *r = tgl__calloc(1, sizeof *r);
    if (r == NULL)
        return tgl__fail_nomem(err);
    r->base = (tgl_array_reader){
        .base = {.format = &tgl__format_npz, .close = close_npz},
        .path = tgl__strdup(path),
        .n_thread = options->n_thread,
        .verify = !options->no_verify,
        .hint = "",
        .numbers = read_numbers,
        .strings = read_strings,
        .forget = forget,
    };
    r->arrays.verify = r->base.verify;
    r->arrays.path = r->base.path;
    tgl_status status = TGL_OK;
    if (r->base.path == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(tgl__file_map(&r->arrays.map, path, err));
    r->base.size = r->arrays.map.size;
    TGL_TRY_GOTO(tgl__npz_list(&r->arrays, &r->base.arena, err));
    TGL_TRY_GOTO(read_document(r, err));
    TGL_TRY_GOTO(describe_arrays(r, err));
    TGL_TRY_GOTO(tgl__arrays_open(&r->base, err));
    *out = &r->base.base;
    return TGL_OK;
out:
    close_npz(&r->base.base);
    return status;
}

static const char *const endings[] = {".npz", NULL};
const tgl_format tgl__format_npz = {
    .name = "npz",
    .endings = endings,
    .summary = "NumPy's archive of arrays; jagged columns as values and offsets",
    .sniff = sniff,
    .open = open_npz,
    .write = tgl__npz_write,
};
