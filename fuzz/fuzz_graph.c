/* Graph JSON: whatever is accepted prints to text that reads back to the same text,
 * lowers to a program, and the program gives the evaluator's codes. */
#include <stdlib.h>
#include <string.h>
#include <trigline/emulate.h>
#include <trigline/lower.h>

#include "graph/graph.h"

enum { MOST_ELEMENTS = 512 };

static void demand(int holds)
{
    if (!holds)
        abort();
}

static void compare(const tgl_graph *graph, int most)
{
    tgl_error err;
    uint32_t n_node = tgl_graph_n_node(graph);
    const tgl_node *input = tgl_graph_node(graph, 0);
    int64_t *in = calloc(input->n_element, sizeof *in);
    int64_t *want = calloc((size_t)tgl__graph_first(graph, n_node), sizeof *want);
    tgl_program *program = NULL;
    demand(in && want);
    for (uint32_t j = 0; j < input->n_element; j++)
        in[j] = most ? tgl_type_max(tgl__node_out(input, j).type)
                     : tgl_type_min(tgl__node_out(input, j).type);
    demand(tgl_graph_eval(want, graph, in, &err) == TGL_OK);
    tgl_status status = tgl_lower(&program, graph, &err);
    /* two outputs or labels may clash as ports; nothing else may fail */
    demand(status == TGL_OK || strstr(err.message, "used twice"));
    if (status == TGL_OK) {
        int64_t *have = calloc(tgl_program_n_value(program), sizeof *have);
        demand(have != NULL);
        demand(tgl_emulate_reference(have, program, NULL, in, &err) == TGL_OK);
        uint32_t port = 0;
        for (uint32_t i = 0; i < tgl_graph_n_output(graph); i++) {
            uint32_t node = 0;
            tgl_graph_output(graph, i, &node);
            for (uint32_t j = 0; j < tgl_graph_node(graph, node)->n_element; j++, port++)
                demand(have[tgl_program_output(program, port)->value] ==
                       want[tgl__graph_first(graph, node) + j]);
        }
        free(have);
    }
    tgl_program_free(program);
    free(in);
    free(want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_error err;
    tgl_graph *graph = NULL, *again = NULL;
    char *text, *more;
    size_t n, n_more;
    if (tgl_graph_parse(&graph, (const char *)data, size, "fuzz", &err) != TGL_OK)
        return 0;
    demand(tgl_graph_print(&text, &n, graph, &err) == TGL_OK);
    demand(tgl_graph_parse(&again, text, n, "again", &err) == TGL_OK);
    demand(tgl_graph_print(&more, &n_more, again, &err) == TGL_OK);
    demand(n == n_more && memcmp(text, more, n) == 0);
    if (tgl__graph_first(graph, tgl_graph_n_node(graph)) <= MOST_ELEMENTS) {
        compare(graph, 0);
        compare(graph, 1);
    }
    tgl_free(text);
    tgl_free(more);
    tgl_graph_free(graph);
    tgl_graph_free(again);
    return 0;
}
