#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <trigline/store.h>

#include "cli/cli.h"
#include "cli/view.h"

/* A package's JSON documents, NULL where it has none. */
typedef struct documents {
    char *physics, *simulation, *resources;
} documents;

static const cli_option options[] = {
    {"package", 'p', "NAME", "a package's name or digest (default: the newest)", false},
};

/* The newest package's digest, or what --package says. */
static tgl_status find_package(char *digest, size_t room, tgl_store *store,
                               cli_args *args, tgl_error *err)
{
    snprintf(digest, room, "%s", cli_value(args, "package", ""));
    if (digest[0] != '\0')
        return TGL_OK;
    char *json = NULL;
    tgl_status status = tgl_store_list(&json, store, err);
    if (status != TGL_OK)
        return status;
    const char *list = view_get(json, "packages");
    for (const char *p = NULL; (p = view_next(list, p)) != NULL;)
        if (view_true(view_get(p, "latest")))
            view_text(view_get(p, "digest"), digest, room);
    tgl_free(json);
    if (digest[0] != '\0')
        return TGL_OK;
    err->code = TGL_ENOTFOUND;
    err->offset = TGL_NO_OFFSET;
    snprintf(err->message, sizeof err->message,
             "the store holds no package; 'trigline run' makes one");
    return TGL_ENOTFOUND;
}

/* A member as text; a package without it leaves NULL. */
static tgl_status read_member(char **out, tgl_store *store, const char *package,
                              const char *member, tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    tgl_status status = tgl_store_member(&bytes, &size, store, package, member, err);
    if (status == TGL_OK)
        *out = (char *)bytes;
    return status == TGL_ENOTFOUND ? TGL_OK : status;
}

static void show_equality(const char *simulation)
{
    double n = view_number(view_get(simulation, "n_event"), 0);
    double different = view_number(view_get(simulation, "n_different"), -1);
    if (simulation == NULL || different < 0)
        return;
    char first[600];
    printf("%s%s%.0f events, %.0f differing %s%s  (firmware in Verilator against the "
           "emulator)\n",
           cli_colour("bold"), cli_colour(different == 0 ? "green" : "red"), n, different,
           different == 0 ? "bits" : "events", cli_colour("reset"));
    if (different > 0)
        printf("first difference: %s\n",
               view_text(view_get(simulation, "first_difference"), first, sizeof first));
    printf("\n");
}

static void percent(view_table *table, const char *fraction)
{
    char text[48];
    double value = view_number(view_get(fraction, "value"), -1);
    double lo = view_number(view_get(fraction, "lo"), 0),
           hi = view_number(view_get(fraction, "hi"), 0);
    snprintf(text, sizeof text, value < 0 ? "-" : "%.2f +%.2f -%.2f", 100 * value,
             100 * (hi - value), 100 * (value - lo));
    view_table_cell(table, text);
}

static void show_rates(const char *physics)
{
    static const char *const headings[] = {"rate [kHz]", "events",      "threshold",
                                           "signal",     "network [%]", "best cut [%]",
                                           "menu [%]",   "gain [%]"};
    const char *points = view_get(physics, "working_points");
    if (view_count(points) == 0)
        return;
    view_table *table = view_table_new(headings, 8);
    for (size_t column = 0; column < 3; column++)
        view_table_right(table, column);
    for (const char *p = NULL; (p = view_next(points, p)) != NULL;) {
        const char *rate = view_get(p, "rate"), *signals = view_get(p, "signals");
        char name[64], text[64];
        for (const char *s = NULL;
             (s = view_next_member(signals, s, name, sizeof name)) != NULL;) {
            snprintf(text, sizeof text, "%.3f +- %.3f",
                     view_number(view_get(rate, "hz"), 0) / 1e3,
                     view_number(view_get(rate, "error_hz"), 0) / 1e3);
            view_table_cell(table, text);
            snprintf(text, sizeof text, "%.0f%s",
                     view_number(view_get(rate, "n_pass"), 0),
                     view_true(view_get(p, "quotable")) ? "" : " (too few)");
            view_table_cell(table, text);
            view_table_cell(table,
                            view_text(view_get(p, "threshold"), text, sizeof text));
            view_table_cell(table, name);
            percent(table, view_get(s, "network"));
            percent(table, view_path(s, "best_cut.efficiency"));
            percent(table, view_get(s, "menu"));
            percent(table, view_get(s, "gain"));
        }
    }
    view_table_print(table);
    printf("for %.0f colliding bunches on average; intervals: Clopper-Pearson\n\n",
           view_number(view_path(physics, "zero_bias.colliding_bunches"), 0));
}

