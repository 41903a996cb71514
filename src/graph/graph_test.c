#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

#define FIXED(w, i)                                                                      \
    {                                                                                    \
        1, w, (w) - (i)                                                                  \
    }
#define UFIXED(w, i)                                                                     \
    {                                                                                    \
        0, w, (w) - (i)                                                                  \
    }

/* input (2) -> scale -> dense (2) -> relu -> sum of squares -> threshold, argmax. */
static tgl_graph *small_graph(void)
{
    tgl_graph *graph;
    tgl_error err;
    uint32_t in, scaled, dense, relu, score, seed, best;
    const tgl_quant in_type = {UFIXED(8, 8), TGL_TRN, TGL_WRAP};
    const tgl_quant wide = {FIXED(18, 13), TGL_TRN, TGL_WRAP};
    const tgl_quant small = {FIXED(8, 6), TGL_RND_CONV, TGL_SAT};
    const tgl_quant acc = {FIXED(12, 8), TGL_TRN, TGL_WRAP};
    const tgl_quant term = {FIXED(12, 8), TGL_RND, TGL_WRAP};
    const tgl_quant act = {UFIXED(8, 6), TGL_RND_CONV, TGL_SAT};
    const tgl_quant sum = {UFIXED(18, 14), TGL_TRN, TGL_WRAP};
    const tgl_quant bit = {UFIXED(1, 1), TGL_TRN, TGL_WRAP};
    const char *labels[] = {"pt", "eta"};
    assert_int_equal(tgl_graph_new(&graph, "small", &err), TGL_OK);
    tgl_node node = {.name = "in",
                     .op = TGL_GRAPH_INPUT,
                     .n_element = 2,
                     .out = &in_type,
                     .n_out = 1,
                     .labels = labels};
    assert_int_equal(tgl_graph_add(graph, &node, &in, &err), TGL_OK);
    node = (tgl_node){.name = "scale",
                      .op = TGL_GRAPH_SCALE,
                      .n_input = 1,
                      .inputs = &in,
                      .n_element = 2,
                      .out = &small,
                      .n_out = 1,
                      .offset = (int64_t[]){10, -3},
                      .offset_type = FIXED(10, 10),
                      .shift = (int64_t[]){3, -1},
                      .shift_lo = -4,
                      .shift_hi = 7,
                      .slot_shift = 1,
                      .cast = wide};
    assert_int_equal(tgl_graph_add(graph, &node, &scaled, &err), TGL_OK);
    node = (tgl_node){.name = "dense",
                      .op = TGL_GRAPH_DENSE,
                      .n_input = 1,
                      .inputs = &scaled,
                      .n_element = 2,
                      .out = &acc,
                      .n_out = 1,
                      .weights = (int64_t[]){3, -5, 7, 1},
                      .weight_type = FIXED(6, 3),
                      .bias = (int64_t[]){1, -8},
                      .bias_type = FIXED(10, 7),
                      .term = term,
                      .acc = acc,
                      .order = (uint32_t[]){1, 0}};
    assert_int_equal(tgl_graph_add(graph, &node, &dense, &err), TGL_OK);
    node = (tgl_node){.name = "relu",
                      .op = TGL_GRAPH_RELU,
                      .n_input = 1,
                      .inputs = &dense,
                      .n_element = 2,
                      .out = &act,
                      .n_out = 1};
    assert_int_equal(tgl_graph_add(graph, &node, &relu, &err), TGL_OK);
    node = (tgl_node){.name = "score",
                      .op = TGL_GRAPH_SUM_SQUARES,
                      .n_input = 1,
                      .inputs = &relu,
                      .n_element = 1,
                      .out = &sum,
                      .n_out = 1,
                      .term = sum,
                      .acc = sum};
    assert_int_equal(tgl_graph_add(graph, &node, &score, &err), TGL_OK);
    node = (tgl_node){.name = "seeds",
                      .op = TGL_GRAPH_THRESHOLD,
                      .n_input = 1,
                      .inputs = &score,
                      .n_element = 2,
                      .out = &bit,
                      .n_out = 1,
                      .threshold = (int64_t[]){100, 5000},
                      .threshold_type = UFIXED(18, 14),
                      .slot_threshold = 1};
    assert_int_equal(tgl_graph_add(graph, &node, &seed, &err), TGL_OK);
    node = (tgl_node){.name = "best",
                      .op = TGL_GRAPH_ARGMAX,
                      .n_input = 1,
                      .inputs = &relu,
                      .n_element = 1,
                      .out = &bit,
                      .n_out = 1};
    assert_int_equal(tgl_graph_add(graph, &node, &best, &err), TGL_OK);
    assert_int_equal(tgl_graph_add_output(graph, "score", score, &err), TGL_OK);
    assert_int_equal(tgl_graph_add_output(graph, "seeds", seed, &err), TGL_OK);
    assert_int_equal(tgl_graph_add_output(graph, "best", best, &err), TGL_OK);
    return graph;
}

