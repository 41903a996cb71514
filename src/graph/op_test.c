/* Operators by hand: one node over inputs a (and b, c), its codes worked out on paper;
 * and what the verifier refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"

enum { N_IN = 6, MOST = 32 };

/* Inputs: 4 codes of fixed<6,4> (quarters) and 2 of ufixed<4,4>, as nodes x and u. */
static const char head[] =
    "{\"format\":\"trigline.graph\",\"version\":1,\"name\":\"g\",\"nodes\":["
    "{\"name\":\"in\",\"op\":\"input\",\"inputs\":[],\"n_element\":6,\"out\":["
    "\"fixed<6,4>\",\"fixed<6,4>\",\"fixed<6,4>\",\"fixed<6,4>\",\"ufixed<4,4>\","
    "\"ufixed<4,4>\"]},"
    "{\"name\":\"x\",\"op\":\"slice\",\"inputs\":[\"in\"],\"n_element\":4,\"begin\":0,"
    "\"out\":[\"fixed<6,4>\"]},"
    "{\"name\":\"u\",\"op\":\"slice\",\"inputs\":[\"in\"],\"n_element\":2,\"begin\":4,"
    "\"out\":[\"ufixed<4,4>\"]},"
    "{\"name\":\"p\",\"op\":\"slice\",\"inputs\":[\"in\"],\"n_element\":2,\"begin\":0,"
    "\"out\":[\"fixed<6,4>\"]},";
static const char tail[] = "],\"outputs\":[{\"name\":\"y\",\"node\":\"y\"}]}";

static tgl_status read(tgl_graph **out, const char *node, tgl_error *err)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "%s{\"name\":\"y\",%s}%s", head, node, tail);
    return tgl_graph_parse(out, text, (size_t)n, "test", err);
}

typedef struct example {
    const char *node;
    int64_t in[N_IN], out[MOST];
} example;

#define X  "\"inputs\":[\"x\"],"
#define PU "\"inputs\":[\"p\",\"u\"],"

