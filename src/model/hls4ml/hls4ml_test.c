/* A small project read from memory: its meaning by hand, its refusals, and memory running
 * out. Whole projects are held against hls4ml's compiled C++ in tests/interop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "graph/graph.h"
#include "model/hls4ml/hls.h"

static const char corpus[] = TGL_SOURCE_DIR "/fuzz/corpus/fuzz_hls4ml/";

static char *text_of(const char *name, size_t *size)
{
    char path[300], *text;
    snprintf(path, sizeof path, "%s%s", corpus, name);
    assert_int_equal(tgl__file_read(&text, size, path, 1 << 20, NULL), TGL_OK);
    return text;
}

static tgl_status read_project(tgl_graph **graph, const char *text, size_t size,
                               const char *settings, tgl_json **choices, tgl_error *err)
{
    const tgl_model_source source = {NULL, "project", 0, NULL};
    const tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    const hls_files files = {"project", text, size};
    tgl_import import = {.source = &source, .options = &options, .err = err};
    tgl_json *named = NULL;
    if (settings)
        assert_int_equal(
            tgl__yaml_parse(&named, settings, strlen(settings), "settings", err), TGL_OK);
    import.settings = named;
    import.choices = tgl__json_array();
    tgl_status status =
        import.choices ? tgl__hls_import(graph, &import, &files) : TGL_ENOMEM;
    if (choices)
        *choices = import.choices;
    else
        tgl__json_free(import.choices);
    tgl__json_free(named);
    tgl__buffer_release(&import.refused);
    return status;
}

/* hidden: x (0.5, 1.25, -2; -0.75, 0, 1) + (0.125, -0.0625), products and sums in
 * fixed<8,4,RND,SAT>; relu in ufixed<4,2,RND_CONV,SAT>; scores with rows of w4; then
 * 0.25 y + 0.5 cut to [0, 1]. */
static void means_what_it_says(void **state)
{
    (void)state;
    size_t size;
    char *text = text_of("dense.txt", &size);
    tgl_error err;
    tgl_graph *graph;
    tgl_json *choices;
    if (read_project(&graph, text, size, NULL, &choices, &err) != TGL_OK)
        fail_msg("%s", err.message);
    assert_string_equal(tgl_graph_name(graph), "small");
    assert_string_equal(tgl_graph_node(graph, 1)->name, "hidden");
    assert_int_equal(tgl__json_size(choices), 0);
    /* x = 1, 2, -1 in eighths: hidden_0 = 0.5 + 2.5 + 2 + 0.125 = 5.125, hidden_1 =
     * -0.75 + 0 - 1 - 0.0625 < 0 */
    const int64_t x[3] = {8, 16, -8};
    uint64_t n = tgl__graph_first(graph, tgl_graph_n_node(graph));
    int64_t *values = tgl__calloc((size_t)n, sizeof *values);
    assert_int_equal(tgl_graph_eval(values, graph, x, &err), TGL_OK);
    assert_int_equal(values[3], 82);     /* 5.125 in sixteenths */
    assert_int_equal(values[4], -29);    /* -1.8125 */
    assert_int_equal(values[5], 15);     /* 3.75 is the largest of ufixed<4,2> */
    assert_int_equal(values[6], 0);      /* relu */
    assert_int_equal(values[7], 15);     /* 0.25 * 3.75 = 0.9375 */
    assert_int_equal(values[8], 8 - 30); /* 0.5 - 0.5 * 3.75 */
    assert_int_equal(values[9], 97);     /* -0.5 + 1.75 * 3.75 = 6.0625 */
    assert_int_equal(values[n - 3], 11); /* 0.25 * 0.9375 + 0.5 = 0.734.. cut */
    assert_int_equal(values[n - 2], 2);  /* 0.5 - 0.34.. = 0.156.. */
    assert_int_equal(values[n - 1], 16); /* 1 */
    tgl__free(values);
    tgl_graph_free(graph);
    tgl__json_free(choices);
    tgl__free(text);
}

static void refuses_in(const char *name, const char *from, const char *to,
                       const char *message)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    size_t size;
    char *text = text_of(name, &size), changed[8192];
    const char *at = strstr(text, from);
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                     at + strlen(from));
    assert_int_not_equal(read_project(&graph, changed, (size_t)n, NULL, NULL, &err),
                         TGL_OK);
    if (!strstr(err.message, message))
        fail_msg("expected '%s', found '%s'", message, err.message);
    tgl__free(text);
}

