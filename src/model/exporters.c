/* Exports: the table of them, and a package's model. */
#include "model/exporters.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/names.h"
#include "graph/graph.h"
#include "model/model.h"
#include "store/store.h"

static const tgl__exporter *const exporters[] = {&tgl__export_run, &tgl__export_plugin,
                                                 &tgl__export_c};
enum { N_EXPORTER = sizeof exporters / sizeof exporters[0] };

static bool ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);
    return n > m && strcmp(text + n - m, ending) == 0;
}

static tgl_status find_exporter(const tgl__exporter **out, const char *path,
                                const char *format, tgl_error *err)
{
    const char *names[N_EXPORTER];
    for (size_t i = 0; i < N_EXPORTER; i++) {
        const tgl__exporter *e = exporters[i];
        names[i] = e->name;
        if (format != NULL ? strcmp(format, e->name) == 0
                           : e->ending != NULL && ends_with(path, e->ending)) {
            *out = e;
            return TGL_OK;
        }
    }
    if (format == NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': expected a format to export to (run, plugin, c), found "
                         "none, and the name's ending tells none",
                         path);
    const char *near = tgl__near_name(format, names, N_EXPORTER);
    return tgl__fail(err, TGL_ENOTFOUND, "unknown export format '%s'%s%s%s", format,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

/* A name becomes part of file names and of C++: letters, digits, '_', '-', '.'. */
static tgl_status check_name(const char *name, tgl_error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    size_t n = strlen(name);
    if (n > 0 && n <= 128 && strspn(name, allowed) == n && name[0] != '.' &&
        name[0] != '-')
        return TGL_OK;
    return tgl__fail(err, TGL_EUSAGE,
                     "model name: expected 1 to 128 letters, digits, '_', '-' or '.', "
                     "found '%s'",
                     name);
}

tgl_status tgl_model_export(const char *path, const char *format,
                            const tgl_program *program, const tgl_graph *graph,
                            const tgl_export_options *options, tgl_error *err)
{
    tgl__export model = {program, graph, NULL, TGL_EXPORT_OPTIONS_INIT};
    if (options != NULL)
        memcpy(&model.options, options,
               options->struct_size < sizeof model.options ? options->struct_size
                                                           : sizeof model.options);
    model.name = model.options.name;
    if (model.name == NULL && graph != NULL)
        model.name = tgl_graph_name(graph);
    if (model.name == NULL || (program == NULL && graph == NULL))
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': an export needs a graph, or a program "
                         "and a name",
                         path);
    TGL_TRY(check_name(model.name, err));
    const tgl__exporter *exporter = NULL;
    TGL_TRY(find_exporter(&exporter, path, format, err));
    tgl_program *lowered = NULL;
    if (program == NULL) {
        TGL_TRY(tgl_lower(&lowered, graph, err));
        model.program = lowered;
    }
    tgl_status status = exporter->write(path, &model, err);
    tgl_program_free(lowered);
    return status;
}

/* ---- from a package ---- */

static tgl_status read_graph(tgl_graph **out, tgl_store *store, const char *digest,
                             tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    TGL_TRY(tgl_store_member(&bytes, &size, store, digest, "graph.json", err));
    tgl_status status =
        tgl_graph_parse(out, (const char *)bytes, size, "graph.json", err);
    tgl_free(bytes);
    return status;
}

static tgl_status read_program(tgl_program **out, tgl_store *store, const char *digest,
                               tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    TGL_TRY(tgl_store_member(&bytes, &size, store, digest, "program.tglp", err));
    tgl_status status = tgl_program_decode(out, bytes, size, err);
    tgl_free(bytes);
    return status;
}

/* A package without payload.tgls has the slots' defaults. */
static tgl_status read_payload(tgl_payload **out, const tgl_program *program,
                               tgl_store *store, const char *digest, tgl_error *err)
{
    uint8_t *bytes = NULL, wanted[32];
    size_t size;
    tgl_status status =
        tgl_store_member(&bytes, &size, store, digest, "payload.tgls", err);
    if (status == TGL_ENOTFOUND)
        return TGL_OK;
    if (status == TGL_OK)
        status = tgl_payload_decode(out, program, bytes, size, err);
    tgl_free(bytes);
    if (status == TGL_OK)
        status = tgl_model_program_digest(wanted, NULL, program, err);
    if (status == TGL_OK && memcmp(wanted, tgl_payload_program_digest(*out), 32) != 0)
        status = tgl__fail(err, TGL_EFORMAT,
                           "package %.19s: payload.tgls was made for another program "
                           "than program.tglp",
                           digest);
    return status;
}

tgl_status tgl_model_from_package(tgl_graph **graph, tgl_program **program,
                                  tgl_payload **payload, char digest[72],
                                  tgl_store *store, const char *package, tgl_error *err)
{
    tgl_graph *g = NULL;
    tgl_program *p = NULL;
    tgl_payload *values = NULL;
    char found[72];
    TGL_TRY(tgl__index_resolve(found, store, package, err));
    tgl_status status = read_graph(&g, store, found, err);
    if (status == TGL_OK)
        status = read_program(&p, store, found, err);
    if (status == TGL_OK)
        status = read_payload(&values, p, store, found, err);
    if (status != TGL_OK) {
        tgl_graph_free(g);
        tgl_program_free(p);
        tgl_payload_free(values);
        return tgl__fail_context(err, status, "package '%s'", package);
    }
    memcpy(digest, found, sizeof found);
    *graph = g;
    *program = p;
    *payload = values;
    return TGL_OK;
}
