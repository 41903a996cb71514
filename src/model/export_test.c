#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trigline/lower.h>
#include <trigline/model.h>
#include <trigline/run.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/run_file.h"

static const char PROGRAM[] =
    "trigline-program 1 \"small\"\n"
    "slot 0 \"cut\" THRESHOLD fixed<12,10> -1000 1000 1 { 10 }\n"
    "%0 = INPUT fixed<8,6> \"a\"\n"
    "%1 = INPUT fixed<8,6> \"b\"\n"
    "%2 = ADD fixed<9,7> (%0 %1) @ \"sum\" 0 \"add\"\n"
    "%3 = QUANTISE fixed<8,6> RND_CONV SAT (%2) @ \"sum\" 0 \"cast\"\n"
    "%4 = PARAM fixed<12,10> 0 0 @ \"cut\" 0 \"threshold\"\n"
    "%5 = COMPARE ufixed<1,1> GT (%2 %4) @ \"cut\" 0 \"decision\"\n"
    "output \"sum\" %3\n"
    "output \"fires\" %5\n";

static char folder[] = "/tmp/export_testXXXXXX";
static tgl_program *program;

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ||
           tgl_program_parse(&program, PROGRAM, sizeof PROGRAM - 1, NULL) != TGL_OK;
}

static int teardown(void **state)
{
    (void)state;
    tgl_program_free(program);
    return tgl__remove_tree(folder, NULL) != TGL_OK;
}

static void check(tgl_status status, const tgl_error *err)
{
    if (status != TGL_OK)
        fail_msg("%s: %s", tgl_status_name(status), err->message);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* The exporter and the test's own writer agree byte for byte. */
static void writes_the_documented_layout(void **state)
{
    (void)state;
    tgl_error err;
    char digest[72], *found;
    size_t size, expected_size;
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.name = "small";
    options.version = "7";
    options.package = "sha256:abc";
    const char *path = path_of("m.tglr");
    check(tgl_model_export(path, NULL, program, NULL, &options, &err), &err);
    check(tgl_model_program_digest(NULL, digest, program, &err), &err);
    const char *info[] = {"name",       "small",   "version", "7", "package",
                          "sha256:abc", "program", digest,    NULL};
    uint8_t *expected =
        run_write(&expected_size, &(run_text){info, NULL, 0, program, NULL});
    check(tgl__file_read(&found, &size, path, 1 << 20, &err), &err);
    assert_int_equal(size, expected_size);
    assert_memory_equal(found, expected, size);
    tgl__free(found);
    tgl__free(expected);
}

static void carries_convention_and_payload(void **state)
{
    (void)state;
    tgl_error err;
    static const uint8_t digest[32] = {0};
    const tgl_quant quant = {{1, 8, 2}, TGL_RND, TGL_SAT};
    const tgl_input_rule rules[2] = {
        {.name = "a", .column = "x", .scale = 1, .quant = quant},
        {.name = "b",
         .column = "y",
         .index = 3,
         .n_where = 1,
         .where = {{"bx", -1}},
         .optional_where = 1,
         .add = -5,
         .drop_bits = 2,
         .quant = quant}};
    const tgl_node node = {
        .name = "in", .op = TGL_GRAPH_INPUT, .n_element = 2, .out = &quant, .n_out = 1};
    tgl_convention *convention = NULL;
    tgl_graph *graph = NULL;
    tgl_payload *payload = NULL;
    tgl_run *run = NULL;
    int64_t cut = -40, in[2] = {-30, -5}, out[2];
    check(tgl_convention_new(&convention, "small@3", rules, 2, &err), &err);
    check(tgl_graph_new(&graph, "small", &err), &err);
    check(tgl_graph_add(graph, &node, NULL, &err), &err);
    check(tgl_graph_add_output(graph, "y", 0, &err), &err);
    check(tgl_graph_set_convention(graph, convention, &err), &err);
    check(tgl_graph_verify(graph, &err), &err);
    check(tgl_payload_new(&payload, program, digest, &err), &err);
    check(tgl_payload_set(payload, "cut", 0, 1, &cut, &err), &err);
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.payload = payload;
    const char *path = path_of("full.tglr");
    check(tgl_model_export(path, NULL, program, graph, &options, &err), &err);
    check(tgl_run_open(&run, path, NULL, &err), &err);
    assert_string_equal(tgl_run_info(run, "name"), "small");
    assert_string_equal(tgl_run_info(run, "convention"), "small@3");
    assert_int_equal(strncmp(tgl_run_info(run, "graph"), "sha256:", 7), 0);
    assert_int_equal(strncmp(tgl_run_info(run, "payload"), "sha256:", 7), 0);
    const tgl_run_rule *rule = tgl_run_input(run, 1)->rule;
    assert_string_equal(tgl_run_column(run, rule->column), "y");
    assert_string_equal(tgl_run_column(run, rule->where[0].column), "bx");
    assert_int_equal(rule->where[0].value, -1);
    assert_int_equal(rule->where[0].may_be_absent, 1);
    assert_int_equal(rule->index, 3);
    assert_int_equal(rule->add, -5);
    assert_int_equal(rule->drop_bits, 2);
    assert_int_equal(tgl_run_input(run, 0)->rule->round, TGL_RND);
    void *scratch = tgl__aligned(tgl_run_scratch_size(run), 1);
    check(tgl_run_event(out, run, in, scratch, &err), &err);
    assert_int_equal(out[1], 1); /* -8.75 is above the payload's -10, not above 2.5 */
    tgl__free(scratch);
    tgl_run_close(run);
    tgl_payload_free(payload);
    tgl_graph_free(graph);
    tgl_convention_free(convention);
}

static void refuses_names_and_formats(void **state)
{
    (void)state;
    tgl_error err;
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.name = "../evil";
    assert_int_equal(
        tgl_model_export(path_of("x.tglr"), NULL, program, NULL, &options, &err),
        TGL_EUSAGE);
    options.name = NULL;
    assert_int_equal(
        tgl_model_export(path_of("x.tglr"), NULL, program, NULL, &options, &err),
        TGL_EUSAGE);
    options.name = "x";
    assert_int_equal(tgl_model_export(path_of("x"), NULL, program, NULL, &options, &err),
                     TGL_EUSAGE);
    assert_int_equal(
        tgl_model_export(path_of("x"), "plugni", program, NULL, &options, &err),
        TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, "did you mean 'plugin'?"));
    assert_false(tgl__file_exists(path_of("x.tglr")));
}

