/* HDF5: reading, through the child. Members of compound datasets are columns of their
 * own.
 */
#include "data/hdf5/hdf5.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/arrays.h"
#include "data/hdf5/h5_child.h"
#include "table/table.h"

/* Where an array's data lie: a dataset, or a member of a compound one; the texts lie in
 * the listing. */
typedef struct place {
    const char *dataset, *member;
} place;

typedef struct h5_reader {
    tgl_array_reader base;
    char *group;
    tgl_json *listing;
    place *places;
} h5_reader;

static bool sniff(const uint8_t *head, size_t n)
{
    return n >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0;
}

static void close_h5(tgl_reader *base)
{
    h5_reader *r = (h5_reader *)base;
    tgl__arrays_release(&r->base);
    tgl__json_free(r->listing);
    tgl__free(r->group);
    tgl__free(r);
}

/* ---- opening ---- */

static tgl_status keep_text(void *user, const void *bytes, size_t n, tgl_error *err)
{
    enum { LISTING_LIMIT = 256 << 20 };
    tgl_buffer *text = user;
    if (text->size + n > LISTING_LIMIT)
        return tgl__fail(err, TGL_ELIMIT, "the list of datasets is too long");
    tgl__buffer_append(text, bytes, n);
    return text->failed ? tgl__fail_nomem(err) : TGL_OK;
}

static void describe_array(tgl_array *a, place *where, const tgl_json *entry)
{
    const tgl_json *dims = tgl__json_get(entry, "dims");
    where->dataset = tgl__json_string(tgl__json_get(entry, "dataset"), "?");
    where->member = tgl__json_string(tgl__json_get(entry, "member"), NULL);
    a->name = tgl__json_string(tgl__json_get(entry, "name"), "?");
    a->declared = tgl__json_string(tgl__json_get(entry, "declared"), NULL);
    a->refusal = tgl__json_string(tgl__json_get(entry, "refusal"), NULL);
    a->dtype = tgl__dtype_of_name(tgl__json_string(tgl__json_get(entry, "type"), ""));
    a->is_plain = true; /* libhdf5 sees to it */
    a->n_dim = (unsigned)tgl__json_size(dims);
    for (unsigned d = 0; d < a->n_dim && d <= TGL_MAX_DIM; d++)
        a->dim[d] = (uint64_t)tgl__json_int(tgl__json_at(dims, d), 0);
    if (a->refusal == NULL && a->dtype == TGL_STRING && where->member != NULL)
        a->refusal = "strings inside compounds are not read";
}

static tgl_status get_listing(h5_reader *r, tgl_error *err)
{
    const char *path = r->base.path;
    tgl_h5_request request = {.path = path, .group = r->group};
    tgl_buffer text = TGL_BUFFER_INIT;
    tgl_status status = tgl__h5_ask(&request, keep_text, &text, NULL, err);
    if (status == TGL_OK)
        status = tgl__json_parse(&r->listing, text.bytes == NULL ? "" : text.bytes,
                                 text.size, path, err);
    tgl__buffer_release(&text);
    TGL_TRY(status);
    tgl_json *list = tgl__json_get(r->listing, "arrays");
    size_t n = tgl__json_size(list);
    r->base.arrays = tgl__arena_alloc(&r->base.arena, n, sizeof *r->base.arrays);
    r->places = tgl__arena_alloc(&r->base.arena, n, sizeof *r->places);
    if (r->base.arrays == NULL || r->places == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        r->base.arrays[i].index = i;
        describe_array(&r->base.arrays[i], &r->places[i], tgl__json_at(list, i));
    }
    r->base.n_array = n;
    const char *document = tgl__json_string(tgl__json_get(r->listing, "document"), NULL);
    if (document == NULL)
        return TGL_OK;
    char what[256];
    snprintf(what, sizeof what, "'%.200s': %s", path, TGL_H5_DOCUMENT);
    return tgl__document_read(&r->base.document, document, strlen(document), what, err);
}

/* ---- reading ---- */

/* Bytes going straight into a block of known size. */
typedef struct fill {
    char *to;
    size_t left;
} fill;

static tgl_status fill_block(void *user, const void *bytes, size_t n, tgl_error *err)
{
    fill *f = user;
    if (n > f->left)
        return tgl__fail(err, TGL_EFORMAT, "the HDF5 reader sent too much");
    memcpy(f->to, bytes, n);
    f->to += n;
    f->left -= n;
    return TGL_OK;
}

static tgl_h5_request request_for(const h5_reader *r, const tgl_array *array,
                                  uint64_t begin, uint64_t end)
{
    const place *p = &r->places[array->index];
    return (tgl_h5_request){.path = r->base.path,
                            .group = r->group,
                            .dataset = p->dataset,
                            .member = p->member,
                            .begin = begin,
                            .end = end};
}

