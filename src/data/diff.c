/* Two datasets, column by column and bit by bit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"
#include "data/format.h"
#include "table/table.h"
#include "text/json.h"

/* The bytes of row i. */
static const uint8_t *row_bytes(size_t *n, const tgl_column *c, uint64_t item, uint64_t i)
{
    size_t size = tgl_dtype_size(c->dtype) * (size_t)item;
    uint64_t first = c->offsets == NULL ? i : (uint64_t)c->offsets[i];
    uint64_t last = c->offsets == NULL ? i + 1 : (uint64_t)c->offsets[i + 1];
    *n = (size_t)(last - first) * size;
    return (const uint8_t *)c->values + first * size;
}

/* A row as text: its size when the sizes differ, else the number (with a float's bits) or
 * the string around byte `at`. */
static void show(char *out, size_t room, const tgl_column *c, const uint8_t *bytes,
                 size_t n, size_t at, bool sizes)
{
    size_t size = tgl_dtype_size(c->dtype), k = at / size;
    if (c->dtype == TGL_STRING) {
        snprintf(out, room, "\"%.*s\"", (int)(n < 40 ? n : 40), (const char *)bytes);
        for (char *p = out; *p != '\0'; p++)
            if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
                *p = '?';
        return;
    }
    if (sizes) {
        snprintf(out, room, "%zu values", n / size);
        return;
    }
    tgl_column row = *c;
    uint64_t word[1] = {0}; /* aligned for any number */
    memcpy(word, bytes + k * size, size);
    row.values = word;
    if (c->dtype == TGL_F32)
        snprintf(out, room, "[%zu] %.9g (0x%08" PRIx32 ")", k, tgl_column_double(&row, 0),
                 tgl__le32(word));
    else if (c->dtype == TGL_F64)
        snprintf(out, room, "[%zu] %.17g (0x%016" PRIx64 ")", k,
                 tgl_column_double(&row, 0), word[0]);
    else if (c->dtype == TGL_U64)
        snprintf(out, room, "[%zu] %" PRIu64, k, word[0]);
    else
        snprintf(out, room, "[%zu] %" PRId64, k, tgl_column_int(&row, 0));
}

static bool put_text(tgl_json *object, const char *key, const char *text)
{
    return tgl__json_put(object, key, tgl__json_new_string(text));
}

static bool put_int(tgl_json *object, const char *key, uint64_t n)
{
    return tgl__json_put(object, key, tgl__json_new_int((int64_t)n));
}

/* `row` as the files count, `i` in column a, `k` in column b. */
static tgl_json *first_json(const tgl_column *a, uint64_t i, const tgl_column *b,
                            uint64_t k, uint64_t item, uint64_t row)
{
    size_t na, nb, at = 0;
    const uint8_t *pa = row_bytes(&na, a, item, i), *pb = row_bytes(&nb, b, item, k);
    while (na == nb && at < na && pa[at] == pb[at])
        at++;
    char text[96];
    tgl_json *first = tgl__json_object();
    bool good = put_int(first, "row", row);
    show(text, sizeof text, a, pa, na, at, na != nb);
    good = put_text(first, "a", text) && good;
    show(text, sizeof text, b, pb, nb, at, na != nb);
    good = put_text(first, "b", text) && good;
    if (good)
        return first;
    tgl__json_free(first);
    return NULL;
}

/* One column of one file, a batch of its rows in memory. */
typedef struct side {
    tgl_source *source;
    size_t index;
    uint64_t step;       /* rows at a time */
    uint64_t begin, end; /* the rows of `table` */
    tgl_table *table;
} side;

static tgl_status side_at(side *s, uint64_t row, const tgl_progress *progress,
                          tgl_error *err)
{
    uint64_t n_row = tgl_source_n_row(s->source);
    if (row < s->end || row >= n_row)
        return TGL_OK;
    tgl_table_free(s->table);
    s->table = NULL;
    s->begin = s->end = row;
    uint64_t end = n_row - row < s->step ? n_row : row + s->step;
    TGL_TRY(tgl__source_read_chosen(&s->table, s->source, &s->index, 1, row, end,
                                    progress, err));
    s->end = end;
    return TGL_OK;
}

