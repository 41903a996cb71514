/* The layers that importers share, each against loops as the definitions have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "graph/graph.h"
#include "model/layers.h"

enum { H = 5, W = 4, C = 6 };

static const tgl_type small = {1, 5, 2};

static uint64_t state;
static int64_t draw(int64_t lo, int64_t hi)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return lo + (int64_t)((state >> 33) % (uint64_t)(hi - lo + 1));
}

typedef struct fixture {
    tgl__layers l;
    tgl_error err;
    tgl__tensor x;
    int64_t in[H * W * C], *values;
} fixture;

static void begin(fixture *f, const tgl_type *types, uint32_t n_type)
{
    const uint32_t shape[] = {H, W, C};
    memset(f, 0, sizeof *f);
    assert_int_equal(tgl__layers_begin(&f->l, "a \"name\"", "test", &f->err), TGL_OK);
    assert_int_equal(tgl__layer_input(&f->l, &f->x, "x", 3, shape, types, n_type, NULL),
                     TGL_OK);
    for (uint32_t j = 0; j < H * W * C; j++) {
        tgl_type type = types[n_type > 1 ? j : 0];
        f->in[j] = draw(tgl_type_min(type), tgl_type_max(type));
    }
}

/* The codes of `y` in the finished graph. */
static const int64_t *finish(fixture *f, const tgl__tensor *y)
{
    tgl_graph *graph;
    assert_int_equal(tgl__layer_output(&f->l, "y", y), TGL_OK);
    if (tgl__layers_end(&graph, &f->l) != TGL_OK)
        fail_msg("%s", f->err.message);
    f->l.graph = graph;
    f->values = tgl__calloc(tgl__graph_first(graph, graph->n_node), sizeof *f->values);
    assert_int_equal(tgl_graph_eval(f->values, graph, f->in, &f->err), TGL_OK);
    return f->values + tgl__graph_first(graph, y->node);
}

static void end(fixture *f)
{
    tgl__free(f->values);
    tgl__layers_release(&f->l);
}

static int64_t at(const fixture *f, int h, int w, int c)
{
    return h < 0 || h >= H || w < 0 || w >= W ? 0 : f->in[(h * W + w) * C + c];
}

/* A convolution with strides, dilation, padding and groups. */
static void convolves(void **unused)
{
    (void)unused;
    enum { OUT = 2 };
    for (uint32_t groups = 1; groups <= C; groups = groups == 3 ? 6 : groups + 1) {
        fixture f;
        tgl__tensor y;
        const uint32_t each = C / groups;
        int64_t weights[C * OUT * 2 * 3 * C], bias[C * OUT];
        begin(&f, &small, 1);
        for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
            weights[i] = draw(-8, 7);
        for (size_t i = 0; i < sizeof bias / sizeof *bias; i++)
            bias[i] = draw(-100, 100);
        tgl__window window = {2, {2, 3}, {2, 1}, {1, 2}, {1, 2}, {0, 1}};
        tgl__matrix m = {.n_out = OUT,
                         .sets = groups,
                         .weights = weights,
                         .weight_type = {1, 4, 1},
                         .bias = bias,
                         .bias_type = {1, 8, 4},
                         .exact = true};
        if (tgl__layer_conv(&f.l, &y, "conv", &f.x, &window, &m) != TGL_OK)
            fail_msg("%s", f.err.message);
        assert_int_equal(y.rank, 3);
        assert_int_equal(y.shape[0], (H + 1 - 2) / 2 + 1);
        assert_int_equal(y.shape[1], W + 3 - 5 + 1);
        assert_int_equal(y.shape[2], groups * OUT);
        const int64_t *found = finish(&f, &y);
        assert_int_equal(tgl__tensor_type(&f.l, &y, 0).frac, 4); /* the bias's */
        for (int h = 0; h < (int)y.shape[0]; h++)
            for (int w = 0; w < (int)y.shape[1]; w++)
                for (uint32_t o = 0; o < groups * OUT; o++) {
                    int64_t sum = bias[o]; /* 1/16; products have 1/8 */
                    const int64_t *weight = weights + (size_t)o * 6 * each;
                    for (int i = 0; i < 2; i++)
                        for (int j = 0; j < 3; j++)
                            for (uint32_t c = 0; c < each; c++)
                                sum += 2 * *weight++ *
                                       at(&f, 2 * h + i - 1, w + 2 * j - 2,
                                          (int)(o / OUT * each + c));
                    assert_int_equal(*found++, sum);
                }
        end(&f);
    }
}

