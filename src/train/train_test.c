/* Both templates on seeded samples: the same bytes for any threads and instruction set,
 * the fake-quantised forward pass equal to the graph's exact one, gradients against
 * finite differences, bad configurations, cancellation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <trigline/train.h>

#include "base/memory.h"
#include "train/loss.h"
#include "train/random.h"
#include "train/train_samples.h"

static const char *const anomaly_config =
    "{\"template\":\"anomaly-trigger\",\"epochs\":3,\"batch\":500,\"threshold\":"
    "{\"rates_khz\":[30,300]}}";
static const char *const jets_config =
    "{\"template\":\"jet-tagger\",\"epochs\":4,\"batch\":300}";
static const char *const channels_config =
    "{\"template\":\"jet-tagger\",\"epochs\":3,\"batch\":256,\"types\":{\"per_channel\":"
    "3,"
    "\"weight\":\"fixed<6,2,RND_CONV,SAT>\"},\"schedule\":\"plateau\"}";

static tgl_training *fit(const char *config, const tgl_table *table, size_t n_thread,
                         tgl_isa isa)
{
    tgl_train_options options = TGL_TRAIN_OPTIONS_INIT;
    options.config = config;
    options.train = table;
    options.n_thread = n_thread;
    options.isa = isa;
    tgl_training *training = NULL;
    tgl_error error = {0};
    tgl_status status = tgl_train(&training, &options, &error);
    if (status == TGL_EMISSING)
        return NULL;
    if (status != TGL_OK)
        fail_msg("%s", error.message);
    return training;
}

static void same_bytes_everywhere(const char *config, const tgl_table *table)
{
    tgl_training *first = fit(config, table, 1, TGL_ISA_BASELINE);
    char *text, *other;
    size_t n, n_other;
    assert_int_equal(tgl_graph_print(&text, &n, tgl_training_graph(first), NULL), TGL_OK);
    for (int isa = TGL_ISA_BASELINE; isa <= TGL_ISA_AVX512; isa++)
        for (size_t threads = 1; threads <= 3; threads++) {
            tgl_training *next = fit(config, table, threads, (tgl_isa)isa);
            if (next == NULL) {
                printf("# skipped: this machine lacks instruction set %d\n", isa);
                break;
            }
            /* the history holds the digest of every float32 weight */
            assert_string_equal(tgl_training_history(first), tgl_training_history(next));
            assert_int_equal(
                tgl_graph_print(&other, &n_other, tgl_training_graph(next), NULL),
                TGL_OK);
            assert_int_equal(n, n_other);
            assert_memory_equal(text, other, n);
            tgl_free(other);
            tgl_training_free(next);
        }
    tgl_free(text);
    tgl_training_free(first);
}

static void threads_and_vectors_do_not_matter(void **state)
{
    (void)state;
    tgl_table *crossings = tgl__sample_crossings(3000, 1),
              *jets = tgl__sample_jets(3000, 2);
    assert_true(crossings != NULL && jets != NULL);
    same_bytes_everywhere(anomaly_config, crossings);
    same_bytes_everywhere(jets_config, jets);
    same_bytes_everywhere(channels_config, jets);
    tgl_table_free(crossings);
    tgl_table_free(jets);
}

/* Place of a node's first element among tgl_graph_eval's values. */
static size_t place(const tgl_graph *graph, uint32_t node)
{
    size_t at = 0;
    for (uint32_t i = 0; i < node; i++)
        at += tgl_graph_node(graph, i)->n_element;
    return at;
}

