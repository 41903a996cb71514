/* Arrow C stream interface: a table as a stream of one struct array, and any stream of
 * struct arrays as a table. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "table/table.h"

/* ---- outgoing ---- */

/* Schema and array are made when the stream is: a table that is changed later does not
 * change the stream. */
typedef struct stream_state {
    tgl_table *empty; /* no rows: for every further schema that is asked for */
    struct ArrowSchema first;
    struct ArrowArray array;
    tgl_error err;
} stream_state;

static int stream_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    stream_state *state = stream->private_data;
    if (state->first.release != NULL) {
        *out = state->first;
        state->first.release = NULL;
        return 0;
    }
    struct ArrowArray unused;
    if (tgl_table_export(out, &unused, state->empty, &state->err) != TGL_OK)
        return ENOMEM;
    unused.release(&unused);
    return 0;
}

static int stream_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    stream_state *state = stream->private_data;
    *out = state->array; /* released after the first: that is the stream's end */
    state->array.release = NULL;
    return 0;
}

static const char *stream_error(struct ArrowArrayStream *stream)
{
    const stream_state *state = stream->private_data;
    return state->err.code == TGL_OK ? NULL : state->err.message;
}

static void free_state(stream_state *state)
{
    if (state->first.release != NULL)
        state->first.release(&state->first);
    if (state->array.release != NULL)
        state->array.release(&state->array);
    tgl_table_free(state->empty);
    tgl__free(state);
}

static void release_stream(struct ArrowArrayStream *stream)
{
    free_state(stream->private_data);
    stream->release = NULL;
}

tgl_status tgl_table_export_stream(struct ArrowArrayStream *stream, tgl_table *table,
                                   tgl_error *err)
{
    stream_state *state = tgl__calloc(1, sizeof *state);
    if (state == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl_table_export(&state->first, &state->array, table, err);
    if (status == TGL_OK)
        status = tgl_table_slice(&state->empty, table, 0, 0, err);
    if (status != TGL_OK) {
        free_state(state);
        return status;
    }
    *stream = (struct ArrowArrayStream){.get_schema = stream_schema,
                                        .get_next = stream_next,
                                        .get_last_error = stream_error,
                                        .release = release_stream,
                                        .private_data = state};
    return TGL_OK;
}

/* ---- incoming ---- */

static tgl_status stream_failed(struct ArrowArrayStream *stream, int code, tgl_error *err)
{
    const char *words = stream->get_last_error(stream);
    return tgl__fail(err, code == ENOMEM ? TGL_ENOMEM : TGL_EIO, "Arrow stream: %s",
                     words != NULL ? words : strerror(code));
}

static void nothing(struct ArrowArray *array)
{
    array->release = NULL;
}

static void free_empty(struct ArrowArray *array)
{
    for (int64_t i = 0; array->children != NULL && i < array->n_children; i++)
        if (array->children[i] != NULL) {
            free_empty(array->children[i]);
            tgl__free(array->children[i]);
        }
    tgl__free((void *)array->children);
}

/* An array without rows for a schema: what a stream without arrays means. */
static tgl_status make_empty(struct ArrowArray *array, const struct ArrowSchema *schema,
                             int depth, tgl_error *err)
{
    static const void *no_buffers[3];
    if (depth > TGL_MAX_DIM + 3 || schema->n_children < 0)
        return tgl__fail(err, TGL_EUNSUPPORTED, "Arrow schema: nested too deep");
    *array = (struct ArrowArray){.n_buffers = 3,
                                 .buffers = no_buffers,
                                 .n_children = schema->n_children,
                                 .release = nothing};
    if (schema->n_children == 0)
        return TGL_OK;
    array->children = tgl__calloc((size_t)schema->n_children, sizeof *array->children);
    if (array->children == NULL)
        return tgl__fail_nomem(err);
    for (int64_t i = 0; i < schema->n_children; i++) {
        array->children[i] = tgl__calloc(1, sizeof **array->children);
        if (array->children[i] == NULL)
            return tgl__fail_nomem(err);
        TGL_TRY(make_empty(array->children[i], schema->children[i], depth + 1, err));
    }
    return TGL_OK;
}

static tgl_status import_empty(tgl_table **out, const struct ArrowSchema *schema,
                               tgl_error *err)
{
    struct ArrowArray array;
    tgl_status status = make_empty(&array, schema, 0, err);
    if (status == TGL_OK)
        status = tgl_table_import(out, schema, &array, err);
    free_empty(&array);
    return status;
}

/* The stream's next array, at the end of *table; *more 0 at the stream's end. */
static tgl_status import_next(tgl_table **table, int *more,
                              struct ArrowArrayStream *stream,
                              const struct ArrowSchema *schema, tgl_error *err)
{
    struct ArrowArray array = {0};
    tgl_table *part = NULL;
    int code = stream->get_next(stream, &array);
    if (code != 0)
        return stream_failed(stream, code, err);
    *more = array.release != NULL;
    if (!*more)
        return TGL_OK;
    tgl_status status = tgl_table_adopt(&part, schema, &array, err);
    if (status != TGL_OK || *table == NULL) {
        *table = status == TGL_OK ? part : *table;
        return status;
    }
    status = tgl_table_append(*table, part, err);
    tgl_table_free(part);
    return status;
}

tgl_status tgl_table_import_stream(tgl_table **out, struct ArrowArrayStream *stream,
                                   tgl_error *err)
{
    struct ArrowSchema schema = {0};
    tgl_table *table = NULL;
    if (stream->release == NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "expected an Arrow stream, found a released one");
    int code = stream->get_schema(stream, &schema), more = 1;
    if (code != 0)
        return stream_failed(stream, code, err);
    tgl_status status = TGL_OK;
    while (status == TGL_OK && more)
        status = import_next(&table, &more, stream, &schema, err);
    if (status == TGL_OK && table == NULL)
        status = import_empty(&table, &schema, err);
    schema.release(&schema);
    if (status != TGL_OK) {
        tgl_table_free(table);
        return status;
    }
    *out = table;
    return TGL_OK;
}
