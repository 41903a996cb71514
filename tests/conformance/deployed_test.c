/* The deployed anomaly network from its JSON: every output code, every score code and all
 * decision bits against the original's, by the graph's evaluator and by the lowered
 * program. The data stand outside the repository (TGL_SHARED_DIR). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trigline/data.h>
#include <trigline/emulate.h>
#include <trigline/lower.h>
#include <trigline/model.h>

#include "base/file.h"
#include "base/memory.h"
#include "graph/graph.h"
#include "support/pieces.h"

enum { N_IN = 57, N_CODE = 9, N_SEED = 7, N_OUT = N_CODE + N_SEED, FIRST_SEED = 421 };

static char l1_dir[1024];

static const char *l1_path(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", l1_dir, name);
    return path;
}

static void check(tgl_status status, const tgl_error *err)
{
    if (status != TGL_OK)
        print_message("%s: %s\n", tgl_status_name(status), err->message);
    assert_int_equal(status, TGL_OK);
}

static tgl_graph *deployed(const char *variant)
{
    tgl_graph *graph = NULL;
    tgl_error err;
    tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    options.variant = variant;
    check(tgl_model_import(&graph, l1_path("axol1tl_v4.json"), &options, &err), &err);
    return graph;
}

/* ---- three ways to run ---- */

/* means, score, seeds of one event */
static void by_graph(int64_t *out, const tgl_graph *graph, const int64_t *in, size_t n)
{
    tgl_error err;
    uint32_t n_node = tgl_graph_n_node(graph);
    int64_t *values =
        tgl__calloc((size_t)tgl__graph_first(graph, n_node), sizeof *values);
    assert_non_null(values);
    for (size_t event = 0; event < n; event++) {
        check(tgl_graph_eval(values, graph, in + event * N_IN, &err), &err);
        size_t at = event * N_OUT;
        for (uint32_t i = 0; i < tgl_graph_n_output(graph); i++) {
            uint32_t node = 0;
            tgl_graph_output(graph, i, &node);
            for (uint32_t j = 0; j < tgl_graph_node(graph, node)->n_element; j++)
                out[at++] = values[tgl__graph_first(graph, node) + j];
        }
        assert_int_equal(at, (event + 1) * N_OUT);
    }
    tgl__free(values);
}

static tgl_program *lowered(const tgl_graph *graph)
{
    tgl_program *program = NULL;
    tgl_error err;
    check(tgl_lower(&program, graph, &err), &err);
    assert_int_equal(tgl_program_n_output(program), N_OUT);
    return program;
}

static void by_reference(int64_t *out, const tgl_graph *graph, const int64_t *in,
                         size_t n)
{
    tgl_error err;
    tgl_program *program = lowered(graph);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    assert_non_null(values);
    for (size_t event = 0; event < n; event++) {
        check(tgl_emulate_reference(values, program, NULL, in + event * N_IN, &err),
              &err);
        for (uint32_t i = 0; i < N_OUT; i++)
            out[event * N_OUT + i] = values[tgl_program_output(program, i)->value];
    }
    tgl__free(values);
    tgl_program_free(program);
}

static void by_emulator(int64_t *out, const tgl_graph *graph, const int64_t *in, size_t n)
{
    tgl_error err;
    tgl_program *program = lowered(graph);
    tgl_emulator *emulator = NULL;
    check(tgl_emulator_new(&emulator, program, NULL, NULL, &err), &err);
    check(tgl_emulator_run_parallel(out, emulator, in, n, 2, NULL, &err), &err);
    tgl_emulator_free(emulator);
    tgl_program_free(program);
}

static void by_single_events(int64_t *out, const tgl_graph *graph, const int64_t *in,
                             size_t n)
{
    tgl_error err;
    tgl_program *program = lowered(graph);
    tgl_emulator *emulator = NULL;
    check(tgl_emulator_new(&emulator, program, NULL, NULL, &err), &err);
    void *scratch = tgl__aligned(tgl_emulator_scratch_size(emulator), 1);
    check(run_in_pieces(out, emulator, N_IN, N_OUT, in, n, scratch, &err), &err);
    tgl__free(scratch);
    tgl_emulator_free(emulator);
    tgl_program_free(program);
}

