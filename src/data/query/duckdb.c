#define _GNU_SOURCE /* RTLD_DEFAULT, dladdr */
#include "data/query/duckdb.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trigline/data.h>

#include "base/error.h"
#include "base/memory.h"

/* The file to open: a full path where one is found, else the bare name for the system. */
static void find_library(char *out, size_t room)
{
    static const char *const beside[] = {"../duckdb/libduckdb.so",
                                         "../lib/trigline/libduckdb.so"};
    const char *asked = getenv("TGL_DUCKDB");
    if (asked != NULL && asked[0] != '\0') {
        snprintf(out, room, "%s", asked);
        return;
    }
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    while (n > 0 && program[n - 1] != '/')
        n--;
    program[n < 0 ? 0 : n] = '\0';
    for (size_t i = 0; n > 0 && i < 2; i++) {
        snprintf(out, room, "%s%s", program, beside[i]);
        if (access(out, R_OK) == 0)
            return;
    }
    snprintf(out, room, "libduckdb.so");
}

tgl_status tgl__duckdb_load(tgl_duckdb *out, tgl_error *err)
{
    char path[4400];
    find_library(path, sizeof path);
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    if (library == NULL)
        return tgl__fail(err, TGL_EMISSING,
                         "queries need DuckDB's library, '%.200s' cannot be opened; run "
                         "tools/fetch-duckdb or name it in TGL_DUCKDB",
                         path);
    *out = (tgl_duckdb){.library = library};
    const char *missing = NULL;
    void *symbol;
#define FIND(result, name, arguments)                                                    \
    symbol = dlsym(library, "duckdb_" #name);                                            \
    memcpy(&out->name, &symbol, sizeof symbol);                                          \
    if (symbol == NULL)                                                                  \
        missing = "duckdb_" #name;
    TGL_DUCK_CALLS(FIND)
#undef FIND
    if (missing == NULL)
        return TGL_OK;
    return tgl__fail(err, TGL_EMISSING,
                     "'%.200s' has no %s: expected DuckDB 1.5's library; run "
                     "tools/fetch-duckdb",
                     path, missing);
}

void *tgl__duckdb_data(const char *name, duck info)
{
    void *(*get)(duck);
    void *symbol = dlsym(RTLD_DEFAULT, name);
    memcpy(&get, &symbol, sizeof symbol);
    return get == NULL ? NULL : get(info);
}

tgl_status tgl_data_query_library(char **path, char **version, tgl_error *err)
{
    tgl_duckdb duckdb;
    TGL_TRY(tgl__duckdb_load(&duckdb, err));
    Dl_info info;
    void *symbol = dlsym(duckdb.library, "duckdb_library_version");
    const char *(*ask)(void);
    memcpy(&ask, &symbol, sizeof symbol);
    if (symbol == NULL || dladdr(symbol, &info) == 0 || info.dli_fname == NULL)
        return tgl__fail(err, TGL_EMISSING,
                         "DuckDB's library does not name its version; run "
                         "tools/fetch-duckdb");
    char *where = tgl__strdup(info.dli_fname), *which = tgl__strdup(ask());
    if (where == NULL || which == NULL) {
        tgl__free(where);
        tgl__free(which);
        return tgl__fail_nomem(err);
    }
    *path = where;
    *version = which;
    return TGL_OK;
}