static void refuses(const char *from, const char *to, const char *message)
{
    refuses_in("dense.txt", from, to, message);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    refuses("firmware/parameters.h", "firmware/p.h", "expected an hls4ml project with");
    refuses("nnet::relu<", "nnet::swish<", "hidden_relu: function 'swish' (line 17)");
    refuses("ap_fixed<6,3> input_t", "ap_fixed<96,3> input_t", "expected 1 to 63 bits");
    refuses("ap_fixed<6,3> input_t", "float input_t",
            "type 'float': expected ap_fixed, ap_ufixed");
    refuses("AP_SAT,0>", "AP_SAT,3>", "saturation bits");
}

static void names_what_is_wrong_with_values(void **state)
{
    (void)state;
    refuses("1e0}", "1e0, 2}", "array 'w2': expected 6 values, found 7");
    refuses("1e0}", "one}", "array 'w2': value 5: expected a number, found 'one'");
    refuses("0.25, 0.5,", "0.25,", "array 'w4': expected 6 values, found 5");
    refuses("weights/w4.txt", "weights/w5.txt",
            "array 'w4': expected its values in a header or in firmware/weights/w4.txt");
    refuses("n_in = N_INPUT", "n_in = N_INPUTS", "expected an integer");
    refuses("n_in = N_INPUT", "n_in = 4", "input 1: expected 4 elements, found 3");
    refuses("n_out = 3", "n_out = 1 << 3", "layer 'scores': '1': expected an integer");
    refuses("(x, layer2_out", "(layer4_out, layer2_out", "reads no input");
    refuses("(x, layer2_out", "(x0, layer2_out",
            "argument 1: expected a variable of the top function, found 'x0'");
    refuses("accum_t;\n    typedef bias_t", "acc_t;\n    typedef bias_t",
            "'config2': expected a type 'accum_t', found none");
    refuses("hard_config5::shift = 0.5", "hard_config5::shift = half",
            "expected a number 'shift'");
    refuses("#pragma HLS PIPELINE", "for (int i = 0; i < 3; i++) x[i] = 0;",
            "expected a call like nnet::dense");
    refuses("struct config2", "struct config3", "expected 'n_in'");
}

static void names_what_is_wrong_with_layers(void **state)
{
    (void)state;
    refuses_in("layers.txt", "Average", "Median", "'pool_op': expected Max or Average");
    refuses_in("layers.txt", "out_width = 4", "out_width = 5", "expected 4 positions");
    refuses_in("layers.txt", "exp_table_size = 16", "exp_table_size = 12",
               "tables of 12 and 16 entries");
    refuses_in("layers.txt", "perm[2] = {1, 0}", "perm[2] = {1, 1}",
               "'perm': expected each axis once");
    refuses_in("layers.txt", "accum_t; };\nstruct norm", "sum_t; };\nstruct norm",
               "expected a type 'accum_t', found none");
}

/* Offsets 3 and -3 (cut to integers), shifts 1 and -1; y = (x0 - x1, x0 / 2 + x1 / 4 +
 * 0.5); the sum of their squares. */
static void knows_code_by_hand(void **state)
{
    (void)state;
    size_t size;
    char *text = text_of("hand.txt", &size);
    tgl_error err;
    tgl_graph *graph;
    const char *settings = "name: seen\ninputs: [pt, eta]\noutputs: {y: mean}\n"
                           "thresholds: {loose: 2.5, tight: 7}\n";
    if (read_project(&graph, text, size, settings, NULL, &err) != TGL_OK)
        fail_msg("%s", err.message);
    assert_string_equal(tgl_graph_name(graph), "seen");
    assert_string_equal(tgl_graph_node(graph, 0)->labels[1], "eta");
    assert_string_equal(tgl_graph_output(graph, 0, NULL), "mean");
    assert_string_equal(tgl_graph_output(graph, 1, NULL), "score");
    assert_string_equal(tgl_graph_output(graph, 2, NULL), "seeds");
    const int64_t x[2] = {28, -10}; /* 7 and -2.5 in quarters */
    int64_t values[9];
    assert_int_equal(tgl__graph_first(graph, tgl_graph_n_node(graph)), 9);
    assert_int_equal(tgl_graph_eval(values, graph, x, &err), TGL_OK);
    const int64_t expected[9] = {28, -10, 8, 4, 8, 14, 32, 1, 0};
    /* scaled 2, 1; y = 1, 1.75 in eighths; 1 + 3 (3.0625 cut) in eighths */
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(values[i], expected[i]);
    tgl_graph_free(graph);
    tgl__free(text);
}

