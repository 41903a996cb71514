/* What a file holds, as JSON. */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/memory.h"
#include "data/format.h"
#include "text/json.h"

static tgl_json *field_json(const tgl_field *f)
{
    tgl_json *entry = tgl__json_object(), *dims = tgl__json_array();
    bool good = true;
    for (int d = 0; d < f->n_dim; d++)
        good = tgl__json_append(dims, tgl__json_new_int(f->dim[d])) && good;
    good = tgl__json_put(entry, "name", tgl__json_new_string(f->name)) && good;
    if (f->refusal == NULL) {
        good = tgl__json_put(entry, "type",
                             tgl__json_new_string(tgl_dtype_name(f->dtype))) &&
               good;
        good = tgl__json_put(entry, "jagged", tgl__json_new_bool(f->is_jagged)) && good;
        good = tgl__json_put(entry, "dim", dims) && good;
    } else {
        tgl__json_free(dims);
        good = tgl__json_put(entry, "refusal", tgl__json_new_string(f->refusal)) && good;
    }
    if (f->declared != NULL)
        good =
            tgl__json_put(entry, "declared", tgl__json_new_string(f->declared)) && good;
    if (good)
        return entry;
    tgl__json_free(entry);
    return NULL;
}

/* Each entry as the JSON it holds, else as text. */
static tgl_json *meta_json(tgl_reader *reader)
{
    tgl_json *meta = tgl__json_object();
    const char *key, *value;
    for (size_t i = 0;
         reader->meta_at != NULL && reader->meta_at(reader, i, &key, &value); i++) {
        tgl_json *parsed = NULL;
        if (tgl__json_parse(&parsed, value, strlen(value), key, NULL) != TGL_OK)
            parsed = tgl__json_new_string(value);
        if (!tgl__json_put(meta, key, parsed)) {
            tgl__json_free(meta);
            return NULL;
        }
    }
    return meta;
}

tgl_status tgl_data_info(char **json, const char *path, const tgl_source_options *options,
                         tgl_error *err)
{
    tgl_source *source = NULL;
    TGL_TRY(tgl_source_open(&source, path, options, err));
    struct stat file = {0};
    (void)stat(tgl__source_path(source), &file);
    const char *object = tgl__source_object(source);
    tgl_json *root = tgl__json_object(), *columns = tgl__json_array();
    bool good = true;
    for (size_t i = 0; i < tgl_source_n_field(source); i++)
        good = tgl__json_append(columns, field_json(tgl_source_field(source, i))) && good;
    good =
        tgl__json_put(root, "name",
                      tgl__json_new_string(tgl__base_name(tgl__source_path(source)))) &&
        good;
    good =
        tgl__json_put(root, "format", tgl__json_new_string(tgl_source_format(source))) &&
        good;
    if (object != NULL)
        good = tgl__json_put(root, "object", tgl__json_new_string(object)) && good;
    good = tgl__json_put(root, "size", tgl__json_new_int((int64_t)file.st_size)) && good;
    good = tgl__json_put(root, "rows",
                         tgl__json_new_int((int64_t)tgl_source_n_row(source))) &&
           good;
    good = tgl__json_put(root, "columns", columns) && good;
    good = tgl__json_put(root, "metadata", meta_json(tgl__source_reader(source))) && good;
    tgl_status status =
        good ? tgl__json_dump_pretty(json, NULL, root, err)
             : tgl__fail(err, TGL_ENOMEM,
                         "'%s': cannot describe it: out of memory or a name that is "
                         "not UTF-8",
                         path);
    tgl__json_free(root);
    tgl_source_close(source);
    return status;
}
