/* Reading rows: plan every column's baskets, place the columns, decode basket by basket
 * on several threads: first all that stand alone and the leaders of shared offsets, then
 * those that share them. */
#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "data/root/root_job.h"
#include "table/table.h"

typedef tgl_root_job job;
typedef tgl_root_span span;
typedef tgl_root_counts counts;
typedef tgl_root_output output;

enum { REPORT_EVERY = 64 };

static tgl_status read_rows(job *j, tgl_error *err);

/* ---- counts where baskets store no offsets ------------------------------- */

static tgl_status column_of_count(size_t *out, const job *j,
                                  const tgl_root_branch *branch, tgl_error *err)
{
    const tgl_root_columns *columns = &j->reader->columns;
    for (size_t i = 0; branch != NULL && i < columns->n; i++)
        if (columns->layouts[i].branch == branch && columns->fields[i].refusal == NULL &&
            columns->layouts[i].shape == TGL_ROOT_FIXED &&
            columns->layouts[i].n_number == 1 && columns->fields[i].dtype != TGL_F32 &&
            columns->fields[i].dtype != TGL_F64) {
            *out = i;
            return TGL_OK;
        }
    return tgl__fail(err, TGL_EUNSUPPORTED,
                     "its baskets store no offsets and the branch "
                     "with the counts is not readable");
}

static int64_t integer_at(const uint8_t *p, tgl_dtype dtype, uint64_t i)
{
    tgl_column c = {.dtype = dtype, .n_row = i + 1, .n_value = i + 1, .values = p};
    return tgl_column_int(&c, i);
}

static tgl_status load_counts(counts *c, job *j, tgl_error *err)
{
    size_t column;
    TGL_TRY(column_of_count(&column, j, c->branch, err));
    job inner = {.reader = j->reader,
                 .which = &column,
                 .n_column = 1,
                 .begin = c->begin,
                 .end = c->end};
    output out = {0};
    tgl_root_spans plan = {0};
    inner.outputs = &out;
    inner.plans = &plan;
    tgl_status status = read_rows(&inner, err);
    uint64_t n = c->end - c->begin;
    if (status == TGL_OK) {
        c->values = tgl__malloc((size_t)(n + 1) * sizeof *c->values);
        if (c->values == NULL)
            status = tgl__fail_nomem(err);
        for (uint64_t i = 0; i < n && status == TGL_OK; i++)
            c->values[i] =
                integer_at(out.values, j->reader->columns.fields[column].dtype, i);
    }
    tgl__free(out.values);
    return status;
}

static counts *counts_for(job *j, const tgl_root_branch *branch)
{
    for (size_t i = 0; i < j->n_counts; i++)
        if (j->counts[i].branch == branch)
            return &j->counts[i];
    return NULL;
}

