#include "data/npz/npz_arrays.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { PEEK = 8192, PEEK_SURE = PEEK - 258 };

static void array_label(char out[256], const tgl_npz_arrays *arrays,
                        const tgl_npz_array *array)
{
    snprintf(out, 256, "'%.120s': array '%.100s'", arrays->path, array->name);
}

static tgl_status read_header(tgl_npz_arrays *all, tgl_npz_array *array, tgl_error *err)
{
    const tgl_zip_entry *entry = array->entry;
    uint8_t head[PEEK];
    char what[256];
    array_label(what, all, array);
    if (entry->method == 0)
        return tgl__npy_parse(&array->npy, all->map.bytes + entry->at, entry->size,
                              entry->size, what, err);
    TGL_TRY(tgl__zip_peek(head, PEEK, entry, all->map.bytes, err));
    size_t n = entry->size < PEEK_SURE ? (size_t)entry->size : PEEK_SURE;
    return tgl__npy_parse(&array->npy, head, n, entry->size, what, err);
}

tgl_status tgl__npz_list(tgl_npz_arrays *out, tgl_arena *arena, tgl_error *err)
{
    TGL_TRY(tgl__zip_list(&out->entries, &out->n_entry, arena, out->map.bytes,
                          out->map.size, out->path, err));
    out->arrays = tgl__arena_alloc(arena, out->n_entry, sizeof *out->arrays);
    if (out->arrays == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < out->n_entry; i++) {
        size_t n = strlen(out->entries[i].name);
        if (n < 5 || strcmp(out->entries[i].name + n - 4, ".npy") != 0)
            continue;
        tgl_npz_array *array = &out->arrays[out->n_array];
        array->entry = &out->entries[i];
        array->name = tgl__arena_strndup(arena, array->entry->name, n - 4);
        if (array->name == NULL)
            return tgl__fail_nomem(err);
        TGL_TRY(read_header(out, array, err));
        out->n_array++;
    }
    return TGL_OK;
}

/* The header was only looked at through tgl__zip_peek; the whole member decides. */
static tgl_status check_header(const tgl_npz_arrays *all, const tgl_npz_array *array,
                               const uint8_t *bytes, tgl_error *err)
{
    tgl_npy again;
    char what[256];
    array_label(what, all, array);
    const tgl_npy *npy = &array->npy;
    TGL_TRY(
        tgl__npy_parse(&again, bytes, array->entry->size, array->entry->size, what, err));
    if (again.dtype != npy->dtype || again.data != npy->data ||
        again.swapped != npy->swapped || again.fortran != npy->fortran ||
        again.size != npy->size || again.n_dim != npy->n_dim ||
        memcmp(again.shape, npy->shape, sizeof npy->shape) != 0)
        return tgl__fail(err, TGL_EFORMAT, "%s: malformed compressed header", what);
    return TGL_OK;
}

tgl_status tgl__npz_data(const uint8_t **out, const tgl_npz_arrays *arrays,
                         tgl_npz_array *array, tgl_error *err)
{
    const tgl_zip_entry *entry = array->entry;
    if (entry->method == 0) {
        if (!array->checked && arrays->verify)
            TGL_TRY(tgl__zip_check(entry, arrays->map.bytes, arrays->path, err));
        array->checked = true;
        *out = arrays->map.bytes + entry->at + array->npy.data;
        return TGL_OK;
    }
    if (array->decoded == NULL) {
        uint8_t *bytes = tgl__aligned(entry->size, 1);
        if (bytes == NULL)
            return tgl__fail_nomem(err);
        tgl_status status = tgl__zip_unpack(bytes, entry, arrays->map.bytes,
                                            arrays->verify, arrays->path, err);
        if (status == TGL_OK)
            status = check_header(arrays, array, bytes, err);
        if (status != TGL_OK) {
            tgl__free(bytes);
            return status;
        }
        array->decoded = bytes;
    }
    *out = array->decoded + array->npy.data;
    return TGL_OK;
}

void tgl__npz_forget(tgl_npz_array *array)
{
    tgl__free(array->decoded);
    array->decoded = NULL;
}
