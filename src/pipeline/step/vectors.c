/* vectors: test events with the bits the emulator expects: from data, uniformly random,
 * and corners (every input alone at its limits and around zero, all inputs at a limit).
 */
#include <string.h>
#include <trigline/data.h>

#include "pipeline/step/common.h"

enum { FROM_DATA = 0, FROM_RANDOM = 1, FROM_CORNER = 2, PER_INPUT = 6 };

typedef struct vector_set {
    int64_t *in;
    uint8_t *kind;
    size_t n_event;
    uint32_t n_in;
} vector_set;

static int64_t clamp(int64_t code, tgl_type type)
{
    int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
    return code < lo ? lo : code > hi ? hi : code;
}

/* 2 + PER_INPUT * n_in events. */
static void fill_corners(int64_t *out, const tgl_program *program)
{
    uint32_t n_in = tgl_program_n_input(program);
    for (uint32_t j = 0; j < n_in; j++) {
        tgl_type type = tgl_program_input(program, j)->type;
        const int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
        const int64_t codes[PER_INPUT] = {lo, hi, 0, 1, -1, hi - 1};
        for (size_t c = 0; c < PER_INPUT; c++)
            for (uint32_t k = 0; k < n_in; k++)
                out[((size_t)j * PER_INPUT + c) * n_in + k] =
                    clamp(k == j ? codes[c] : 0, tgl_program_input(program, k)->type);
        out[(size_t)n_in * PER_INPUT * n_in + j] = lo;
        out[((size_t)n_in * PER_INPUT + 1) * n_in + j] = hi;
    }
}

static tgl_status data_codes(int64_t **codes, size_t *n, const tgl_step *step,
                             size_t want, tgl_error *err)
{
    *codes = NULL;
    *n = 0;
    if (tgl__step_input(step, "data") == NULL || want == 0)
        return TGL_OK;
    tgl_graph *graph = NULL;
    tgl_table *table = NULL, *part = NULL;
    TGL_TRY(tgl__step_graph(&graph, step, err));
    tgl_status status = tgl__step_table(&table, step, "data", NULL, 0, err);
    if (status == TGL_OK) {
        uint64_t rows = tgl_table_n_row(table);
        *n = rows < want ? (size_t)rows : want;
        status = tgl_table_slice(&part, table, 0, *n, err);
    }
    if (status == TGL_OK)
        status = tgl__step_codes(codes, graph, part, err);
    tgl_table_free(part);
    tgl_table_free(table);
    tgl_graph_free(graph);
    return status;
}

static tgl_status build(vector_set *v, const tgl_step *step, const tgl_program *program,
                        tgl_error *err)
{
    int64_t n_data, n_random, seed, *codes = NULL;
    size_t n_have = 0, bytes;
    TGL_TRY(tgl__step_int(&n_data, step, "data", 10000, 0, 100000000, err));
    TGL_TRY(tgl__step_int(&n_random, step, "random", 2000, 0, 100000000, err));
    TGL_TRY(tgl__step_int(&seed, step, "seed", 1, 0, INT64_MAX, err));
    TGL_TRY(data_codes(&codes, &n_have, step, (size_t)n_data, err));
    v->n_in = tgl_program_n_input(program);
    size_t n_corner = 2 + (size_t)PER_INPUT * v->n_in;
    v->n_event = n_have + (size_t)n_random + n_corner;
    if (tgl__mul_size(&bytes, v->n_event, v->n_in))
        v->in = tgl__aligned(bytes, sizeof *v->in);
    v->kind = tgl__aligned(v->n_event, 1);
    if (v->in == NULL || v->kind == NULL) {
        tgl__free(codes);
        return tgl__fail_nomem(err);
    }
    if (n_have > 0)
        memcpy(v->in, codes, n_have * v->n_in * sizeof *v->in);
    tgl__free(codes);
    tgl__step_random(v->in + n_have * v->n_in, program, (size_t)n_random, (uint64_t)seed);
    fill_corners(v->in + (n_have + (size_t)n_random) * v->n_in, program);
    memset(v->kind, FROM_DATA, n_have);
    memset(v->kind + n_have, FROM_RANDOM, (size_t)n_random);
    memset(v->kind + n_have + (size_t)n_random, FROM_CORNER, n_corner);
    return TGL_OK;
}

/* Columns in (n_in codes), out (n_out codes), kind (0 data, 1 random, 2 corner). */
static tgl_status write_vectors(const tgl_step *step, const vector_set *v,
                                const int64_t *out, uint32_t n_out, tgl_error *err)
{
    tgl_table *table = NULL;
    TGL_TRY(tgl_table_new(&table, v->n_event, err));
    tgl_column c = {.name = "in",
                    .dtype = TGL_I64,
                    .n_dim = 1,
                    .dim = {v->n_in},
                    .n_row = v->n_event,
                    .n_value = v->n_event * v->n_in,
                    .values = v->in};
    tgl_status status = tgl_table_copy_column(table, &c, err);
    c.name = "out";
    c.dim[0] = n_out;
    c.n_value = v->n_event * n_out;
    c.values = out;
    if (status == TGL_OK)
        status = tgl_table_copy_column(table, &c, err);
    tgl_column kind = {.name = "kind",
                       .dtype = TGL_U8,
                       .n_row = v->n_event,
                       .n_value = v->n_event,
                       .values = v->kind};
    if (status == TGL_OK)
        status = tgl_table_copy_column(table, &kind, err);
    if (status == TGL_OK)
        status = tgl_data_write(tgl__step_output(step, "vectors"), table, NULL,
                                step->progress, err);
    tgl_table_free(table);
    return status;
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    vector_set v = {0};
    int64_t *out = NULL;
    tgl_status status;
    TGL_TRY(tgl__step_program(&program, &payload, step, err));
    TGL_TRY_GOTO(build(&v, step, program, err));
    TGL_TRY_GOTO(
        tgl__step_emulate(&out, program, payload, v.in, v.n_event, step->progress, err));
    status = write_vectors(step, &v, out, tgl_program_n_output(program), err);
out:
    tgl__free(out);
    tgl__free(v.in);
    tgl__free(v.kind);
    tgl_payload_free(payload);
    tgl_program_free(program);
    return status;
}

const tgl_step_kind tgl__step_vectors = {
    .name = "vectors",
    .summary = "test vectors (data, random, corners) with the emulator's expected bits",
    .version = 1,
    .with = {"data", "random", "seed"},
    .inputs = {{"program", false, false},
               {"payload", false, false},
               {"graph", false, false},
               {"data", true, true}},
    .outputs = {{"vectors", false, false}},
    .run = run,
};
