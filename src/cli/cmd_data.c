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
    {"batch", 0, "BYTES",
     "bytes of the inputs in memory at a time (inputs above 128 MiB: 33554432)", false},
    {"no-verify", 0, NULL, "skip the inputs' checksums", false},
};

static int run_convert(cli_args *args)
{
    tgl_error err = {0};
    tgl_source_options source = TGL_SOURCE_OPTIONS_INIT;
    tgl_write_options write = TGL_WRITE_OPTIONS_INIT;
    tgl_convert_options options = TGL_CONVERT_OPTIONS_INIT;
    long long begin, end, level, threads, batch;
    if (!cli_number(args, "begin", 0, 0, INT64_MAX, &begin) ||
        !cli_number(args, "end", -1, 0, INT64_MAX, &end) ||
        !cli_number(args, "batch", 0, 1, INT64_MAX, &batch) ||
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
    options.batch = (uint64_t)batch;
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

/* ---- query ---- */

static const cli_option query_options[] = {
    {"out", 'o', "FILE",
     "store the result (with the SQL and the inputs' digests) "
     "instead of showing it",
     false},
    {"limit", 'n', "ROWS", "show at most so many rows (50 on a terminal, else all)",
     false},
};

/* One number as text, shortest that reads back the same for floats. */
static int put_number(char *out, size_t room, const tgl_column *c, uint64_t i, bool json)
{
    if (c->dtype == TGL_BOOL)
        return snprintf(out, room, "%s", tgl_column_int(c, i) ? "true" : "false");
    if (c->dtype == TGL_U64)
        return snprintf(out, room, "%" PRIu64, ((const uint64_t *)c->values)[i]);
    if (c->dtype != TGL_F32 && c->dtype != TGL_F64)
        return snprintf(out, room, "%" PRId64, tgl_column_int(c, i));
    double value = tgl_column_double(c, i);
    if (json && (isnan(value) || isinf(value)))
        return snprintf(out, room, "null");
    int n = 0, digits = c->dtype == TGL_F32 ? 6 : 15;
    for (;; digits++) {
        n = snprintf(out, room, "%.*g", digits, value);
        bool same = c->dtype == TGL_F32 ? strtof(out, NULL) == (float)value
                                        : strtod(out, NULL) == value;
        if (same || isnan(value) || digits >= 17)
            return n;
    }
}

static void print_string(const char *text, size_t n, bool json)
{
    if (!json) {
        for (size_t i = 0; i < n; i++) /* no control codes on someone's terminal */
            putchar((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* Print the values of one row; answers the characters a number took. Lists in brackets.
 */
static int print_value(const tgl_column *c, uint64_t row, bool json, bool dry)
{
    uint64_t item = 1, first = row, last = row + 1;
    char text[64];
    for (int d = 0; d < c->n_dim; d++)
        item *= c->dim[d];
    if (c->offsets != NULL) {
        first = (uint64_t)c->offsets[row];
        last = (uint64_t)c->offsets[row + 1];
    }
    if (c->dtype == TGL_STRING) {
        if (!dry)
            print_string((const char *)c->values + first, last - first, json);
        return (int)(last - first);
    }
    bool list = c->is_jagged || c->n_dim > 0;
    int width = list ? 2 : 0;
    if (list && !dry)
        putchar('[');
    for (uint64_t i = first * item; i < last * item; i++) {
        const char *comma = i > first * item ? (json ? "," : ", ") : "";
        width += put_number(text, sizeof text, c, i, json) + (int)strlen(comma);
        if (!dry)
            printf("%s%s", comma, text);
    }
    if (list && !dry)
        putchar(']');
    return width;
}

static void print_rows_json(const tgl_table *table, uint64_t n_row)
{
    printf("[");
    for (uint64_t row = 0; row < n_row; row++) {
        printf("%s{", row == 0 ? "\n" : ",\n");
        for (size_t i = 0; i < tgl_table_n_column(table); i++) {
            const tgl_column *c = tgl_table_column(table, i);
            printf("%s", i == 0 ? "" : ",");
            print_string(c->name, strlen(c->name), true);
            printf(":");
            print_value(c, row, true, false);
        }
        printf("}");
    }
    printf("\n]\n");
}

static void print_rows(const tgl_table *table, uint64_t n_row)
{
    size_t n = tgl_table_n_column(table);
    int *width = calloc(n + 1, sizeof *width);
    if (width == NULL)
        return;
    printf("%s", cli_colour("bold"));
    for (size_t i = 0; i < n; i++) {
        const tgl_column *c = tgl_table_column(table, i);
        width[i] = (int)strlen(c->name);
        for (uint64_t row = 0; row < n_row; row++) {
            int w = print_value(c, row, false, true);
            width[i] = w > width[i] ? w : width[i];
        }
        printf("%-*s%s", i + 1 < n ? width[i] : 0, c->name, i + 1 < n ? "  " : "\n");
    }
    printf("%s", cli_colour("reset"));
    for (uint64_t row = 0; row < n_row; row++)
        for (size_t i = 0; i < n; i++) {
            int w = print_value(tgl_table_column(table, i), row, false, false);
            if (i + 1 < n)
                printf("%*s", width[i] - w + 2, "");
            else
                printf("\n");
        }
    if (n_row < tgl_table_n_row(table))
        printf("… %" PRIu64 " more rows (--limit shows them, --out stores them)\n",
               tgl_table_n_row(table) - n_row);
    free(width);
}

static int run_query(cli_args *args)
{
    tgl_error err = {0};
    tgl_table *table = NULL;
    long long limit;
    const char *out = cli_value(args, "out", NULL);
    bool all = cli_json(args) || !isatty(1);
    if (!cli_number(args, "limit", all ? INT64_MAX : 50, 0, INT64_MAX, &limit))
        return CLI_USAGE;
    if (tgl_data_query(&table, cli_argument(args, 0), out != NULL, cli_progress(args),
                       &err) != TGL_OK)
        return cli_fail(&err);
    uint64_t n_row = tgl_table_n_row(table);
    int code = CLI_GOOD;
    if (out != NULL) {
        if (tgl_data_write(out, table, NULL, cli_progress(args), &err) != TGL_OK)
            code = cli_fail(&err);
        else
            cli_note(args, "wrote %" PRIu64 " rows to %s", n_row, out);
    } else {
        n_row = n_row < (uint64_t)limit ? n_row : (uint64_t)limit;
        if (cli_json(args))
            print_rows_json(table, n_row);
        else
            print_rows(table, n_row);
    }
    tgl_table_free(table);
    return code;
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
        .name = "query",
        .arguments = "SQL",
        .summary = "ask SQL of files in any readable format (DuckDB)",
        .details =
            "FROM 'file.root' or FROM 'file.root:dir/tree' names a file; DuckDB's own "
            "readers take\nParquet, CSV and JSON. Jagged columns are lists. A stored "
            "result "
            "keeps the row order.\nDuckDB's library comes with tools/fetch-duckdb.\n\n"
            "  trigline data query \"SELECT count(*), avg(len(L1Jet_hwPt)) FROM "
            "'zerobias.root'\"\n"
            "  trigline data query \"SELECT * FROM 'a.npz' WHERE nL1Mu > 1\" --out "
            "dimuon.npz\n"
            "  trigline data query \"COPY (FROM 'a.root') TO 'a.parquet'\"",
        .options = query_options,
        .n_option = sizeof query_options / sizeof query_options[0],
        .min_argument = 1,
        .max_argument = 1,
        .run = run_query,
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
