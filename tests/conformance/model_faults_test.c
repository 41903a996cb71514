/* Faults planted in a lowered program or in a graph are found, and named in the model's
 * own words: a flipped weight, a wrong rounding mode, a dropped term, a wrong shift. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trigline/emulate.h>
#include <trigline/lower.h>
#include <trigline/model.h>

#include "base/memory.h"

enum { N_IN = 6, N_HIDDEN = 4, N_OUT = 3, N_EVENT = 500 };

/* 6 inputs, scaled, two dense layers with ReLU, score. The second accumulator rounds its
 * terms, so that it stays as written. */
static tgl_graph *network(int flip)
{
    tgl_graph *graph;
    tgl_error err;
    uint32_t last = 0;
    int64_t offset[N_IN], shift[N_IN], w1[N_HIDDEN * N_IN], w2[N_OUT * N_HIDDEN];
    const int64_t b1[N_HIDDEN] = {3, -2, 0, 5}, b2[N_OUT] = {1, 0, -4};
    for (int i = 0; i < N_IN; i++) {
        offset[i] = 7 * i - 10;
        shift[i] = i % 3 - 1;
    }
    for (int i = 0; i < N_HIDDEN * N_IN; i++)
        w1[i] = (i * 37) % 31 - 15;
    for (int i = 0; i < N_OUT * N_HIDDEN; i++)
        w2[i] = (i * 53) % 29 - 14;
    w1[2 * N_IN + 3] ^= flip;
    const tgl_quant in_type = {{1, 9, 0}, TGL_TRN, TGL_WRAP},
                    cast = {{1, 18, 5}, TGL_TRN, TGL_WRAP},
                    scaled = {{1, 10, 2}, TGL_RND_CONV, TGL_SAT},
                    wide = {{1, 26, 10}, TGL_TRN, TGL_WRAP},
                    act = {{0, 10, 2}, TGL_RND_CONV, TGL_SAT},
                    term = {{1, 20, 3}, TGL_RND, TGL_WRAP},
                    acc = {{1, 20, 3}, TGL_TRN, TGL_WRAP},
                    out = {{1, 12, 3}, TGL_RND, TGL_SAT},
                    square = {{0, 20, 4}, TGL_TRN, TGL_WRAP};
    const tgl_node nodes[] = {
        {.name = "input", .op = TGL_GRAPH_INPUT, .n_element = N_IN, .out = &in_type},
        {.name = "scale",
         .op = TGL_GRAPH_SCALE,
         .n_element = N_IN,
         .out = &scaled,
         .offset = offset,
         .offset_type = {1, 10, 0},
         .shift = shift,
         .cast = cast},
        {.name = "dense_1",
         .op = TGL_GRAPH_DENSE,
         .n_element = N_HIDDEN,
         .out = &wide,
         .weights = w1,
         .weight_type = {1, 6, 3},
         .bias = b1,
         .bias_type = {1, 10, 3},
         .term = wide,
         .acc = wide},
        {.name = "relu_1", .op = TGL_GRAPH_RELU, .n_element = N_HIDDEN, .out = &act},
        {.name = "dense_2",
         .op = TGL_GRAPH_DENSE,
         .n_element = N_OUT,
         .out = &out,
         .weights = w2,
         .weight_type = {1, 6, 3},
         .bias = b2,
         .bias_type = {1, 10, 3},
         .term = term,
         .acc = acc},
        {.name = "score",
         .op = TGL_GRAPH_SUM_SQUARES,
         .n_element = 1,
         .out = &square,
         .term = square,
         .acc = square},
    };
    assert_int_equal(tgl_graph_new(&graph, "faulty", &err), TGL_OK);
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
        tgl_node node = nodes[i];
        node.n_out = 1;
        node.n_input = i > 0;
        node.inputs = &last;
        assert_int_equal(tgl_graph_add(graph, &node, &last, &err), TGL_OK);
    }
    assert_int_equal(tgl_graph_add_output(graph, "score", last, &err), TGL_OK);
    tgl_status status = tgl_graph_verify(graph, &err);
    if (status != TGL_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, TGL_OK);
    return graph;
}

static void draw(int64_t *in)
{
    uint64_t x = 2026;
    for (int i = 0; i < N_EVENT * N_IN; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        in[i] = (int64_t)(x >> 40) % 512 - 256;
        if (in[i] < -256)
            in[i] = 0;
    }
}