static const example examples[] = {
    {"\"op\":\"constant\",\"inputs\":[],\"n_element\":2,\"codes\":[-3,7],"
     "\"out\":[\"fixed<4,2>\"]",
     {0},
     {-3, 7}},
    /* x = 1, -2, 3.25, -8; u follows it; a zero; results in halves, rounded down */
    {"\"op\":\"rearrange\",\"inputs\":[\"x\",\"u\"],\"n_element\":5,"
     "\"indices\":[3,-1,4,2,0],\"out\":[\"fixed<8,7>\"]",
     {4, -8, 13, -32, 9, 15},
     {-16, 0, 18, 6, 2}},
    /* 1.25 + 3 = 4.25, -0.25 + 15 = 14.75; saturated at 7.75 */
    {"\"op\":\"add\"," PU "\"n_element\":2,\"out\":[\"fixed<6,4,TRN,SAT>\"]",
     {5, -1, 0, 0, 3, 15},
     {17, 31}},
    /* 1.25 - 3 = -1.75 rounds to -2; -0.25 - 15 = -15.25 to -15 */
    {"\"op\":\"subtract\"," PU "\"n_element\":2,\"out\":[\"fixed<6,6,RND>\"]",
     {5, -1, 0, 0, 3, 15},
     {-2, -15}},
    /* 1.25 * 3 = 3.75; -0.25 * 15 = -3.75, wrapped into four bits of quarters */
    {"\"op\":\"multiply\"," PU "\"n_element\":2,\"out\":[\"fixed<4,2>\"]",
     {5, -1, 0, 0, 3, 15},
     {-1, 1}},
    {"\"op\":\"minimum\"," PU "\"n_element\":2,\"out\":[\"fixed<8,6>\"]",
     {5, 13, 0, 0, 3, 1},
     {5, 4}},
    {"\"op\":\"maximum\"," PU "\"n_element\":2,\"out\":[\"fixed<8,6>\"]",
     {5, 13, 0, 0, 3, 1},
     {12, 13}},
    /* 1 >= 1 and 1 < 2, as values on two binary points */
    {"\"op\":\"compare\"," PU "\"n_element\":2,\"relation\":5,\"out\":[\"ufixed<1,1>\"]",
     {4, 4, 0, 0, 1, 2},
     {1, 0}},
    {"\"op\":\"compare\"," PU "\"n_element\":2,\"relation\":1,\"out\":[\"ufixed<1,1>\"]",
     {4, 4, 0, 0, 1, 2},
     {0, 1}},
    {"\"op\":\"select\",\"inputs\":[\"u\",\"p\",\"u\"],\"n_element\":2,"
     "\"out\":[\"fixed<8,6>\"]",
     {-7, 9, 0, 0, 2, 0},
     {-7, 0}},
    /* 1.25 * 0.5 - 1 = -0.375 -> -3 eighths; -2 * -1.5 + 0.25 = 3.25 -> 26 */
    {"\"op\":\"scale_bias\",\"inputs\":[\"p\"],\"n_element\":2,\"weights\":[1,-3],"
     "\"weight_type\":\"fixed<4,3>\",\"bias\":[-4,1],\"bias_type\":\"fixed<4,2>\","
     "\"out\":[\"fixed<8,5>\"]",
     {5, -8, 0, 0, 0, 0},
     {-3, 26}},
    /* 1.25 / 4 and -0.25 * 2, in sixteenths */
    {"\"op\":\"rescale\",\"inputs\":[\"p\"],\"n_element\":2,\"shift\":[2,-1],"
     "\"out\":[\"fixed<10,6>\"]",
     {5, -1, 0, 0, 0, 0},
     {5, -8}},
    /* index: saturated into two signed bits of ones; the top two bits, as a pattern, of
     * 1 (01), -1 (11): entries 1 and 3 */
    {"\"op\":\"lookup\",\"inputs\":[\"p\"],\"n_element\":2,"
     "\"index\":\"fixed<2,2,TRN,SAT>\",\"table\":{\"type\":\"fixed<6,6>\",\"codes\":"
     "[10,11,-20,-21]},\"out\":[\"fixed<6,6>\"]",
     {31, -4, 0, 0, 0, 0},
     {11, -21}},
    /* (1 + 2) + (3 + 4), each sum wrapped into ufixed<3,3>: 3 + 7 = 10 -> 2 */
    {"\"op\":\"reduce_sum\"," X "\"n_element\":1,\"group\":4,\"acc\":\"ufixed<3,3>\","
     "\"out\":[\"fixed<8,8>\"]",
     {4, 8, 12, 16, 0, 0},
     {2}},
    /* ((6 + 2) - 1) - 1 saturated at 7: 7, 6, 5 in order; (6 + 2) + (-1 - 1) = 5 too, so
     * with 6, 2, 2, -1: 7, 7, 6 against 7 + 1 = 7 */
    {"\"op\":\"reduce_sum\"," X "\"n_element\":1,\"group\":4,\"kind\":1,"
     "\"acc\":\"fixed<4,4,TRN,SAT>\",\"out\":[\"fixed<8,8>\"]",
     {24, 8, 8, -4, 0, 0},
     {6}},
    {"\"op\":\"reduce_sum\"," X "\"n_element\":1,\"group\":4,"
     "\"acc\":\"fixed<4,4,TRN,SAT>\",\"out\":[\"fixed<8,8>\"]",
     {24, 8, 8, -4, 0, 0},
     {7}},
    {"\"op\":\"reduce_max\"," X "\"n_element\":2,\"group\":2,\"out\":[\"fixed<6,4>\"]",
     {-4, -5, 3, 31, 0, 0},
     {-4, 31}},
    {"\"op\":\"reduce_min\"," X "\"n_element\":2,\"group\":2,\"out\":[\"fixed<6,4>\"]",
     {-4, -5, 3, 31, 0, 0},
     {-5, 3}},
    /* -0.25 is ...1111.11, 6 is 0110.00 */
    {"\"op\":\"and\"," PU "\"n_element\":2,\"out\":[\"fixed<8,6>\"]",
     {-1, 6, 0, 0, 6, 1},
     {24, 4}},
    {"\"op\":\"or\"," PU "\"n_element\":2,\"out\":[\"fixed<8,6>\"]",
     {-1, 6, 0, 0, 6, 1},
     {-1, 6}},
    {"\"op\":\"xor\"," PU "\"n_element\":2,\"out\":[\"fixed<8,6>\"]",
     {-1, 6, 0, 0, 6, 1},
     {-25, 2}},
    /* two rows of one weight matrix: (x0, x1) and (x2, x3) times (1, 2) and (-1, 0) */
    {"\"op\":\"dense\"," X "\"n_element\":4,\"rows\":2,\"weights\":[[1,2],[-1,0]],"
     "\"weight_type\":\"fixed<3,3>\",\"bias\":[0,4],\"bias_type\":\"fixed<5,3>\","
     "\"term\":\"fixed<12,10>\",\"acc\":\"fixed<12,10>\",\"term_exact\":false,"
     "\"out\":[\"fixed<12,10>\"]",
     {1, 2, 3, 4, 0, 0},
     {5, 3, 11, 1}},
    /* one row of two sets: (x0, x1) by (1, 2), (x2, x3) by (-1, 0) */
    {"\"op\":\"dense\"," X "\"n_element\":2,\"sets\":2,\"weights\":[[1,2],[-1,0]],"
     "\"weight_type\":\"fixed<3,3>\",\"term\":\"fixed<12,10>\",\"acc\":\"fixed<12,10>\","
     "\"term_exact\":false,\"out\":[\"fixed<12,10>\"]",
     {1, 2, 3, 4, 0, 0},
     {5, -3}},
    /* groups of two: d = max - x in ones, e^-d as 8, 4; sums 12 and 16; 1/s as 5 and 4 */
    {"\"op\":\"softmax\"," X
     "\"n_element\":4,\"group\":2,\"softmax_diff\":\"ufixed<1,1>\","
     "\"softmax_sum\":\"ufixed<5,5>\",\"acc\":\"ufixed<5,5>\",\"exp_table\":{\"type\":"
     "\"ufixed<4,4>\",\"codes\":[8,4]},\"inv_table\":{\"type\":\"ufixed<3,3>\",\"codes\":"
     "[7,5,4,3]},\"out\":[\"ufixed<8,8>\"]",
     {8, 4, 12, 12, 0, 0},
     {40, 20, 32, 32}},
};