static tgl_status note_counts(job *j, const span *s, tgl_error *err)
{
    const tgl_root_branch *branch = tgl__root_layout_of(j, s->column)->count;
    counts *c = counts_for(j, branch);
    uint64_t end = s->row + s->basket.n_entry;
    if (c == NULL) {
        counts *more = tgl__realloc(j->counts, j->n_counts + 1, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        j->counts = more;
        c = &j->counts[j->n_counts++];
        *c = (counts){branch, s->row, end, NULL};
    }
    c->begin = s->row < c->begin ? s->row : c->begin;
    c->end = end > c->end ? end : c->end;
    return TGL_OK;
}

static tgl_status give_counts(job *j, span *s, tgl_error *err)
{
    counts *c = counts_for(j, tgl__root_layout_of(j, s->column)->count);
    if (c->values == NULL) {
        tgl_status status = load_counts(c, j, err);
        if (status != TGL_OK)
            return tgl__root_in_context(j, s, status, err);
    }
    s->counts = c->values + (s->row - c->begin);
    return TGL_OK;
}

static tgl_status get_counts(job *j, tgl_error *err)
{
    for (size_t i = 0; i < j->n_column; i++)
        for (size_t k = 0; k < j->plans[i].n; k++)
            if (tgl__root_needs_counts(j, &j->plans[i].items[k]))
                TGL_TRY(note_counts(j, &j->plans[i].items[k], err));
    for (size_t i = 0; i < j->n_column && j->n_counts > 0; i++)
        for (size_t k = 0; k < j->plans[i].n; k++)
            if (tgl__root_needs_counts(j, &j->plans[i].items[k]))
                TGL_TRY(give_counts(j, &j->plans[i].items[k], err));
    return TGL_OK;
}

/* ---- loops over spans ---------------------------------------------------- */

typedef bool chooser(const job *j, const span *s);

/* j->list: the spans chosen, column by column, in row order. */
static void list_spans(job *j, chooser *wanted)
{
    j->n_list = 0;
    for (size_t i = 0; i < j->n_column; i++)
        for (size_t k = 0; k < j->plans[i].n; k++)
            if (wanted(j, &j->plans[i].items[k]))
                j->list[j->n_list++] = &j->plans[i].items[k];
}

static bool is_early(const job *j, const span *s)
{
    (void)j;
    return s->early;
}

static bool is_first(const job *j, const span *s)
{
    return j->outputs[s->column].leader == s->column;
}

static bool is_sharing(const job *j, const span *s)
{
    return !is_first(j, s);
}

static bool is_differing(const job *j, const span *s)
{
    return atomic_load(&j->outputs[s->column].differs);
}

static tgl_status open_work(void *context, size_t index, size_t worker_index,
                            tgl_error *err)
{
    job *j = context;
    span *s = j->list[index];
    return tgl__root_in_context(
        j, s, tgl__root_open_span(j, s, &j->workers[worker_index], err), err);
}

static tgl_status decode_work(void *context, size_t index, size_t worker_index,
                              tgl_error *err)
{
    job *j = context;
    span *s = j->list[index];
    tgl_status status = tgl__root_decode_span(j, s, &j->workers[worker_index], err);
    if (is_first(j, s)) { /* else it may be wanted once more */
        tgl__free(s->held);
        s->held = NULL;
    }
    size_t done = atomic_fetch_add(&j->done, 1) + 1;
    if (status == TGL_OK && worker_index == 0 && done % REPORT_EVERY == 0)
        return tgl__progress(j->progress, "reading", done < j->n_span ? done : j->n_span,
                             j->n_span, err);
    return tgl__root_in_context(j, s, status, err);
}

static tgl_status plan_work(void *context, size_t index, size_t worker_index,
                            tgl_error *err)
{
    (void)worker_index;
    return tgl__root_plan_column(context, index, err);
}

static tgl_status run(job *j, tgl_work work, tgl_error *err)
{
    return j->n_list == 0 ? TGL_OK : tgl__parallel(j->n_list, j->n_worker, work, j, err);
}

/* ---- places -------------------------------------------------------------- */

static bool may_share(const job *j, size_t column)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, column);
    if (layout->shape != TGL_ROOT_JAGGED || layout->header != 0 ||
        layout->coding == TGL_ROOT_BITS || layout->count == NULL)
        return false;
    const tgl_root_spans *plan = &j->plans[column];
    for (size_t k = 0; k < plan->n; k++)
        if (tgl__root_needs_counts(j, &plan->items[k]))
            return false;
    return true;
}

/* A column shares the offsets of the first one before it with the same count branch and
 * as many items. */
static void choose_leader(job *j, size_t column)
{
    output *o = &j->outputs[column];
    o->leader = column;
    if (!may_share(j, column))
        return;
    for (size_t i = 0; i < column; i++)
        if (j->outputs[i].leader == i && j->outputs[i].n_value == o->n_value &&
            tgl__root_layout_of(j, i)->count == tgl__root_layout_of(j, column)->count &&
            may_share(j, i)) {
            o->leader = i;
            return;
        }
}

static tgl_status new_offsets(job *j, output *o, tgl_error *err)
{
    o->offsets = tgl__aligned((size_t)(j->end - j->begin) + 1, sizeof *o->offsets);
    if (o->offsets == NULL)
        return tgl__fail_nomem(err);
    o->offsets[0] = 0;
    return TGL_OK;
}

static tgl_status place_column(job *j, size_t column, tgl_error *err)
{
    const tgl_root_layout *layout = tgl__root_layout_of(j, column);
    tgl_root_spans *plan = &j->plans[column];
    output *o = &j->outputs[column];
    for (size_t k = 0; k < plan->n; k++) {
        plan->items[k].value = o->n_value;
        if (__builtin_add_overflow(o->n_value, plan->items[k].n_value, &o->n_value))
            return tgl__fail(err, TGL_EFORMAT, "more values than can be counted");
    }
    choose_leader(j, column);
    size_t n;
    if (!tgl__mul_size(&n, (size_t)o->n_value, layout->n_number))
        return tgl__fail_nomem(err);
    o->values = tgl__aligned(n, tgl__root_memory_width(j, column));
    if (o->values == NULL)
        return tgl__fail_nomem(err);
    return layout->shape != TGL_ROOT_FIXED && o->leader == column ? new_offsets(j, o, err)
                                                                  : TGL_OK;
}

