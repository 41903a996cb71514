/* physics: the emulator's scores on every sample, then rates, efficiencies, curves; for a
 * classifier its accuracy, confusion and ROC. */
#include <string.h>
#include <trigline/data.h>
#include <trigline/physics.h>

#include "pipeline/step/common.h"

typedef struct model {
    tgl_graph *graph;
    tgl_program *program;
    tgl_payload *payload;
} model;

static void release(model *m)
{
    tgl_payload_free(m->payload);
    tgl_program_free(m->program);
    tgl_graph_free(m->graph);
}

static tgl_status write_text(const tgl_step *step, const char *json, tgl_error *err)
{
    return tgl__file_write(tgl__step_output(step, "physics"), json, strlen(json), err);
}

/* Outputs whose port is `name` or "name[…]"; *n of them from the first on. */
static tgl_status find_ports(uint32_t *first, uint32_t *n, const tgl_program *program,
                             const char *name, tgl_error *err)
{
    size_t length = strlen(name);
    *n = 0;
    for (uint32_t i = 0; i < tgl_program_n_output(program); i++) {
        const char *port = tgl_program_output(program, i)->name;
        if (strncmp(port, name, length) != 0 ||
            (port[length] != '\0' && port[length] != '[' && port[length] != '.' &&
             port[length] != '_'))
            continue;
        if (*n == 0)
            *first = i;
        ++*n;
    }
    if (*n > 0)
        return TGL_OK;
    return tgl__fail(err, TGL_ENOTFOUND, "with: the program has no output '%s'", name);
}

/* (n_row, n) codes of the outputs [first, first + n). */
static tgl_status score_table(int64_t **out, const tgl_step *step, const model *m,
                              const tgl_table *table, uint32_t first, uint32_t n,
                              tgl_error *err)
{
    int64_t *in = NULL, *all = NULL, *score = NULL;
    size_t n_row = (size_t)tgl_table_n_row(table);
    uint32_t n_out = tgl_program_n_output(m->program);
    TGL_TRY(tgl__step_codes(&in, m->graph, table, err));
    tgl_status status =
        tgl__step_emulate(&all, m->program, m->payload, in, n_row, step->progress, err);
    tgl__free(in);
    if (status == TGL_OK) {
        score = tgl__calloc(n_row * n + 1, sizeof *score);
        status = score == NULL ? tgl__fail_nomem(err) : TGL_OK;
    }
    for (size_t i = 0; status == TGL_OK && i < n_row; i++)
        memcpy(score + i * n, all + i * n_out + first, n * sizeof *score);
    tgl__free(all);
    if (status == TGL_OK)
        *out = score;
    return status;
}

static tgl_status load_sample(tgl_physics_sample *out, const tgl_step *step,
                              const model *m, const tgl_step_file *file, uint32_t first,
                              tgl_error *err)
{
    tgl_table *table = NULL;
    int64_t *score = NULL;
    TGL_TRY(tgl__step_load(&table, step, file, NULL, 0, err));
    tgl_status status = score_table(&score, step, m, table, first, 1, err);
    if (status != TGL_OK) {
        tgl_table_free(table);
        return tgl__fail_context(err, status, "%s", file->shown);
    }
    *out = (tgl_physics_sample){file->name, table, score};
    return TGL_OK;
}

static void free_samples(tgl_physics_sample *samples, size_t n)
{
    for (size_t i = 0; samples != NULL && i < n; i++) {
        tgl_table_free((tgl_table *)(uintptr_t)samples[i].table);
        tgl__free((void *)(uintptr_t)samples[i].score);
    }
    tgl__free(samples);
}

static tgl_status study(const tgl_step *step, const model *m, const char *config,
                        tgl_error *err)
{
    const char *port = tgl__json_string(tgl__json_get(step->with, "score"), "score");
    tgl_physics_sample *samples = tgl__calloc(step->n_input + 1, sizeof *samples);
    tgl_table *sections = NULL;
    uint32_t first = 0, n_port;
    size_t n = 1; /* [0] is zero bias */
    char *json = NULL;
    tgl_status status = samples == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK)
        status = find_ports(&first, &n_port, m->program, port, err);
    for (size_t i = 0; status == TGL_OK && i < step->n_input; i++) {
        const tgl_step_file *f = &step->inputs[i];
        if (strcmp(f->role, "zero_bias") == 0)
            status = load_sample(&samples[0], step, m, f, first, err);
        else if (strcmp(f->role, "signals") == 0)
            status = load_sample(&samples[n++], step, m, f, first, err);
    }
    if (status == TGL_OK && tgl__step_input(step, "sections") != NULL)
        status = tgl__step_table(&sections, step, "sections", NULL, 0, err);
    if (status == TGL_OK)
        status = tgl_physics_study(&json, config, &samples[0], &samples[1], n - 1,
                                   sections, err);
    if (status == TGL_OK)
        status = write_text(step, json, err);
    tgl_free(json);
    tgl_table_free(sections);
    free_samples(samples, n);
    return status;
}

