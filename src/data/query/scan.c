#include "data/query/scan.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/format.h"
#include "table/table.h"

/* Rows decoded at a time: large enough for compressed blocks, small enough for caches. */
enum { BATCH_ROWS = 65536, MAX_ARRAY = 100000 };

/* What binding leaves for the scan: the path and, per result column, the file's field. */
typedef struct binding {
    tgl_query *query;
    char *path;
    size_t *fields;
    size_t n_field;
} binding;

/* A running scan. A thread reads the next batch while DuckDB takes the current one. */
typedef struct scan {
    tgl_query *query;
    tgl_source *source;
    size_t *which; /* fields read, one per output column that is a field */
    size_t *place; /* output column -> index in which, or SIZE_MAX */
    size_t n_which, n_out;
    uint64_t n_row, next; /* rows in all; first row of the batch to read after `ahead` */
    tgl_table *table;     /* being handed out; NULL with no columns */
    uint64_t at, n_at;    /* row within it, rows in it */
    bool running;
    pthread_t thread;
    uint64_t ahead_begin, ahead_end;
    tgl_table *ahead;
    tgl_status status;
    tgl_error error;
} scan;

static void note_failure(tgl_query *query, tgl_status status, const tgl_error *error)
{
    pthread_mutex_lock(&query->lock);
    if (query->status == TGL_OK) {
        query->status = status;
        query->error = *error;
    }
    pthread_mutex_unlock(&query->lock);
}

static tgl_status note_path(tgl_query *query, const char *path, tgl_error *err)
{
    tgl_status status = TGL_OK;
    pthread_mutex_lock(&query->lock);
    bool known = false;
    for (size_t i = 0; i < query->n_path; i++)
        known = known || strcmp(query->paths[i], path) == 0;
    char *copy = known ? NULL : tgl__strdup(path);
    if (!known && query->n_path == TGL_QUERY_MAX_FILE)
        status = tgl__fail(err, TGL_ELIMIT, "more than %d files in one query",
                           TGL_QUERY_MAX_FILE);
    else if (!known && copy == NULL)
        status = tgl__fail_nomem(err);
    else if (!known)
        query->paths[query->n_path++] = copy;
    pthread_mutex_unlock(&query->lock);
    if (status != TGL_OK)
        tgl__free(copy);
    return status;
}

/* ---- binding ---- */

static void free_binding(void *memory)
{
    binding *b = memory;
    if (b == NULL)
        return;
    tgl__free(b->path);
    tgl__free(b->fields);
    tgl__free(b);
}

static duck duck_type(const tgl_duckdb *d, const tgl_field *f)
{
    static const int leaves[] = {
        [TGL_BOOL] = DUCK_BOOLEAN,  [TGL_I8] = DUCK_TINYINT,
        [TGL_U8] = DUCK_UTINYINT,   [TGL_I16] = DUCK_SMALLINT,
        [TGL_U16] = DUCK_USMALLINT, [TGL_I32] = DUCK_INTEGER,
        [TGL_U32] = DUCK_UINTEGER,  [TGL_I64] = DUCK_BIGINT,
        [TGL_U64] = DUCK_UBIGINT,   [TGL_F32] = DUCK_FLOAT,
        [TGL_F64] = DUCK_DOUBLE,    [TGL_STRING] = DUCK_VARCHAR,
    };
    duck type = d->create_logical_type(leaves[f->dtype]);
    for (int i = f->n_dim; i-- > 0;) {
        duck outer = d->create_array_type(type, f->dim[i]);
        d->destroy_logical_type(&type);
        type = outer;
    }
    if (f->is_jagged) {
        duck outer = d->create_list_type(type);
        d->destroy_logical_type(&type);
        type = outer;
    }
    return type;
}

static bool fits_duckdb(const tgl_field *f)
{
    bool fits = f->refusal == NULL;
    for (int d = 0; d < f->n_dim; d++)
        fits = fits && f->dim[d] > 0 && f->dim[d] < MAX_ARRAY;
    return fits;
}

