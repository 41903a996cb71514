/* 10,000 random small graphs: the graph's own evaluator against the lowered program in
 * the reference and in the emulator, with the default payload and with a random one,
 * every node compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <trigline/emulate.h>
#include <trigline/lower.h>

#include "base/memory.h"
#include "conformance/random_graph.h"
#include "graph/graph.h"
#include "support/pieces.h"

enum {
    N_GRAPH = 10000,
    N_EVENT = 37, /* not a multiple of any lane count */
    MAX_VALUE = RG_MAX_NODE * RG_MAX_ELEMENT
};

typedef struct tally {
    uint64_t graphs, refused, events, codes, slots;
    uint64_t ops[TGL_GRAPH_XOR + 1], rounds[TGL_N_ROUND], overflows[TGL_N_OVERFLOW];
} tally;

static void check(tgl_status status, const tgl_error *err, uint64_t seed)
{
    if (status != TGL_OK)
        print_message("seed %llu: %s\n", (unsigned long long)seed, err->message);
    assert_int_equal(status, TGL_OK);
}

static void draw_events(rg_graph *g, int64_t *in)
{
    const tgl_node *input = &g->nodes[0].node;
    for (int event = 0; event < N_EVENT; event++)
        for (uint32_t j = 0; j < input->n_element; j++) {
            tgl_type type = input->out[input->n_out == 1 ? 0 : j].type;
            *in++ = rg_code(g, tgl_type_min(type), tgl_type_max(type));
        }
}

/* How a program runs: the reference and the emulator with every kind of lane. */
static const struct {
    const char *name;
    tgl_isa isa;
    int lane;
} ways[] = {{"reference", TGL_ISA_AUTO, 0},
            {"emulator", TGL_ISA_AUTO, 0},
            {"emulator, baseline", TGL_ISA_BASELINE, 0},
            {"emulator, 64-bit lanes", TGL_ISA_AUTO, 64},
            {"emulator, single events", TGL_ISA_AUTO, 0}};
enum { N_WAY = sizeof ways / sizeof ways[0], SINGLE_EVENTS = N_WAY - 1 };

/* (N_EVENT, n_output) codes. */
static void run_program(int64_t *out, size_t way, const tgl_program *program,
                        const tgl_payload *payload, const int64_t *in, uint64_t seed)
{
    tgl_error err;
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    if (way == 0) {
        int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
        assert_non_null(values);
        for (size_t event = 0; event < N_EVENT; event++) {
            check(
                tgl_emulate_reference(values, program, payload, in + event * n_in, &err),
                &err, seed);
            for (uint32_t i = 0; i < n_out; i++)
                out[event * n_out + i] = values[tgl_program_output(program, i)->value];
        }
        tgl__free(values);
        return;
    }
    tgl_emulator_options options = TGL_EMULATOR_OPTIONS_INIT;
    tgl_emulator *emulator = NULL;
    options.isa = ways[way].isa;
    options.minimum_lane = ways[way].lane;
    check(tgl_emulator_new(&emulator, program, payload, &options, &err), &err, seed);
    void *scratch = tgl__aligned(tgl_emulator_scratch_size(emulator) + 64, 1);
    assert_non_null(scratch);
    check(way == SINGLE_EVENTS
              ? run_in_pieces(out, emulator, n_in, n_out, in, N_EVENT, scratch, &err)
              : tgl_emulator_run(out, emulator, in, N_EVENT, scratch, &err),
          &err, seed);
    tgl__free(scratch);
    tgl_emulator_free(emulator);
}

/* The graph's value of every node but the input, (N_EVENT, n_output). */
static void run_graph(int64_t *out, const tgl_graph *graph, const int64_t *in,
                      uint64_t seed)
{
    tgl_error err;
    int64_t values[MAX_VALUE];
    uint32_t n_in = tgl_graph_node(graph, 0)->n_element;
    for (size_t event = 0; event < N_EVENT; event++) {
        check(tgl_graph_eval(values, graph, in + event * n_in, &err), &err, seed);
        for (uint64_t at = n_in; at < tgl__graph_first(graph, tgl_graph_n_node(graph));
             at++)
            *out++ = values[at];
    }
}

static void name_difference(const tgl_graph *graph, uint64_t seed, size_t at, size_t way,
                            int64_t want, int64_t have)
{
    uint64_t n_in = tgl_graph_node(graph, 0)->n_element;
    uint64_t n_out = tgl__graph_first(graph, tgl_graph_n_node(graph)) - n_in;
    uint64_t place = n_in + at % n_out;
    uint32_t k = 1;
    while (tgl__graph_first(graph, k + 1) <= place)
        k++;
    print_message("seed %llu: event %llu, node '%s' (%s), element %llu: graph %lld, %s "
                  "%lld\n",
                  (unsigned long long)seed, (unsigned long long)(at / n_out),
                  tgl_graph_node(graph, k)->name,
                  tgl_graph_op_name(tgl_graph_node(graph, k)->op),
                  (unsigned long long)(place - tgl__graph_first(graph, k)),
                  (long long)want, ways[way].name, (long long)have);
}

