/* trigline data: info, convert, query, diff. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trigline/data.h>

#include "cli/cli.h"
#include "cli/view.h"

/* ---- info ---- */

static const cli_option info_options[] = {
    {"format", 'f', "NAME", "the file's format, when content and name do not tell it",
     false},
    {"object", 'o', "PATH", "tree or group inside the file, like FILE:PATH", false},
};

static void print_type(const char *column, char *out, size_t room)
{
    char text[64];
    const char *refusal = view_get(column, "refusal");
    if (refusal != NULL) {
        snprintf(out, room, "-");
        return;
    }
    int n = snprintf(out, room, "%s", view_text(view_get(column, "type"), text, 64));
    const char *dims = view_get(column, "dim"), *dim = NULL;
    if (view_true(view_get(column, "jagged")))
        n += snprintf(out + n, room - (size_t)n, "[]");
    while ((dim = view_next(dims, dim)) != NULL && n < (int)room - 24)
        n += snprintf(out + n, room - (size_t)n, "[%s]", view_text(dim, text, 16));
}

static void print_provenance(const char *provenance)
{
    char name[256], digest[80], format[32], tool[32];
    const char *source = NULL, *sources = view_get(provenance, "sources");
    if (sources == NULL)
        return;
    printf("\nmade by trigline %s from\n",
           view_text(view_get(provenance, "version"), tool, sizeof tool));
    while ((source = view_next(sources, source)) != NULL) {
        const char *range = view_get(source, "range"), *begin = view_next(range, NULL);
        printf("  %s (%s) rows %.0f to %.0f\n    %s\n",
               view_text(view_get(source, "name"), name, sizeof name),
               view_text(view_get(source, "format"), format, sizeof format),
               view_number(begin, 0), view_number(view_next(range, begin), 0),
               view_text(view_get(source, "digest"), digest, sizeof digest));
    }
}

static void print_info(const char *json)
{
    static const char *const headings[] = {"column", "type", "as the file says"};
    char text[256], size[32];
    printf("%s%s%s  ", cli_colour("bold"),
           view_text(view_get(json, "name"), text, sizeof text), cli_colour("reset"));
    printf("%s, ", view_text(view_get(json, "format"), text, sizeof text));
    if (view_get(json, "object") != NULL)
        printf("%s, ", view_text(view_get(json, "object"), text, sizeof text));
    printf("%.0f rows, %s\n\n", view_number(view_get(json, "rows"), 0),
           view_bytes(view_number(view_get(json, "size"), 0), size, sizeof size));
    view_table *table = view_table_new(headings, 3);
    const char *columns = view_get(json, "columns"), *column = NULL;
    while ((column = view_next(columns, column)) != NULL) {
        view_table_cell(table, view_text(view_get(column, "name"), text, sizeof text));
        print_type(column, text, sizeof text);
        view_table_cell(table, text);
        const char *refusal = view_get(column, "refusal");
        int n = snprintf(text, sizeof text, "%s", refusal == NULL ? "" : "not read: ");
        view_text(refusal != NULL ? refusal : view_get(column, "declared"), text + n,
                  sizeof text - (size_t)n);
        view_table_cell(table, text);
    }
    view_table_print(table);
    print_provenance(view_get(view_get(json, "metadata"), "trigline.provenance"));
}

static int run_info(cli_args *args)
{
    tgl_error err = {0};
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.format = cli_value(args, "format", NULL);
    options.object = cli_value(args, "object", NULL);
    char *json = NULL;
    if (tgl_data_info(&json, cli_argument(args, 0), &options, &err) != TGL_OK)
        return cli_fail(&err);
    if (cli_json(args))
        printf("%s\n", json);
    else
        print_info(json);
    tgl_free(json);
    return CLI_GOOD;
}

/* ---- convert ---- */

static const cli_option convert_options[] = {
    {"columns", 'c', "NAME", "a column's name or a glob; without: every readable one",
     true},
    {"begin", 0, "ROW", "first row of the inputs put one after the other (0)", false},
    {"end", 0, "ROW", "one past the last row", false},
    {"format", 'f', "NAME", "format of the inputs", false},
    {"to", 't', "NAME", "format of the output, when its name does not tell it", false},
    {"object", 'o', "PATH", "tree or group inside the inputs", false},
    {"compression", 'z', "LEVEL", "0 stored to 12 smallest", false},
    {"threads", 'j', "N", "threads (all processors)", false},
    {"no-verify", 0, NULL, "skip the inputs' checksums", false},
};

