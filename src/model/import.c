#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"
#include "model/format.h"

enum { MAX_MODEL_TEXT = 256 << 20 };

const tgl_importer *const tgl__importers[] = {&tgl__importer_graph, &tgl__importer_l1json,
                                              &tgl__importer_xgboost, NULL};

static tgl_status find_by_name(const tgl_importer **out, const char *format,
                               tgl_error *err)
{
    const char *names[16];
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

static tgl_status find_by_content(const tgl_importer **out, const tgl_json *json,
                                  const char *source, tgl_error *err)
{
    for (size_t i = 0; tgl__importers[i]; i++)
        if (tgl__importers[i]->sniff(json)) {
            *out = tgl__importers[i];
            return TGL_OK;
        }
    return tgl__fail(
        err, TGL_EFORMAT,
        "%s: expected a model (trigline graph, l1json or xgboost), found other "
        "JSON",
        source);
}

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
                     "%s: the file leaves the input convention open: name one of %s, "
                     "found %s%s%s",
                     source, list, variant ? "'" : "", variant ? variant : "none",
                     variant ? "'" : "");
}

static tgl_status check_types(const tgl_importer *importer, const char *source,
                              const tgl_import_options *options, tgl_error *err)
{
    bool named = options->input_type && options->score_type;
    if (importer->needs_types && !named)
        return tgl__fail(err, TGL_EUSAGE,
                         "%s: format '%s' has no fixed-point types: name the inputs' "
                         "(--inputs 'fixed<16,10>') and the scores' (--scores "
                         "'fixed<18,8,RND,SAT>')",
                         source, importer->name);
    if (!importer->needs_types && (options->input_type || options->score_type))
        return tgl__fail(err, TGL_EUSAGE, "%s: format '%s' has types of its own", source,
                         importer->name);
    return TGL_OK;
}

tgl_status tgl__model_parse(tgl_graph **out, const tgl_model_text *text,
                            const tgl_import_options *options, tgl_error *err)
{
    tgl_json *json = NULL;
    const tgl_importer *importer = NULL;
    const char *source = text->source;
    tgl_status status;
    TGL_TRY_GOTO(tgl__json_parse(&json, text->text, text->size, source, err));
    TGL_TRY_GOTO(options->format ? find_by_name(&importer, options->format, err)
                                 : find_by_content(&importer, json, source, err));
    TGL_TRY_GOTO(check_variant(importer, source, options->variant, err));
    TGL_TRY_GOTO(check_types(importer, source, options, err));
    status = importer->import(out, json, text, options, err);
out:
    tgl__json_free(json);
    return status;
}

tgl_status tgl_model_import(tgl_graph **out, const char *path,
                            const tgl_import_options *options, tgl_error *err)
{
    tgl_import_options o = TGL_IMPORT_OPTIONS_INIT;
    tgl_model_text text = {.source = path};
    char *bytes;
    if (options != NULL)
        memcpy(&o, options,
               options->struct_size < sizeof o ? options->struct_size : sizeof o);
    TGL_TRY(tgl__file_read(&bytes, &text.size, path, MAX_MODEL_TEXT, err));
    text.text = bytes;
    tgl_status status = tgl__model_parse(out, &text, &o, err);
    tgl__free(bytes);
    return status;
}