static void asks(const char *settings, const char *from, const char *to,
                 const char *message)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    size_t size;
    char *text = text_of("hand.txt", &size), changed[8192];
    const char *at = strstr(text, from);
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                     at + strlen(from));
    tgl_status status = read_project(&graph, changed, (size_t)n, settings, NULL, &err);
    if (message ? status == TGL_OK || !strstr(err.message, message) : status != TGL_OK)
        fail_msg("expected '%s', found '%s'", message ? message : "", err.message);
    tgl_graph_free(graph);
    tgl__free(text);
}

static void asks_for_other_code(void **state)
{
    (void)state;
    asks(NULL, ">> anomaly", "* anomaly", "settings: scaling: none, or {type, offset,");
    asks("scaling: none", ">> anomaly", "* anomaly", NULL);
    asks("scaling: {type: 'fixed<10,8>', offset: [3, -2], offset_type: 'fixed<6,6>', "
         "shift: [1, 2]}",
         ">> anomaly", "* anomaly", NULL);
    asks("scaling: {type: 'fixed<10,8>', offset: [3], offset_type: 'fixed<6,6>', "
         "shift: [1, 2]}",
         ">> anomaly", "* anomaly", "'offset': expected 2 numbers, found 1");
    asks(NULL, "r[i] * r[i]", "r[i] + r[i]", "settings: score: none, or {squares:");
    asks("score: none", "r[i] * r[i]", "r[i] + r[i]", NULL);
    asks("score: {first: 'fixed<6,4>'}", "r[i] * r[i]", "r[i] + r[i]", NULL);
    asks("thresholds: {loose: 0.0625}", "r[i]", "r[i]",
         "is no value of the score's type");
    asks("treshold: 1", "r[i]", "r[i]", "treshold");
    asks(NULL, "ad_offsets[2]", "ad_offset[2]", "expected an array 'ad_offsets'");
    asks(NULL, "ad_shift[2] = {1, -1}", "ad_shift[2] = {1, -1, 0}",
         "array 'ad_shift': expected 2 values, found 3");
    asks(NULL, "ap_fixed<10,8> raw_t", "ap_fixed<10,8,AP_RND> raw_t",
         "expected a type without rounding");
}

/* y = (x0 - u / 4 + 0.25, 2 x0 - 2 u, 1.5) with u = x1 in ufixed<4,2>; z = (y0, y1 + y2).
 */
static void follows_sums(void **state)
{
    (void)state;
    size_t size;
    char *text = text_of("arithmetic.txt", &size);
    tgl_error err;
    tgl_graph *graph;
    if (read_project(&graph, text, size, NULL, NULL, &err) != TGL_OK)
        fail_msg("%s", err.message);
    uint64_t n = tgl__graph_first(graph, tgl_graph_n_node(graph));
    int64_t *values = tgl__calloc((size_t)n, sizeof *values);
    const int64_t x[2] = {-20, -8}; /* -2.5 and -1, which wraps to 3 */
    assert_int_equal(tgl_graph_eval(values, graph, x, &err), TGL_OK);
    /* the mask: 8 bits of the first, the second left out */
    uint32_t masked;
    assert_string_equal(tgl_graph_output(graph, 1, &masked), "m");
    assert_int_equal(values[tgl__graph_first(graph, masked)],
                     -40); /* -2.5 in sixteenths */
    assert_int_equal(values[tgl__graph_first(graph, masked) + 1], 0);
    uint32_t last;
    (void)tgl_graph_output(graph, 0, &last);
    n = tgl__graph_first(graph, last) + 2;
    assert_int_equal(values[n - 2], -48);  /* -2.5 - 0.75 + 0.25 = -3 in sixteenths */
    assert_int_equal(values[n - 1], -152); /* -5 - 6 + 1.5 = -9.5 */
    tgl__free(values);
    tgl_graph_free(graph);
    tgl__free(text);
}

