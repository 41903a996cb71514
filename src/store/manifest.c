/* Manifests and their descriptors: shape checks, names, media types. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/store.h"

tgl_json *tgl__descriptor(const char *media_type, const char *digest, uint64_t size)
{
    tgl_json *d = tgl__json_object();
    if (d == NULL || !tgl__json_put(d, "mediaType", tgl__json_new_string(media_type)) ||
        !tgl__json_put(d, "digest", tgl__json_new_string(digest)) ||
        !tgl__json_put(d, "size", tgl__json_new_int((int64_t)size))) {
        tgl__json_free(d);
        return NULL;
    }
    return d;
}

tgl_status tgl__check_descriptor(const tgl_json *value, const char *where, tgl_error *err)
{
    if (tgl__json_kind(value) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping, found %s", where,
                         tgl__json_kind_name(tgl__json_kind(value)));
    const char *text;
    int64_t size;
    tgl_sha256 sum;
    TGL_TRY(tgl__json_need_string(&text, value, "mediaType", where, err));
    TGL_TRY(tgl__json_need_int(&size, value, "size", 0, INT64_MAX, where, err));
    TGL_TRY(tgl__json_need_string(&text, value, "digest", where, err));
    tgl_status status = tgl__sha256_parse(&sum, text, err);
    return status == TGL_OK ? TGL_OK : tgl__fail_context(err, status, "%s", where);
}

bool tgl__name_is_safe(const char *name)
{
    if (*name == '\0' || *name == '/' || strlen(name) > 4000)
        return false;
    for (const char *part = name; part != NULL;) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (n == 1 && part[0] == '.') ||
            (n == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part = part[n] == '/' ? part + n + 1 : NULL;
    }
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == '\\' || *c == 0x7f)
            return false;
    return true;
}

static tgl_status check_layers(const tgl_json *layers, bool is_package,
                               const char *source, tgl_error *err)
{
    const char *last = "";
    for (size_t i = 0; i < tgl__json_size(layers); i++) {
        char where[128];
        snprintf(where, sizeof where, "%.80s: layers[%zu]", source, i);
        const tgl_json *layer = tgl__json_at(layers, i);
        TGL_TRY(tgl__check_descriptor(layer, where, err));
        const char *path = tgl__note(layer, TGL_NOTE_PATH);
        if (!is_package)
            continue;
        if (path == NULL || !tgl__name_is_safe(path))
            return tgl__fail(err, TGL_EFORMAT,
                             "%s: expected annotation " TGL_NOTE_PATH
                             " with a relative path, found '%s'",
                             where, path != NULL ? path : "nothing");
        if (strcmp(path, last) == 0)
            return tgl__fail(err, TGL_EFORMAT, "%s: member '%s' twice", where, path);
        last = path;
    }
    return TGL_OK;
}

static tgl_status check_manifest(const tgl_json *root, const char *source, tgl_error *err)
{
    if (tgl__json_kind(root) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected a mapping", source);
    int64_t version;
    tgl_json *layers, *config;
    char where[128];
    TGL_TRY(tgl__json_need_int(&version, root, "schemaVersion", 2, 2, source, err));
    TGL_TRY(tgl__json_need(&config, root, "config", TGL_JSON_OBJECT, source, err));
    snprintf(where, sizeof where, "%.80s: config", source);
    TGL_TRY(tgl__check_descriptor(config, where, err));
    TGL_TRY(tgl__json_need(&layers, root, "layers", TGL_JSON_ARRAY, source, err));
    const char *type = tgl__json_string(tgl__json_get(root, "artifactType"), "");
    TGL_TRY(check_layers(layers, strcmp(type, TGL_TYPE_PACKAGE) == 0, source, err));
    const tgl_json *subject = tgl__json_get(root, "subject");
    snprintf(where, sizeof where, "%.80s: subject", source);
    return subject == NULL ? TGL_OK : tgl__check_descriptor(subject, where, err);
}

tgl_status tgl__manifest_parse(tgl_json **out, const char *text, size_t size,
                               const char *source, tgl_error *err)
{
    tgl_json *root = NULL;
    TGL_TRY(tgl__json_parse(&root, text, size, source, err));
    tgl_status status = check_manifest(root, source, err);
    if (status != TGL_OK)
        tgl__json_free(root);
    else
        *out = root;
    return status;
}

tgl_status tgl__manifest_read(tgl_json **out, tgl_store *store, const char *digest,
                              tgl_error *err)
{
    uint64_t there;
    TGL_TRY(tgl__blob_size(&there, store, digest, err));
    if (there > TGL_MANIFEST_LIMIT)
        return tgl__fail(err, TGL_ELIMIT, "manifest %s: %llu bytes are too many", digest,
                         (unsigned long long)there);
    uint8_t *bytes;
    size_t size;
    TGL_TRY(tgl_store_get(&bytes, &size, store, digest, err));
    char source[96];
    snprintf(source, sizeof source, "manifest %.19s", digest);
    tgl_status status = tgl__manifest_parse(out, (const char *)bytes, size, source, err);
    tgl_free(bytes);
    return status;
}

/* First match wins: whole base names, then endings. */
static const struct {
    const char *ending;
    bool whole;
    const char *type;
} media_types[] = {
    {"graph.json", true, "application/vnd.trigline.graph.v1+json"},
    {"firmware.json", true, "application/vnd.trigline.firmware.v1+json"},
    {"program.txt", true, "application/vnd.trigline.program.v1+text"},
    {".tglp", false, "application/vnd.trigline.program.v1"},
    {".tgls", false, "application/vnd.trigline.payload.v1"},
    {".npz", false, "application/vnd.trigline.vectors.v1+npz"},
    {".v", false, "application/vnd.trigline.firmware.v1+verilog"},
    {".sv", false, "application/vnd.trigline.firmware.v1+verilog"},
    {".vh", false, "application/vnd.trigline.firmware.v1+verilog"},
    {".html", false, "application/vnd.trigline.report.v1+html"},
    {".svg", false, "application/vnd.trigline.plot.v1+svg"},
    {".json", false, "application/vnd.trigline.metrics.v1+json"},
    {".md", false, "application/vnd.cncf.model.doc.v1.raw"},
    {".txt", false, "application/vnd.cncf.model.doc.v1.raw"},
    {".py", false, "application/vnd.cncf.model.code.v1.raw"},
    {".c", false, "application/vnd.cncf.model.code.v1.raw"},
    {".h", false, "application/vnd.cncf.model.code.v1.raw"},
    {".cpp", false, "application/vnd.cncf.model.code.v1.raw"},
    {".sh", false, "application/vnd.cncf.model.code.v1.raw"},
    {".yaml", false, "application/vnd.cncf.model.code.v1.raw"},
};

const char *tgl__media_type_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
    size_t n = strlen(base);
    for (size_t i = 0; i < sizeof media_types / sizeof media_types[0]; i++) {
        const char *ending = media_types[i].ending;
        size_t m = strlen(ending);
        if (n >= m && strcmp(base + n - m, ending) == 0 &&
            (!media_types[i].whole || n == m))
            return media_types[i].type;
    }
    return "application/octet-stream";
}
