/* A table filled row by row, with where the rows come from. */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "table/table.h"
#include "text/json.h"

typedef struct column_builder {
    char *name;
    tgl_dtype dtype;
    bool has_offsets; /* jagged, or strings */
    bool is_jagged;
    size_t n_value, room; /* numbers filled, the open row's included; that fit */
    size_t n_closed;      /* numbers of closed rows */
    char *values;
    int64_t *offsets; /* (n_row + 1) */
    size_t offset_room;
} column_builder;

typedef struct file_entry {
    char *name, *guid;
    uint64_t begin; /* first row */
} file_entry;

struct tgl_builder {
    column_builder *columns;
    size_t n_column, column_room;
    file_entry *files;
    size_t n_file, file_room;
    bool has_files;     /* column 'file' exists */
    size_t file_column; /* its number */
    uint64_t n_row;
    char *origin[4]; /* as origin_keys */
};

static const char *const origin_keys[4] = {"software", "release", "global_tag",
                                           "dataset"};

/* Room for item `n` and `more` behind it; *array is a T **. */
static bool grow(void *array, size_t needed, size_t *room, size_t size)
{
    void *old;
    memcpy(&old, array, sizeof old);
    if (needed <= *room)
        return true;
    size_t wanted = *room < 16 ? 16 : *room;
    while (wanted < needed && wanted <= SIZE_MAX / 2)
        wanted *= 2;
    void *bigger = wanted < needed ? NULL : tgl__realloc(old, wanted, size);
    if (bigger == NULL)
        return false;
    memcpy(array, &bigger, sizeof bigger);
    *room = wanted;
    return true;
}

tgl_status tgl_builder_new(tgl_builder **out, const tgl_builder_options *options,
                           tgl_error *err)
{
    tgl_builder_options o = TGL_BUILDER_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&o, options,
               options->struct_size < sizeof o ? options->struct_size : sizeof o);
    const char *const texts[4] = {o.software, o.release, o.global_tag, o.dataset};
    tgl_builder *builder = tgl__calloc(1, sizeof *builder);
    bool good = builder != NULL;
    for (int i = 0; i < 4 && good; i++)
        if (texts[i] != NULL) {
            builder->origin[i] = tgl__strdup(texts[i]);
            good = builder->origin[i] != NULL;
        }
    if (!good) {
        tgl_builder_free(builder);
        return tgl__fail_nomem(err);
    }
    *out = builder;
    return TGL_OK;
}

void tgl_builder_free(tgl_builder *builder)
{
    if (builder == NULL)
        return;
    for (size_t i = 0; i < builder->n_column; i++) {
        tgl__free(builder->columns[i].name);
        tgl__free(builder->columns[i].values);
        tgl__free(builder->columns[i].offsets);
    }
    for (size_t i = 0; i < builder->n_file; i++) {
        tgl__free(builder->files[i].name);
        tgl__free(builder->files[i].guid);
    }
    for (int i = 0; i < 4; i++)
        tgl__free(builder->origin[i]);
    tgl__free(builder->columns);
    tgl__free(builder->files);
    tgl__free(builder);
}

/* ---- declaring ---- */

static tgl_status check_new(const tgl_builder *builder, const char *name, tgl_dtype dtype,
                            int is_jagged, tgl_error *err)
{
    if (builder->n_row > 0)
        return tgl__fail(err, TGL_EUSAGE,
                         "column '%s': expected to be declared before the first row",
                         name == NULL ? "" : name);
    if (name == NULL || name[0] == '\0')
        return tgl__fail(err, TGL_EUSAGE, "a column needs a name");
    if (tgl_dtype_size(dtype) == 0 || (dtype == TGL_STRING && is_jagged))
        return tgl__fail(err, TGL_EUSAGE,
                         "column '%s': unknown type %d, or jagged strings", name,
                         (int)dtype);
    for (size_t i = 0; i < builder->n_column; i++)
        if (strcmp(builder->columns[i].name, name) == 0)
            return tgl__fail(err, TGL_EUSAGE, "column '%s' is there already", name);
    return TGL_OK;
}

