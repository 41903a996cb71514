#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"
#include "model/format.h"

enum { MAX_MODEL_FILE = 1 << 30, MAX_REFUSED = 12 };

/* ---- what an importer tells ---- */

static char *words(const char *format, va_list args)
{
    char text[400];
    vsnprintf(text, sizeof text, format, args);
    return tgl__strdup(text);
}

void tgl__import_choice(tgl_import *import, const char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = words(format, args);
    va_end(args);
    tgl_json *choice = tgl__json_object();
    bool ok = text && tgl__json_put(choice, "place", tgl__json_new_string(place)) &&
              tgl__json_put(choice, "choice", tgl__json_new_string(text));
    if (ok)
        tgl__json_append(import->choices, choice);
    else
        tgl__json_free(choice);
    tgl__free(text);
}

void tgl__import_refuse(tgl_import *import, const char *place, const char *format, ...)
{
    if (import->n_refused++ >= MAX_REFUSED)
        return;
    va_list args;
    va_start(args, format);
    char *text = words(format, args);
    va_end(args);
    tgl__buffer_printf(&import->refused, "%s%s: %s", import->n_refused > 1 ? "; " : "",
                       place, text ? text : "");
    tgl__free(text);
}

tgl_status tgl__import_supported(tgl_import *import)
{
    if (import->n_refused == 0)
        return TGL_OK;
    char more[40] = "";
    if (import->n_refused > MAX_REFUSED)
        snprintf(more, sizeof more, "; and %u more", import->n_refused - MAX_REFUSED);
    return tgl__fail(import->err, TGL_EUNSUPPORTED, "%s: not supported: %s%s",
                     import->source->path,
                     import->refused.bytes ? import->refused.bytes : "", more);
}

/* ---- which importer ---- */

