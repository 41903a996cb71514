#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/report.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "report/svg.h"

static const char simulation[] =
    "{\"n_event\":100000,\"n_different\":0,\"latency_cycles\":7}";
static const char mismatch[] = "{\"n_event\":100,\"n_different\":3,\"first_difference\":"
                               "\"event 2: dense_1[3] <accumulator>\"}";
static const char resources[] =
    "[{\"source\":\"yosys\",\"lut\":12345,\"ff\":2345,\"dsp\":0,\"bram\":0,\"latency_"
    "cycles\":7,\"clock_mhz\":360,"
    "\"power_w\":-1}]";
static const char history[] =
    "{\"epochs\":[{\"loss\":2.5,\"validation_loss\":2.6},{\"loss\":0.3,"
    "\"validation_loss\":0.35},{\"loss\":0.2,\"validation_loss\":0.3}]}";
static const char selection[] = "{\"axes\":[{\"label\":\"ttbar\"},{\"label\":\"LUT\"},{"
                                "\"label\":\"latency\"}],\"chosen\":\"a\",\"candidates\":"
                                "[{\"name\":\"a\",\"verdict\":\"accepted\",\"radar\":[0."
                                "5,1,null],\"physics\":[{\"label\":\"eff\",\"value\":0.5,"
                                "\"min\":0.4,\"passed\":true}],\"resources\":[]}]}";
static const char lineage[] =
    "{\"nodes\":[{\"id\":\"d\",\"kind\":\"data\",\"label\":\"zerobias_train.root\","
    "\"digest\":\"sha256:0123456789abcdef\"},"
    "{\"id\":\"t\",\"kind\":\"stage\",\"label\":\"train\",\"digest\":\"\"},"
    "{\"id\":\"g\",\"kind\":\"data\",\"label\":\"graph "
    "<&>\",\"digest\":\"\"}],\"edges\":[[\"d\",\"t\"],[\"t\",\"g\"]]}";
static const char physics[] =
    "{\"zero_bias\":{\"n_event\":1000,\"colliding_bunches\":2400,\"orbit_hz\":11245.5,"
    "\"minimum_events\":400},"
    "\"score\":{\"edges\":[0,1,4,16,64],\"samples\":{\"zero_bias\":[900,80,15,5],"
    "\"ttbar\":[10,20,40,30]}},"
    "\"rate_curve\":[{\"threshold\":60,\"hz\":1000,\"error_hz\":100},{\"threshold\":10,"
    "\"hz\":100000,\"error_hz\":1000}],"
    "\"roc\":{\"ttbar\":[{\"fpr\":{\"value\":1e-4},\"tpr\":{\"value\":0.3,\"lo\":0.2,"
    "\"hi\":0.4}},"
    "{\"fpr\":{\"value\":1e-3},\"tpr\":{\"value\":0.6,\"lo\":0.5,\"hi\":0.7}}]},"
    "\"working_points\":[{\"target_hz\":1000,\"threshold\":60,\"quotable\":false,"
    "\"rate\":{\"hz\":990,\"error_hz\":99,"
    "\"n_pass\":37},\"by_pileup\":[],\"signals\":{\"ttbar\":{\"network\":{\"value\":0.3,"
    "\"lo\":0.2,\"hi\":0.4},"
    "\"menu\":{\"value\":0.5,\"lo\":0.45,\"hi\":0.55},\"gain\":{\"value\":0.1,\"lo\":0."
    "08,\"hi\":0.12},"
    "\"best_cut\":{\"variable\":\"HTT\",\"cut_gev\":300,\"hz\":900,\"efficiency\":{"
    "\"value\":0.25,\"lo\":0.2,\"hi\":0.3}}"
    "}}}],\"menu\":{\"rate\":{\"hz\":50000},\"seeds\":[{\"name\":\"L1_HTT360\",\"rate\":{"
    "\"hz\":5,\"n_pass\":1},"
    "\"pure\":{\"hz\":2},\"proportional_hz\":3}]}}";

