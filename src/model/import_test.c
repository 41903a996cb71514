/* The importer of the Level-1 form on a small network of our own (the fuzz corpus'),
 * info, and memory running out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <trigline/lower.h>
#include <trigline/model.h>

#include "base/file.h"
#include "base/memory.h"
#include "graph/graph.h"
#include "model/format.h"

static const char path[] = TGL_SOURCE_DIR "/fuzz/corpus/fuzz_l1json/small.json";

static const tgl_import_options halved = {.struct_size = sizeof halved,
                                          .variant = "halved"},
                                firmware = {.struct_size = sizeof firmware,
                                            .variant = "firmware"};

static void imports_and_describes(void **state)
{
    (void)state;
    tgl_error err;
    tgl_graph *graph;
    char *json;
    assert_int_equal(tgl_model_import(&graph, path, &firmware, &err), TGL_OK);
    /* input, scale, dense, relu, dense, score: no seeds on another network */
    assert_int_equal(tgl_graph_n_node(graph), 6);
    assert_int_equal(tgl_graph_node(graph, 0)->out[0].type.frac, 1);
    assert_int_equal(tgl_graph_node(graph, 1)->offset[0], 4); /* 4.5 cut to integers */
    const tgl_input_rule *rule =
        tgl_convention_rule(tgl_graph_convention(graph), 6); /* jet3_pt */
    assert_string_equal(rule->column, "L1Jet_hwPt");
    assert_int_equal(rule->index, 3);
    assert_int_equal(rule->n_where,
                     1); /* of neighbouring crossings, where a file has any */
    assert_string_equal(rule->where[0].column, "L1Jet_bx");
    assert_int_equal(rule->where[0].value, 0);
    assert_int_equal(rule->optional_where, 1);
    assert_int_equal(tgl_model_info(&json, graph, &err), TGL_OK);
    assert_non_null(strstr(json, "\"convention\":\"axol1tl/firmware@2\""));
    assert_non_null(strstr(json, "\"exact_matrices\":2"));
    assert_non_null(strstr(json, "\"digest\":\"sha256:"));
    tgl_free(json);
    tgl_graph_free(graph);
}

static void refuses(const char *from, const char *to, const char *message)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    char *text, changed[8192];
    size_t size;
    assert_int_equal(tgl__file_read(&text, &size, path, 8000, &err), TGL_OK);
    const char *at = strstr(text, from);
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                     at + strlen(from));
    assert_int_not_equal(
        tgl__model_parse(&graph,
                         &(tgl_model_source){changed, "small.json", (size_t)n, NULL},
                         &halved, &err),
        TGL_OK);
    if (!strstr(err.message, message))
        print_message("found: %s\n", err.message);
    assert_non_null(strstr(err.message, message));
    tgl__free(text);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    refuses("\"jet3_pt\"", "\"jet_pt\"", "input 6: expected a name like 'jet0_pt'");
    refuses("\"n_in\": 8", "\"n_in\": 9", "layer 0");
    refuses("\"weight_lsb\": 0.125", "\"weight_lsb\": 0.25",
            "'weight_lsb': expected the type's unit 0.125, found 0.25");
    refuses("\"relu\"", "\"gelu\"", "'activation': expected 'relu' or 'linear'");
    refuses("[n_in][n_out]", "[n_out][n_in]", "'layout': expected '[n_in][n_out]'");
    refuses("\"shift\": [3", "\"shift\": [16", "'shift' 0: 16 does not fit its type");
    refuses("\"offset\": [4.5, ", "\"offset\": [", "expected 8 numbers, found 7");
    refuses("\"width\": 6", "\"width\": 64", "layer 0");
    refuses("\"layers\"", "\"layer\"", "expected a model");
}

/* Every allocation on the way fails once: no crash, no leak (the sanitizer looks), the
 * right status. */
static void runs_out_of_memory(void **state)
{
    (void)state;
    tgl_error err;
    for (long n = 0;; n++) {
        tgl_graph *graph = NULL;
        tgl_program *program = NULL;
        char *text = NULL;
        size_t size;
        tgl__alloc_fail_after(n);
        tgl_status status = tgl_model_import(&graph, path, &halved, &err);
        if (status == TGL_OK)
            status = tgl_lower(&program, graph, &err);
        if (status == TGL_OK)
            status = tgl_graph_print(&text, &size, graph, &err);
        tgl__alloc_fail_after(-1);
        tgl_program_free(program);
        tgl_graph_free(graph);
        tgl_free(text);
        if (status == TGL_OK) {
            print_message("%ld allocations, each failed once\n", n);
            assert_true(n > 20);
            return;
        }
        assert_int_equal(status, TGL_ENOMEM);
    }
}