static const struct {
    const char *input, *result, *message;
} type_cases[] = {
    {"ap_fixed<8,5>", "ap_fixed<8,6>",
     "plugin: input type 'ap_fixed<8,5>': element 0 is port 'a': expected fixed<8,6>, "
     "found fixed<8,5>"},
    {"ap_fixed<8,6>[3]", "ap_fixed<8,6>", "more elements than the model has ports"},
    {"std::array<ap_fixed<8,6>,1>[1]", "ap_fixed<8,6>", NULL},
    {"std::array<ap_fixed<8,6>,3>", "ap_fixed<8,6>",
     "more elements than the model has ports"},
    {"std::pair<ap_fixed<8,6>", "ap_fixed<8,6>", "expected ','"},
    {"std::array<ap_fixed<8,6>,0>", "ap_fixed<8,6>",
     "expected the array's length and '>'"},
    {"float", "ap_fixed<8,6>", "expected ap_fixed<W,I>"},
    {"fixed<8,6>", "ap_fixed<8,6>", "expected ap_fixed<W,I,Q,O>"},
    {"ap_fixed<8,6>", "ap_fixed<8,6> x", "something follows the type"},
    {"ap_fixed<8,6>", "ap_fixed<8,6>[0]", "expected a length and ']'"},
    {"ap_fixed<8,6>", "std::pair<ap_fixed<8,6>,ap_uint<2>>",
     "element 1 is port 'fires': expected ufixed<1,1>, found ufixed<2,2>"},
    {"ap_fixed<8,6>",
     "std::pair<std::pair<std::pair<std::pair<std::pair<std::pair<std::pair<std::pair<"
     "std::pair<ap_int<1>",
     "nested too deeply"},
    {NULL, NULL, "plugin: expected results of one type, found fixed<8,6> 'sum' and"},
    {NULL, "std::pair<ap_fixed<8,6,AP_RND_CONV,AP_SAT>, ap_uint<1>>", NULL},
};

static void reads_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof type_cases / sizeof type_cases[0]; i++) {
        tgl_error err = {0};
        char name[16];
        snprintf(name, sizeof name, "plugin%zu", i);
        tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
        options.name = "small";
        options.input_type = type_cases[i].input;
        options.result_type = type_cases[i].result;
        tgl_status status =
            tgl_model_export(path_of(name), "plugin", program, NULL, &options, &err);
        if (type_cases[i].message == NULL) {
            check(status, &err);
            continue;
        }
        assert_int_equal(status, TGL_EUSAGE);
        if (strstr(err.message, type_cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, err.message);
        assert_false(tgl__file_exists(path_of(name)));
    }
}

/* ---- packages ---- */

typedef struct made {
    tgl_graph *graph;
    tgl_program *program;
    char *text;
    uint8_t *bytes, *values;
    size_t n_text, n_bytes, n_values;
} made;

