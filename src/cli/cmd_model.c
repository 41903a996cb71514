/* trigline model: import, info, run, diff, export. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trigline/data.h>
#include <trigline/emulate.h>
#include <trigline/lower.h>
#include <trigline/model.h>
#include <trigline/run.h>

#include "cli/cli.h"
#include "cli/view.h"

/* What tgl_model_import can be told. */
#define MODEL_OPTIONS                                                                    \
    {"variant", 'v', "NAME",                                                             \
     "what the format leaves open: the input convention (halved, firmware, unscaled)",   \
     false},                                                                             \
        {"format", 'f', "NAME",                                                          \
         "the model's format (see the page); default: by content", false},               \
        {"inputs", 0, "TYPE", "numbers without types: the inputs' type, fixed<16,10>",   \
         false},                                                                         \
        {"scores", 0, "TYPE",                                                            \
         "trees: the type leaves are converted to and summed in, fixed<18,8,RND,SAT>",   \
         false},                                                                         \
        {"settings", 0, "FILE", "YAML or JSON that names the rest: types by layer",      \
         false},                                                                         \
    {                                                                                    \
        "weights", 'w', "FILE", "the weights, where they are in a file of their own",    \
            false                                                                        \
    }

/* A whole file in memory. Release with free. */
static bool read_file(const char *path, uint8_t **out, size_t *size)
{
    enum { MOST = 1 << 30 };
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t used = 0, room = 0, n = 1;
    while (file && n > 0 && used < MOST) {
        if (used == room) {
            room = room ? 2 * room : 65536;
            uint8_t *more = realloc(bytes, room);
            if (!more)
                break;
            bytes = more;
        }
        n = fread(bytes + used, 1, room - used, file);
        used += n;
    }
    bool ok = file && n == 0 && !ferror(file);
    if (!ok)
        fprintf(stderr, "trigline: %s: %s\n", path,
                errno ? strerror(errno) : "cannot be read");
    if (file)
        fclose(file);
    if (!ok) {
        free(bytes);
        return false;
    }
    *out = bytes;
    *size = used;
    return true;
}

/* The file appears only when it is complete. */
static bool write_file(const char *path, const void *bytes, size_t size)
{
    size_t room = strlen(path) + 32;
    char *temporary = malloc(room);
    if (!temporary)
        return false;
    snprintf(temporary, room, "%s.%ld.tmp", path, (long)getpid());
    FILE *file = fopen(temporary, "wb");
    bool ok = file && fwrite(bytes, 1, size, file) == size && fflush(file) == 0 &&
              fsync(fileno(file)) == 0;
    if (file && fclose(file) != 0)
        ok = false;
    ok = ok && rename(temporary, path) == 0;
    if (!ok) {
        fprintf(stderr, "trigline: %s: %s\n", path, strerror(errno));
        remove(temporary);
    }
    free(temporary);
    return ok;
}

/* `report`: as in tgl_import_options. */
static tgl_status load_reported(tgl_graph **out, char **report, cli_args *args, int index,
                                tgl_error *err)
{
    tgl_import_options options = TGL_IMPORT_OPTIONS_INIT;
    options.format = cli_value(args, "format", NULL);
    options.variant = cli_value(args, "variant", NULL);
    options.input_type = cli_value(args, "inputs", NULL);
    options.score_type = cli_value(args, "scores", NULL);
    options.settings = cli_value(args, "settings", NULL);
    options.weights = cli_value(args, "weights", NULL);
    options.report = report;
    return tgl_model_import(out, cli_argument(args, index), &options, err);
}

static tgl_status load_graph(tgl_graph **out, cli_args *args, int index, tgl_error *err)
{
    return load_reported(out, NULL, args, index, err);
}

/* ---- import ---- */

static const cli_option import_options[] = {
    MODEL_OPTIONS,
    {"program", 'p', "FILE", "also write the lowered program (binary)", false},
    {"report", 'r', "FILE", "also write every choice that was made (JSON)", false},
};

static int write_program(const tgl_graph *graph, const char *path)
{
    tgl_error err = {0};
    tgl_program *program = NULL;
    uint8_t *bytes = NULL;
    size_t size;
    tgl_status status = tgl_lower(&program, graph, &err);
    if (status == TGL_OK)
        status = tgl_program_encode(&bytes, &size, program, &err);
    int code = status != TGL_OK                ? cli_fail(&err)
               : write_file(path, bytes, size) ? CLI_GOOD
                                               : CLI_FAILURE;
    tgl_free(bytes);
    tgl_program_free(program);
    return code;
}

