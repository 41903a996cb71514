#include <H5public.h>
#include <jansson.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lzma.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trigline/data.h>
#include <unistd.h>
#include <xxhash.h>
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

static void add(row *rows, size_t *n, const char *name, const char *state,
                const char *use, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

static void add(row *rows, size_t *n, const char *name, const char *state,
                const char *use, const char *format, ...)
{
    row *r = &rows[(*n)++];
    *r = (row){name, state, use, ""};
    va_list list;
    va_start(list, format);
    vsnprintf(r->detail, sizeof r->detail, format, list);
    va_end(list);
}

static void add_libraries(row *rows, size_t *n)
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    unsigned xxh = XXH_versionNumber();
    const char *in = "built in";
    add(rows, n, "jansson", in, "JSON", "%s", jansson_version_str());
    add(rows, n, "libyaml", in, "YAML", "%s", yaml_get_version_string());
    add(rows, n, "libcrypto", in, "SHA-256", "%s", OpenSSL_version(OPENSSL_VERSION));
    add(rows, n, "xxhash", in, "checksums of ROOT files", "%u.%u.%u", xxh / 10000,
        xxh / 100 % 100, xxh % 100);
    add(rows, n, "libdeflate", in, "zlib and deflate (ROOT, NPZ)", "%s",
        LIBDEFLATE_VERSION_STRING);
    add(rows, n, "zstd", in, "ROOT files", "%s", ZSTD_versionString());
    add(rows, n, "lz4", in, "ROOT files", "%s", LZ4_versionString());
    add(rows, n, "lzma", in, "ROOT files", "%s", lzma_version_string());
    add(rows, n, "HDF5", in, "HDF5 files", "%u.%u.%u", major, minor, release);
    add(rows, n, "sqlite", in, "the store's index", "%s", sqlite3_libversion());
}

static void add_duckdb(row *rows, size_t *n)
{
    static const char use[] = "data query";
    tgl_error err;
    char *path, *version;
    if (tgl_data_query_library(&path, &version, &err) != TGL_OK) {
        add(rows, n, "DuckDB", "missing", use, "%s", err.message);
        return;
    }
    add(rows, n, "DuckDB", "found", use, "%s, %s", version, path);
    tgl_free(path);
    tgl_free(version);
}

static size_t collect(row *rows)
{
    size_t n = 0;
    char path[4096];
    add_libraries(rows, &n);
    add_duckdb(rows, &n);
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        bool found = find_program(programs[i].program, path, sizeof path);
        add(rows, &n, programs[i].program, found ? "found" : "missing", programs[i].use,
            "%s%.500s", found ? "" : "apt-get install ",
            found ? path : programs[i].package);
    }
    return n;
}

/* Paths may hold anything but a zero byte. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            printf("\\u%04x", (unsigned)*c);
        else
            putchar(*c);
    }
    putchar('"');
}

static void print_member(const char *name, const char *text, const char *after)
{
    print_quoted(name);
    putchar(':');
    print_quoted(text);
    printf("%s", after);
}

static void print_json(const row *rows, size_t n)
{
    tgl_format_info format;
    printf("{");
    print_member("version", tgl_version(), ",");
    print_member("code", tgl_code_digest(), ",\"parts\":[");
    for (size_t i = 0; i < n; i++) {
        printf("%s", i > 0 ? ",{" : "{");
        print_member("name", rows[i].name, ",");
        print_member("state", rows[i].state, ",");
        print_member("for", rows[i].use, ",");
        print_member("detail", rows[i].detail, "}");
    }
    printf("],\"formats\":[");
    for (size_t i = 0; tgl_data_format(&format, i); i++) {
        printf("%s", i > 0 ? ",{" : "{");
        print_member("name", format.name, ",");
        print_member("summary", format.summary, "");
        printf(",\"endings\":[");
        for (size_t e = 0; format.endings != NULL && format.endings[e] != NULL; e++) {
            printf("%s", e > 0 ? "," : "");
            print_quoted(format.endings[e]);
        }
        printf("],\"reads\":%s,\"writes\":%s}", format.reads ? "true" : "false",
               format.writes ? "true" : "false");
    }
    printf("]}\n");
}

static void print_formats(void)
{
    static const char *const headings[] = {"format", "reads", "writes", "endings",
                                           "what"};
    tgl_format_info format;
    view_table *table = view_table_new(headings, 5);
    for (size_t i = 0; tgl_data_format(&format, i); i++) {
        char endings[200] = "";
        for (size_t e = 0; format.endings != NULL && format.endings[e] != NULL; e++)
            snprintf(endings + strlen(endings), sizeof endings - strlen(endings), "%s%s",
                     e > 0 ? " " : "", format.endings[e]);
        view_table_cell(table, format.name);
        view_table_cell(table, format.reads ? "yes" : "no");
        view_table_cell(table, format.writes ? "yes" : "no");
        view_table_cell(table, endings);
        view_table_cell(table, format.summary);
    }
    view_table_print(table);
}

static int run(cli_args *args)
{
    static const char *const headings[] = {"part", "state", "for",
                                           "version, path, or how to get it"};
    row rows[40];
    size_t n = collect(rows);
    if (cli_json(args)) {
        print_json(rows, n);
        return CLI_GOOD;
    }
    printf("trigline %s\ncode %s\n\n", tgl_version(), tgl_code_digest());
    view_table *table = view_table_new(headings, 4);
    for (size_t i = 0; i < n; i++) {
        view_table_cell(table, rows[i].name);
        view_table_cell(table, rows[i].state);
        view_table_cell(table, rows[i].use);
        view_table_cell(table, rows[i].detail);
    }
    view_table_print(table);
    printf("\n");
    print_formats();
    return CLI_GOOD;
}

static const cli_verb verbs[] = {{
    .summary = "show what this build contains, what is missing and how to get it",
    .run = run,
}};
const cli_noun cli_doctor = {"doctor", "what is built in, what is missing, how to get it",
                             verbs, 1};
