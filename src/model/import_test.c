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
#include "model/format.h"

static const char path[] = TGL_SOURCE_DIR "/fuzz/corpus/fuzz_l1json/small.json";

static void imports_and_describes(void **state)
{
    (void)state;
    tgl_error err;
    tgl_graph *graph;
    char *json;
    assert_int_equal(tgl_model_import(&graph, path, NULL, "firmware", &err), TGL_OK);
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
        tgl__model_parse(&graph, changed, (size_t)n, "small.json", NULL, "halved", &err),
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
        tgl_status status = tgl_model_import(&graph, path, NULL, "halved", &err);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imports_and_describes),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(runs_out_of_memory),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