static tgl_status bind_source(binding *b, duck info, tgl_error *err)
{
    const tgl_duckdb *d = b->query->duck;
    tgl_source *source = NULL;
    TGL_TRY(tgl_source_open(&source, b->path, NULL, err));
    size_t n = tgl_source_n_field(source);
    tgl_status status = note_path(b->query, b->path, err);
    b->fields = tgl__calloc(n, sizeof *b->fields);
    if (status == TGL_OK && b->fields == NULL)
        status = tgl__fail_nomem(err);
    for (size_t i = 0; status == TGL_OK && i < n; i++) {
        const tgl_field *f = tgl_source_field(source, i);
        if (!fits_duckdb(f))
            continue;
        b->fields[b->n_field++] = i;
        duck type = duck_type(d, f);
        d->bind_add_result_column(info, f->name, type);
        d->destroy_logical_type(&type);
    }
    if (status == TGL_OK && b->n_field == 0)
        status = tgl__fail(err, TGL_EUNSUPPORTED, "'%s' has no readable column", b->path);
    d->bind_set_cardinality(info, tgl_source_n_row(source), true);
    tgl_source_close(source);
    return status;
}

static void bind(duck info)
{
    tgl_query *query = tgl__duckdb_data("duckdb_bind_get_extra_info", info);
    const tgl_duckdb *d = query->duck;
    tgl_error error = {0};
    binding *b = tgl__calloc(1, sizeof *b);
    duck parameter = d->bind_get_parameter(info, 0);
    char *path = d->get_varchar(parameter);
    d->destroy_value(&parameter);
    tgl_status status = TGL_OK;
    if (b != NULL) {
        b->query = query;
        b->path = path == NULL ? NULL : tgl__strdup(path);
    }
    d->free(path);
    if (b == NULL || b->path == NULL)
        status = tgl__fail_nomem(&error);
    else
        status = bind_source(b, info, &error);
    if (status == TGL_OK) {
        d->bind_set_bind_data(info, b, free_binding);
        return;
    }
    free_binding(b);
    note_failure(query, status, &error);
    d->bind_set_error(info, error.message);
}

/* ---- scanning ---- */

static void *read_ahead(void *argument)
{
    scan *s = argument;
    s->status = tgl__source_read_chosen(&s->ahead, s->source, s->which, s->n_which,
                                        s->ahead_begin, s->ahead_end, NULL, &s->error);
    return NULL;
}

/* Start reading the next batch, on a thread where one can be had. */
static void start_reading(scan *s)
{
    if (s->n_which == 0 || s->next >= s->n_row)
        return;
    s->ahead_begin = s->next;
    s->ahead_end = s->n_row - s->next > BATCH_ROWS ? s->next + BATCH_ROWS : s->n_row;
    s->next = s->ahead_end;
    s->running = pthread_create(&s->thread, NULL, read_ahead, s) == 0;
    if (!s->running)
        read_ahead(s);
}

static void finish_reading(scan *s)
{
    if (s->running)
        pthread_join(s->thread, NULL);
    s->running = false;
}

static void free_scan(void *memory)
{
    scan *s = memory;
    if (s == NULL)
        return;
    finish_reading(s);
    tgl_table_free(s->table);
    tgl_table_free(s->ahead);
    tgl_source_close(s->source);
    tgl__free(s->which);
    tgl__free(s->place);
    tgl__free(s);
}

/* Which fields the query wants. DuckDB may ask for columns that are none (count(*)):
 * those get no values. */
static tgl_status choose_fields(scan *s, const binding *b, duck info, tgl_error *err)
{
    const tgl_duckdb *d = s->query->duck;
    s->n_out = d->init_get_column_count(info);
    s->which = tgl__calloc(s->n_out, sizeof *s->which);
    s->place = tgl__calloc(s->n_out, sizeof *s->place);
    if (s->which == NULL || s->place == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < s->n_out; i++) {
        uint64_t column = d->init_get_column_index(info, i);
        s->place[i] = SIZE_MAX;
        if (column >= b->n_field)
            continue;
        s->place[i] = s->n_which;
        s->which[s->n_which++] = b->fields[column];
    }
    return TGL_OK;
}