/* A graph, its program and a payload that says it belongs to the program `digest`. */
static void make_model(made *m, const uint8_t *digest)
{
    tgl_error err;
    uint8_t own[32];
    tgl_payload *payload = NULL;
    check(
        tgl_model_import(&m->graph, TGL_SOURCE_DIR "/fuzz/corpus/fuzz_l1json/small.json",
                         &(tgl_import_options){.struct_size = sizeof(tgl_import_options),
                                               .variant = "halved"},
                         &err),
        &err);
    check(tgl_lower(&m->program, m->graph, &err), &err);
    check(tgl_model_program_digest(own, NULL, m->program, &err), &err);
    check(tgl_payload_new(&payload, m->program, digest == NULL ? own : digest, &err),
          &err);
    check(tgl_graph_print(&m->text, &m->n_text, m->graph, &err), &err);
    check(tgl_program_encode(&m->bytes, &m->n_bytes, m->program, &err), &err);
    check(tgl_payload_encode(&m->values, &m->n_values, payload, &err), &err);
    tgl_payload_free(payload);
}

static void drop_model(made *m)
{
    tgl_graph_free(m->graph);
    tgl_program_free(m->program);
    tgl_free(m->text);
    tgl_free(m->bytes);
    tgl_free(m->values);
}

static void put_package(char digest[72], tgl_store *store, const char *name,
                        const made *m, size_t n_member)
{
    tgl_error err;
    const tgl_member members[3] = {{"program.tglp", NULL, m->bytes, m->n_bytes, NULL},
                                   {"graph.json", NULL, m->text, m->n_text, NULL},
                                   {"payload.tgls", NULL, m->values, m->n_values, NULL}};
    check(tgl_store_package(digest, store, name, members, n_member, NULL, NULL, &err),
          &err);
}

static void exports_a_package(void **state)
{
    (void)state;
    tgl_error err;
    tgl_store *store = NULL;
    tgl_graph *graph = NULL;
    tgl_program *from = NULL;
    tgl_payload *payload = NULL;
    tgl_run *run = NULL;
    made m = {0};
    char digest[72], found[72];
    make_model(&m, NULL);
    check(tgl_store_open(&store, path_of("store"), 1, &err), &err);
    put_package(digest, store, "whole", &m, 3);
    check(tgl_model_from_package(&graph, &from, &payload, found, store, "whole", &err),
          &err);
    assert_string_equal(found, digest);
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.payload = payload;
    options.package = found;
    const char *path = path_of("package.tglr");
    check(tgl_model_export(path, NULL, from, graph, &options, &err), &err);
    check(tgl_run_open(&run, path, NULL, &err), &err);
    assert_string_equal(tgl_run_info(run, "package"), digest);
    tgl_run_close(run);
    tgl_graph_free(graph);
    tgl_program_free(from);
    tgl_payload_free(payload);
    put_package(digest, store, "bare", &m, 2); /* the slots' defaults */
    payload = NULL;
    check(tgl_model_from_package(&graph, &from, &payload, found, store, "bare", &err),
          &err);
    assert_null(payload);
    tgl_graph_free(graph);
    tgl_program_free(from);
    put_package(digest, store, "half", &m, 1);
    graph = NULL;
    assert_int_equal(
        tgl_model_from_package(&graph, &from, &payload, found, store, "half", &err),
        TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, "graph.json"));
    assert_null(graph);
    tgl_store_close(store);
    drop_model(&m);
}

static void a_package_must_belong_together(void **state)
{
    (void)state;
    tgl_error err;
    tgl_store *store = NULL;
    tgl_graph *graph = NULL;
    tgl_program *from = NULL;
    tgl_payload *payload = NULL;
    static const uint8_t other[32] = {1};
    made m = {0};
    char digest[72], found[72];
    make_model(&m, other);
    check(tgl_store_open(&store, path_of("store2"), 1, &err), &err);
    put_package(digest, store, "mixed", &m, 3);
    assert_int_equal(
        tgl_model_from_package(&graph, &from, &payload, found, store, "mixed", &err),
        TGL_EFORMAT);
    assert_non_null(strstr(err.message, "payload.tgls was made for another program"));
    assert_null(graph);
    tgl_store_close(store);
    drop_model(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_documented_layout),
        cmocka_unit_test(carries_convention_and_payload),
        cmocka_unit_test(refuses_names_and_formats),
        cmocka_unit_test(reads_types),
        cmocka_unit_test(exports_a_package),
        cmocka_unit_test(a_package_must_belong_together),
    };
    return cmocka_run_group_tests_name("export", tests, setup, teardown);
}