/* What the format left open and how it was answered. */
static void note_choices(cli_args *args, const char *report)
{
    char place[160], choice[420];
    const char *choices = view_get(report, "choices");
    for (const char *c = view_next(choices, NULL); c; c = view_next(choices, c)) {
        view_text(view_get(c, "place"), place, sizeof place);
        view_text(view_get(c, "choice"), choice, sizeof choice);
        cli_note(args, "%s: %s", place, choice);
    }
}

static int run_import(cli_args *args)
{
    tgl_error err = {0};
    tgl_graph *graph = NULL;
    char *text = NULL, *report = NULL;
    size_t size;
    if (load_reported(&graph, &report, args, 0, &err) != TGL_OK)
        return cli_fail(&err);
    int code = CLI_GOOD;
    const char *program = cli_value(args, "program", NULL);
    const char *report_path = cli_value(args, "report", NULL);
    if (tgl_graph_print(&text, &size, graph, &err) != TGL_OK)
        code = cli_fail(&err);
    else if (!write_file(cli_argument(args, 1), text, size))
        code = CLI_FAILURE;
    if (code == CLI_GOOD && program)
        code = write_program(graph, program);
    if (code == CLI_GOOD && report_path &&
        !write_file(report_path, report, strlen(report)))
        code = CLI_FAILURE;
    if (code == CLI_GOOD && cli_json(args))
        printf("{\"graph\":\"%s\",\"nodes\":%u,\"import\":%s}\n", tgl_graph_name(graph),
               tgl_graph_n_node(graph), report);
    else if (code == CLI_GOOD) {
        note_choices(args, report);
        cli_note(args, "wrote %s", cli_argument(args, 1));
    }
    tgl_free(report);
    tgl_free(text);
    tgl_graph_free(graph);
    return code;
}

/* ---- info ---- */

static const cli_option graph_options[] = {MODEL_OPTIONS};

/* "fixed<8,6> (57)" or "12 types". */
static void types_text(const char *layer, char *out, size_t room)
{
    const char *types = view_get(layer, "types");
    if (view_count(types) == 1)
        view_text(view_next(types, NULL), out, room);
    else
        snprintf(out, room, "%zu types", view_count(types));
}

static void print_layers(const char *json)
{
    static const char *const headings[] = {
        "layer", "operator", "elements", "result", "accumulator", "weights", "slots"};
    char text[128], slot[64];
    view_table *table = view_table_new(headings, 7);
    view_table_right(table, 2);
    view_table_right(table, 5);
    const char *layers = view_get(json, "layers"), *layer = NULL;
    while ((layer = view_next(layers, layer)) != NULL) {
        view_table_cell(table, view_text(view_get(layer, "name"), text, sizeof text));
        view_table_cell(table, view_text(view_get(layer, "op"), text, sizeof text));
        view_table_cell(table, view_text(view_get(layer, "elements"), text, sizeof text));
        types_text(layer, text, sizeof text);
        view_table_cell(table, text);
        view_table_cell(table,
                        view_text(view_get(layer, "accumulator"), text, sizeof text));
        text[0] = 0;
        if (view_number(view_get(layer, "nonzero_weights"), 0) > 0)
            view_text(view_get(layer, "nonzero_weights"), text, sizeof text);
        view_table_cell(table, text);
        const char *slots = view_get(layer, "slots"), *item = NULL;
        int n = 0;
        text[0] = 0;
        while ((item = view_next(slots, item)) != NULL && n < (int)sizeof text - 20)
            n += snprintf(text + n, sizeof text - (size_t)n, "%s%s", n ? ", " : "",
                          view_text(item, slot, sizeof slot));
        view_table_cell(table, text);
    }
    view_table_print(table);
}

static void print_info(const char *json)
{
    char text[256];
    const char *program = view_get(json, "program");
    printf("%s%s%s", cli_colour("bold"),
           view_text(view_get(json, "name"), text, sizeof text), cli_colour("reset"));
    if (view_get(json, "convention"))
        printf(", inputs by %s",
               view_text(view_get(json, "convention"), text, sizeof text));
    printf("\n%s\n\n", view_text(view_get(json, "digest"), text, sizeof text));
    print_layers(json);
    printf("\nprogram: %.0f operations, %.0f inputs, %.0f outputs; %.0f products in %.0f "
           "matrices (%.0f exact)\n%s\n",
           view_number(view_get(program, "operations"), 0),
           (double)view_count(view_get(program, "inputs")),
           (double)view_count(view_get(program, "outputs")),
           view_number(view_get(program, "products"), 0),
           view_number(view_get(program, "matrices"), 0),
           view_number(view_get(program, "exact_matrices"), 0),
           view_text(view_get(program, "digest"), text, sizeof text));
    const char *slots = view_get(program, "slots"), *slot = NULL;
    while ((slot = view_next(slots, slot)) != NULL) {
        printf("slot %s: ", view_text(view_get(slot, "name"), text, sizeof text));
        printf("%.0f x ", view_number(view_get(slot, "count"), 0));
        printf("%s\n", view_text(view_get(slot, "type"), text, sizeof text));
    }
}