static void evaluates_by_hand(void **state)
{
    (void)state;
    tgl_error err;
    tgl_graph *graph = small_graph();
    assert_int_equal(tgl_graph_verify(graph, &err), TGL_OK);
    int64_t values[12];
    assert_int_equal(tgl_graph_eval(values, graph, (int64_t[]){100, 5}, &err), TGL_OK);
    /* scale: (100 - 10) / 8 = 11.25 -> 45/4; (5 + 3) * 2 = 16 -> 64/4 */
    assert_int_equal(values[2], 45);
    assert_int_equal(values[3], 64);
    /* dense, unit 1/16: bias 1/8 -> 2; input 1 first: 64*-5/32 = -10 -> -160; 45*3/32 =
     * 4.21875 -> 67.5 rounds to 68 */
    assert_int_equal(values[4], 2 - 160 + 68);
    /* bias -1 -> -16; 64*1/32 = 2 -> 32; 45*7/32 = 9.84375 -> 157.5 rounds to 158 */
    assert_int_equal(values[5], -16 + 32 + 158);
    assert_int_equal(values[6], 0);
    assert_int_equal(values[7], 44); /* 174/16 = 10.875 = 43.5/4, a half: to even */
    assert_int_equal(values[8], 44 * 44);
    assert_int_equal(values[9], 1);
    assert_int_equal(values[10], 0);
    assert_int_equal(values[11], 1);
    assert_int_equal(tgl_graph_eval(values, graph, (int64_t[]){256, 5}, &err),
                     TGL_ELIMIT);
    tgl_graph_free(graph);
}

static void text_round_trips(void **state)
{
    (void)state;
    tgl_error err;
    tgl_graph *graph = small_graph(), *again;
    const tgl_input_rule rules[] = {
        {.name = "pt",
         .column = "L1Jet_hwPt",
         .n_where = 1,
         .where = {{"L1Jet_bx", 0}},
         .optional_where = 1,
         .drop_bits = 1,
         .scale = 1.0,
         .quant = {UFIXED(8, 8), TGL_TRN, TGL_WRAP}},
        {.name = "x", .scale = 0.1, .quant = {UFIXED(8, 8), TGL_TRN, TGL_WRAP}}};
    tgl_convention *convention;
    assert_int_equal(tgl_convention_new(&convention, "small@1", rules, 2, &err), TGL_OK);
    assert_string_equal(tgl_convention_columns(convention)[1], "L1Jet_bx");
    assert_null(tgl_convention_columns(convention)[2]);
    assert_int_equal(tgl_graph_set_convention(graph, convention, &err), TGL_OK);
    tgl_convention_free(convention);
    assert_int_equal(tgl_graph_verify(graph, &err), TGL_OK);
    char *text, *more;
    size_t size, size_more;
    assert_int_equal(tgl_graph_print(&text, &size, graph, &err), TGL_OK);
    tgl_status status = tgl_graph_parse(&again, text, size, "small.json", &err);
    if (status != TGL_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, TGL_OK);
    assert_int_equal(tgl_graph_print(&more, &size_more, again, &err), TGL_OK);
    assert_int_equal(size, size_more);
    assert_memory_equal(text, more, size);
    tgl_free(text);
    tgl_free(more);
    tgl_graph_free(again);
    tgl_graph_free(graph);
}

static void refuses(const char *from, const char *to, const char *message)
{
    tgl_error err;
    tgl_graph *graph = small_graph(), *again = NULL;
    char *text;
    size_t size;
    assert_int_equal(tgl_graph_verify(graph, &err), TGL_OK);
    assert_int_equal(tgl_graph_print(&text, &size, graph, &err), TGL_OK);
    char *at = strstr(text, from);
    assert_non_null(at);
    char changed[8192];
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                     at + strlen(from));
    tgl_status status = tgl_graph_parse(&again, changed, (size_t)n, "small.json", &err);
    assert_int_not_equal(status, TGL_OK);
    if (!strstr(err.message, message))
        print_message("found: %s\n", err.message);
    assert_non_null(strstr(err.message, message));
    assert_null(again);
    tgl_free(text);
    tgl_graph_free(graph);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    refuses(
        "\"order\":[1,0]", "\"order\":[1,1]",
        "node 'dense': order: expected a permutation of 2 inputs, found 1 at place 1");
    refuses("\"threshold\":[100,5000]", "\"threshold\":[100,262144]",
            "node 'seeds': threshold 1: expected a code in [0, 262143], found 262144");
    refuses("\"shift\":[3,-1]", "\"shift\":[3,-5]",
            "node 'scale': element 1: expected a shift in [-4, 7], found -5");
    refuses("[7,1]", "[7,1,0]", "'weights' row 1: expected 2 codes, found 3");
    refuses("\"op\":\"relu\"", "\"op\":\"gelu\"", "unknown operator 'gelu'");
    refuses("\"cast\":\"fixed<18,13>\"", "\"cast\":\"fixed<60,13>\"",
            "element 0: shifted value: expected at most 63 bits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluates_by_hand),
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(names_what_is_wrong),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