/* Extremes leave padding out, sums count it as zero; binary points may differ. */
static void pools(void **unused)
{
    (void)unused;
    static const tgl_graph_op ops[] = {TGL_GRAPH_REDUCE_MAX, TGL_GRAPH_REDUCE_MIN,
                                       TGL_GRAPH_REDUCE_SUM};
    tgl_type types[H * W * C];
    for (uint32_t j = 0; j < H * W * C; j++)
        types[j] = (tgl_type){1, (uint8_t)(3 + j % 3), (int16_t)(j % 2)};
    for (size_t k = 0; k < 3; k++) {
        fixture f;
        tgl__tensor y;
        begin(&f, types, H * W * C);
        tgl__window window = {2, {3, 2}, {2, 2}, {1, 1}, {0}, {0}};
        tgl__window_same(&window, &f.x);
        assert_int_equal(window.before[0], 1);
        assert_int_equal(window.after[0], 1);
        assert_int_equal(window.after[1], 0);
        if (tgl__layer_pool(&f.l, &y, "pool", &f.x, &window, ops[k], NULL, NULL) !=
            TGL_OK)
            fail_msg("%s", f.err.message);
        const int64_t *found = finish(&f, &y);
        assert_int_equal(tgl__tensor_type(&f.l, &y, 0).frac, 1);
        for (int h = 0; h < 3; h++)
            for (int w = 0; w < 2; w++)
                for (int c = 0; c < C; c++) {
                    int64_t sum = 0, lo = 1000, hi = -1000;
                    for (int i = 2 * h - 1; i < 2 * h + 2; i++)
                        for (int j = 2 * w; j < 2 * w + 2; j++) {
                            if (i < 0 || i >= H)
                                continue;
                            int place = (i * W + j) * C + c;
                            int64_t v = f.in[place] * (types[place].frac ? 1 : 2);
                            sum += v;
                            lo = v < lo ? v : lo;
                            hi = v > hi ? v : hi;
                        }
                    assert_int_equal(*found++, k == 0 ? hi : k == 1 ? lo : sum);
                }
        end(&f);
    }
}

static void moves(void **unused)
{
    (void)unused;
    fixture f;
    tgl__tensor t, s, p, r, both;
    begin(&f, &small, 1);
    const uint32_t perm[] = {2, 0, 1}, before[] = {0, 1, 0}, after[] = {1, 0, 2},
                   factor[] = {1, 2, 3}, same[] = {0, 1, 2};
    assert_int_equal(tgl__layer_transpose(&f.l, &t, "same", &f.x, same), TGL_OK);
    assert_int_equal(t.node, f.x.node); /* nothing moves: nothing is added */
    assert_int_equal(tgl__layer_transpose(&f.l, &t, "t", &f.x, perm), TGL_OK);
    assert_int_equal(tgl__layer_slice(&f.l, &s, "s", &t, 1, 4, 2, -2), TGL_OK);
    assert_int_equal(tgl__layer_pad(&f.l, &p, "p", &s, before, after), TGL_OK);
    assert_int_equal(tgl__layer_repeat(&f.l, &r, "r", &p, factor), TGL_OK);
    const tgl__tensor *const pair[] = {&r, &r};
    assert_int_equal(tgl__layer_concat(&f.l, &both, "c", pair, 2, 1), TGL_OK);
    assert_int_equal(both.shape[0], 7);
    assert_int_equal(both.shape[1], 12);
    assert_int_equal(both.shape[2], 18);
    const int64_t *found = finish(&f, &both);
    for (int a = 0; a < 7; a++)
        for (int b = 0; b < 12; b++)
            for (int c = 0; c < 18; c++) {
                int i = b % 6 / 2 - 1, j = c / 3; /* of the slice */
                bool inside = a < C && i >= 0 && i < 2 && j < W;
                assert_int_equal(*found++, inside ? at(&f, 4 - 2 * i, j, a) : 0);
            }
    end(&f);
}