static tgl_report_inputs everything(void)
{
    tgl_report_inputs in = TGL_REPORT_INPUTS_INIT;
    in.title = "a <model> & \"more\"";
    in.simulation = simulation;
    in.resources = resources;
    in.history = history;
    in.selection = selection;
    in.lineage = lineage;
    in.physics = physics;
    in.model = "{\"name\":\"m\"}";
    in.datasets =
        "[{\"name\":\"zero "
        "bias\",\"path\":\"data/zb.root\",\"digest\":\"sha256:00\",\"rows\":1000}]";
    return in;
}

static char *write_and_read(const tgl_report_inputs *in, const char *file)
{
    char dir[] = "/tmp/tgl_report_XXXXXX", path[256], *text;
    tgl_error err = {0};
    assert_non_null(mkdtemp(dir));
    if (tgl_report_write(dir, in, &err) != TGL_OK)
        fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%s/%s", dir, file);
    assert_int_equal(tgl__file_read(&text, NULL, path, 1 << 24, &err), TGL_OK);
    assert_int_equal(tgl__remove_tree(dir, NULL), TGL_OK);
    return text;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text += strlen(word))
        n++;
    return n;
}

static void page_holds_every_part(void **state)
{
    (void)state;
    tgl_report_inputs in = everything();
    char *page = write_and_read(&in, "index.html"),
         *again = write_and_read(&in, "index.html");
    assert_string_equal(page, again);
    assert_non_null(strstr(page, "100000 events, 0 differing bits"));
    assert_null(strstr(page, "proven"));
    assert_null(strstr(page, "<model>")); /* escaped */
    static const char *const parts[] = {
        "id=\"lineage\"", "id=\"training\"",   "id=\"scores\"",
        "id=\"rate\"",    "id=\"efficiency\"", "id=\"roc\"",
        "id=\"radar\"",   "L1_HTT360",         "12345",
        "not measured",   "(too few)",         "19.4 at 360 MHz",
        "sha256:00"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(page, parts[i]) == NULL)
            fail_msg("the page lacks %s", parts[i]);
    assert_int_equal(count(page, "<svg "), count(page, "</svg>"));
    assert_int_equal(count(page, "<div"), count(page, "</div>"));
    assert_int_equal(count(page, "nan"), count(page, "nanoseconds"));
    assert_null(strstr(page, "http-equiv"));
    assert_int_equal(count(page, "src="), 0); /* nothing is fetched */
    tgl__free(page);
    tgl__free(again);
}

static void mismatch_is_said(void **state)
{
    (void)state;
    tgl_report_inputs in = everything();
    in.simulation = mismatch;
    char *page = write_and_read(&in, "index.html");
    assert_non_null(strstr(page, "100 events, 3 differing events"));
    assert_non_null(strstr(page, "dense_1[3] &lt;accumulator&gt;"));
    tgl__free(page);
}

static void an_empty_report_is_a_page(void **state)
{
    (void)state;
    tgl_report_inputs in = TGL_REPORT_INPUTS_INIT;
    char *page = write_and_read(&in, "index.html");
    assert_int_equal(count(page, "<svg "), 0);
    tgl__free(page);
}

static void plots_stand_alone(void **state)
{
    (void)state;
    tgl_report_inputs in = everything();
    char *svg = write_and_read(&in, "plots/rate.svg");
    assert_true(strncmp(svg, "<svg xmlns=", 11) == 0);
    assert_non_null(strstr(svg, "prefers-color-scheme"));
    tgl__free(svg);
}

static void broken_documents_are_refused(void **state)
{
    (void)state;
    tgl_report_inputs in = everything();
    in.physics = "{\"score\":";
    tgl_error err;
    assert_int_equal(tgl_report_write("/tmp/tgl_report_never", &in, &err), TGL_EFORMAT);
    assert_false(tgl__file_exists("/tmp/tgl_report_never"));
}

static void human_numbers(void **state)
{
    (void)state;
    char text[32];
    tgl__human(text, 12345);
    assert_string_equal(text, "12.35k");
    tgl__human(text, 2e-6);
    assert_string_equal(text, "2e-06");
    tgl__human(text, 0);
    assert_string_equal(text, "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_holds_every_part),
        cmocka_unit_test(mismatch_is_said),
        cmocka_unit_test(an_empty_report_is_a_page),
        cmocka_unit_test(plots_stand_alone),
        cmocka_unit_test(broken_documents_are_refused),
        cmocka_unit_test(human_numbers),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
