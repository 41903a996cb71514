#include <stdio.h>
#include <string.h>
#include <trigline/pipeline.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/view.h"

/* A label inside double quotes, for Graphviz and Mermaid alike. */
static void put_quoted(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++)
        putchar(*text == '"' ? '\'' : *text);
    putchar('"');
}

static int node_number(const char *nodes, const char *id)
{
    char have[4400];
    int n = 0;
    for (const char *v = NULL; (v = view_next(nodes, v)) != NULL; n++)
        if (strcmp(view_text(view_get(v, "id"), have, sizeof have), id) == 0)
            return n;
    return -1;
}

static void show_graph(const char *json, bool mermaid)
{
    const char *nodes = view_get(json, "nodes"), *edges = view_get(json, "edges");
    char text[4400], kind[16];
    int n = 0;
    printf(mermaid ? "flowchart LR\n" : "digraph trigline {\n  rankdir=LR;\n");
    for (const char *v = NULL; (v = view_next(nodes, v)) != NULL; n++) {
        view_text(view_get(v, "label"), text, sizeof text);
        bool stage =
            strcmp(view_text(view_get(v, "kind"), kind, sizeof kind), "stage") == 0;
        if (mermaid) {
            printf("  n%d%s", n, stage ? "[" : "([");
            put_quoted(text);
            printf("%s\n", stage ? "]" : "])");
        } else {
            printf("  n%d [shape=%s, label=", n, stage ? "box" : "ellipse");
            put_quoted(text);
            printf("];\n");
        }
    }
    for (const char *e = NULL; (e = view_next(edges, e)) != NULL;) {
        const char *from = view_next(e, NULL), *to = view_next(e, from);
        int a = node_number(nodes, view_text(from, text, sizeof text));
        int b = node_number(nodes, view_text(to, text, sizeof text));
        printf(mermaid ? "  n%d --> n%d\n" : "  n%d -> n%d;\n", a, b);
    }
    if (!mermaid)
        printf("}\n");
}

static int run(cli_args *args)
{
    const char *directory = cli_value(args, "project", NULL);
    if (directory != NULL && chdir(directory) != 0)
        return cli_usage("--project: cannot enter '%s'", directory);
    tgl_error err = {0};
    tgl_project *project = NULL;
    char *json = NULL;
    tgl_status status = tgl_project_open(&project, ".", &err);
    if (status == TGL_OK)
        status = tgl_project_graph(&json, project, &err);
    if (json != NULL && cli_json(args))
        printf("%s\n", json);
    else if (json != NULL)
        show_graph(json, cli_flag(args, "mermaid"));
    tgl_free(json);
    tgl_project_close(project);
    return status == TGL_OK ? CLI_GOOD : cli_fail(&err);
}

static const cli_option options[] = {
    {"mermaid", 0, NULL, "as a Mermaid flowchart instead of Graphviz", false},
    {"project", 'C', "DIR", "the project's directory (default: here)", false},
};
static const cli_verb verbs[] = {{
    .summary = "print stages and data as a graph",
    .details = "  trigline graph | dot -Tsvg > graph.svg",
    .options = options,
    .n_option = 2,
    .run = run,
}};
const cli_noun cli_graph = {"graph", "stages and data as a graph", verbs, 1};