/* The number of differing codes between training's forward pass and the graph. */
static uint64_t differences(const tgl_training *training, const tgl_table *table,
                            size_t n_event)
{
    const tgl_graph *graph = tgl_training_graph(training);
    uint32_t node, n_node = tgl_graph_n_node(graph);
    tgl_graph_output(graph, 0, &node);
    size_t n_in = tgl_graph_node(graph, 0)->n_element;
    size_t n_out = tgl_graph_node(graph, node)->n_element, at = place(graph, node);
    size_t n_value =
        place(graph, n_node - 1) + tgl_graph_node(graph, n_node - 1)->n_element;
    int64_t *in = tgl__calloc(n_event * n_in, 8), *out = tgl__calloc(n_event * n_out, 8),
            *values = tgl__calloc(n_value, 8);
    uint64_t different = 0;
    assert_int_equal(tgl_convention_extract(in, NULL, tgl_graph_convention(graph), table,
                                            0, n_event, NULL),
                     TGL_OK);
    assert_int_equal(tgl_training_forward(out, training, in, n_event, NULL), TGL_OK);
    int64_t least = out[0], most = out[0];
    for (size_t e = 0; e < n_event; e++) {
        assert_int_equal(tgl_graph_eval(values, graph, in + e * n_in, NULL), TGL_OK);
        for (size_t o = 0; o < n_out; o++) {
            different += values[at + o] != out[e * n_out + o];
            least = out[e * n_out + o] < least ? out[e * n_out + o] : least;
            most = out[e * n_out + o] > most ? out[e * n_out + o] : most;
        }
    }
    assert_true(most - least > 10); /* the outputs say something */
    tgl__free(in);
    tgl__free(out);
    tgl__free(values);
    return different;
}

static void forward_pass_equals_the_graph(void **state)
{
    (void)state;
    enum { N_EVENT = 10000 };
    tgl_table *crossings = tgl__sample_crossings(N_EVENT, 3),
              *jets = tgl__sample_jets(N_EVENT, 4);
    const struct {
        const char *config;
        const tgl_table *table;
    } cases[] = {
        {anomaly_config, crossings}, {jets_config, jets}, {channels_config, jets}};
    for (size_t c = 0; c < 3; c++) {
        tgl_training *training = fit(cases[c].config, cases[c].table, 0, TGL_ISA_AUTO);
        uint64_t n = differences(training, cases[c].table, N_EVENT);
        printf("# %d events, %d differing codes\n", N_EVENT, (int)n);
        assert_int_equal(n, 0);
        tgl_training_free(training);
    }
    tgl_table_free(crossings);
    tgl_table_free(jets);
}

/* ---- gradients ---- */

/* The loss of one chunk with parameter `p` moved by `step`; float layers only move
 * smoothly, so the check is on a network without quantisers. */
static double moved_loss(tgl__net *net, const tgl__loss_task *task, tgl__workspace *space,
                         const uint32_t *rows, size_t n, size_t p, float step)
{
    float keep = net->param[p];
    tgl__loss loss;
    net->param[p] = keep + step;
    tgl__net_refresh(net, task->kernels);
    tgl__loss_chunk(&loss, task, space, NULL, rows, n);
    net->param[p] = keep;
    return loss.total;
}

