/* The ONNX importer on small models of our own (the fuzz corpus'): one by hand, what is
 * refused, files cut short at every byte, and memory running out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <trigline/model.h>

#include "base/file.h"
#include "base/memory.h"
#include "graph/graph.h"
#include "model/format.h"

#define CORPUS TGL_SOURCE_DIR "/fuzz/corpus/fuzz_onnx/"

static const tgl_import_options options = {.struct_size = sizeof options,
                                           .input_type = "fixed<6,3>"};

/* x -> 2x - 1 -> its sign; dot (1, -1, 1) + 2 on signs. */
static void bipolar_by_hand(void **state)
{
    (void)state;
    tgl_error err;
    tgl_graph *graph;
    char *report;
    tgl_import_options o = options;
    o.report = &report;
    if (tgl_model_import(&graph, CORPUS "bipolar.onnx", &o, &err) != TGL_OK)
        fail_msg("%s", err.message);
    assert_non_null(strstr(report, "\"format\":\"onnx\""));
    assert_non_null(strstr(report, "1 thresholds for each of 3 values"));
    tgl_free(report);
    uint32_t output;
    assert_int_equal(tgl_graph_n_output(graph), 1);
    tgl_graph_output(graph, 0, &output);
    int64_t values[256];
    assert_in_range(tgl__graph_first(graph, graph->n_node), 1, 256);
    for (int64_t a = -32; a < 32; a += 3)
        for (int64_t b = -32; b < 32; b += 5) {
            const int64_t in[3] = {a, b, 4}; /* eighths */
            int64_t x = 2 * a - 8 >= 0 ? 1 : -1, y = 2 * b - 8 >= 0 ? 1 : -1;
            assert_int_equal(tgl_graph_eval(values, graph, in, &err), TGL_OK);
            assert_int_equal(values[tgl__graph_first(graph, output)], x - y + 1 + 2);
        }
    tgl_graph_free(graph);
}

static void refuses(const char *file, const char *from, const char *to, size_t n,
                    const char *message)
{
    tgl_error err;
    tgl_graph *graph = NULL;
    char *bytes, *at = NULL;
    size_t size;
    assert_int_equal(tgl__file_read(&bytes, &size, file, 1 << 16, &err), TGL_OK);
    for (size_t i = 0; i + n <= size && !at; i++)
        if (memcmp(bytes + i, from, n) == 0)
            at = bytes + i;
    assert_non_null(at);
    memcpy(at, to, n);
    const tgl_model_source source = {bytes, "m.onnx", size, NULL};
    tgl_import_options o = options;
    o.format = "onnx";
    assert_int_not_equal(tgl__model_parse(&graph, &source, &o, &err), TGL_OK);
    if (!strstr(err.message, message))
        fail_msg("expected '%s', found '%s'", message, err.message);
    tgl__free(bytes);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    /* field 4 of a node, a string: its operator */
    refuses(CORPUS "dense.onnx",
            "\x22\x06"
            "MatMul",
            "\x22\x06"
            "MatMax",
            8, "this operator");
    refuses(CORPUS "dense.onnx",
            "\x22\x05"
            "Quant",
            "\x22\x05"
            "Quart",
            7, "this operator");
    refuses(CORPUS "dense.onnx", "ROUND", "RAUND", 5, "rounding mode 'RAUND'");
    refuses(CORPUS "conv.onnx",
            "\x22\x04"
            "Conv",
            "\x22\x04"
            "Cone",
            6, "this operator");
    /* field 11 of the graph: its input */
    refuses(CORPUS "bipolar.onnx", "\x5a", "\x6a", 1, "expected one input, found 0");
}

/* Whatever the file is cut to or a byte is changed to: a graph or a reason. */
static void broken_files(void **state)
{
    (void)state;
    static const char *const files[] = {CORPUS "dense.onnx", CORPUS "conv.onnx"};
    tgl_import_options o = options;
    o.format = "onnx";
    for (size_t f = 0; f < 2; f++) {
        tgl_error err;
        char *bytes;
        size_t size;
        assert_int_equal(tgl__file_read(&bytes, &size, files[f], 1 << 16, &err), TGL_OK);
        for (size_t n = 0; n < 2 * size; n++) {
            tgl_graph *graph = NULL;
            char kept = bytes[n % size];
            bytes[n % size] = (char)(n < size ? kept : kept ^ 0x55);
            const tgl_model_source source = {bytes, "m.onnx", n < size ? n : size, NULL};
            err.message[0] = 0;
            tgl_status status = tgl__model_parse(&graph, &source, &o, &err);
            assert_true(status == TGL_OK || err.message[0]);
            tgl_graph_free(graph);
            bytes[n % size] = kept;
        }
        tgl__free(bytes);
    }
}

static void runs_out_of_memory(void **state)
{
    (void)state;
    static const char *const files[] = {CORPUS "scales.onnx", CORPUS "conv.onnx"};
    for (size_t f = 0; f < 2; f++) {
        tgl_status status = TGL_ENOMEM;
        for (long n = 0; status != TGL_OK; n++) {
            tgl_error err;
            tgl_graph *graph = NULL;
            assert_in_range(n, 0, 100000);
            tgl__alloc_fail_after(n);
            status = tgl_model_import(&graph, files[f], &options, &err);
            tgl__alloc_fail_after(-1);
            if (status != TGL_OK && status != TGL_ENOMEM)
                fail_msg("allocation %ld: %s", n, err.message);
            tgl_graph_free(graph);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bipolar_by_hand),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(runs_out_of_memory),
    };
    return cmocka_run_group_tests_name("onnx", tests, NULL, NULL);
}
