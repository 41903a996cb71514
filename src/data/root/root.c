/* The ROOT format: open a file, choose its tree, list its columns. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/names.h"
#include "data/root/root.h"

/* The four letters alone also open /etc/passwd: the version that follows (63214 for
 * 6.32/14, plus a million in files above 2 GB) must be one as well. */
static bool sniff(const uint8_t *head, size_t n)
{
    if (n < 8 || memcmp(head, "root", 4) != 0)
        return false;
    uint32_t version = tgl__be32(head + 4);
    return version > 0 && version < 2000000;
}

static bool is_rntuple(const tgl_root_entry *entry)
{
    return !tgl__root_text_is(entry->key.class_name, "TTree") &&
           !tgl__root_text_is(entry->key.class_name, "TNtuple") &&
           !tgl__root_text_is(entry->key.class_name, "TNtupleD");
}

/* Object names as a user may type them: "dir/tree", or "dir/tree;2" for a cycle. */
static bool names_entry(const char *object, const tgl_root_entry *entry)
{
    size_t n = strlen(entry->path);
    if (*object == '/')
        object++;
    if (strncmp(object, entry->path, n) != 0)
        return false;
    if (object[n] == '\0')
        return true;
    char *end;
    return object[n] == ';' && strtol(object + n + 1, &end, 10) == entry->key.cycle &&
           *end == '\0';
}

static char *list_paths(const tgl_root_listing *list, tgl_arena *arena)
{
    char *text = tgl__arena_strdup(arena, "");
    size_t shown = 0;
    for (size_t i = 0; i < list->n && text != NULL && strlen(text) < 300; i++) {
        bool again = false;
        for (size_t k = 0; k < i && !again; k++)
            again = strcmp(list->entries[k].path, list->entries[i].path) == 0;
        if (!again)
            text = tgl__arena_printf(arena, "%s%s%s", text, shown++ == 0 ? "" : ", ",
                                     list->entries[i].path);
    }
    return text == NULL ? "" : text;
}

/* The newest cycle of the one object asked for, or of the only one there is. */
static tgl_status choose(const tgl_root_entry **out, tgl_root_reader *r,
                         const tgl_root_listing *list, const char *object, tgl_error *err)
{
    const tgl_root_entry *best = NULL;
    bool several = false;
    for (size_t i = 0; i < list->n; i++) {
        const tgl_root_entry *entry = &list->entries[i];
        if (object != NULL && !names_entry(object, entry))
            continue;
        several |= best != NULL && strcmp(best->path, entry->path) != 0;
        if (best == NULL || entry->key.cycle > best->key.cycle)
            best = entry;
    }
    char *names = list_paths(list, &r->arena);
    if (best == NULL && list->n == 0)
        return tgl__fail(err, TGL_ENOTFOUND, "%s: holds no tree", r->file.name);
    if (best == NULL)
        return tgl__fail(err, TGL_ENOTFOUND, "%s: no tree '%s'; there is: %s",
                         r->file.name, object, names);
    if (several && object == NULL)
        return tgl__fail(err, TGL_EUSAGE, "%s: holds several trees, name one of: %s",
                         r->file.name, names);
    if (is_rntuple(best))
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "%s: '%s' is of class %.*s, which this version does not read "
                         "(only TTree)",
                         r->file.name, best->path, (int)best->key.class_name.size,
                         best->key.class_name.text);
    *out = best;
    return TGL_OK;
}