static void check_gradient(const char *config_text, const tgl_table *table)
{
    enum { N_EVENT = 40 };
    tgl__train_config config;
    tgl__dataset data;
    tgl__net net;
    tgl__workspace space;
    uint32_t rows[N_EVENT];
    float *normals = tgl__aligned(TGL__NORMAL_POOL, sizeof *normals);
    tgl__random_normals(normals, 5);
    assert_int_equal(tgl__train_config_parse(&config, config_text, NULL), TGL_OK);
    assert_int_equal(tgl__dataset_init(&data, &config, table, NULL, 1, NULL, NULL),
                     TGL_OK);
    assert_int_equal(tgl__net_init(&net, &config, data.n_in, NULL), TGL_OK);
    assert_int_equal(tgl__workspace_init(&space, &net, NULL), TGL_OK);
    for (int i = 0; i < net.n_layer; i++) { /* take the quantisers out */
        net.layers[i].quantised = false;
        net.layers[i].pass_lo = net.layers[i].relu ? 0.0f : -3e38f;
        net.layers[i].pass_hi = 3e38f;
    }
    for (uint32_t i = 0; i < N_EVENT; i++)
        rows[i] = 3 * i;
    tgl__loss_task task = {.net = &net,
                           .kernels = &tgl__train_kernels_reference,
                           .data = &data,
                           .beta = 0.3,
                           .normals = normals,
                           .latent_key = 17,
                           .input_unit = tgl__scale_of(-config.input.type.frac)};
    float *gradient = tgl__aligned(net.n_param, sizeof *gradient);
    tgl__loss loss;
    tgl__net_refresh(&net, task.kernels);
    tgl__loss_chunk(&loss, &task, &space, gradient, rows, N_EVENT);
    int n_checked = 0, n_far = 0;
    for (size_t p = 0; p < net.n_param; p += 37) {
        float step = 0.004f;
        double up = moved_loss(&net, &task, &space, rows, N_EVENT, p, step);
        double down = moved_loss(&net, &task, &space, rows, N_EVENT, p, -step);
        double slope = (up - down) / (2.0 * (double)step), ours = (double)gradient[p];
        if (fabs(slope) < 0.05 && fabs(ours) < 0.05)
            continue;
        n_checked++;
        /* a ReLU that switches inside the step bends a few of them */
        n_far += fabs(slope - ours) > 0.02 * (fabs(slope) + fabs(ours)) + 0.02;
    }
    printf("# %d gradients checked, %d beyond 2%%\n", n_checked, n_far);
    assert_true(n_checked > 40 && n_far * 20 <= n_checked);
    tgl__free(gradient);
    tgl__free(normals);
    tgl__workspace_release(&space);
    tgl__net_release(&net);
    tgl__dataset_release(&data);
    tgl__train_config_release(&config);
}

static void gradients_equal_finite_differences(void **state)
{
    (void)state;
    tgl_table *crossings = tgl__sample_crossings(500, 5),
              *jets = tgl__sample_jets(500, 6);
    check_gradient(jets_config, jets);
    check_gradient(anomaly_config, crossings);
    tgl_table_free(crossings);
    tgl_table_free(jets);
}

/* ---- learning, refusals, cancelling ---- */

static void the_jet_tagger_learns(void **state)
{
    (void)state;
    tgl_table *jets = tgl__sample_jets(20000, 7);
    tgl_training *training =
        fit("{\"template\":\"jet-tagger\",\"epochs\":8,\"batch\":256}", jets, 0,
            TGL_ISA_AUTO);
    const char *found = strstr(tgl_training_history(training), "\"accuracy\":");
    assert_non_null(found);
    double accuracy = 0;
    assert_int_equal(sscanf(found, "\"accuracy\":%lf", &accuracy), 1);
    printf("# accuracy %.3f\n", accuracy);
    assert_true(accuracy > 0.6);
    tgl_training_free(training);
    tgl_table_free(jets);
}

static void refuse(const char *config, const tgl_table *table, tgl_status expected,
                   const char *words)
{
    tgl_train_options options = TGL_TRAIN_OPTIONS_INIT;
    options.config = config;
    options.train = table;
    tgl_training *training = NULL;
    tgl_error error = {0};
    tgl_status status = tgl_train(&training, &options, &error);
    if (status != expected || strstr(error.message, words) == NULL)
        fail_msg("%s: found %s: %s", config, tgl_status_name(status), error.message);
    assert_null(training);
}