/* ---- a program copied piece by piece, with one fault ---- */

typedef struct fault {
    const char *layer, *role; /* of the operation to change */
    int32_t element;
    void (*op)(tgl_op *op);
    uint32_t affine; /* number + 1 of the matrix to change, or 0 */
    size_t weight;
    int64_t flip; /* exclusive-or of that weight; 0: drop it */
} fault;

static void copy_data(tgl_program *to, const tgl_program *from, const fault *f)
{
    tgl_error err;
    uint32_t number;
    for (uint32_t i = 0; i < tgl_program_n_slot(from); i++)
        assert_int_equal(tgl_program_add_slot(to, tgl_program_slot(from, i),
                                              tgl_program_slot_default(from, i), &number,
                                              &err),
                         TGL_OK);
    for (uint32_t i = 0; i < tgl_program_n_table(from); i++)
        assert_int_equal(
            tgl_program_add_table(to, tgl_program_table(from, i), &number, &err), TGL_OK);
    for (uint32_t i = 0; i < tgl_program_n_affine(from); i++) {
        tgl_affine affine = *tgl_program_affine(from, i);
        size_t n = (size_t)affine.n_in * affine.n_out;
        int64_t *weights = tgl__calloc(n, sizeof *weights);
        assert_non_null(weights);
        memcpy(weights, affine.weights, n * sizeof *weights);
        if (f->affine == i + 1) {
            assert_true(weights[f->weight] != 0);
            weights[f->weight] = f->flip ? weights[f->weight] ^ f->flip : 0;
        }
        affine.weights = weights;
        assert_int_equal(tgl_program_add_affine(to, &affine, &number, &err), TGL_OK);
        tgl__free(weights);
    }
}

static tgl_program *planted(const tgl_program *from, const fault *f)
{
    tgl_program *to = NULL;
    tgl_error err;
    int hits = f->affine != 0;
    assert_int_equal(tgl_program_new(&to, tgl_program_name(from), &err), TGL_OK);
    copy_data(to, from, f);
    for (uint32_t i = 0; i < tgl_program_n_op(from); i++) {
        tgl_op op = *tgl_program_op(from, i);
        if (op.code == TGL_OP_INPUT) {
            const tgl_port *port = tgl_program_input(from, (uint32_t)op.imm);
            assert_int_equal(
                tgl_program_add_input(to, port->name, port->type, NULL, &err), TGL_OK);
            continue;
        }
        if (f->op && strcmp(op.origin.layer, f->layer) == 0 &&
            strcmp(op.origin.role, f->role) == 0 && op.origin.element == f->element) {
            f->op(&op);
            hits++;
        }
        assert_int_equal(tgl_program_add_op(to, &op, NULL, &err), TGL_OK);
    }
    for (uint32_t i = 0; i < tgl_program_n_output(from); i++) {
        const tgl_port *port = tgl_program_output(from, i);
        assert_int_equal(tgl_program_add_output(to, port->name, port->value, &err),
                         TGL_OK);
    }
    tgl_status status = tgl_program_verify(to, &err);
    if (status != TGL_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, TGL_OK);
    assert_int_equal(hits, 1);
    return to;
}

static void finds(const tgl_graph *graph, const tgl_program *program,
                  const char *const *words)
{
    static int64_t in[N_EVENT * N_IN];
    tgl_error err;
    char *json = NULL;
    draw(in);
    assert_int_equal(tgl_model_check(&json, graph, program, NULL, in, N_EVENT, &err),
                     TGL_EMISMATCH);
    print_message("found: %s\n", err.message);
    for (; *words; words++) {
        if (!strstr(json, *words))
            print_message("expected %s in %s\n", *words, json);
        assert_non_null(strstr(json, *words));
    }
    tgl_free(json);
}

static void plant(const fault *f, const char *const *words)
{
    tgl_error err;
    tgl_graph *graph = network(0);
    tgl_program *program = NULL, *faulty;
    assert_int_equal(tgl_lower(&program, graph, &err), TGL_OK);
    faulty = planted(program, f);
    finds(graph, faulty, words);
    tgl_program_free(faulty);
    tgl_program_free(program);
    tgl_graph_free(graph);
}