static void names_what_is_wrong_with_sums(void **state)
{
    (void)state;
    refuses_in("arithmetic.txt", "ap_fixed<9,4> v2", "ap_fixed<7,4> v2",
               "its sums, line 6: expected a sum that its type holds");
    refuses_in("arithmetic.txt", "ap_fixed<9,4> v2", "ap_fixed<8,3> v2", "line 6");
    refuses_in("arithmetic.txt", "bit_shift<-2>(v1)", "v1 * v1", "expected ';'");
    refuses_in("arithmetic.txt", "bit_shift<-2>(v1)", "v7",
               "expected a value declared before, found 'v7'");
    refuses_in("arithmetic.txt", "model_inp[1]; // 0", "model_inp[2]; // 0",
               "expected an index of the input");
    refuses_in("arithmetic.txt", "v1 + v1", "model_inp[1]",
               "expected one conversion of each input");
    refuses_in("arithmetic.txt", "<1,-1>(0.25)", "<1,0>(0.25)",
               "expected a number that its type holds");
    refuses_in("arithmetic.txt", "data[2]", "data[3]", "its windows: expected buffer");
    refuses_in("arithmetic.txt", "(inp[0])", "(inp[2])",
               "element 0: expected TYPE(inp[0]) or 0");
    refuses_in("arithmetic.txt", "(inp[0])", "(inp[0] + 1)", "expected TYPE(inp[0])");
    refuses_in("arithmetic.txt", "void dense_da_3", "void dense_da_4",
               "expected a function 'dense_da_3' in nnet_code_gen.h, found none");
    refuses_in("arithmetic.txt", "void dense_da_2", "void dense_da_1",
               "expected its code in nnet_code_gen.h");
}

/* Rows of biases that differ become sets; an embedding's index past its entries is a
 * choice that the report names. */
static void reads_attention(void **state)
{
    (void)state;
    size_t size;
    char *text = text_of("attention.txt", &size);
    tgl_error err;
    tgl_graph *graph;
    tgl_json *choices;
    if (read_project(&graph, text, size, NULL, &choices, &err) != TGL_OK)
        fail_msg("%s", err.message);
    uint64_t n = tgl__graph_first(graph, tgl_graph_n_node(graph));
    int64_t *values = tgl__calloc((size_t)n, sizeof *values);
    const int64_t x[8] = {8, 8, 8, -8, 0, 8, 2, 3};
    assert_int_equal(tgl_graph_eval(values, graph, x, &err), TGL_OK);
    /* e = (1, 2), (-1, -2), (0.5, 0.25); index 2, then 3, which has none */
    assert_int_equal(values[n - 4], 4);
    assert_int_equal(values[n - 3], 2);
    assert_int_equal(values[n - 2], 0);
    assert_int_equal(values[n - 1], 0);
    assert_int_equal(tgl__json_size(choices), 2);
    const tgl_node *rows = NULL;
    for (uint32_t i = 0; i < tgl_graph_n_node(graph); i++)
        if (tgl_graph_node(graph, i)->op == TGL_GRAPH_DENSE)
            rows = tgl_graph_node(graph, i);
    assert_non_null(rows);
    assert_int_equal(rows->sets, 2);
    /* 0.5 - 0.5 + 1 + 0.5 and 1 + 0.25 + 1 - 0.5; -0.5 + 1 + 0.5 and -1 + 1 + 0.25 */
    const int64_t expected[4] = {96, 112, 64, 16};
    uint64_t at = tgl__graph_first(graph, 0);
    for (uint32_t i = 0; tgl_graph_node(graph, i) != rows; i++)
        at = tgl__graph_first(graph, i + 1);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(values[at + i], expected[i]);
    tgl__free(values);
    tgl_graph_free(graph);
    tgl__json_free(choices);
    tgl__free(text);
}

/* What an LSTM and a GRU give by themselves, they give side by side too: the backward
 * states of the steps in the inputs' order. */