static tgl_status cut_off(const h5_reader *r, const tgl_array *array, tgl_error *err)
{
    return tgl__fail(err, TGL_EFORMAT, "'%s': dataset '%s' is cut off", r->base.path,
                     array->name);
}

static tgl_status read_numbers(void **out, tgl_array_reader *base, const tgl_array *array,
                               uint64_t begin, uint64_t end, tgl_error *err)
{
    const h5_reader *r = (const h5_reader *)base;
    size_t n;
    TGL_TRY(tgl__arrays_count(&n, base, array, begin, end, err));
    size_t size = tgl_dtype_size(array->dtype);
    void *block = tgl__aligned(n, size);
    if (block == NULL)
        return tgl__fail_nomem(err);
    fill f = {block, n * size}; /* fits: it was allocated */
    tgl_h5_request request = request_for(r, array, begin, end);
    tgl_status status =
        n == 0 ? TGL_OK : tgl__h5_ask(&request, fill_block, &f, NULL, err);
    if (status == TGL_OK && f.left > 0)
        status = cut_off(r, array, err);
    if (status != TGL_OK) {
        tgl__free(block);
        return status;
    }
    for (size_t i = 0; array->dtype == TGL_BOOL && i < n; i++)
        ((uint8_t *)block)[i] = ((uint8_t *)block)[i] != 0;
    *out = block;
    return TGL_OK;
}

static tgl_status read_strings(tgl_column *c, tgl_array_reader *base,
                               const tgl_array *array, uint64_t begin, uint64_t end,
                               tgl_error *err)
{
    const h5_reader *r = (const h5_reader *)base;
    tgl_buffer raw = TGL_BUFFER_INIT;
    tgl_h5_request request = request_for(r, array, begin, end);
    int64_t *offsets = tgl__aligned(end - begin + 1, 8);
    char *values = NULL;
    tgl_status status = offsets == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK && end > begin)
        status = tgl__h5_ask(&request, keep_text, &raw, NULL, err);
    if (status == TGL_OK && (values = tgl__aligned(raw.size, 1)) == NULL)
        status = tgl__fail_nomem(err);
    uint64_t row = 0, used = 0;
    bool good = status == TGL_OK;
    /* runs: count, lengths, bytes. Our own child wrote them, but it has read the file */
    for (size_t at = 0; good && at < raw.size;) {
        uint64_t n = 0, length;
        good = raw.size - at >= 8;
        if (good)
            memcpy(&n, raw.bytes + at, 8);
        good = good && n <= (raw.size - at - 8) / 8 && n <= end - begin - row;
        const char *lengths = raw.bytes + at + 8;
        at += good ? 8 + 8 * n : 0;
        for (uint64_t i = 0; good && i < n; i++) {
            memcpy(&length, lengths + 8 * i, 8);
            good = length <= raw.size - at;
            if (!good)
                break;
            memcpy(values + used, raw.bytes + at, length);
            offsets[row++] = (int64_t)used;
            used += length;
            at += length;
        }
    }
    if (status == TGL_OK && (!good || row != end - begin))
        status = cut_off(r, array, err);
    tgl__buffer_release(&raw);
    if (status != TGL_OK) {
        tgl__free(offsets);
        tgl__free(values);
        return status;
    }
    offsets[row] = (int64_t)used;
    c->offsets = offsets;
    c->values = values;
    c->n_value = used;
    return TGL_OK;
}

static tgl_status open_h5(tgl_reader **out, const char *path,
                          const tgl_source_options *options, tgl_error *err)
{
    if (!tgl__file_exists(path))
        return tgl__fail(err, TGL_ENOTFOUND, "cannot open '%s': no such file", path);
    h5_reader *r = tgl__calloc(1, sizeof *r);
    if (r == NULL)
        return tgl__fail_nomem(err);
    struct stat info = {0};
    (void)stat(path, &info);
    r->base = (tgl_array_reader){
        .base = {.format = &tgl__format_hdf5, .close = close_h5},
        .path = tgl__strdup(path),
        .size = (uint64_t)info.st_size,
        .n_thread = options->n_thread,
        .verify = !options->no_verify,
        .hint = "; name its group, FILE:GROUP",
        .numbers = read_numbers,
        .strings = read_strings,
    };
    r->group = tgl__strdup(options->object == NULL ? "/" : options->object);
    tgl_status status = TGL_OK;
    if (r->base.path == NULL || r->group == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(get_listing(r, err));
    TGL_TRY_GOTO(tgl__arrays_open(&r->base, err));
    *out = &r->base.base;
    return TGL_OK;
out:
    close_h5(&r->base.base);
    return status;
}

static const char *const endings[] = {".h5", ".hdf5", ".hdf", NULL};
const tgl_format tgl__format_hdf5 = {
    .name = "hdf5",
    .endings = endings,
    .summary = "HDF5; jagged columns as values and offsets, compound members as columns",
    .sniff = sniff,
    .open = open_h5,
    .write = tgl__h5_write,
};