static void compare(const tgl_graph *graph, const tgl_program *program,
                    const tgl_payload *payload, const int64_t *in, uint64_t seed,
                    tally *t)
{
    static int64_t want[N_EVENT * MAX_VALUE], have[N_EVENT * MAX_VALUE];
    size_t n = (size_t)N_EVENT * tgl_program_n_output(program);
    assert_int_equal(tgl_program_n_output(program),
                     tgl__graph_first(graph, tgl_graph_n_node(graph)) -
                         tgl_graph_node(graph, 0)->n_element);
    run_graph(want, graph, in, seed);
    for (size_t way = 0; way < N_WAY; way++) {
        run_program(have, way, program, payload, in, seed);
        for (size_t i = 0; i < n; i++) {
            if (want[i] != have[i])
                name_difference(graph, seed, i, way, want[i], have[i]);
            assert_int_equal(want[i], have[i]);
        }
        t->codes += n;
    }
    t->events += N_EVENT;
}

/* The canonical text reads back as the same graph. */
static void reads_back(const tgl_graph *graph, uint64_t seed)
{
    tgl_error err;
    tgl_graph *again = NULL;
    char *text, *second;
    size_t size, n;
    check(tgl_graph_print(&text, &size, graph, &err), &err, seed);
    check(tgl_graph_parse(&again, text, size, "text", &err), &err, seed);
    check(tgl_graph_print(&second, &n, again, &err), &err, seed);
    assert_int_equal(size, n);
    assert_memory_equal(text, second, n);
    tgl_free(text);
    tgl_free(second);
    tgl_graph_free(again);
}

static void count(tally *t, const rg_graph *g)
{
    for (uint32_t i = 0; i < g->n_node; i++) {
        const tgl_node *node = &g->nodes[i].node;
        t->ops[node->op]++;
        for (uint32_t k = 0; i > 0 && k < node->n_out; k++) {
            t->rounds[node->out[k].round]++;
            t->overflows[node->out[k].overflow]++;
        }
    }
}

/* New values for every slot, in the payload and in the graph's own constants. */
static void change_slots(rg_graph *g, tgl_payload *payload, const tgl_program *program,
                         uint64_t seed, tally *t)
{
    for (uint32_t s = 0; s < tgl_program_n_slot(program); s++) {
        const tgl_slot *slot = tgl_program_slot(program, s);
        int64_t *codes = rg_slot(g, slot->name);
        assert_non_null(codes);
        tgl_error err;
        for (uint32_t i = 0; i < slot->count; i++)
            codes[i] = rg_code(g, slot->lo, slot->hi);
        check(tgl_payload_set(payload, slot->name, 0, slot->count, codes, &err), &err,
              seed);
        t->slots++;
    }
}

static void run_seed(uint64_t seed, tally *t)
{
    static rg_graph g; /* its nodes point into it */
    tgl_error err;
    tgl_graph *graph = NULL, *changed = NULL;
    tgl_program *program = NULL;
    tgl_payload *payload = NULL;
    int64_t in[N_EVENT * RG_MAX_ELEMENT];
    const uint8_t digest[32] = {0};
    rg_draw(&g, seed);
    tgl_status status = rg_build(&graph, &g, &err);
    if (status != TGL_OK) { /* too wide: the verifier's verdict, and nothing else */
        if (status != TGL_ELIMIT)
            print_message("seed %llu: %s\n", (unsigned long long)seed, err.message);
        assert_int_equal(status, TGL_ELIMIT);
        t->refused++;
        return;
    }
    count(t, &g);
    reads_back(graph, seed);
    draw_events(&g, in);
    check(tgl_lower(&program, graph, &err), &err, seed);
    compare(graph, program, NULL, in, seed, t);
    if (tgl_program_n_slot(program) > 0) {
        check(tgl_payload_new(&payload, program, digest, &err), &err, seed);
        change_slots(&g, payload, program, seed, t);
        check(rg_build(&changed, &g, &err), &err, seed);
        compare(changed, program, payload, in, seed, t);
    }
    t->graphs++;
    tgl_payload_free(payload);
    tgl_program_free(program);
    tgl_graph_free(graph);
    tgl_graph_free(changed);
}

static void graph_equals_program(void **state)
{
    (void)state;
    tally t = {0};
    const char *wanted = getenv("TGL_RANDOM_GRAPHS");
    uint64_t n = wanted ? strtoull(wanted, NULL, 10) : N_GRAPH;
    for (uint64_t seed = 1; t.graphs < n; seed++)
        run_seed(seed, &t);
    print_message("%llu graphs (%llu refused as too wide), %llu events, %llu codes, %llu "
                  "slots rewritten: 0 differing codes\n",
                  (unsigned long long)t.graphs, (unsigned long long)t.refused,
                  (unsigned long long)t.events, (unsigned long long)t.codes,
                  (unsigned long long)t.slots);
    for (int op = TGL_GRAPH_INPUT; op <= TGL_GRAPH_XOR; op++)
        if (t.ops[op] <= n / 40)
            fail_msg("%s: %llu", tgl_graph_op_name((tgl_graph_op)op),
                     (unsigned long long)t.ops[op]);
    for (int i = 0; i < TGL_N_ROUND; i++)
        assert_true(t.rounds[i] > n / 20);
    for (int i = 0; i < TGL_N_OVERFLOW; i++)
        assert_true(t.overflows[i] > n / 20);
    assert_true(t.refused < t.graphs / 4);
    assert_true(t.slots > n / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(graph_equals_program)};
    return cmocka_run_group_tests_name("random_graph", tests, NULL, NULL);
}