typedef struct named {
    const char *name;
    size_t index;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* Column names are unique: of several alike, the first keeps the name. */
static tgl_status refuse_repeated(tgl_root_columns *columns, tgl_error *err)
{
    named *sorted = tgl__malloc(columns->n * sizeof *sorted);
    if (sorted == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < columns->n; i++)
        sorted[i] = (named){columns->fields[i].name, i};
    qsort(sorted, columns->n, sizeof *sorted, by_name);
    for (size_t i = 1; i < columns->n; i++)
        if (strcmp(sorted[i].name, sorted[i - 1].name) == 0) {
            tgl_field *field = &columns->fields[sorted[i].index];
            field->dtype = (tgl_dtype)0;
            if (field->refusal == NULL)
                field->refusal = "a branch before it has the same name";
        }
    tgl__free(sorted);
    return TGL_OK;
}

static void close_reader(tgl_reader *base)
{
    tgl_root_reader *r = (tgl_root_reader *)base;
    if (r == NULL)
        return;
    tgl__root_columns_release(&r->columns);
    tgl__free(r->tree.bytes);
    tgl__root_schema_release(&r->schema);
    tgl__arena_release(&r->arena);
    if (r->is_mapped)
        tgl__file_unmap(&r->mapping);
    tgl__free(r);
}

static tgl_status load(tgl_root_reader *r, const char *object, tgl_error *err)
{
    tgl_root_listing list = {0};
    const tgl_root_entry *entry = NULL;
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(tgl__root_header(&r->file, err));
    TGL_TRY_GOTO(tgl__root_list(&list, &r->file, &r->arena, err));
    TGL_TRY_GOTO(choose(&entry, r, &list, object, err));
    TGL_TRY_GOTO(tgl__root_schema_read(&r->schema, &r->file, &r->arena, err));
    TGL_TRY_GOTO(
        tgl__root_tree_read(&r->tree, &r->file, &entry->key, &r->schema, &r->arena, err));
    TGL_TRY_GOTO(tgl__root_columns(&r->columns, &r->tree, &r->schema, &r->arena, err));
    TGL_TRY_GOTO(refuse_repeated(&r->columns, err));
    r->reader.n_row = r->tree.n_entry;
    r->reader.n_field = r->columns.n;
    r->reader.fields = r->columns.fields;
out:
    tgl__root_listing_release(&list);
    return status;
}

static tgl_root_reader *new_reader(const char *name, const tgl_source_options *options)
{
    tgl_root_reader *r = tgl__calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->reader.format = &tgl__format_root;
    r->reader.read = tgl__root_read;
    r->reader.close = close_reader;
    r->reader.in_batches = true;
    r->n_thread = options->n_thread;
    r->kernels = tgl__root_kernels();
    r->file.verify = options->no_verify == 0;
    r->file.name = tgl__arena_strdup(&r->arena, name);
    if (r->file.name == NULL) {
        close_reader(&r->reader);
        return NULL;
    }
    return r;
}

static tgl_status finish(tgl_reader **out, tgl_root_reader *r, const char *object,
                         tgl_error *err)
{
    tgl_status status = load(r, object, err);
    if (status != TGL_OK) {
        bool named_already =
            err != NULL && strncmp(err->message, r->file.name, strlen(r->file.name)) == 0;
        if (!named_already && status != TGL_ENOMEM)
            status = tgl__fail_context(err, status, "%s", r->file.name);
        close_reader(&r->reader);
        return status;
    }
    *out = &r->reader;
    return TGL_OK;
}

tgl_status tgl__root_open_memory(tgl_reader **out, const uint8_t *bytes, size_t n,
                                 const char *name, const tgl_source_options *options,
                                 tgl_error *err)
{
    tgl_root_reader *r = new_reader(name, options);
    if (r == NULL)
        return tgl__fail_nomem(err);
    r->file.bytes = bytes;
    r->file.size = n;
    return finish(out, r, options->object, err);
}

static tgl_status open_file(tgl_reader **out, const char *path,
                            const tgl_source_options *options, tgl_error *err)
{
    tgl_root_reader *r = new_reader(path, options);
    if (r == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = tgl__file_map(&r->mapping, path, err);
    if (status != TGL_OK) {
        close_reader(&r->reader);
        return status;
    }
    r->is_mapped = true;
    r->file.bytes = r->mapping.bytes;
    r->file.size = r->mapping.size;
    return finish(out, r, options->object, err);
}

static const char *const endings[] = {".root", NULL};

const tgl_format tgl__format_root = {
    .name = "root",
    .endings = endings,
    .summary = "ROOT files: trees of numbers, arrays, vectors and strings (read)",
    .sniff = sniff,
    .open = open_file,
};