tgl_status tgl_builder_add(tgl_builder *builder, const char *name, tgl_dtype dtype,
                           int is_jagged, size_t *number, tgl_error *err)
{
    TGL_TRY(check_new(builder, name, dtype, is_jagged, err));
    column_builder column = {.dtype = dtype, .is_jagged = is_jagged != 0};
    column.has_offsets = column.is_jagged || dtype == TGL_STRING;
    column.name = tgl__strdup(name);
    bool good = column.name != NULL && grow(&builder->columns, builder->n_column + 1,
                                            &builder->column_room, sizeof column);
    if (good && column.has_offsets)
        good = grow(&column.offsets, 1, &column.offset_room, sizeof *column.offsets);
    if (!good) {
        tgl__free(column.name);
        return tgl__fail_nomem(err);
    }
    if (column.has_offsets)
        column.offsets[0] = 0;
    if (number != NULL)
        *number = builder->n_column;
    builder->columns[builder->n_column++] = column;
    return TGL_OK;
}

tgl_status tgl_builder_begin_file(tgl_builder *builder, const char *name,
                                  const char *guid, tgl_error *err)
{
    if (name == NULL || name[0] == '\0')
        return tgl__fail(err, TGL_EUSAGE, "an input file needs a name");
    if (builder->n_file >= UINT32_MAX)
        return tgl__fail(err, TGL_ELIMIT, "too many input files");
    if (!builder->has_files)
        TGL_TRY(tgl_builder_add(builder, "file", TGL_U32, 0, &builder->file_column, err));
    builder->has_files = true;
    file_entry entry = {tgl__strdup(name), NULL, builder->n_row};
    if (guid != NULL)
        entry.guid = tgl__strdup(guid);
    if (entry.name == NULL || (guid != NULL && entry.guid == NULL) ||
        !grow(&builder->files, builder->n_file + 1, &builder->file_room, sizeof entry)) {
        tgl__free(entry.name);
        tgl__free(entry.guid);
        return tgl__fail_nomem(err);
    }
    builder->files[builder->n_file++] = entry;
    return TGL_OK;
}

/* ---- filling ---- */

tgl_status tgl_builder_put(tgl_builder *builder, size_t column, const void *values,
                           size_t n, tgl_error *err)
{
    if (column >= builder->n_column)
        return tgl__fail(err, TGL_EUSAGE, "expected a column below %zu, found %zu",
                         builder->n_column, column);
    column_builder *c = &builder->columns[column];
    size_t size = tgl_dtype_size(c->dtype), needed;
    if (n == 0)
        return TGL_OK;
    if (!tgl__add_size(&needed, c->n_value, n) ||
        !grow(&c->values, needed, &c->room, size))
        return tgl__fail_nomem(err);
    memcpy(c->values + c->n_value * size, values, n * size);
    c->n_value = needed;
    return TGL_OK;
}

void tgl_builder_discard_row(tgl_builder *builder)
{
    for (size_t i = 0; i < builder->n_column; i++)
        builder->columns[i].n_value = builder->columns[i].n_closed;
}

static tgl_status check_row(const tgl_builder *builder, tgl_error *err)
{
    for (size_t i = 0; i < builder->n_column; i++) {
        const column_builder *c = &builder->columns[i];
        if (!c->has_offsets && c->n_value - c->n_closed != 1)
            return tgl__fail(err, TGL_EUSAGE,
                             "row %llu: flat column '%s': expected one value, found %zu",
                             (unsigned long long)builder->n_row, c->name,
                             c->n_value - c->n_closed);
    }
    return TGL_OK;
}

tgl_status tgl_builder_end_row(tgl_builder *builder, tgl_error *err)
{
    tgl_status status = TGL_OK;
    if (builder->has_files) {
        uint32_t file = (uint32_t)(builder->n_file - 1);
        status = tgl_builder_put(builder, builder->file_column, &file, 1, err);
    }
    if (status == TGL_OK)
        status = check_row(builder, err);
    for (size_t i = 0; i < builder->n_column && status == TGL_OK; i++) {
        column_builder *c = &builder->columns[i];
        if (c->has_offsets && !grow(&c->offsets, (size_t)builder->n_row + 2,
                                    &c->offset_room, sizeof *c->offsets))
            status = tgl__fail_nomem(err);
    }
    if (status != TGL_OK) {
        tgl_builder_discard_row(builder);
        return status;
    }
    builder->n_row++;
    for (size_t i = 0; i < builder->n_column; i++) {
        column_builder *c = &builder->columns[i];
        c->n_closed = c->n_value;
        if (c->has_offsets)
            c->offsets[builder->n_row] = (int64_t)c->n_value;
    }
    return TGL_OK;
}