static void init(duck info)
{
    const binding *b = tgl__duckdb_data("duckdb_init_get_bind_data", info);
    const tgl_duckdb *d = b->query->duck;
    tgl_error error = {0};
    scan *s = tgl__calloc(1, sizeof *s);
    tgl_status status = s == NULL ? tgl__fail_nomem(&error) : TGL_OK;
    if (status == TGL_OK) {
        s->query = b->query;
        status = tgl_source_open(&s->source, b->path, NULL, &error);
    }
    if (status == TGL_OK)
        status = choose_fields(s, b, info, &error);
    if (status != TGL_OK) {
        free_scan(s);
        note_failure(b->query, status, &error);
        d->init_set_error(info, error.message);
        return;
    }
    s->n_row = tgl_source_n_row(s->source);
    d->init_set_max_threads(info, 1);
    d->init_set_init_data(info, s, free_scan);
    start_reading(s);
}

/* The next batch becomes the current one. */
static tgl_status advance(scan *s, tgl_error *err)
{
    tgl_table_free(s->table);
    s->table = NULL;
    s->at = 0;
    s->n_at = 0;
    pthread_mutex_lock(&s->query->lock); /* DuckDB runs several scans at once */
    tgl_status told =
        tgl__progress(s->query->progress, "reading", s->next, s->n_row, err);
    pthread_mutex_unlock(&s->query->lock);
    TGL_TRY(told);
    if (s->n_which == 0) { /* rows are only counted */
        s->n_at = s->n_row - s->next;
        s->next = s->n_row;
        return TGL_OK;
    }
    finish_reading(s);
    if (s->status != TGL_OK) {
        *err = s->error;
        return s->status;
    }
    if (s->ahead == NULL)
        return TGL_OK; /* the end */
    s->table = s->ahead;
    s->ahead = NULL;
    s->n_at = tgl_table_n_row(s->table);
    start_reading(s);
    return TGL_OK;
}

/* ---- values ---- */

static bool is_utf8(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        int more = p[i] < 0x80                    ? 0
                   : p[i] >= 0xc2 && p[i] <= 0xdf ? 1
                   : (p[i] & 0xf0) == 0xe0        ? 2
                   : p[i] >= 0xf0 && p[i] <= 0xf4 ? 3
                                                  : -1;
        if (more < 0 || n - i <= (size_t)more)
            return false;
        uint32_t c = more == 0 ? p[i] : p[i] & (0x3fu >> more);
        for (int k = 1; k <= more; k++) {
            if ((p[i + (size_t)k] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + (size_t)k] & 0x3f);
        }
        if ((more == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
            (more == 3 && (c < 0x10000 || c > 0x10ffff)))
            return false;
        i += 1 + (size_t)more;
    }
    return true;
}

static tgl_status put_strings(const tgl_duckdb *d, duck vector, const tgl_column *c,
                              uint64_t first, uint64_t n, tgl_error *err)
{
    const char *bytes = c->values;
    for (uint64_t i = 0; i < n; i++) {
        int64_t begin = c->offsets[first + i];
        size_t length = (size_t)(c->offsets[first + i + 1] - begin);
        if (!is_utf8((const uint8_t *)bytes + begin, length))
            return tgl__fail(err, TGL_EUNSUPPORTED,
                             "column '%s' holds text that is not UTF-8", c->name);
        d->vector_assign_string_element_len(vector, i, bytes + begin, length);
    }
    return TGL_OK;
}