/* What comparing a column's rows has found so far. */
typedef struct finding {
    uint64_t n_differ;
    tgl_json *first;
} finding;

/* Rows [begin, end), which both sides have in memory; false: out of memory. */
static bool compare_rows(finding *f, const side *sa, const side *sb, uint64_t begin,
                         uint64_t end)
{
    const tgl_column *a = tgl_table_column(sa->table, 0),
                     *b = tgl_table_column(sb->table, 0);
    uint64_t item = 1;
    (void)tgl__column_item(&item, a);
    for (uint64_t row = begin; row < end; row++) {
        size_t na, nb;
        const uint8_t *pa = row_bytes(&na, a, item, row - sa->begin),
                      *pb = row_bytes(&nb, b, item, row - sb->begin);
        if (na == nb && memcmp(pa, pb, na) == 0)
            continue;
        if (f->n_differ++ == 0)
            f->first = first_json(a, row - sa->begin, b, row - sb->begin, item, row);
        if (f->first == NULL)
            return false;
    }
    return true;
}

/* Takes f->first over. */
static bool put_finding(tgl_json *entry, finding *f)
{
    if (f->n_differ == 0)
        return put_text(entry, "verdict", "equal");
    bool good = put_text(entry, "verdict", "differs");
    good = put_int(entry, "differing_rows", f->n_differ) && good;
    return tgl__json_put(entry, "first", f->first) && good;
}

static const tgl_field *find_field(const tgl_source *source, const char *name,
                                   size_t *index)
{
    for (size_t i = 0; i < tgl_source_n_field(source); i++)
        if (strcmp(tgl_source_field(source, i)->name, name) == 0) {
            *index = i;
            return tgl_source_field(source, i);
        }
    return NULL;
}

static bool same_type(const tgl_field *a, const tgl_field *b)
{
    return a->dtype == b->dtype && a->is_jagged == b->is_jagged && a->n_dim == b->n_dim &&
           memcmp(a->dim, b->dim, a->n_dim * sizeof a->dim[0]) == 0;
}

typedef struct comparison {
    tgl_source *a, *b;
    tgl_json *columns;
    size_t n_differ; /* columns that are not equal */
    uint64_t batch;
    const tgl_progress *progress;
} comparison;

/* Compares the rows both have; those only one has are read too, so that damage shows. */
static tgl_status compare_values(comparison *job, tgl_json *entry, size_t ia, size_t ib,
                                 tgl_error *err)
{
    side a = {.source = job->a, .index = ia}, b = {.source = job->b, .index = ib};
    a.step = tgl__source_batch_rows(job->a, job->batch);
    b.step = tgl__source_batch_rows(job->b, job->batch);
    uint64_t na = tgl_source_n_row(job->a), nb = tgl_source_n_row(job->b);
    uint64_t common = na < nb ? na : nb, longest = na < nb ? nb : na;
    finding f = {0};
    tgl_status status = TGL_OK;
    for (uint64_t row = 0; row < longest;) {
        TGL_TRY_GOTO(side_at(&a, row, job->progress, err));
        TGL_TRY_GOTO(side_at(&b, row, job->progress, err));
        uint64_t end = a.end > row && (a.end < b.end || b.end <= row) ? a.end : b.end;
        if (row < common && !compare_rows(&f, &a, &b, row, end)) {
            status = tgl__fail_nomem(err);
            goto out;
        }
        row = end;
    }
    job->n_differ += f.n_differ > 0;
    if (!put_finding(entry, &f))
        status = tgl__fail_nomem(err);
    f.first = NULL;
out:
    tgl__json_free(f.first);
    tgl_table_free(a.table);
    tgl_table_free(b.table);
    return status;
}