/* The C that `model export` writes, by this machine's compiler. */
static void by_c(int64_t *out, const tgl_graph *graph, const int64_t *in, size_t n)
{
    char folder[] = "/tmp/deployed_testXXXXXX", source[64], command[256];
    tgl_error err;
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    int (*run)(int64_t *, const int64_t *, int64_t *);
    options.name = "deployed";
    assert_non_null(mkdtemp(folder));
    snprintf(source, sizeof source, "%s/m.c", folder);
    check(tgl_model_export(source, NULL, NULL, graph, &options, &err), &err);
    snprintf(command, sizeof command, "cc -std=c99 -O2 -shared -fPIC %s -o %s/m.so",
             source, folder);
    assert_int_equal(system(command), 0);
    snprintf(source, sizeof source, "%s/m.so", folder);
    void *library = dlopen(source, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    void *symbol = dlsym(library, "deployed_run");
    assert_non_null(symbol);
    memcpy(&run, &symbol, sizeof run);
    static int64_t work[1 << 16];
    for (size_t event = 0; event < n; event++)
        assert_int_equal(run(out + event * N_OUT, in + event * N_IN, work), 0);
    dlclose(library);
    check(tgl__remove_tree(folder, &err), &err);
}

typedef void runner(int64_t *out, const tgl_graph *graph, const int64_t *in, size_t n);

static const struct {
    const char *name;
    runner *run;
} runners[] = {{"graph", by_graph},
               {"reference", by_reference},
               {"emulator", by_emulator},
               {"emulator, single events", by_single_events},
               {"exported C", by_c}};
enum { N_RUNNER = sizeof runners / sizeof runners[0] };

/* ---- the two test-vector files ---- */

/* (n_row, 9) codes: crossing, 8 outputs, score in the file; the crossing is dropped. */
static void read_expected(int64_t *out, const char *name, size_t n)
{
    FILE *file = fopen(l1_path(name), "r");
    assert_non_null(file);
    for (size_t event = 0; event < n; event++) {
        long long number;
        assert_int_equal(fscanf(file, "%lld", &number), 1);
        assert_int_equal(number, event);
        for (int i = 0; i < N_CODE; i++) {
            assert_int_equal(fscanf(file, "%lld", &number), 1);
            out[event * N_CODE + (size_t)i] = number;
        }
    }
    fclose(file);
}

typedef struct sample {
    const char *vectors, *convention, *expected;
    int decisions; /* they were made with 'halved' */
    int fires[N_SEED];
} sample;

static const sample samples[] = {
    {"ugt_2025_v1_0_1_ttbar.txt",
     "halved",
     "axol1tl_v4_ttbar_halved.txt",
     1,
     {97, 43, 18, 8, 2, 0, 0}},
    {"ugt_2025_v1_0_1_data.txt", "halved", "axol1tl_v4_data_halved.txt", 1, {0}},
    {"ugt_2025_v1_0_1_ttbar.txt", "firmware", "axol1tl_v4_ttbar_firmware.txt", 0, {0}},
    {"ugt_2025_v1_0_1_data.txt", "firmware", "axol1tl_v4_data_firmware.txt", 0, {0}},
};

static size_t differing_codes(const int64_t *out, const int64_t *expected, size_t n)
{
    size_t differing = 0;
    for (size_t event = 0; event < n; event++)
        for (size_t i = 0; i < N_CODE; i++)
            differing += out[event * N_OUT + i] != expected[event * N_CODE + i];
    return differing;
}

static size_t differing_bits(const int64_t *out, const tgl_table *table, int *fires)
{
    tgl_error err;
    const tgl_column *algo;
    check(tgl_table_find(&algo, table, "algo", &err), &err);
    uint64_t n = tgl_table_n_row(table), per_row = algo->n_value / n;
    assert_int_equal(per_row, 512);
    size_t differing = 0;
    for (uint64_t event = 0; event < n; event++)
        for (uint64_t s = 0; s < N_SEED; s++) {
            int64_t bit = tgl_column_int(algo, event * per_row + FIRST_SEED + s);
            differing += out[event * N_OUT + N_CODE + s] != bit;
            fires[s] += (int)bit;
        }
    return differing;
}

static void run_sample(const sample *s)
{
    tgl_error err;
    tgl_table *table = NULL;
    check(tgl_data_load(&table, l1_path(s->vectors), NULL, 0, NULL, &err), &err);
    size_t n = (size_t)tgl_table_n_row(table);
    assert_int_equal(n, 3564);
    tgl_graph *graph = deployed(s->convention);
    int64_t *in = tgl__calloc(n * N_IN, sizeof *in);
    int64_t *out = tgl__calloc(n * N_OUT, sizeof *out);
    int64_t *expected = tgl__calloc(n * N_CODE, sizeof *expected);
    assert_true(in && out && expected);
    uint64_t saturated = 1;
    check(tgl_convention_extract(in, &saturated, tgl_graph_convention(graph), table, 0, n,
                                 &err),
          &err);
    assert_int_equal(saturated, 0);
    read_expected(expected, s->expected, n);
    for (size_t r = 0; r < N_RUNNER; r++) {
        runners[r].run(out, graph, in, n);
        size_t codes = differing_codes(out, expected, n), bits = 0;
        int fires[N_SEED] = {0};
        if (s->decisions)
            bits = differing_bits(out, table, fires);
        print_message("%s, %s, %s: %zu events, %zu codes and %zu decisions differ\n",
                      s->vectors, s->convention, runners[r].name, n, codes, bits);
        assert_int_equal(codes, 0);
        assert_int_equal(bits, 0);
        for (int i = 0; i < N_SEED && s->decisions; i++)
            assert_int_equal(fires[i], s->fires[i]);
    }
    tgl__free(in);
    tgl__free(out);
    tgl__free(expected);
    tgl_graph_free(graph);
    tgl_table_free(table);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        run_sample(&samples[i]);
}

/* ---- 2,000 random inputs over the whole range ---- */

static void random_inputs(void **state)
{
    (void)state;
    enum { N = 2000 };
    tgl_graph *graph = deployed("unscaled");
    int64_t *in = tgl__calloc(N * N_IN, sizeof *in);
    int64_t *out = tgl__calloc(N * N_OUT, sizeof *out);
    int64_t *expected = tgl__calloc(N * N_CODE, sizeof *expected);
    assert_true(in && out && expected);
    FILE *file = fopen(l1_path("axol1tl_v4_random.txt"), "r");
    assert_non_null(file);
    for (size_t event = 0; event < N; event++) {
        long long code;
        char bar[2];
        for (size_t i = 0; i < N_IN; i++) {
            assert_int_equal(fscanf(file, "%lld", &code), 1);
            in[event * N_IN + i] = code * 16; /* halves in units of 1/32 */
        }
        assert_int_equal(fscanf(file, " %1[|]", bar), 1);
        for (size_t i = 0; i < N_CODE; i++) {
            assert_int_equal(fscanf(file, "%lld", &code), 1);
            expected[event * N_CODE + i] = code;
        }
    }
    fclose(file);
    for (size_t r = 0; r < N_RUNNER; r++) {
        runners[r].run(out, graph, in, N);
        size_t codes = differing_codes(out, expected, N);
        print_message("random inputs, %s: %d events, %zu codes differ\n", runners[r].name,
                      N, codes);
        assert_int_equal(codes, 0);
    }
    tgl__free(in);
    tgl__free(out);
    tgl__free(expected);
    tgl_graph_free(graph);
}

static void convention_must_be_named(void **state)
{
    (void)state;
    tgl_graph *graph = NULL;
    tgl_error err;
    const char *path = l1_path("axol1tl_v4.json");
    assert_int_equal(tgl_model_import(&graph, path, NULL, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "name one of 'halved', 'firmware', 'unscaled'"));
    tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    options.variant = "half";
    assert_int_equal(tgl_model_import(&graph, path, &options, &err), TGL_EUSAGE);
    options = (tgl_import_options)TGL_IMPORT_OPTIONS_INIT;
    options.score_type = "fixed<8,8>";
    options.variant = "halved";
    assert_int_equal(tgl_model_import(&graph, path, &options, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "has types of its own"));
    graph = deployed("halved");
    assert_string_equal(tgl_convention_name(tgl_graph_convention(graph)),
                        "axol1tl/halved@2");
    tgl_graph_free(graph);
}

static void graph_text_round_trips(void **state)
{
    (void)state;
    static const char *const variants[] = {"halved", "firmware", "unscaled"};
    for (int v = 0; v < 3; v++) {
        tgl_error err;
        tgl_graph *graph = deployed(variants[v]), *again = NULL;
        char *text, *more;
        size_t size, size_more;
        check(tgl_graph_print(&text, &size, graph, &err), &err);
        check(tgl_graph_parse(&again, text, size, "again", &err), &err);
        check(tgl_graph_print(&more, &size_more, again, &err), &err);
        assert_int_equal(size, size_more);
        assert_memory_equal(text, more, size);
        tgl_free(text);
        tgl_free(more);
        tgl_graph_free(graph);
        tgl_graph_free(again);
    }
}

int main(void)
{
    const char *shared = getenv("TGL_SHARED_DIR");
    snprintf(l1_dir, sizeof l1_dir, "%s/testdata/l1", shared ? shared : "../shared");
    FILE *file = fopen(l1_path("axol1tl_v4.json"), "r");
    if (!file) {
        const char *required = getenv("TGL_REQUIRE_SHARED");
        printf("skipped: no deployed network at %s\n", l1_dir);
        return required && strcmp(required, "1") == 0 ? 1 : 77;
    }
    fclose(file);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(random_inputs),
        cmocka_unit_test(convention_must_be_named),
        cmocka_unit_test(graph_text_round_trips),
    };
    return cmocka_run_group_tests_name("deployed", tests, NULL, NULL);
}