static const tgl_import_options trees = {.struct_size = sizeof trees,
                                         .input_type = "fixed<6,4>",
                                         .score_type = "fixed<8,4,RND,SAT>"};

/* pt < 0.6 ? (eta < -1 ? 1.5 : -2) : 0.25, and 0.125, and the base 0.5; scores in 1/16.
 * On the grid of quarters pt < 0.6 is pt <= 0.5. */
static void trees_by_hand(void **state)
{
    (void)state;
    static const struct {
        int64_t in[2], margin;
    } events[] = {{{2, -5}, 24 + 2 + 8}, {{2, -4}, -32 + 2 + 8}, {{3, -5}, 4 + 2 + 8},
                  {{-32, -32}, 34},      {{31, 31}, 14},         {{-1, 31}, -22}};
    tgl_error err;
    tgl_graph *graph = NULL;
    tgl_status status = tgl_model_import(
        &graph, TGL_SOURCE_DIR "/fuzz/corpus/fuzz_xgboost/two_trees.json", &trees, &err);
    if (status != TGL_OK)
        fail_msg("%s", err.message);
    assert_string_equal(tgl_graph_node(graph, 0)->labels[1], "eta");
    uint64_t n = tgl__graph_first(graph, tgl_graph_n_node(graph));
    int64_t *values = tgl__calloc((size_t)n, sizeof *values);
    for (size_t e = 0; e < sizeof events / sizeof events[0]; e++) {
        assert_int_equal(tgl_graph_eval(values, graph, events[e].in, &err), TGL_OK);
        assert_int_equal(values[n - 1], events[e].margin);
    }
    tgl__free(values);
    tgl_graph_free(graph);
}

static void refuses_tree(const char *from, const char *to, const char *message)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    char *text, changed[4096];
    size_t size;
    assert_int_equal(tgl__file_read(&text, &size,
                                    TGL_SOURCE_DIR
                                    "/fuzz/corpus/fuzz_xgboost/two_trees.json",
                                    1 << 20, &err),
                     TGL_OK);
    const char *at = strstr(text, from);
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                     at + strlen(from));
    tgl_model_source model = {changed, "trees.json", (size_t)n, NULL};
    assert_int_not_equal(tgl__model_parse(&graph, &model, &trees, &err), TGL_OK);
    if (!strstr(err.message, message))
        fail_msg("expected '%s', found '%s'", message, err.message);
    tgl__free(text);
}

static void names_what_is_wrong_with_trees(void **state)
{
    (void)state;
    refuses_tree("[1,3,-1,-1,-1]", "[1,9,-1,-1,-1]", "expected children within 1 to 4");
    refuses_tree("[1,3,-1,-1,-1]", "[1,1,-1,-1,-1]", "a child has two parents");
    refuses_tree("[2,4,-1,-1,-1]", "[2,4,-1,-1]", "'right_children': expected 5 numbers");
    refuses_tree("[0,1,0,0,0]", "[0,2,0,0,0]", "expected a feature below 2, found 2");
    refuses_tree("\"split_type\":[0,0", "\"split_type\":[0,1", "split by categories");
    refuses_tree("[0.6,", "[null,", "expected a finite threshold or leaf");
    refuses_tree("\"tree_info\":[0,0]", "\"tree_info\":[0,1]",
                 "expected a class below 1");
    refuses_tree("5E-1", "half", "trees.json");
    refuses_tree("reg:squarederror", "reg:cubic",
                 "objective 'reg:cubic' is not supported");
    refuses_tree("reg:squarederror", "binary:logitraw", "depends on XGBoost's version");
    refuses_tree("\"gbtree\"", "\"dart\"", "expected booster 'gbtree', found 'dart'");
    refuses_tree("\"num_feature\":\"2\"", "\"num_feature\":\"1e9\"",
                 "expected 0 to 65536");
}

/* Inputs and scores have no types in the file: nothing is guessed. */
static void trees_need_types(void **state)
{
    (void)state;
    tgl_error err;
    tgl_graph *graph = NULL;
    const char *file = TGL_SOURCE_DIR "/fuzz/corpus/fuzz_xgboost/two_trees.json";
    assert_int_equal(tgl_model_import(&graph, file, NULL, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "has no fixed-point types"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_by_hand),
        cmocka_unit_test(names_what_is_wrong_with_trees),
        cmocka_unit_test(trees_need_types),
        cmocka_unit_test(imports_and_describes),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(runs_out_of_memory),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