static void bad_configurations_get_one_clear_line(void **state)
{
    (void)state;
    tgl_table *jets = tgl__sample_jets(100, 8),
              *crossings = tgl__sample_crossings(100, 8);
#define JETS(more) "{\"template\":\"jet-tagger\"," more "}"
    refuse(JETS("\"epoch\":3"), jets, TGL_EFORMAT, "epochs");
    refuse("{\"template\":\"jet-tager\"}", jets, TGL_EFORMAT, "jet-tagger");
    refuse("{}", jets, TGL_EFORMAT, "template");
    refuse("[1]", jets, TGL_EFORMAT, "mapping");
    refuse(JETS("\"epochs\":0"), jets, TGL_EFORMAT, "epochs");
    refuse(JETS("\"learning_rate\":\"x\""), jets, TGL_EFORMAT, "learning_rate");
    refuse(JETS("\"types\":{\"weight\":\"fixed<24,4,RND,SAT>\"}"), jets, TGL_ELIMIT,
           "24 bits");
    refuse(JETS("\"types\":{\"weight\":\"fixed<8,4>\"}"), jets, TGL_EUNSUPPORTED, "SAT");
    refuse(JETS("\"types\":{\"weight\":\"fixed<14,2,RND,SAT>\"}"), jets, TGL_ELIMIT,
           "too wide");
    refuse(JETS("\"types\":{\"input\":\"ufixed<16,3,RND,SAT>\"}"), jets, TGL_ELIMIT,
           "15 bits");
    refuse(JETS("\"types\":{\"weight\":\"float\"}"), jets, TGL_EFORMAT, "weight");
    refuse(JETS("\"types\":{\"weights\":\"fixed<8,2,RND,SAT>\"}"), jets, TGL_EFORMAT,
           "'weight'");
    refuse(JETS("\"types\":{\"weight\":[\"fixed<8,2,RND,SAT>\"]}"), jets, TGL_EFORMAT,
           "one per layer");
    refuse(JETS("\"inputs\":{\"label\":\"lable\"}"), jets, TGL_ENOTFOUND, "label");
    refuse(JETS("\"inputs\":{\"columns\":[\"f0x\"]}"), jets, TGL_ENOTFOUND, "f0");
    refuse(JETS("\"inputs\":{\"classes\":[\"a\",\"b\"]}"), jets, TGL_EFORMAT, "label");
    refuse(JETS("\"rows\":1"), jets, TGL_EUSAGE, "too few");
    refuse("{\"template\":\"anomaly-trigger\"}", jets, TGL_ENOTFOUND, "L1EtSum_hwPt");
    refuse("{\"template\":\"anomaly-trigger\",\"threshold\":{\"rates_khz\":[3,2]}}",
           crossings, TGL_EFORMAT, "rising");
    refuse("{\"template\":\"anomaly-trigger\",\"slots\":[\"weights\"]}", crossings,
           TGL_EFORMAT, "weights");
    tgl_table_free(jets);
    tgl_table_free(crossings);
}

static int stop_soon(void *user)
{
    return ++*(int *)user > 4;
}

static void cancelling_leaves_nothing(void **state)
{
    (void)state;
    tgl_table *jets = tgl__sample_jets(5000, 9);
    int calls = 0;
    tgl_progress progress = {NULL, stop_soon, &calls};
    tgl_train_options options = TGL_TRAIN_OPTIONS_INIT;
    options.config = jets_config;
    options.train = jets;
    options.progress = &progress;
    tgl_training *training = NULL;
    tgl_error error = {0};
    assert_int_equal(tgl_train(&training, &options, &error), TGL_ECANCELLED);
    assert_null(training);
    tgl_table_free(jets);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    tgl_table *jets = tgl__sample_jets(300, 10),
              *crossings = tgl__sample_crossings(300, 9);
    for (int which = 0; which < 2; which++)
        for (long n = 0;; n += n < 60 ? 1 : 17) {
            tgl_train_options options = TGL_TRAIN_OPTIONS_INIT;
            options.config = which ? "{\"template\":\"anomaly-trigger\",\"epochs\":1}"
                                   : "{\"template\":\"jet-tagger\",\"epochs\":1}";
            options.train = which ? crossings : jets;
            options.n_thread = 1;
            tgl_training *training = NULL;
            tgl__alloc_fail_after(n);
            tgl_status status = tgl_train(&training, &options, NULL);
            tgl__alloc_fail_after(-1);
            if (status == TGL_OK) {
                tgl_training_free(training);
                break;
            }
            assert_int_equal(status, TGL_ENOMEM);
            assert_null(training);
        }
    tgl_table_free(jets);
    tgl_table_free(crossings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_vectors_do_not_matter),
        cmocka_unit_test(forward_pass_equals_the_graph),
        cmocka_unit_test(gradients_equal_finite_differences),
        cmocka_unit_test(the_jet_tagger_learns),
        cmocka_unit_test(bad_configurations_get_one_clear_line),
        cmocka_unit_test(cancelling_leaves_nothing),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