static void sound_program(void **state)
{
    (void)state;
    static int64_t in[N_EVENT * N_IN];
    tgl_error err;
    tgl_graph *graph = network(0);
    tgl_program *program = NULL;
    char *json = NULL;
    draw(in);
    assert_int_equal(tgl_lower(&program, graph, &err), TGL_OK);
    tgl_status status = tgl_model_check(&json, graph, program, NULL, in, N_EVENT, &err);
    if (status != TGL_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, TGL_OK);
    assert_non_null(strstr(json, "\"equal\":true"));
    tgl_free(json);
    /* the first layer loses nothing and may be reordered, the second rounds its terms */
    assert_int_equal(tgl_program_affine(program, 0)->term_exact, 1);
    assert_int_equal(tgl_program_affine(program, 1)->term_exact, 0);
    tgl_program_free(program);
    tgl_graph_free(graph);
}

static void flipped_weight(void **state)
{
    (void)state;
    plant(&(fault){.affine = 1, .weight = 2 * N_IN + 3, .flip = 1},
          (const char *[]){"\"layer\":\"dense_1\"", "\"element\":2",
                           "\"role\":\"accumulator\"", "\"operation\":\"AFFINE\"", NULL});
}

static void dropped_term(void **state)
{
    (void)state;
    plant(&(fault){.affine = 2, .weight = N_HIDDEN + 1, .flip = 0},
          (const char *[]){"\"layer\":\"dense_2\"", "\"element\":1",
                           "\"role\":\"accumulator\"", NULL});
}

static void floor_instead(tgl_op *op)
{
    assert_int_equal(op->round, TGL_RND_CONV);
    op->round = TGL_TRN;
}

static void wrong_rounding(void **state)
{
    (void)state;
    plant(&(fault){.layer = "relu_1", .role = "cast", .element = 3, .op = floor_instead},
          (const char *[]){"\"layer\":\"relu_1\"", "\"element\":3", "\"role\":\"cast\"",
                           "\"operation\":\"QUANTISE\"", "\"type_a\":\"ufixed<10,8>\"",
                           NULL});
}

static void wrap_instead(tgl_op *op)
{
    assert_int_equal(op->overflow, TGL_SAT);
    op->overflow = TGL_WRAP;
}

static void wrong_overflow(void **state)
{
    (void)state;
    plant(&(fault){.layer = "scale", .role = "cast", .element = 0, .op = wrap_instead},
          (const char *[]){"\"layer\":\"scale\"", "\"element\":0",
                           "\"operation\":\"QUANTISE\"", NULL});
}

static void one_more(tgl_op *op)
{
    op->imm += 1;
}

static void wrong_offset(void **state)
{
    (void)state;
    plant(&(fault){.layer = "scale", .role = "offset", .element = 4, .op = one_more},
          (const char *[]){"\"layer\":\"scale\"", "\"element\":4", "\"role\":\"offset\"",
                           NULL});
}

static void graphs_differ(void **state)
{
    (void)state;
    static int64_t in[N_EVENT * N_IN];
    tgl_error err;
    tgl_graph *a = network(0), *b = network(1);
    char *json = NULL;
    draw(in);
    assert_int_equal(tgl_model_diff(&json, a, b, in, N_EVENT, &err), TGL_EMISMATCH);
    assert_non_null(strstr(err.message, "layer 'dense_1', element 2"));
    assert_non_null(strstr(json, "\"member\":\"weights\""));
    assert_non_null(strstr(json, "\"index\":15"));
    tgl_free(json);
    assert_int_equal(tgl_model_diff(&json, a, a, in, N_EVENT, &err), TGL_OK);
    assert_non_null(strstr(json, "\"written\":[]"));
    assert_non_null(strstr(json, "\"equal\":true"));
    tgl_free(json);
    tgl_graph_free(a);
    tgl_graph_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_program),  cmocka_unit_test(flipped_weight),
        cmocka_unit_test(dropped_term),   cmocka_unit_test(wrong_rounding),
        cmocka_unit_test(wrong_overflow), cmocka_unit_test(wrong_offset),
        cmocka_unit_test(graphs_differ),
    };
    return cmocka_run_group_tests_name("model_faults", tests, NULL, NULL);
}