uint64_t tgl_builder_n_row(const tgl_builder *builder)
{
    return builder->n_row;
}

/* ---- taking ---- */

/* One input file: its rows are [begin, end) of this table. */
static tgl_json *file_json(const file_entry *file, uint64_t end)
{
    tgl_json *json = tgl__json_object(), *range = tgl__json_array();
    bool good = tgl__json_append(range, tgl__json_new_int((int64_t)file->begin)) &&
                tgl__json_append(range, tgl__json_new_int((int64_t)end));
    good = tgl__json_put(json, "range", range) && good;
    good = tgl__json_put(json, "name", tgl__json_new_string(file->name)) && good;
    if (file->guid != NULL)
        good = tgl__json_put(json, "guid", tgl__json_new_string(file->guid)) && good;
    if (!good)
        tgl__json_free(json);
    return good ? json : NULL;
}

static tgl_json *provenance_json(const tgl_builder *builder)
{
    tgl_json *json = tgl__json_object(), *origin = tgl__json_object(),
             *sources = tgl__json_array();
    bool good = tgl__json_put(json, "tool", tgl__json_new_string("trigline")) &&
                tgl__json_put(json, "version", tgl__json_new_string(tgl_version()));
    for (int i = 0; i < 4; i++)
        if (builder->origin[i] != NULL)
            good = tgl__json_put(origin, origin_keys[i],
                                 tgl__json_new_string(builder->origin[i])) &&
                   good;
    for (size_t i = 0; i < builder->n_file; i++) {
        uint64_t end =
            i + 1 < builder->n_file ? builder->files[i + 1].begin : builder->n_row;
        good = tgl__json_append(sources, file_json(&builder->files[i], end)) && good;
    }
    good = tgl__json_put(json, "origin", origin) && good;
    good = tgl__json_put(json, "sources", sources) && good;
    if (!good)
        tgl__json_free(json);
    return good ? json : NULL;
}

static tgl_status set_provenance(tgl_table *table, const tgl_builder *builder,
                                 tgl_error *err)
{
    tgl_json *json = provenance_json(builder);
    char *text = NULL;
    tgl_status status =
        json == NULL ? tgl__fail(err, TGL_ENOMEM,
                                 "cannot record the origin: out of memory, or a name "
                                 "that is not UTF-8")
                     : tgl__json_dump(&text, NULL, json, err);
    if (status == TGL_OK)
        status = tgl_table_set_meta(table, "trigline.provenance", text, err);
    tgl__free(text);
    tgl__json_free(json);
    return status;
}

static tgl_status copy_columns(tgl_table *table, const tgl_builder *builder,
                               tgl_error *err)
{
    for (size_t i = 0; i < builder->n_column; i++) {
        const column_builder *c = &builder->columns[i];
        tgl_column column = {.name = c->name,
                             .dtype = c->dtype,
                             .is_jagged = c->is_jagged,
                             .n_row = builder->n_row,
                             .n_value = c->n_closed,
                             .offsets = c->offsets,
                             .values = c->values};
        TGL_TRY(tgl_table_copy_column(table, &column, err));
    }
    return TGL_OK;
}

/* Empty, with the same columns; the file being read goes on. */
static void restart(tgl_builder *builder)
{
    builder->n_row = 0;
    for (size_t i = 0; i < builder->n_column; i++)
        builder->columns[i].n_value = builder->columns[i].n_closed = 0;
    for (size_t i = 0; i + 1 < builder->n_file; i++) {
        tgl__free(builder->files[i].name);
        tgl__free(builder->files[i].guid);
    }
    if (builder->n_file > 1)
        builder->files[0] = builder->files[builder->n_file - 1];
    if (builder->n_file > 0) {
        builder->n_file = 1;
        builder->files[0].begin = 0;
    }
}

tgl_status tgl_builder_take(tgl_table **out, tgl_builder *builder, tgl_error *err)
{
    tgl_table *table = NULL;
    tgl_builder_discard_row(builder);
    TGL_TRY(tgl_table_new(&table, builder->n_row, err));
    tgl_status status = copy_columns(table, builder, err);
    if (status == TGL_OK)
        status = set_provenance(table, builder, err);
    if (status != TGL_OK) {
        tgl_table_free(table);
        return status;
    }
    restart(builder);
    *out = table;
    return TGL_OK;
}