static int run_convert(cli_args *args)
{
    tgl_error err = {0};
    tgl_source_options source = TGL_SOURCE_OPTIONS_INIT;
    tgl_write_options write = TGL_WRITE_OPTIONS_INIT;
    tgl_convert_options options = TGL_CONVERT_OPTIONS_INIT;
    long long begin, end, level, threads;
    if (!cli_number(args, "begin", 0, 0, INT64_MAX, &begin) ||
        !cli_number(args, "end", -1, 0, INT64_MAX, &end) ||
        !cli_number(args, "compression", -1, 0, 12, &level) ||
        !cli_number(args, "threads", 0, 0, 1024, &threads))
        return CLI_USAGE;
    const char *patterns[256];
    for (const char *p; options.n_pattern < 256 &&
                        (p = cli_value_at(args, "columns", options.n_pattern)) != NULL;)
        patterns[options.n_pattern++] = p;
    source.format = cli_value(args, "format", NULL);
    source.object = cli_value(args, "object", NULL);
    source.no_verify = cli_flag(args, "no-verify");
    source.n_thread = write.n_thread = (size_t)threads;
    write.format = cli_value(args, "to", NULL);
    write.compression = (int)level;
    options.source = &source;
    options.write = &write;
    options.patterns = patterns;
    options.begin = (uint64_t)begin;
    options.end = end < 0 ? UINT64_MAX : (uint64_t)end;
    int n = cli_n_argument(args) - 1;
    const char *out = cli_argument(args, n);
    if (tgl_data_convert(out, cli_arguments(args), (size_t)n, &options,
                         cli_progress(args), &err) != TGL_OK)
        return cli_fail(&err);
    if (cli_json(args)) {
        char *json = NULL;
        if (tgl_data_info(&json, out, NULL, &err) != TGL_OK)
            return cli_fail(&err);
        printf("%s\n", json);
        tgl_free(json);
    } else {
        cli_note(args, "wrote %s", out);
    }
    return CLI_GOOD;
}

/* ---- diff ---- */

static void print_diff(const char *json)
{
    static const char *const headings[] = {"column", "verdict", "rows",
                                           "first",  "a",       "b"};
    char text[160];
    view_table *table = view_table_new(headings, 6);
    view_table_right(table, 2);
    view_table_right(table, 3);
    const char *columns = view_get(json, "columns"), *column = NULL;
    size_t n_equal = 0, n_shown = 0;
    while ((column = view_next(columns, column)) != NULL) {
        view_text(view_get(column, "verdict"), text, sizeof text);
        if (strcmp(text, "equal") == 0) {
            n_equal++;
            continue;
        }
        n_shown++;
        const char *first = view_get(column, "first"),
                   *reason = view_get(column, "reason");
        view_table_cell(table, view_text(view_get(column, "name"), text, sizeof text));
        view_table_cell(table, view_text(view_get(column, "verdict"), text, sizeof text));
        view_table_cell(table,
                        view_text(view_get(column, "differing_rows"), text, sizeof text));
        view_table_cell(table, view_text(view_get(first, "row"), text, sizeof text));
        view_table_cell(table, view_text(reason != NULL ? reason : view_get(first, "a"),
                                         text, sizeof text));
        view_table_cell(table, view_text(view_get(first, "b"), text, sizeof text));
    }
    if (n_shown > 0) {
        view_table_print(table);
        printf("\n");
    } else {
        free(table);
    }
    const char *rows = view_get(json, "rows"), *a = view_next(rows, NULL);
    printf("%s: %.0f rows against %.0f, %zu columns equal bit for bit, %.0f not\n",
           view_true(view_get(json, "equal")) ? "equal" : "different", view_number(a, 0),
           view_number(view_next(rows, a), 0), n_equal,
           view_number(view_get(json, "differing_columns"), 0));
}

static int run_diff(cli_args *args)
{
    tgl_error err = {0};
    char *json = NULL;
    tgl_status status = tgl_data_diff(&json, cli_argument(args, 0), cli_argument(args, 1),
                                      cli_progress(args), &err);
    if (json == NULL)
        return cli_fail(&err);
    if (cli_json(args))
        printf("%s\n", json);
    else
        print_diff(json);
    tgl_free(json);
    return status == TGL_OK ? CLI_GOOD : CLI_NEGATIVE;
}

static const cli_verb verbs[] = {
    {
        .name = "info",
        .arguments = "FILE[:OBJECT]",
        .summary = "show a file's columns, rows and where they come from",
        .details = "  trigline data info zerobias.root\n"
                   "  trigline data info zerobias.root:Events --json",
        .options = info_options,
        .n_option = sizeof info_options / sizeof info_options[0],
        .min_argument = 1,
        .max_argument = 1,
        .run = run_info,
    },
    {
        .name = "convert",
        .arguments = "IN... OUT",
        .summary = "read columns from one or several files into one file",
        .details =
            "Rows of several inputs follow each other. The output records the inputs' "
            "digests and\nranges and appears only when it is complete.\n\n"
            "  trigline data convert zerobias.root zerobias.npz\n"
            "  trigline data convert run1.root run2.root both.npz -c 'L1Jet_*' -c event\n"
            "  trigline data convert vectors.txt first.h5 --end 100",
        .options = convert_options,
        .n_option = sizeof convert_options / sizeof convert_options[0],
        .min_argument = 2,
        .max_argument = -1,
        .run = run_convert,
    },
    {
        .name = "diff",
        .arguments = "A B",
        .summary = "compare two files column by column, bit by bit",
        .details = "The formats may differ. Exit code 1 when the data differ.\n\n"
                   "  trigline data diff zerobias.root zerobias.npz",
        .min_argument = 2,
        .max_argument = 2,
        .run = run_diff,
    },
};
const cli_noun cli_data = {"data", "read, convert, query and compare datasets", verbs,
                           sizeof verbs / sizeof verbs[0]};