static void unrolls_steps(void **state)
{
    (void)state;
    size_t size;
    char *text = text_of("recurrent.txt", &size);
    tgl_error err;
    tgl_graph *graph;
    if (read_project(&graph, text, size, NULL, NULL, &err) != TGL_OK)
        fail_msg("%s", err.message);
    uint64_t n = tgl__graph_first(graph, tgl_graph_n_node(graph));
    int64_t *values = tgl__calloc((size_t)n, sizeof *values);
    const int64_t x[4] = {12, 4, 12, 4}; /* twice 1.5, 0.5: backward is forward */
    int64_t out[7];
    assert_int_equal(tgl_graph_eval(values, graph, x, &err), TGL_OK);
    for (uint32_t i = 0, at = 0; i < 3; i++) {
        uint32_t node;
        (void)tgl_graph_output(graph, i, &node);
        for (uint32_t j = 0; j < tgl_graph_node(graph, node)->n_element; j++)
            out[at++] = values[tgl__graph_first(graph, node) + j];
    }
    assert_int_equal(out[5], out[0]); /* the LSTM's last */
    assert_int_equal(out[6], out[1]); /* the GRU's first is the last one backward */
    assert_int_equal(out[4], out[2]);
    assert_true(out[1] != out[2] && out[0] != 0);
    tgl__free(values);
    tgl_graph_free(graph);
    tgl__free(text);
    refuses_in("recurrent.txt", "activation = nnet::activation::relu",
               "activation = nnet::activation::gelu", "activation 'gelu'");
    refuses_in("recurrent.txt", "nnet::gru_class<", "nnet::rnn_class<",
               "cells of 'rnn_class'");
    refuses_in("recurrent.txt", "n_sequence_out = 1", "n_sequence_out = 3",
               "all or the last coming out");
}

/* What a project's own headers say of versions before 1.3: the mean is cut toward zero on
 * the sum's grid, lambda has the result's type (1), parameters the input's (0.25),
 * a maximum stays in the input's type. */
static void knows_older_versions(void **state)
{
    (void)state;
    size_t size;
    char *text = text_of("older.txt", &size);
    tgl_error err;
    tgl_graph *graph;
    if (read_project(&graph, text, size, NULL, NULL, &err) != TGL_OK)
        fail_msg("%s", err.message);
    uint64_t n = tgl__graph_first(graph, tgl_graph_n_node(graph));
    int64_t *values = tgl__calloc((size_t)n, sizeof *values);
    const int64_t x[4] = {5, -5, 31, 30}; /* quarters */
    static const int64_t expected[5][4] = {
        {20, -20, 124, 120}, /* the mean, in sixteenths */
        {20, 0, 124, 120},   /* lambda is 1 there; the table is left out here */
        {20, -5, 124, 120},  /* 0.25 x where negative */
        {20, 124, -20, 120},
        {20, 124, 0, 0}};
    assert_int_equal(tgl_graph_eval(values, graph, x, &err), TGL_OK);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t node;
        (void)tgl_graph_output(graph, i, &node);
        for (uint32_t j = 0; j < tgl_graph_node(graph, node)->n_element; j++)
            if (i != 1 || j != 1)
                assert_int_equal(values[tgl__graph_first(graph, node) + j],
                                 expected[i][j]);
    }
    tgl__free(values);
    tgl_graph_free(graph);
    tgl__free(text);
    refuses_in("older.txt", "stride_width = 2", "stride_width = 1, x = 2",
               "axis 1: 2 positions");
    refuses_in("older.txt", "pool_width = 2", "pool_width = 1",
               "windows other than the stride in a version");
    refuses_in("older.txt", "nnet::Max", "nnet::Average",
               "averages of a version before 1.0");
}

static void runs_out_of_memory(void **state)
{
    (void)state;
    static const char *const names[] = {
        "dense.txt",     "layers.txt",    "hand.txt", "arithmetic.txt",
        "attention.txt", "recurrent.txt", "older.txt"};
    for (size_t i = 0; i < 7; i++) {
        size_t size;
        char *text = text_of(names[i], &size);
        tgl_status status = TGL_ENOMEM;
        for (long n = 0; status != TGL_OK; n++) {
            tgl_error err;
            tgl_graph *graph = NULL;
            tgl__alloc_fail_after(n);
            status = read_project(&graph, text, size, NULL, NULL, &err);
            tgl__alloc_fail_after(-1);
            tgl_graph_free(graph);
            if (status != TGL_OK && status != TGL_ENOMEM)
                fail_msg("%s", err.message);
        }
        tgl__free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_what_it_says),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(names_what_is_wrong_with_values),
        cmocka_unit_test(names_what_is_wrong_with_layers),
        cmocka_unit_test(knows_code_by_hand),
        cmocka_unit_test(asks_for_other_code),
        cmocka_unit_test(follows_sums),
        cmocka_unit_test(names_what_is_wrong_with_sums),
        cmocka_unit_test(reads_attention),
        cmocka_unit_test(unrolls_steps),
        cmocka_unit_test(knows_older_versions),
        cmocka_unit_test(runs_out_of_memory),
    };
    return cmocka_run_group_tests_name("hls4ml", tests, NULL, NULL);
}