static tgl_status put_values(const tgl_duckdb *d, duck vector, const tgl_column *c,
                             uint64_t first, uint64_t n, tgl_error *err)
{
    uint64_t item = 1;
    size_t size = tgl_dtype_size(c->dtype);
    if (c->dtype == TGL_STRING)
        return put_strings(d, vector, c, first, n, err);
    (void)tgl__column_item(&item, c);
    if (c->is_jagged) {
        duck_list_entry *entries = d->vector_get_data(vector);
        uint64_t begin = (uint64_t)c->offsets[first],
                 end = (uint64_t)c->offsets[first + n];
        for (uint64_t i = 0; i < n; i++) {
            uint64_t from = (uint64_t)c->offsets[first + i];
            entries[i] = (duck_list_entry){from - begin,
                                           (uint64_t)c->offsets[first + i + 1] - from};
        }
        if (d->list_vector_reserve(vector, end - begin) != 0 ||
            d->list_vector_set_size(vector, end - begin) != 0)
            return tgl__fail_nomem(err);
        vector = d->list_vector_get_child(vector);
        first = begin;
        n = end - begin;
    }
    for (int i = 0; i < c->n_dim; i++)
        vector = d->array_vector_get_child(vector);
    if (n > 0)
        memcpy(d->vector_get_data(vector), (const char *)c->values + first * item * size,
               n * item * size);
    return TGL_OK;
}

static void produce(duck info, duck chunk)
{
    scan *s = tgl__duckdb_data("duckdb_function_get_init_data", info);
    const tgl_duckdb *d = s->query->duck;
    tgl_error error = {0};
    tgl_status status = s->at == s->n_at ? advance(s, &error) : TGL_OK;
    uint64_t n = s->n_at - s->at, room = d->vector_size();
    n = n < room ? n : room;
    for (size_t i = 0; status == TGL_OK && n > 0 && i < s->n_out; i++)
        if (s->place[i] != SIZE_MAX)
            status =
                put_values(d, d->data_chunk_get_vector(chunk, i),
                           tgl_table_column(s->table, s->place[i]), s->at, n, &error);
    if (status != TGL_OK) {
        note_failure(s->query, status, &error);
        d->function_set_error(info, error.message);
        n = 0;
    }
    s->at += n;
    d->data_chunk_set_size(chunk, n);
}

/* ---- registration ---- */

/* Is `name` a file (or FILE:OBJECT) that is not for DuckDB's own readers? */
static bool is_ours(const char *name)
{
    static const char *const theirs[] = {".parquet", ".csv",    ".tsv",    ".json",
                                         ".jsonl",   ".ndjson", ".csv.gz", ".json.gz",
                                         ".db",      ".duckdb"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++) {
        size_t m = strlen(theirs[i]);
        if (n > m && strcasecmp(name + n - m, theirs[i]) == 0)
            return false;
    }
    if (tgl__file_exists(name))
        return true;
    for (size_t i = n; i-- > 1;) {
        char head[4096];
        if (name[i] != ':' || i >= sizeof head)
            continue;
        memcpy(head, name, i);
        head[i] = '\0';
        if (tgl__file_exists(head))
            return true;
    }
    return tgl__format_of_ending(name) != NULL; /* so that the error is ours */
}

static void replace(duck info, const char *name, void *user)
{
    tgl_query *query = user;
    if (!is_ours(name))
        return;
    duck value = query->duck->create_varchar(name);
    query->duck->replacement_scan_set_function_name(info, "tgl");
    query->duck->replacement_scan_add_parameter(info, value);
    query->duck->destroy_value(&value);
}

tgl_status tgl__query_register(tgl_query *query, duck database, duck connection,
                               tgl_error *err)
{
    const tgl_duckdb *d = query->duck;
    duck function = d->create_table_function();
    duck text = d->create_logical_type(DUCK_VARCHAR);
    d->table_function_set_name(function, "tgl");
    d->table_function_add_parameter(function, text);
    d->table_function_set_extra_info(function, query, NULL);
    d->table_function_set_bind(function, bind);
    d->table_function_set_init(function, init);
    d->table_function_set_function(function, produce);
    d->table_function_supports_projection_pushdown(function, true);
    int failed = d->register_table_function(connection, function);
    d->destroy_logical_type(&text);
    d->destroy_table_function(&function);
    d->add_replacement_scan(database, replace, query, NULL);
    return failed ? tgl__fail(err, TGL_EUNSUPPORTED,
                              "DuckDB does not take the table function tgl()")
                  : TGL_OK;
}