/* Field ia of a against its namesake in b, ib; SIZE_MAX: there is none. */
static tgl_status compare_field(comparison *job, size_t ia, size_t ib, tgl_error *err)
{
    const tgl_field *fa = ia == SIZE_MAX ? NULL : tgl_source_field(job->a, ia);
    const tgl_field *fb = ib == SIZE_MAX ? NULL : tgl_source_field(job->b, ib);
    tgl_json *entry = tgl__json_object();
    bool good = put_text(entry, "name", fa != NULL ? fa->name : fb->name);
    tgl_status status = TGL_OK;
    if (fa == NULL || fb == NULL) {
        good = put_text(entry, "verdict", fa != NULL ? "only in a" : "only in b") && good;
        job->n_differ++;
    } else if (fa->refusal != NULL || fb->refusal != NULL) {
        good = put_text(entry, "verdict", "not compared") && good;
        good = put_text(entry, "reason", fa->refusal ? fa->refusal : fb->refusal) && good;
    } else if (!same_type(fa, fb)) {
        char text[160];
        snprintf(text, sizeof text, "%s%s, %d dimensions, against %s%s, %d",
                 tgl_dtype_name(fa->dtype), fa->is_jagged ? " (jagged)" : "", fa->n_dim,
                 tgl_dtype_name(fb->dtype), fb->is_jagged ? " (jagged)" : "", fb->n_dim);
        good = put_text(entry, "verdict", "other type") && good;
        good = put_text(entry, "reason", text) && good;
        job->n_differ++;
    } else {
        status = compare_values(job, entry, ia, ib, err);
    }
    if (!tgl__json_append(job->columns, good ? entry : NULL) && status == TGL_OK)
        status = tgl__fail_nomem(err);
    if (!good)
        tgl__json_free(entry);
    return status;
}

static tgl_status compare_all(comparison *job, tgl_error *err)
{
    size_t index;
    for (size_t i = 0; i < tgl_source_n_field(job->a); i++) {
        const char *name = tgl_source_field(job->a, i)->name;
        bool both = find_field(job->b, name, &index) != NULL;
        TGL_TRY(compare_field(job, i, both ? index : SIZE_MAX, err));
    }
    for (size_t i = 0; i < tgl_source_n_field(job->b); i++)
        if (find_field(job->a, tgl_source_field(job->b, i)->name, &index) == NULL)
            TGL_TRY(compare_field(job, SIZE_MAX, i, err));
    return TGL_OK;
}

static tgl_status finish(char **json, comparison *job, tgl_error *err)
{
    uint64_t na = tgl_source_n_row(job->a), nb = tgl_source_n_row(job->b);
    bool equal = job->n_differ == 0 && na == nb;
    tgl_json *root = tgl__json_object(), *rows = tgl__json_array();
    bool good = tgl__json_append(rows, tgl__json_new_int((int64_t)na)) &&
                tgl__json_append(rows, tgl__json_new_int((int64_t)nb));
    good = tgl__json_put(root, "equal", tgl__json_new_bool(equal)) && good;
    good = tgl__json_put(root, "rows", rows) && good;
    good = put_int(root, "differing_columns", job->n_differ) && good;
    good = tgl__json_put(root, "columns", tgl__json_share(job->columns)) && good;
    tgl_status status =
        good ? tgl__json_dump_pretty(json, NULL, root, err) : tgl__fail_nomem(err);
    tgl__json_free(root);
    if (status != TGL_OK || equal)
        return status;
    if (na != nb)
        return tgl__fail(err, TGL_EMISMATCH,
                         "%" PRIu64 " rows against %" PRIu64 ", %zu columns differ", na,
                         nb, job->n_differ);
    return tgl__fail(err, TGL_EMISMATCH, "%zu columns differ", job->n_differ);
}

tgl_status tgl_data_diff(char **json, const char *path_a, const char *path_b,
                         const tgl_progress *progress, tgl_error *err)
{
    return tgl__data_diff(json, path_a, path_b, TGL_BATCH_BYTES, progress, err);
}

tgl_status tgl__data_diff(char **json, const char *path_a, const char *path_b,
                          uint64_t batch, const tgl_progress *progress, tgl_error *err)
{
    comparison job = {.columns = tgl__json_array(), .batch = batch, .progress = progress};
    tgl_status status = TGL_OK;
    if (job.columns == NULL) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(tgl_source_open(&job.a, path_a, NULL, err));
    TGL_TRY_GOTO(tgl_source_open(&job.b, path_b, NULL, err));
    TGL_TRY_GOTO(compare_all(&job, err));
    status = finish(json, &job, err);
out:
    tgl__json_free(job.columns);
    tgl_source_close(job.a);
    tgl_source_close(job.b);
    return status;
}