static void pairs_and_reductions(void **unused)
{
    (void)unused;
    fixture f;
    tgl__tensor k, y, s;
    const uint32_t shape[] = {W, 1}, axes[] = {0, 2};
    const int64_t codes[] = {3, -1, 0, 2};
    begin(&f, &small, 1);
    assert_int_equal(
        tgl__layer_constant(&f.l, &k, "k", 2, shape, codes, (tgl_type){1, 3, 0}), TGL_OK);
    assert_int_equal(tgl__layer_pair(&f.l, &y, "mul", TGL_GRAPH_MULTIPLY, &f.x, &k, NULL),
                     TGL_OK);
    assert_int_equal(tgl__layer_reduce(&f.l, &s, "sum", &y, axes, 2, true,
                                       TGL_GRAPH_REDUCE_SUM, NULL, NULL),
                     TGL_OK);
    assert_int_equal(s.rank, 3);
    assert_int_equal(s.shape[0], 1);
    assert_int_equal(s.shape[1], W);
    const int64_t *found = finish(&f, &s);
    for (int w = 0; w < W; w++) {
        int64_t sum = 0;
        for (int h = 0; h < H; h++)
            for (int c = 0; c < C; c++)
                sum += at(&f, h, w, c) * codes[w];
        assert_int_equal(found[w], sum);
    }
    end(&f);
}

static void names_what_does_not_fit(void **unused)
{
    (void)unused;
    fixture f;
    tgl__tensor y, z;
    begin(&f, &small, 1);
    tgl__window window = {2, {7, 1}, {1, 1}, {1, 1}, {0}, {0}};
    assert_int_equal(tgl__layer_windows(&f.l, &y, "w", &f.x, &window, 1), TGL_EFORMAT);
    assert_non_null(strstr(f.err.message, "test: w: the window does not fit"));
    const uint32_t wrong[] = {H * W, C + 1}, twice[] = {0, 0, 1}, big[] = {1024, 1024, 2};
    assert_int_equal(tgl__layer_reshape(&f.l, &y, "r", &f.x, 2, wrong), TGL_EFORMAT);
    assert_int_equal(tgl__layer_reshape(&f.l, &y, "r", &f.x, 3, big), TGL_ELIMIT);
    assert_int_equal(tgl__layer_transpose(&f.l, &y, "t", &f.x, twice), TGL_EFORMAT);
    assert_int_equal(tgl__layer_slice(&f.l, &y, "s", &f.x, 1, 2, 3, 1), TGL_EFORMAT);
    assert_int_equal(
        tgl__layer_reshape(&f.l, &z, "r", &f.x, 1, (const uint32_t[]){H * W * C}),
        TGL_OK);
    assert_int_equal(tgl__layer_pair(&f.l, &y, "p", TGL_GRAPH_ADD, &f.x, &z, NULL),
                     TGL_EFORMAT);
    assert_string_equal(tgl__layers_name(&f.l, "x", NULL), "x_2");
    assert_string_equal(f.l.graph->name, "a__name_");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolves),
        cmocka_unit_test(pools),
        cmocka_unit_test(moves),
        cmocka_unit_test(pairs_and_reductions),
        cmocka_unit_test(names_what_does_not_fit),
    };
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
