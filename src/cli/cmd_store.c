#include <stdio.h>
#include <trigline/store.h>

#include "cli/cli.h"
#include "cli/view.h"

static const cli_option store_options[] = {
    {"store", 's', "DIR", "the store (default .trigline)", false},
};

/* Open, call, print as JSON or by `show`, close. */
static int with_store(cli_args *args,
                      tgl_status (*call)(char **, tgl_store *, cli_args *, tgl_error *),
                      void (*show)(const char *json))
{
    tgl_error err = {0};
    tgl_store *store = NULL;
    char *json = NULL;
    tgl_status status =
        tgl_store_open(&store, cli_value(args, "store", ".trigline"), 0, &err);
    if (status == TGL_OK)
        status = call(&json, store, args, &err);
    if (json != NULL && cli_json(args))
        printf("%s\n", json);
    else if (json != NULL)
        show(json);
    tgl_free(json);
    tgl_store_close(store);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

/* "sha256:" and twelve digits: enough for people, and for 'store show'. */
static const char *short_digest(const char *value, char out[24])
{
    char full[80];
    snprintf(out, 24, "%.19s", view_text(value, full, sizeof full));
    return out;
}

static tgl_status call_list(char **json, tgl_store *store, cli_args *args, tgl_error *err)
{
    (void)args;
    return tgl_store_list(json, store, err);
}

static void show_list(const char *json)
{
    static const char *const headings[] = {"package", "digest",   "latest", "members",
                                           "size",    "attached", "parent"};
    const char *list = view_get(json, "packages");
    if (view_count(list) == 0) {
        printf("no packages\n");
        return;
    }
    view_table *table = view_table_new(headings, 7);
    view_table_right(table, 3);
    view_table_right(table, 4);
    view_table_right(table, 5);
    char text[256];
    for (const char *p = NULL; (p = view_next(list, p)) != NULL;) {
        view_table_cell(table, view_text(view_get(p, "name"), text, sizeof text));
        view_table_cell(table, short_digest(view_get(p, "digest"), text));
        view_table_cell(table, view_true(view_get(p, "latest")) ? "yes" : "");
        view_table_cell(table, view_text(view_get(p, "members"), text, sizeof text));
        view_table_cell(
            table, view_bytes(view_number(view_get(p, "size"), 0), text, sizeof text));
        view_table_cell(table, view_text(view_get(p, "attached"), text, sizeof text));
        view_table_cell(table, short_digest(view_get(p, "parent"), text));
    }
    view_table_print(table);
}

static int list(cli_args *args)
{
    return with_store(args, call_list, show_list);
}

static tgl_status call_show(char **json, tgl_store *store, cli_args *args, tgl_error *err)
{
    return tgl_store_show(json, store, cli_argument(args, 0), err);
}

static void show_members(const char *members)
{
    static const char *const headings[] = {"member", "size", "digest", "media type"};
    view_table *table = view_table_new(headings, 4);
    view_table_right(table, 1);
    char text[256];
    for (const char *m = NULL; (m = view_next(members, m)) != NULL;) {
        view_table_cell(table, view_text(view_get(m, "name"), text, sizeof text));
        view_table_cell(
            table, view_bytes(view_number(view_get(m, "size"), 0), text, sizeof text));
        view_table_cell(table, short_digest(view_get(m, "digest"), text));
        view_table_cell(table, view_text(view_get(m, "media_type"), text, sizeof text));
    }
    view_table_print(table);
}

static void show_attached(const char *attached)
{
    static const char *const headings[] = {"attached", "exit", "seconds", "content",
                                           "type"};
    view_table *table = view_table_new(headings, 5);
    view_table_right(table, 1);
    view_table_right(table, 2);
    char text[256];
    for (const char *a = NULL; (a = view_next(attached, a)) != NULL;) {
        const char *started = view_get(a, "started");
        double seconds = view_number(view_get(a, "ended"), 0) - view_number(started, 0);
        view_table_cell(table, view_text(view_get(a, "step"), text, sizeof text));
        view_table_cell(table, view_text(view_get(a, "exit_status"), text, sizeof text));
        if (started != NULL)
            snprintf(text, sizeof text, "%.1f", seconds);
        view_table_cell(table, started != NULL ? text : "");
        view_table_cell(table, short_digest(view_get(a, "content"), text));
        view_table_cell(table,
                        view_text(view_get(a, "artifact_type"), text, sizeof text));
    }
    view_table_print(table);
}

static void show_package(const char *json)
{
    char text[256];
    printf("package   %s\n", view_text(view_get(json, "name"), text, sizeof text));
    printf("digest    %s\n", view_text(view_get(json, "digest"), text, sizeof text));
    const char *lineage = view_get(json, "lineage");
    for (const char *p = NULL; (p = view_next(lineage, p)) != NULL;)
        printf("made from %s\n", view_text(view_get(p, "digest"), text, sizeof text));
    printf("\n");
    show_members(view_get(json, "members"));
    const char *attached = view_get(json, "attached");
    if (view_count(attached) > 0) {
        printf("\n");
        show_attached(attached);
    }
}

static int show(cli_args *args)
{
    return with_store(args, call_show, show_package);
}

static tgl_status call_verify(char **json, tgl_store *store, cli_args *args,
                              tgl_error *err)
{
    return tgl_store_verify(json, store, cli_progress(args), err);
}

static void show_verify(const char *json)
{
    char a[64], b[64], c[256], d[600];
    const char *problems = view_get(json, "problems");
    for (const char *p = NULL; (p = view_next(problems, p)) != NULL;)
        printf("%s: %s\n", view_text(view_get(p, "object"), c, sizeof c),
               view_text(view_get(p, "problem"), d, sizeof d));
    printf("%s: %s objects, %s, %s packages: %zu problems\n",
           view_true(view_get(json, "good")) ? "good" : "damaged",
           view_text(view_get(json, "objects"), a, sizeof a),
           view_bytes(view_number(view_get(json, "bytes"), 0), b, sizeof b),
           view_text(view_get(json, "packages"), c, sizeof c), view_count(problems));
}

static int verify(cli_args *args)
{
    return with_store(args, call_verify, show_verify);
}

static const cli_verb verbs[] = {
    {.name = "list",
     .summary = "list the packages of the store",
     .options = store_options,
     .n_option = 1,
     .run = list},
    {.name = "show",
     .arguments = "PACKAGE",
     .summary = "show a package: members, lineage, attached records",
     .details = "PACKAGE is a name, a digest, or at least 8 digits of one.",
     .options = store_options,
     .n_option = 1,
     .min_argument = 1,
     .max_argument = 1,
     .run = show},
    {.name = "verify",
     .summary = "re-hash every object and derive the index again",
     .details = "Exit code 1 when an object is damaged or missing.",
     .options = store_options,
     .n_option = 1,
     .run = verify},
};
const cli_noun cli_store = {"store", "content-addressed objects and packages", verbs,
                            sizeof verbs / sizeof verbs[0]};