static void show_classes(const char *physics)
{
    static const char *const headings[] = {"class", "efficiency [%]", "AUC"};
    const char *classes = view_path(physics, "classification.classes");
    if (view_count(classes) == 0)
        return;
    view_table *table = view_table_new(headings, 3);
    for (const char *c = NULL; (c = view_next(classes, c)) != NULL;) {
        char text[64];
        view_table_cell(table, view_text(view_get(c, "name"), text, sizeof text));
        percent(table, view_get(c, "efficiency"));
        snprintf(text, sizeof text, "%.4f", view_number(view_get(c, "auc"), 0));
        view_table_cell(table, text);
    }
    view_table_print(table);
    printf("accuracy %.2f %%\n\n",
           100 * view_number(view_path(physics, "classification.accuracy.value"), 0));
}

static void show_resources(const char *list)
{
    static const char *const headings[] = {
        "resources", "LUT", "FF", "DSP", "BRAM", "cycles", "ns if timing closes"};
    static const char *const keys[] = {"lut", "ff", "dsp", "bram", "latency_cycles"};
    if (view_count(list) == 0)
        return;
    view_table *table = view_table_new(headings, 7);
    for (size_t column = 1; column < 7; column++)
        view_table_right(table, column);
    for (const char *r = NULL; (r = view_next(list, r)) != NULL;) {
        char text[80];
        view_table_cell(table, view_text(view_get(r, "source"), text, sizeof text));
        for (size_t k = 0; k < 5; k++) {
            double value = view_number(view_get(r, keys[k]), -1);
            snprintf(text, sizeof text, value < 0 ? "not measured" : "%.0f", value);
            view_table_cell(table, text);
        }
        double clock = view_number(view_get(r, "clock_mhz"), 0);
        double cycles = view_number(view_get(r, "latency_cycles"), -1);
        snprintf(text, sizeof text, clock > 0 && cycles >= 0 ? "%.1f at %.0f MHz" : "-",
                 1e3 * cycles / clock, clock);
        view_table_cell(table, text);
    }
    view_table_print(table);
    for (const char *r = NULL; (r = view_next(list, r)) != NULL;) {
        char text[280];
        if (view_get(r, "not_counted") != NULL)
            printf("not counted: %s\n",
                   view_text(view_get(r, "not_counted"), text, sizeof text));
    }
    printf("\n");
}

static void show(const documents *d, const char *directory, const char *package)
{
    char path[4096], real[64];
    snprintf(real, sizeof real, "%.19s", package);
    printf("package %s\n\n", real);
    show_equality(d->simulation);
    show_rates(d->physics);
    show_classes(d->physics);
    show_resources(d->resources);
    snprintf(path, sizeof path, "%s/report/index.html", directory);
    if (access(path, R_OK) == 0)
        printf("page: %s\n", path);
}

static void show_json(const documents *d, const char *package)
{
    printf("{\"package\":\"%s\",\"physics\":%s,\"simulation\":%s,\"resources\":%s}\n",
           package, d->physics ? d->physics : "null",
           d->simulation ? d->simulation : "null", d->resources ? d->resources : "null");
}

static int run(cli_args *args)
{
    const char *directory = cli_n_argument(args) > 0 ? cli_argument(args, 0) : ".";
    char path[4096], package[128];
    documents d = {0};
    tgl_error err = {0};
    tgl_store *store = NULL;
    snprintf(path, sizeof path, "%s/.trigline", directory);
    tgl_status status = tgl_store_open(&store, path, 0, &err);
    if (status == TGL_OK)
        status = find_package(package, sizeof package, store, args, &err);
    if (status == TGL_OK)
        status = read_member(&d.physics, store, package, "physics.json", &err);
    if (status == TGL_OK)
        status = read_member(&d.simulation, store, package, "simulation.json", &err);
    if (status == TGL_OK)
        status = read_member(&d.resources, store, package, "resources.json", &err);
    if (status == TGL_OK && cli_json(args))
        show_json(&d, package);
    else if (status == TGL_OK)
        show(&d, directory, package);
    tgl_free(d.physics);
    tgl_free(d.simulation);
    tgl_free(d.resources);
    tgl_store_close(store);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

static const cli_verb verbs[] = {{
    .arguments = "[DIR]",
    .summary = "show a package's equality, rates, efficiencies and resources",
    .details = "DIR is the project (default: here). The page with the plots is "
               "DIR/report/index.html.\n\n"
               "  trigline report\n"
               "  trigline report --json build/demo/anomaly-trigger",
    .options = options,
    .n_option = sizeof options / sizeof options[0],
    .max_argument = 1,
    .run = run,
}};
const cli_noun cli_report = {"report", "a package's figures as text", verbs, 1};