/* Labels of a table as integers. tgl__free. */
static tgl_status read_labels(int64_t **out, const tgl_table *table, const char *name,
                              tgl_error *err)
{
    const tgl_column *column;
    TGL_TRY(tgl_table_find(&column, table, name, err));
    if (column->is_jagged || column->n_value != column->n_row || column->dtype >= TGL_F32)
        return tgl__fail(err, TGL_EFORMAT, "column '%s': expected one integer a row",
                         name);
    int64_t *label = tgl__calloc((size_t)column->n_row + 1, sizeof *label);
    if (label == NULL)
        return tgl__fail_nomem(err);
    for (uint64_t i = 0; i < column->n_row; i++)
        label[i] = tgl_column_int(column, i);
    *out = label;
    return TGL_OK;
}

static tgl_status classify(const tgl_step *step, const model *m, tgl_error *err)
{
    const char *port = tgl__json_string(tgl__json_get(step->with, "score"), "logits");
    const char *label_name =
        tgl__json_string(tgl__json_get(step->with, "label"), "label");
    const tgl_json *list = tgl__json_get(step->with, "classes");
    const char *names[64];
    uint32_t first = 0, n_class;
    tgl_table *table = NULL;
    int64_t *codes = NULL, *label = NULL;
    char *json = NULL;
    tgl_status status;
    TGL_TRY(find_ports(&first, &n_class, m->program, port, err));
    if (tgl__json_size(list) != n_class || n_class > 64)
        return tgl__fail(err, TGL_EFORMAT,
                         "with: 'classes': expected %u names, found %zu", n_class,
                         tgl__json_size(list));
    for (uint32_t c = 0; c < n_class; c++)
        names[c] = tgl__json_string(tgl__json_at(list, c), "");
    TGL_TRY_GOTO(tgl__step_table(&table, step, "data", NULL, 0, err));
    TGL_TRY_GOTO(read_labels(&label, table, label_name, err));
    TGL_TRY_GOTO(score_table(&codes, step, m, table, first, n_class, err));
    TGL_TRY_GOTO(tgl_physics_classify(&json, codes, label, (size_t)tgl_table_n_row(table),
                                      names, n_class, err));
    status = write_text(step, json, err);
out:
    tgl_free(json);
    tgl__free(codes);
    tgl__free(label);
    tgl_table_free(table);
    return status;
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    model m = {0};
    char *config = NULL;
    const tgl_json *given = tgl__json_get(step->with, "config");
    bool trigger = tgl__step_input(step, "zero_bias") != NULL;
    if (trigger == (tgl__step_input(step, "data") != NULL))
        return tgl__fail(
            err, TGL_EFORMAT,
            "deps: expected 'zero_bias' (a trigger) or 'data' (a classifier)");
    tgl_status status;
    if (given != NULL)
        TGL_TRY_GOTO(tgl__json_dump(&config, NULL, given, err));
    TGL_TRY_GOTO(tgl__step_graph(&m.graph, step, err));
    TGL_TRY_GOTO(tgl__step_program(&m.program, &m.payload, step, err));
    status = trigger ? study(step, &m, config != NULL ? config : "{}", err)
                     : classify(step, &m, err);
out:
    release(&m);
    tgl__free(config);
    return status;
}

const tgl_step_kind tgl__step_physics = {
    .name = "physics",
    .summary = "rates, efficiencies and curves from the emulator's scores",
    .version = 1,
    .with = {"config", "score", "label", "classes"},
    .inputs = {{"program", false, false},
               {"payload", false, false},
               {"graph", false, false},
               {"zero_bias", true, false},
               {"signals", true, true},
               {"sections", true, false},
               {"data", true, true}},
    .outputs = {{"physics", false, false}},
    .run = run,
};