/* ---- info of a run-time file ---- */

static const char *const run_keys[] = {"name",  "version", "convention", "package",
                                       "graph", "program", "payload"};
enum { N_RUN_KEY = sizeof run_keys / sizeof run_keys[0] };

static void print_run_ports(const tgl_run *run, bool json, const char *what, uint32_t n,
                            const tgl_run_port *(*get)(const tgl_run *, uint32_t))
{
    char type[TGL_TYPE_TEXT];
    if (json)
        printf(",\"%ss\":[", what);
    for (uint32_t i = 0; i < n; i++) {
        const tgl_run_port *port = get(run, i);
        tgl_type_format(type, port->type);
        if (json)
            printf("%s{\"name\":\"%s\",\"type\":\"%s\"}", i ? "," : "", port->name, type);
        else
            printf("%-10s  %4u  %-14s %s\n", i ? "" : what, i, type, port->name);
    }
    if (json)
        printf("]");
}

static void print_run(const tgl_run *run, bool json)
{
    for (size_t i = 0; i < N_RUN_KEY; i++) {
        const char *value = tgl_run_info(run, run_keys[i]);
        if (json) { /* texts of the format hold no control characters */
            printf("%s\"%s\":\"", i ? "," : "{", run_keys[i]);
            for (const char *c = value; *c; c++)
                printf("%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
            printf("\"");
        } else if (*value) {
            printf("%-10s  %s\n", run_keys[i], value);
        }
    }
    print_run_ports(run, json, "input", tgl_run_n_input(run), tgl_run_input);
    print_run_ports(run, json, "output", tgl_run_n_output(run), tgl_run_output);
    if (json)
        printf("}\n");
}

static bool is_run_file(const char *path)
{
    char head[4] = "";
    FILE *file = fopen(path, "rb");
    bool yes = file && fread(head, 1, 4, file) == 4 && memcmp(head, "TGLR", 4) == 0;
    if (file)
        fclose(file);
    return yes;
}

static int run_file_info(cli_args *args)
{
    tgl_error err = {0};
    tgl_run *run = NULL;
    if (tgl_run_open(&run, cli_argument(args, 0), NULL, &err) != TGL_OK)
        return cli_fail(&err);
    print_run(run, cli_json(args));
    tgl_run_close(run);
    return CLI_GOOD;
}

static int run_info(cli_args *args)
{
    if (is_run_file(cli_argument(args, 0)))
        return run_file_info(args);
    tgl_error err = {0};
    tgl_graph *graph = NULL;
    char *json = NULL;
    tgl_status status = load_graph(&graph, args, 0, &err);
    if (status == TGL_OK)
        status = tgl_model_info(&json, graph, &err);
    tgl_graph_free(graph);
    if (status != TGL_OK)
        return cli_fail(&err);
    if (cli_json(args))
        printf("%s\n", json);
    else
        print_info(json);
    tgl_free(json);
    return CLI_GOOD;
}

/* ---- inputs of run and diff ---- */

typedef struct inputs {
    int64_t *codes; /* (n_event, n_in) */
    size_t n_event, n_in;
    uint64_t n_saturated;
} inputs;

static tgl_status no_memory(tgl_error *err)
{
    *err = (tgl_error){.code = TGL_ENOMEM, .offset = TGL_NO_OFFSET};
    snprintf(err->message, sizeof err->message, "out of memory");
    return TGL_ENOMEM;
}

static tgl_status allocate(inputs *in, size_t n_event, size_t n_in, tgl_error *err)
{
    in->n_event = n_event;
    in->n_in = n_in;
    in->codes = calloc(n_event * n_in + 1, sizeof *in->codes);
    return in->codes ? TGL_OK : no_memory(err);
}

static bool has_field(const tgl_source *source, const char *name)
{
    for (size_t i = 0; i < tgl_source_n_field(source); i++)
        if (strcmp(tgl_source_field(source, i)->name, name) == 0)
            return true;
    return false;
}

/* The columns a convention reads from a source, without those that may lack and do;
 * free() it. */
static const char **columns_of(size_t *n, const tgl_convention *convention,
                               const tgl_source *source)
{
    const char *const *all = tgl_convention_columns(convention);
    size_t n_all = 0;
    while (all[n_all])
        n_all++;
    const char **columns = calloc(n_all + 1, sizeof *columns);
    *n = 0;
    for (size_t i = 0; columns && i < n_all; i++)
        if (!tgl_convention_may_lack(convention, all[i]) || has_field(source, all[i]))
            columns[(*n)++] = all[i];
    return columns;
}

/* Rows [begin, end) of a dataset by the graph's convention, a batch at a time. */
static tgl_status extract(inputs *in, const tgl_graph *graph, tgl_source *source,
                          uint64_t begin, uint64_t end, cli_args *args, tgl_error *err)
{
    enum { BATCH = 65536 };
    const tgl_convention *convention = tgl_graph_convention(graph);
    size_t n_column = 0;
    const char **columns = columns_of(&n_column, convention, source);
    tgl_status status = !columns ? no_memory(err)
                                 : allocate(in, (size_t)(end - begin),
                                            tgl_convention_n_rule(convention), err);
    for (uint64_t row = begin; row < end && status == TGL_OK; row += BATCH) {
        uint64_t stop = row + BATCH < end ? row + BATCH : end, saturated = 0;
        tgl_table *table = NULL;
        status = tgl_source_read(&table, source, columns, n_column, row, stop,
                                 cli_progress(args), err);
        if (status == TGL_OK)
            status =
                tgl_convention_extract(in->codes + (row - begin) * in->n_in, &saturated,
                                       convention, table, 0, stop - row, err);
        in->n_saturated += saturated;
        tgl_table_free(table);
    }
    free((void *)columns);
    return status;
}

static tgl_status from_data(inputs *in, const tgl_graph *graph, const char *path,
                            uint64_t begin, uint64_t end, cli_args *args, tgl_error *err)
{
    if (!tgl_graph_convention(graph)) {
        *err = (tgl_error){.code = TGL_EUSAGE, .offset = TGL_NO_OFFSET};
        snprintf(err->message, sizeof err->message,
                 "graph '%s' has no input convention: it cannot read a dataset",
                 tgl_graph_name(graph));
        return TGL_EUSAGE;
    }
    tgl_source *source = NULL;
    tgl_status status = tgl_source_open(&source, path, NULL, err);
    if (status != TGL_OK)
        return status;
    uint64_t n = tgl_source_n_row(source);
    end = end < n ? end : n;
    begin = begin < end ? begin : end;
    status = extract(in, graph, source, begin, end, args, err);
    tgl_source_close(source);
    return status;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Event 0: zeros (or the code nearest), 1: all at their least, 2: at their most; then
 * uniform over each input's type. */
static tgl_status from_seed(inputs *in, const tgl_graph *graph, size_t n_event,
                            uint64_t seed, tgl_error *err)
{
    const tgl_node *node = tgl_graph_node(graph, 0);
    tgl_status status = allocate(in, n_event, node->n_element, err);
    if (status != TGL_OK)
        return status;
    for (size_t event = 0; event < n_event; event++)
        for (size_t j = 0; j < in->n_in; j++) {
            tgl_type type = node->out[node->n_out == 1 ? 0 : j].type;
            int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
            uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
            in->codes[event * in->n_in + j] =
                event == 0   ? 0
                : event == 1 ? lo
                : event == 2 ? hi
                             : (int64_t)((uint64_t)lo + next_random(&seed) % span);
        }
    return TGL_OK;
}

/* ---- run ---- */

static const cli_option run_options[] = {
    MODEL_OPTIONS,
    {"out", 'o', "FILE", "write the outputs' codes as columns (npz, hdf5)", false},
    {"begin", 0, "ROW", "first row (0)", false},
    {"end", 0, "ROW", "one past the last row", false},
    {"threads", 'j', "N", "threads (all processors)", false},
    {"rows", 'n', "N", "rows to print without --out (20)", false},
};

typedef struct results {
    tgl_program *program;
    int64_t *codes; /* (n_event, n_out) */
    size_t n_event, n_out;
} results;

static tgl_status emulate(results *r, const tgl_graph *graph, const inputs *in,
                          size_t n_thread, cli_args *args, tgl_error *err)
{
    tgl_emulator *emulator = NULL;
    tgl_status status = tgl_lower(&r->program, graph, err);
    if (status == TGL_OK)
        status = tgl_emulator_new(&emulator, r->program, NULL, NULL, err);
    if (status == TGL_OK) {
        r->n_event = in->n_event;
        r->n_out = tgl_program_n_output(r->program);
        r->codes = calloc(r->n_event * r->n_out + 1, sizeof *r->codes);
        status = r->codes ? tgl_emulator_run_parallel(r->codes, emulator, in->codes,
                                                      in->n_event, n_thread,
                                                      cli_progress(args), err)
                          : no_memory(err);
    }
    tgl_emulator_free(emulator);
    return status;
}

/* "trigline.types": {"score":"ufixed<18,14>",...}, so that codes keep their units. */
static tgl_status describe(tgl_table *table, const results *r, tgl_error *err)
{
    size_t room = 16 + r->n_out * (2 * 256 + 64), used = 1;
    char *text = malloc(room);
    if (!text)
        return no_memory(err);
    text[0] = '{';
    for (uint32_t i = 0; i < r->n_out; i++) {
        const tgl_port *port = tgl_program_output(r->program, i);
        char type[TGL_TYPE_TEXT];
        tgl_type_format(type, port->type);
        int n = snprintf(text + used, room - used, "%s\"%s\":\"%s\"", i ? "," : "",
                         port->name, type);
        used += n > 0 ? (size_t)n : 0;
    }
    snprintf(text + used, room - used, "}");
    tgl_status status = tgl_table_set_meta(table, "trigline.types", text, err);
    free(text);
    return status;
}

static tgl_status make_table(tgl_table **out, const results *r, tgl_error *err)
{
    tgl_table *table = NULL;
    int64_t *values = calloc(r->n_event + 1, sizeof *values);
    tgl_status status = values ? tgl_table_new(&table, r->n_event, err) : no_memory(err);
    for (uint32_t i = 0; i < r->n_out && status == TGL_OK; i++) {
        for (size_t event = 0; event < r->n_event; event++)
            values[event] = r->codes[event * r->n_out + i];
        tgl_column column = {.name = tgl_program_output(r->program, i)->name,
                             .dtype = TGL_I64,
                             .n_row = r->n_event,
                             .n_value = r->n_event,
                             .values = values};
        status = tgl_table_copy_column(table, &column, err);
    }
    if (status == TGL_OK)
        status = describe(table, r, err);
    free(values);
    if (status != TGL_OK) {
        tgl_table_free(table);
        return status;
    }
    *out = table;
    return TGL_OK;
}

static void print_json(const results *r, size_t n)
{
    printf("{\"events\":%zu,\"outputs\":[", r->n_event);
    for (uint32_t i = 0; i < r->n_out; i++) {
        const tgl_port *port = tgl_program_output(r->program, i);
        char type[TGL_TYPE_TEXT];
        tgl_type_format(type, port->type);
        printf("%s{\"name\":\"%s\",\"type\":\"%s\"}", i ? "," : "", port->name, type);
    }
    printf("],\"codes\":[");
    for (size_t event = 0; event < n; event++) {
        printf("%s[", event ? "," : "");
        for (size_t i = 0; i < r->n_out; i++)
            printf("%s%" PRId64, i ? "," : "", r->codes[event * r->n_out + i]);
        printf("]");
    }
    printf("]}\n");
}

/* A table is at most 16 columns wide; the last outputs (scores, decisions) are kept. */
static void print_rows(const results *r, size_t n)
{
    enum { MOST = 15 };
    char text[64];
    const char *headings[MOST + 1] = {"event"};
    uint32_t first = r->n_out > MOST ? (uint32_t)r->n_out - MOST : 0;
    size_t n_shown = r->n_out - first;
    for (uint32_t i = 0; i < n_shown; i++)
        headings[i + 1] = tgl_program_output(r->program, first + i)->name;
    view_table *table = view_table_new(headings, n_shown + 1);
    for (size_t i = 0; i <= n_shown; i++)
        view_table_right(table, i);
    for (size_t event = 0; event < n; event++) {
        snprintf(text, sizeof text, "%zu", event);
        view_table_cell(table, text);
        for (uint32_t i = first; i < r->n_out; i++) {
            int frac = tgl_program_output(r->program, i)->type.frac;
            snprintf(text, sizeof text, "%.12g",
                     tgl_code_to_double(r->codes[event * r->n_out + i], frac));
            view_table_cell(table, text);
        }
    }
    view_table_print(table);
    if (n < r->n_event || first > 0)
        printf("%zu of %zu events, %zu of %zu outputs; --out writes all\n", n, r->n_event,
               n_shown, r->n_out);
}

static int show(cli_args *args, const results *r, long long rows)
{
    tgl_error err = {0};
    const char *out = cli_value(args, "out", NULL);
    size_t n = (size_t)rows < r->n_event ? (size_t)rows : r->n_event;
    if (out) {
        tgl_table *table = NULL;
        tgl_status status = make_table(&table, r, &err);
        if (status == TGL_OK)
            status = tgl_data_write(out, table, NULL, cli_progress(args), &err);
        tgl_table_free(table);
        if (status != TGL_OK)
            return cli_fail(&err);
        if (cli_json(args))
            print_json(r, 0);
        else
            cli_note(args, "wrote %s", out);
    } else if (cli_json(args)) {
        print_json(r, r->n_event);
    } else {
        print_rows(r, n);
    }
    return CLI_GOOD;
}

static int run_run(cli_args *args)
{
    tgl_error err = {0};
    tgl_graph *graph = NULL;
    inputs in = {0};
    results r = {0};
    long long begin, end, threads, rows;
    if (!cli_number(args, "begin", 0, 0, INT64_MAX, &begin) ||
        !cli_number(args, "end", INT64_MAX, 0, INT64_MAX, &end) ||
        !cli_number(args, "threads", 0, 0, 1024, &threads) ||
        !cli_number(args, "rows", 20, 0, INT32_MAX, &rows))
        return CLI_USAGE;
    tgl_status status = load_graph(&graph, args, 0, &err);
    if (status == TGL_OK)
        status = from_data(&in, graph, cli_argument(args, 1), (uint64_t)begin,
                           (uint64_t)end, args, &err);
    if (status == TGL_OK)
        status = emulate(&r, graph, &in, (size_t)threads, args, &err);
    if (status == TGL_OK && in.n_saturated > 0)
        cli_note(args, "%" PRIu64 " input codes were outside their types and saturated",
                 in.n_saturated);
    int code = status == TGL_OK ? show(args, &r, rows) : cli_fail(&err);
    tgl_program_free(r.program);
    tgl_graph_free(graph);
    free(r.codes);
    free(in.codes);
    return code;
}

/* ---- diff ---- */

static const cli_option diff_options[] = {
    MODEL_OPTIONS,
    {"data", 'd', "FILE", "compare on this dataset's rows, by A's input convention",
     false},
    {"events", 'n', "N", "random events without --data (10000)", false},
    {"seed", 's', "N", "seed of the random events (1)", false},
};

static void print_place(const char *title, const char *place)
{
    char text[128], type[TGL_TYPE_TEXT];
    if (!place)
        return;
    printf("%s: event %.0f, layer %s%s%s", title,
           view_number(view_get(place, "event"), 0), cli_colour("bold"),
           view_text(view_get(place, "layer"), text, sizeof text), cli_colour("reset"));
    printf(" (%s)", view_text(view_get(place, "op"), text, sizeof text));
    printf(", element %.0f", view_number(view_get(place, "element"), 0));
    if (view_get(place, "role")) {
        printf(", %s", view_text(view_get(place, "role"), text, sizeof text));
        printf(" (%s)", view_text(view_get(place, "operation"), text, sizeof text));
    }
    printf("\n  a %s code %s", view_text(view_get(place, "type_a"), type, sizeof type),
           view_text(view_get(place, "code_a"), text, sizeof text));
    printf(" = %s\n", view_text(view_get(place, "value_a"), text, sizeof text));
    printf("  b %s code %s", view_text(view_get(place, "type_b"), type, sizeof type),
           view_text(view_get(place, "code_b"), text, sizeof text));
    printf(" = %s\n", view_text(view_get(place, "value_b"), text, sizeof text));
}

static void print_diff(const char *json)
{
    char text[128];
    const char *written = view_get(json, "written"), *item = NULL;
    bool equal = view_true(view_get(json, "equal"));
    while ((item = view_next(written, item)) != NULL) {
        printf("layer %s: ", view_text(view_get(item, "layer"), text, sizeof text));
        printf("%s", view_text(view_get(item, "member"), text, sizeof text));
        if (view_get(item, "index"))
            printf(" %.0f", view_number(view_get(item, "index"), 0));
        printf(": %s", view_text(view_get(item, "a"), text, sizeof text));
        printf(" against %s\n", view_text(view_get(item, "b"), text, sizeof text));
    }
    print_place("first difference", view_get(json, "first"));
    print_place("first difference at an output", view_get(json, "first_output"));
    printf("%s%s%s: %.0f events, %.0f differ\n", cli_colour(equal ? "green" : "red"),
           equal ? "equal" : "different", cli_colour("reset"),
           view_number(view_get(json, "events"), 0),
           view_number(view_get(json, "differing_events"), 0));
}

static bool is_program(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "TGLP", 4) == 0;
}

/* B is a program file or another model. */
static tgl_status compare(char **json, cli_args *args, const tgl_graph *a,
                          const inputs *in, const uint8_t *bytes, size_t size,
                          tgl_error *err)
{
    if (is_program(bytes, size)) {
        tgl_program *program = NULL;
        tgl_status status = tgl_program_decode(&program, bytes, size, err);
        if (status == TGL_OK)
            status = tgl_model_check(json, a, program, NULL, in->codes, in->n_event, err);
        tgl_program_free(program);
        return status;
    }
    tgl_graph *b = NULL;
    tgl_status status = load_graph(&b, args, 1, err);
    if (status == TGL_OK)
        status = tgl_model_diff(json, a, b, in->codes, in->n_event, err);
    tgl_graph_free(b);
    return status;
}

static int run_diff(cli_args *args)
{
    tgl_error err = {0};
    tgl_graph *a = NULL;
    inputs in = {0};
    char *json = NULL;
    uint8_t *bytes = NULL;
    size_t size;
    long long events, seed;
    if (!cli_number(args, "events", 10000, 1, 100000000, &events) ||
        !cli_number(args, "seed", 1, 0, INT64_MAX, &seed))
        return CLI_USAGE;
    if (!read_file(cli_argument(args, 1), &bytes, &size))
        return CLI_FAILURE;
    const char *data = cli_value(args, "data", NULL);
    tgl_status status = load_graph(&a, args, 0, &err);
    if (status == TGL_OK)
        status = data ? from_data(&in, a, data, 0, UINT64_MAX, args, &err)
                      : from_seed(&in, a, (size_t)events, (uint64_t)seed, &err);
    if (status == TGL_OK)
        status = compare(&json, args, a, &in, bytes, size, &err);
    int code = status == TGL_OK ? CLI_GOOD : json ? CLI_NEGATIVE : cli_fail(&err);
    if (json && cli_json(args))
        printf("%s\n", json);
    else if (json)
        print_diff(json);
    tgl_free(json);
    tgl_graph_free(a);
    free(in.codes);
    free(bytes);
    return code;
}

/* ---- export ---- */

static const cli_option export_options[] = {
    {"as", 'a', "FORMAT",
     "run (a file for libtrigline-run), plugin (a directory with a plugin for CMSSW's "
     "hls4ml emulator loader) or c (one C file without dependencies); default: by the "
     "name's ending",
     false},
    {"package", 'p', NULL, "MODEL is a package in the store", false},
    {"store", 's', "DIR", "the store (default .trigline)", false},
    {"payload", 0, "FILE", "values of the slots (.tgls) in place of the model's own",
     false},
    {"name", 'n', "NAME", "what the frameworks will call it (the model's name)", false},
    {"model-version", 0, "TEXT", "the version that the file carries", false},
    {"input-type", 0, "TYPE", "plugin: the C++ element type of the input", false},
    {"result-type", 0, "TYPE", "plugin: the C++ type of the result", false},
    MODEL_OPTIONS,
};

typedef struct exported {
    tgl_graph *graph;
    tgl_program *program;
    tgl_payload *payload;
    char digest[72]; /* of the package, or "" */
} exported;

static tgl_status load_exported(exported *e, cli_args *args, tgl_error *err)
{
    tgl_status status;
    if (!cli_flag(args, "package")) {
        status = load_graph(&e->graph, args, 0, err);
        return status == TGL_OK ? tgl_lower(&e->program, e->graph, err) : status;
    }
    tgl_store *store = NULL;
    status = tgl_store_open(&store, cli_value(args, "store", ".trigline"), 0, err);
    if (status == TGL_OK)
        status = tgl_model_from_package(&e->graph, &e->program, &e->payload, e->digest,
                                        store, cli_argument(args, 0), err);
    tgl_store_close(store);
    return status;
}

/* The payload must have been made for this program. */
static tgl_status replace_payload(exported *e, const uint8_t *bytes, size_t size,
                                  tgl_error *err)
{
    uint8_t digest[32];
    tgl_payload_free(e->payload);
    e->payload = NULL;
    tgl_status status = tgl_payload_decode(&e->payload, e->program, bytes, size, err);
    if (status == TGL_OK)
        status = tgl_model_program_digest(digest, NULL, e->program, err);
    if (status == TGL_OK &&
        memcmp(digest, tgl_payload_program_digest(e->payload), sizeof digest) != 0) {
        status = TGL_EFORMAT;
        *err = (tgl_error){.code = status, .offset = TGL_NO_OFFSET};
        snprintf(err->message, sizeof err->message,
                 "the payload was made for another program than this model's");
    }
    return status;
}

static int run_export(cli_args *args)
{
    tgl_error err = {0};
    exported e = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    const char *payload = cli_value(args, "payload", NULL);
    if (payload && !read_file(payload, &bytes, &size))
        return CLI_FAILURE;
    tgl_status status = load_exported(&e, args, &err);
    if (status == TGL_OK && payload)
        status = replace_payload(&e, bytes, size, &err);
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.payload = e.payload;
    options.name = cli_value(args, "name", NULL);
    options.version = cli_value(args, "model-version", NULL);
    options.package = e.digest[0] ? e.digest : NULL;
    options.input_type = cli_value(args, "input-type", NULL);
    options.result_type = cli_value(args, "result-type", NULL);
    const char *path = cli_argument(args, 1);
    if (status == TGL_OK)
        status = tgl_model_export(path, cli_value(args, "as", NULL), e.program, e.graph,
                                  &options, &err);
    if (status == TGL_OK && cli_json(args))
        printf("{\"written\":true}\n");
    else if (status == TGL_OK)
        cli_note(args, "wrote %s", path);
    tgl_graph_free(e.graph);
    tgl_program_free(e.program);
    tgl_payload_free(e.payload);
    free(bytes);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

static const cli_verb verbs[] = {
    {
        .name = "import",
        .arguments = "MODEL GRAPH",
        .summary = "read a model of another format and write it as a graph",
        .details =
            "What the format leaves open is never guessed: the deployed Level-1 network "
            "needs its\ninput convention named, boosted trees the types of inputs and "
            "scores.\n\n"
            "  trigline model import axol1tl_v4.json axol1tl.graph.json --variant "
            "halved\n"
            "  trigline model import xgb.json xgb.graph.json --inputs 'fixed<16,10>' "
            "--scores 'fixed<18,8,RND,SAT>'",
        .options = import_options,
        .n_option = sizeof import_options / sizeof import_options[0],
        .min_argument = 2,
        .max_argument = 2,
        .run = run_import,
    },
    {
        .name = "info",
        .arguments = "MODEL",
        .summary = "show a model's layers, types, program, slots and digests",
        .details = "A run-time file (.tglr) shows where it comes from and its ports.\n\n"
                   "  trigline model info axol1tl.graph.json",
        .options = graph_options,
        .n_option = sizeof graph_options / sizeof graph_options[0],
        .min_argument = 1,
        .max_argument = 1,
        .run = run_info,
    },
    {
        .name = "run",
        .arguments = "MODEL DATA",
        .summary = "run a model bit-exactly over a dataset",
        .details = "The inputs are made by the model's input convention, the outputs by "
                   "the emulator: integer\ncodes in --out and --json, values in the "
                   "printed table.\n\n"
                   "  trigline model run axol1tl.graph.json vectors.txt --out scores.npz",
        .options = run_options,
        .n_option = sizeof run_options / sizeof run_options[0],
        .min_argument = 2,
        .max_argument = 2,
        .run = run_run,
    },
    {
        .name = "diff",
        .arguments = "A B",
        .summary = "run two models (or a model and a program) over the same events",
        .details = "Names the first event, layer, element and type that differ. B may be "
                   "a lowered program; it\nis then held against graph A. Exit code 1 "
                   "when an output differs.\n\n"
                   "  trigline model diff old.graph.json new.graph.json --data zb.npz\n"
                   "  trigline model diff model.graph.json program.tglp",
        .options = diff_options,
        .n_option = sizeof diff_options / sizeof diff_options[0],
        .min_argument = 2,
        .max_argument = 2,
        .run = run_diff,
    },
    {
        .name = "export",
        .arguments = "MODEL OUT",
        .summary = "write a model for the experiments' frameworks to run",
        .details = "  trigline model export axol1tl.graph.json GTADModel_v4.tglr\n"
                   "  trigline model export --package anomaly-trigger trigger.tglr\n"
                   "  trigline model export axol1tl_v4.json GTADModel_v4 --as plugin "
                   "--variant unscaled \\\n    --name GTADModel_v4 --result-type "
                   "'std::pair<std::array<ap_fixed<10,7,AP_RND_CONV,AP_SAT>,8>,"
                   "ap_ufixed<18,14>>'",
        .options = export_options,
        .n_option = sizeof export_options / sizeof export_options[0],
        .min_argument = 2,
        .max_argument = 2,
        .run = run_export,
    },
};
const cli_noun cli_model = {"model", "import, describe, run, compare and export models",
                            verbs, sizeof verbs / sizeof verbs[0]};