static tgl_status find_by_name(const tgl_importer **out, const char *format,
                               tgl_error *err)
{
    const char *names[32];
    size_t n = 0;
    for (; tgl__importers[n]; n++) {
        names[n] = tgl__importers[n]->name;
        if (strcmp(names[n], format) == 0) {
            *out = tgl__importers[n];
            return TGL_OK;
        }
    }
    const char *near = tgl__near_name(format, names, n);
    return tgl__fail(err, TGL_ENOTFOUND, "unknown model format '%s'%s%s%s", format,
                     near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static bool looks_like_json(const tgl_model_source *source)
{
    size_t at = 0;
    while (at < source->size && memchr(" \t\r\n", source->bytes[at], 4))
        at++;
    return at < source->size && memchr("{[", source->bytes[at], 2);
}

/* The first importer of a kind (directories, JSON, other files) that knows the source. */
static const tgl_importer *find_kind(const tgl_model_source *source, unsigned kind)
{
    for (size_t i = 0; tgl__importers[i]; i++)
        if ((tgl__importers[i]->traits & (TGL__IS_JSON | TGL__IS_DIRECTORY)) == kind &&
            tgl__importers[i]->sniff(source))
            return tgl__importers[i];
    return NULL;
}

static tgl_status fail_unknown(const tgl_model_source *source, const char *found,
                               tgl_error *err)
{
    tgl_buffer names = TGL_BUFFER_INIT;
    for (size_t i = 0; tgl__importers[i]; i++)
        tgl__buffer_printf(&names, "%s%s", i ? ", " : "", tgl__importers[i]->name);
    tgl_status status = tgl__fail(err, TGL_EFORMAT, "%s: expected a model (%s), found %s",
                                  source->path, names.bytes ? names.bytes : "", found);
    tgl__buffer_release(&names);
    return status;
}

static tgl_status find_by_content(const tgl_importer **out, tgl_model_source *source,
                                  tgl_json **json, tgl_error *err)
{
    if (!source->bytes) {
        *out = find_kind(source, TGL__IS_DIRECTORY);
        return *out ? TGL_OK : fail_unknown(source, "another directory", err);
    }
    *out = find_kind(source, 0);
    if (*out)
        return TGL_OK;
    if (!looks_like_json(source))
        return fail_unknown(source, "another file", err);
    TGL_TRY(tgl__json_parse(json, source->bytes, source->size, source->path, err));
    source->json = *json;
    *out = find_kind(source, TGL__IS_JSON);
    return *out ? TGL_OK : fail_unknown(source, "other JSON", err);
}

static tgl_status find_named(const tgl_importer **out, tgl_model_source *source,
                             tgl_json **json, const char *format, tgl_error *err)
{
    TGL_TRY(find_by_name(out, format, err));
    if (!source->bytes != (((*out)->traits & TGL__IS_DIRECTORY) != 0))
        return tgl__fail(err, TGL_EFORMAT, "%s: format '%s': expected a %s, found a %s",
                         source->path, format, source->bytes ? "directory" : "file",
                         source->bytes ? "file" : "directory");
    if ((*out)->traits & TGL__IS_JSON)
        TGL_TRY(tgl__json_parse(json, source->bytes, source->size, source->path, err));
    source->json = *json;
    return TGL_OK;
}

/* ---- what the user named ---- */

static tgl_status check_variant(const tgl_importer *importer, const char *source,
                                const char *variant, tgl_error *err)
{
    if (!importer->variants) {
        if (!variant)
            return TGL_OK;
        return tgl__fail(err, TGL_EUSAGE, "%s: format '%s' has no variants, found '%s'",
                         source, importer->name, variant);
    }
    char list[200] = "";
    size_t used = 0;
    for (size_t i = 0; importer->variants[i]; i++) {
        if (variant && strcmp(importer->variants[i], variant) == 0)
            return TGL_OK;
        int n = snprintf(list + used, sizeof list - used, "%s'%s'", i ? ", " : "",
                         importer->variants[i]);
        used += n > 0 && used + (size_t)n < sizeof list ? (size_t)n : 0;
    }
    return tgl__fail(err, TGL_EUSAGE,
                     "%s: the file leaves the variant open: name one of %s, "
                     "found %s%s%s",
                     source, list, variant ? "'" : "", variant ? variant : "none",
                     variant ? "'" : "");
}

static tgl_status check_takes(const tgl_importer *importer, const char *source,
                              unsigned trait, const char *value, const char *what,
                              tgl_error *err)
{
    if (!value || (importer->traits & trait))
        return TGL_OK;
    return tgl__fail(err, TGL_EUSAGE, "%s: format '%s' takes no %s, found '%s'", source,
                     importer->name, what, value);
}

static tgl_status check_options(const tgl_importer *importer, const char *source,
                                const tgl_import_options *options, tgl_error *err)
{
    bool named = options->input_type && options->score_type;
    TGL_TRY(check_variant(importer, source, options->variant, err));
    TGL_TRY(check_takes(importer, source, TGL__TAKES_SETTINGS, options->settings,
                        "settings file", err));
    TGL_TRY(check_takes(importer, source, TGL__TAKES_WEIGHTS, options->weights,
                        "file of weights", err));
    if ((importer->traits & TGL__NEEDS_TYPES) && !named)
        return tgl__fail(err, TGL_EUSAGE,
                         "%s: format '%s' has no fixed-point types: name the inputs' "
                         "(--inputs 'fixed<16,10>') and the scores' (--scores "
                         "'fixed<18,8,RND,SAT>')",
                         source, importer->name);
    if (!(importer->traits & (TGL__NEEDS_TYPES | TGL__TAKES_TYPES)) &&
        (options->input_type || options->score_type))
        return tgl__fail(err, TGL_EUSAGE, "%s: format '%s' has types of its own", source,
                         importer->name);
    return TGL_OK;
}

/* ---- the import ---- */

static tgl_status write_report(const tgl_import *import, const tgl_importer *importer)
{
    size_t size;
    tgl_json *report = tgl__json_object();
    tgl_status status = TGL_ENOMEM;
    if (tgl__json_put(report, "format", tgl__json_new_string(importer->name)) &&
        tgl__json_put(report, "source", tgl__json_new_string(import->source->path)) &&
        tgl__json_put(report, "choices", tgl__json_share(import->choices)))
        status = tgl__json_dump(import->options->report, &size, report, import->err);
    else
        tgl__fail_nomem(import->err);
    tgl__json_free(report);
    return status;
}

static tgl_status import_with(tgl_graph **out, const tgl_importer *importer,
                              tgl_import *import)
{
    tgl_json *settings = NULL;
    tgl_graph *graph = NULL;
    tgl_status status = TGL_OK;
    if (import->options->settings)
        TGL_TRY(tgl__yaml_read(&settings, import->options->settings, import->err));
    import->settings = settings;
    import->choices = tgl__json_array();
    if (!import->choices)
        TGL_TRY_GOTO(tgl__fail_nomem(import->err));
    TGL_TRY_GOTO(importer->import(&graph, import));
    if (import->options->report)
        TGL_TRY_GOTO(write_report(import, importer));
    *out = graph;
    graph = NULL;
out:
    tgl_graph_free(graph);
    tgl__json_free(import->choices);
    tgl__buffer_release(&import->refused);
    tgl__json_free(settings);
    return status;
}

tgl_status tgl__model_parse(tgl_graph **out, const tgl_model_source *source,
                            const tgl_import_options *options, tgl_error *err)
{
    tgl_json *json = NULL;
    const tgl_importer *importer = NULL;
    tgl_model_source read = *source;
    tgl_import import = {.source = &read, .options = options, .err = err};
    tgl_status status;
    TGL_TRY_GOTO(options->format
                     ? find_named(&importer, &read, &json, options->format, err)
                     : find_by_content(&importer, &read, &json, err));
    TGL_TRY_GOTO(check_options(importer, source->path, options, err));
    status = import_with(out, importer, &import);
out:
    tgl__json_free(json);
    return status;
}

tgl_status tgl_model_import(tgl_graph **out, const char *path,
                            const tgl_import_options *options, tgl_error *err)
{
    tgl_import_options o = TGL_IMPORT_OPTIONS_INIT;
    tgl_model_source source = {.path = path};
    struct stat info;
    char *bytes = NULL;
    if (options != NULL)
        memcpy(&o, options,
               options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        TGL_TRY(tgl__file_read(&bytes, &source.size, path, MAX_MODEL_FILE, err));
    source.bytes = bytes;
    tgl_status status = tgl__model_parse(out, &source, &o, err);
    tgl__free(bytes);
    return status;
}