static void by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const example *e = &examples[i];
        tgl_error err;
        tgl_graph *graph = NULL;
        int64_t values[64];
        if (read(&graph, e->node, &err) != TGL_OK ||
            tgl_graph_eval(values, graph, e->in, &err) != TGL_OK)
            fail_msg("example %zu: %s", i, err.message);
        uint32_t last = tgl_graph_n_node(graph) - 1;
        const tgl_node *node = tgl_graph_node(graph, last);
        for (uint32_t j = 0; j < node->n_element; j++) {
            int64_t found = values[tgl__graph_first(graph, last) + j];
            if (found != e->out[j])
                fail_msg("example %zu (%s), element %u: expected %lld, found %lld", i,
                         tgl_graph_op_name(node->op), j, (long long)e->out[j],
                         (long long)found);
        }
        tgl_graph_free(graph);
    }
}

static const struct {
    const char *node, *message;
} refusals[] = {
    {"\"op\":\"constant\",\"inputs\":[],\"n_element\":1,\"codes\":[9],"
     "\"out\":[\"fixed<4,2>\"]",
     "expected a code in [-8, 7], found 9"},
    {"\"op\":\"constant\",\"inputs\":[],\"n_element\":1,\"codes\":[1],"
     "\"out\":[\"fixed<4,2,RND>\"]",
     "expected a type without modes"},
    {"\"op\":\"rearrange\"," X "\"n_element\":1,\"indices\":[4],\"out\":[\"fixed<6,4>\"]",
     "index 0: expected an element below 4 or -1, found 4"},
    {"\"op\":\"rearrange\"," X
     "\"n_element\":1,\"indices\":[-2],\"out\":[\"fixed<6,4>\"]",
     "expected an index or -1, found -2"},
    {"\"op\":\"add\",\"inputs\":[\"x\",\"u\"],\"n_element\":4,\"out\":[\"fixed<6,4>\"]",
     "input 1: expected 4 elements, as the result has, found 2"},
    {"\"op\":\"add\"," X "\"n_element\":4,\"out\":[\"fixed<6,4>\"]",
     "add expects 2 to 2 inputs, found 1"},
    {"\"op\":\"compare\"," PU "\"n_element\":2,\"relation\":6,\"out\":[\"ufixed<1,1>\"]",
     "expected a relation of 0 (==) to 5 (>=), found 6"},
    {"\"op\":\"compare\"," PU "\"n_element\":2,\"relation\":0,\"out\":[\"ufixed<2,2>\"]",
     "expected type ufixed<1,1>"},
    {"\"op\":\"reduce_max\"," X "\"n_element\":1,\"group\":3,\"out\":[\"fixed<6,4>\"]",
     "expected 1 groups of 3 elements, found 4 elements"},
    {"\"op\":\"reduce_sum\"," X "\"n_element\":1,\"group\":4,\"kind\":2,"
     "\"acc\":\"ufixed<3,3>\",\"out\":[\"fixed<8,8>\"]",
     "expected kind 0 (balanced tree) or 1 (in order), found 2"},
    {"\"op\":\"lookup\"," X
     "\"n_element\":4,\"index\":\"fixed<2,2>\",\"table\":{\"type\":"
     "\"fixed<6,6>\",\"codes\":[1,2,3]},\"out\":[\"fixed<6,6>\"]",
     "table: expected a power of two of at most 2^2 entries, found 3"},
    {"\"op\":\"dense\"," X "\"n_element\":2,\"rows\":3,\"weights\":[[1]],"
     "\"weight_type\":\"fixed<3,3>\",\"term\":\"fixed<12,10>\",\"acc\":\"fixed<12,10>\","
     "\"term_exact\":false,\"out\":[\"fixed<12,10>\"]",
     "expected input and result in 3 rows of 0 sets, found 4 and 2 elements"},
    {"\"op\":\"dense\"," X "\"n_element\":2,\"sets\":2,\"weights\":[[1,2],[-1,0]],"
     "\"weight_type\":\"fixed<3,3>\",\"term\":\"fixed<12,10>\",\"acc\":\"fixed<12,10>\","
     "\"term_exact\":false,\"slots\":[\"weights\"],\"out\":[\"fixed<12,10>\"]",
     "writable weights expect one set, found 2"},
    {"\"op\":\"rescale\"," X "\"n_element\":4,\"shift\":[0,0,0,65],"
     "\"out\":[\"fixed<6,4>\"]",
     "element 3: expected a shift in [-64, 64], found 65"},
    {"\"op\":\"relu\"," X "\"n_element\":4,\"shape\":[2,3],\"out\":[\"fixed<6,4>\"]",
     "expected a shape of 4 elements"},
    {"\"op\":\"relu\"," X "\"n_element\":4,\"note\":\"a\\nb\",\"out\":[\"fixed<6,4>\"]",
     "note: expected at most 400 bytes without control characters"},
    {"\"op\":\"relu\"," X "\"n_element\":4,\"group\":2,\"out\":[\"fixed<6,4>\"]",
     "group"},
};

static void names_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        tgl_error err;
        tgl_graph *graph = NULL;
        tgl_status status = read(&graph, refusals[i].node, &err);
        if (status == TGL_OK || !strstr(err.message, refusals[i].message))
            fail_msg("refusal %zu: expected '%s', found '%s'", i, refusals[i].message,
                     status == TGL_OK ? "" : err.message);
        assert_null(strchr(err.message, '\n'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand),
                                       cmocka_unit_test(names_what_is_wrong)};
    return cmocka_run_group_tests_name("graph_op", tests, NULL, NULL);
}
