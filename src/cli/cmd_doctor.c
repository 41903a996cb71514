#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>
#include <zstd.h>

#include "cli/cli.h"
#include "cli/view.h"

/* Outside programs, what they are for, and the Debian package that has them. */
static const struct {
    const char *program, *use, *package;
} programs[] = {
    {"verilator", "firmware simulate, stage simulate", "verilator"},
    {"yosys", "firmware synth, stage synth", "yosys"},
    {"g++", "compiles what Verilator writes", "g++"},
    {"make", "compiles what Verilator writes", "make"},
    {"skopeo", "copying packages to and from OCI registries", "skopeo"},
    {"iverilog", "cross-checks of the firmware in the tests", "iverilog"},
};

static bool find_program(const char *name, char *out, size_t room)
{
    for (const char *p = getenv("PATH"); p != NULL && *p != '\0';) {
        size_t n = strcspn(p, ":");
        snprintf(out, room, "%.*s/%s", (int)n, p, name);
        if (n > 0 && access(out, X_OK) == 0)
            return true;
        p += n + (p[n] == ':');
    }
    out[0] = '\0';
    return false;
}

typedef struct row {
    const char *name, *state, *use;
    char detail[600];
} row;

static size_t collect(row *rows)
{
    size_t n = 0;
    const char *const libraries[][2] = {{"jansson", jansson_version_str()},
                                        {"libyaml", yaml_get_version_string()},
                                        {"libcrypto", OpenSSL_version(OPENSSL_VERSION)},
                                        {"sqlite", sqlite3_libversion()},
                                        {"zstd", ZSTD_versionString()}};
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        rows[n] = (row){libraries[i][0], "built in", "library", ""};
        snprintf(rows[n++].detail, sizeof rows[0].detail, "%s", libraries[i][1]);
    }
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        row *r = &rows[n++];
        *r = (row){programs[i].program, "found", programs[i].use, ""};
        if (find_program(programs[i].program, r->detail, sizeof r->detail))
            continue;
        r->state = "missing";
        snprintf(r->detail, sizeof r->detail, "apt-get install %s", programs[i].package);
    }
    return n;
}

static int run(cli_args *args)
{
    static const char *const headings[] = {"part", "state", "for",
                                           "version, path, or how to "
                                           "get it"};
    row rows[32];
    size_t n = collect(rows);
    if (cli_json(args)) {
        printf("{\"version\":\"%s\",\"parts\":[", tgl_version());
        for (size_t i = 0; i < n; i++)
            printf(
                "%s{\"name\":\"%s\",\"state\":\"%s\",\"for\":\"%s\",\"detail\":\"%s\"}",
                i > 0 ? "," : "", rows[i].name, rows[i].state, rows[i].use,
                rows[i].detail);
        printf("]}\n");
        return CLI_GOOD;
    }
    printf("trigline %s\n\n", tgl_version());
    view_table *table = view_table_new(headings, 4);
    for (size_t i = 0; i < n; i++) {
        view_table_cell(table, rows[i].name);
        view_table_cell(table, rows[i].state);
        view_table_cell(table, rows[i].use);
        view_table_cell(table, rows[i].detail);
    }
    view_table_print(table);
    return CLI_GOOD;
}

static const cli_verb verbs[] = {{
    .summary = "show what this build contains, what is missing and how to get it",
    .run = run,
}};
const cli_noun cli_doctor = {"doctor", "what is built in, what is missing, how to get it",
                             verbs, 1};