/* Columns whose offsets are not their leader's get their own and are decoded again. */
static tgl_status decode_differing(job *j, tgl_error *err)
{
    list_spans(j, is_differing);
    for (size_t i = 0; i < j->n_column; i++)
        if (atomic_load(&j->outputs[i].differs)) {
            j->outputs[i].leader = i;
            TGL_TRY(new_offsets(j, &j->outputs[i], err));
        }
    return run(j, decode_work, err);
}

/* ---- the whole ----------------------------------------------------------- */

static void job_release(job *j)
{
    for (size_t i = 0; i < j->n_column; i++) {
        for (size_t k = 0; k < j->plans[i].n; k++)
            tgl__free(j->plans[i].items[k].held);
        tgl__free(j->plans[i].items);
    }
    for (size_t i = 0; i < j->n_counts; i++)
        tgl__free(j->counts[i].values);
    for (size_t i = 0; i < j->n_worker && j->workers != NULL; i++) {
        tgl__root_codec_release(&j->workers[i].codec);
        tgl__free(j->workers[i].starts);
    }
    tgl__free(j->counts);
    tgl__free(j->workers);
    tgl__free((void *)j->list);
}

static tgl_status plan_columns(job *j, tgl_error *err)
{
    TGL_TRY(tgl__parallel(j->n_column, j->n_worker, plan_work, j, err));
    for (size_t i = 0; i < j->n_column; i++)
        j->n_span += j->plans[i].n;
    j->list = tgl__malloc((j->n_span + 1) * sizeof *j->list);
    return j->list == NULL ? tgl__fail_nomem(err) : TGL_OK;
}

/* Fills j->outputs; on failure what was allocated there is the caller's to free. */
static tgl_status read_rows(job *j, tgl_error *err)
{
    tgl_status status = TGL_OK;
    j->n_worker = tgl__thread_count(j->reader->n_thread);
    j->workers = tgl__calloc(j->n_worker, sizeof *j->workers);
    if (j->workers == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY_GOTO(plan_columns(j, err));
    TGL_TRY_GOTO(get_counts(j, err));
    list_spans(j, is_early);
    TGL_TRY_GOTO(run(j, open_work, err));
    for (size_t i = 0; i < j->n_column; i++)
        TGL_TRY_GOTO(place_column(j, i, err));
    list_spans(j, is_first);
    TGL_TRY_GOTO(run(j, decode_work, err));
    list_spans(j, is_sharing);
    TGL_TRY_GOTO(run(j, decode_work, err));
    TGL_TRY_GOTO(decode_differing(j, err));
    status = tgl__progress(j->progress, "reading", j->n_span, j->n_span, err);
out:
    job_release(j);
    return status;
}

/* `first`: how many columns the table had before. */
static tgl_status give_column(job *j, size_t i, tgl_table *table, size_t first,
                              tgl_error *err)
{
    const tgl_field *field = &j->reader->columns.fields[j->which[i]];
    const tgl_root_layout *layout = &j->reader->columns.layouts[j->which[i]];
    tgl_column column = {.name = field->name,
                         .dtype = field->dtype,
                         .is_jagged = field->is_jagged,
                         .n_dim = field->n_dim,
                         .n_row = j->end - j->begin,
                         .n_value = j->outputs[i].n_value * layout->n_number,
                         .offsets = j->outputs[i].offsets,
                         .values = j->outputs[i].values};
    memcpy(column.dim, field->dim, sizeof column.dim);
    j->outputs[i].values = NULL;
    j->outputs[i].offsets = NULL;
    size_t leader = j->outputs[i].leader;
    return leader == i ? tgl_table_take_column(table, &column, err)
                       : tgl__table_take_sharing(table, &column, first + leader, err);
}

tgl_status tgl__root_read(tgl_reader *base, tgl_table *table, const size_t *which,
                          size_t n, uint64_t begin, uint64_t end,
                          const tgl_progress *progress, tgl_error *err)
{
    job j = {.reader = (tgl_root_reader *)base,
             .which = which,
             .n_column = n,
             .begin = begin,
             .end = end,
             .progress = progress};
    j.outputs = tgl__calloc(n, sizeof *j.outputs);
    j.plans = tgl__calloc(n, sizeof *j.plans);
    tgl_status status =
        j.outputs == NULL || j.plans == NULL ? tgl__fail_nomem(err) : read_rows(&j, err);
    size_t first = tgl_table_n_column(table);
    for (size_t i = 0; i < n && status == TGL_OK; i++)
        status = give_column(&j, i, table, first, err);
    for (size_t i = 0; i < n && j.outputs != NULL; i++) {
        tgl__free(j.outputs[i].offsets);
        tgl__free(j.outputs[i].values);
    }
    tgl__free(j.plans);
    tgl__free(j.outputs);
    return status;
}
