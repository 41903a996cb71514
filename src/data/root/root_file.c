/* The file's header, keys and directories. */
#include <string.h>

#include "base/error.h"
#include "data/root/root.h"

enum { MAX_DIRECTORY_DEPTH = 32, BIG_FILE = 1000000, BIG_KEY = 1000 };

tgl_root_text tgl__root_text(tgl_root_cursor *c)
{
    uint32_t n = tgl__root_u8(c);
    if (n == 255)
        n = tgl__root_u32(c);
    const uint8_t *p = tgl__root_take(c, n);
    tgl_root_text out = {p == NULL ? "" : (const char *)p, p == NULL ? 0 : n};
    return out;
}

bool tgl__root_text_is(tgl_root_text a, const char *b)
{
    return strlen(b) == a.size && memcmp(a.text, b, a.size) == 0;
}

bool tgl__root_text_same(tgl_root_text a, tgl_root_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.text, b.text, a.size) == 0);
}

static bool cursor_at(tgl_root_cursor *c, const tgl_root_file *file, uint64_t at)
{
    if (at > file->size)
        return false;
    *c = (tgl_root_cursor){file->bytes + at, file->bytes + file->size, false};
    return true;
}

static uint64_t seek_field(tgl_root_cursor *c, bool big)
{
    return big ? tgl__root_u64(c) : tgl__root_u32(c);
}

/* The directory record (TDirectory's streamer): where its key list stands. */
static tgl_status directory_keys(uint64_t *keys_at, const tgl_root_file *file,
                                 uint64_t at, tgl_error *err)
{
    tgl_root_cursor c;
    if (!cursor_at(&c, file, at))
        return tgl__fail_at(err, TGL_EFORMAT, at, "directory record lies behind the end");
    uint16_t version = tgl__root_u16(&c);
    (void)tgl__root_take(&c, 4 + 4 + 4 + 4); /* two dates, two sizes */
    bool big = version > BIG_KEY;
    (void)seek_field(&c, big);
    (void)seek_field(&c, big);
    *keys_at = seek_field(&c, big);
    if (c.failed)
        return tgl__fail_at(err, TGL_EFORMAT, at, "directory record is cut short");
    return TGL_OK;
}

tgl_status tgl__root_header(tgl_root_file *file, tgl_error *err)
{
    tgl_root_cursor c = {file->bytes, file->bytes + file->size, false};
    const uint8_t *magic = tgl__root_take(&c, 4);
    if (magic == NULL || memcmp(magic, "root", 4) != 0)
        return tgl__fail_at(err, TGL_EFORMAT, 0,
                            "not a ROOT file: it does not begin "
                            "with \"root\"");
    uint32_t version = tgl__root_u32(&c);
    uint32_t begin = tgl__root_u32(&c);
    bool big = version >= BIG_FILE;
    uint64_t end = seek_field(&c, big);
    (void)seek_field(&c, big);   /* free list */
    (void)tgl__root_take(&c, 8); /* its size, number of free records */
    uint32_t name_size = tgl__root_u32(&c);
    (void)tgl__root_take(&c, 5); /* pointer size, compression */
    file->info_at = seek_field(&c, big);
    if (c.failed)
        return tgl__fail_at(err, TGL_EFORMAT, 0, "header is cut short at %zu bytes",
                            file->size);
    if (end > file->size)
        return tgl__fail_at(err, TGL_EFORMAT, 12,
                            "file is truncated: its header says %llu bytes, it has %zu",
                            (unsigned long long)end, file->size);
    TGL_TRY(directory_keys(&file->keys_at, file, (uint64_t)begin + name_size, err));
    if (file->keys_at == 0)
        return tgl__fail_at(err, TGL_EFORMAT, begin,
                            "the file was not closed when it "
                            "was written: it has no list of keys");
    return TGL_OK;
}

static tgl_status read_key(tgl_root_key *out, tgl_root_cursor *c,
                           const tgl_root_file *file, tgl_error *err)
{
    uint64_t at = (uint64_t)(c->at - file->bytes);
    *out = (tgl_root_key){.at = at};
    out->n_byte = tgl__root_u32(c);
    uint16_t version = tgl__root_u16(c);
    out->object_size = tgl__root_u32(c);
    (void)tgl__root_u32(c); /* date */
    out->key_size = tgl__root_u16(c);
    out->cycle = tgl__root_u16(c);
    bool big = version > BIG_KEY;
    out->seek = seek_field(c, big);
    (void)seek_field(c, big);
    out->class_name = tgl__root_text(c);
    out->name = tgl__root_text(c);
    (void)tgl__root_text(c); /* title */
    if (c->failed)
        return tgl__fail_at(err, TGL_EFORMAT, at, "key is cut short");
    return TGL_OK;
}

tgl_status tgl__root_key_at(tgl_root_key *out, const tgl_root_file *file, uint64_t at,
                            tgl_error *err)
{
    tgl_root_cursor c;
    if (!cursor_at(&c, file, at))
        return tgl__fail_at(err, TGL_EFORMAT, at, "key lies behind the end of the file");
    TGL_TRY(read_key(out, &c, file, err));
    if (out->n_byte > INT32_MAX || out->n_byte > file->size - at)
        return tgl__fail_at(err, TGL_EFORMAT, at,
                            "record of %u bytes ends behind the "
                            "file's %zu",
                            out->n_byte, file->size);
    if (out->key_size > out->n_byte || c.at > file->bytes + at + out->key_size)
        return tgl__fail_at(err, TGL_EFORMAT, at, "key of %u bytes in a record of %u",
                            out->key_size, out->n_byte);
    if (out->seek != at && out->seek != 0) /* some writers leave it out */
        return tgl__fail_at(err, TGL_EFORMAT, at, "key says it stands at byte %llu",
                            (unsigned long long)out->seek);
    if (out->object_size > INT32_MAX)
        return tgl__fail_at(err, TGL_EFORMAT, at, "object size %u is negative",
                            out->object_size);
    return TGL_OK;
}

/* ---- listing ------------------------------------------------------------- */

typedef struct walk {
    tgl_root_listing *out;
    const tgl_root_file *file;
    tgl_arena *arena;
    uint64_t *seen; /* key lists already walked: a directory may be reached twice */
    size_t n_seen, seen_capacity;
    uint64_t n_key; /* keys met in all, bounded by the file's size */
} walk;

static bool is_tree_class(tgl_root_text name)
{
    return tgl__root_text_is(name, "TTree") || tgl__root_text_is(name, "TNtuple") ||
           tgl__root_text_is(name, "TNtupleD") || tgl__root_text_is(name, "TTreeSQL") ||
           tgl__root_text_is(name, "ROOT::RNTuple") ||
           tgl__root_text_is(name, "ROOT::Experimental::RNTuple");
}

static bool is_directory_class(tgl_root_text name)
{
    return tgl__root_text_is(name, "TDirectory") ||
           tgl__root_text_is(name, "TDirectoryFile");
}

static tgl_status add_entry(walk *w, const tgl_root_key *key, const char *prefix,
                            tgl_error *err)
{
    tgl_root_listing *list = w->out;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        tgl_root_entry *more = tgl__realloc(list->entries, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        list->entries = more;
        list->capacity = capacity;
    }
    char *path = tgl__arena_printf(w->arena, "%s%.*s", prefix, (int)key->name.size,
                                   key->name.text);
    if (path == NULL)
        return tgl__fail_nomem(err);
    list->entries[list->n++] = (tgl_root_entry){path, *key};
    return TGL_OK;
}

static tgl_status mark_seen(walk *w, uint64_t keys_at, bool *again, tgl_error *err)
{
    for (size_t i = 0; i < w->n_seen; i++)
        if (w->seen[i] == keys_at) {
            *again = true;
            return TGL_OK;
        }
    *again = false;
    if (w->n_seen == w->seen_capacity) {
        size_t capacity = w->seen_capacity == 0 ? 16 : w->seen_capacity * 2;
        uint64_t *more = tgl__realloc(w->seen, capacity, sizeof *more);
        if (more == NULL)
            return tgl__fail_nomem(err);
        w->seen = more;
        w->seen_capacity = capacity;
    }
    w->seen[w->n_seen++] = keys_at;
    return TGL_OK;
}

static tgl_status walk_directory(walk *w, uint64_t keys_at, const char *prefix, int depth,
                                 tgl_error *err);

static tgl_status walk_key(walk *w, const tgl_root_key *key, const char *prefix,
                           int depth, tgl_error *err)
{
    if (is_tree_class(key->class_name))
        return add_entry(w, key, prefix, err);
    if (!is_directory_class(key->class_name))
        return TGL_OK;
    char *path = tgl__arena_printf(w->arena, "%s%.*s/", prefix, (int)key->name.size,
                                   key->name.text);
    if (path == NULL)
        return tgl__fail_nomem(err);
    uint64_t keys_at = 0;
    TGL_TRY(directory_keys(&keys_at, w->file, key->seek + key->key_size, err));
    return keys_at == 0 ? TGL_OK : walk_directory(w, keys_at, path, depth + 1, err);
}

static tgl_status walk_directory(walk *w, uint64_t keys_at, const char *prefix, int depth,
                                 tgl_error *err)
{
    bool again;
    if (depth > MAX_DIRECTORY_DEPTH)
        return tgl__fail_at(err, TGL_ELIMIT, keys_at, "directories nest deeper than %d",
                            (int)MAX_DIRECTORY_DEPTH);
    TGL_TRY(mark_seen(w, keys_at, &again, err));
    if (again)
        return TGL_OK;
    tgl_root_key list;
    TGL_TRY(tgl__root_key_at(&list, w->file, keys_at, err));
    const uint8_t *record = w->file->bytes + keys_at;
    /* early uproot wrote the list's size wrong: the number of keys bounds it */
    tgl_root_cursor c = {record + list.key_size, w->file->bytes + w->file->size, false};
    uint32_t n = tgl__root_u32(&c);
    for (uint32_t i = 0; i < n; i++) {
        tgl_root_key key;
        TGL_TRY(read_key(&key, &c, w->file, err));
        if (++w->n_key > w->file->size / 16)
            return tgl__fail_at(err, TGL_EFORMAT, keys_at, "key lists overlap");
        TGL_TRY(walk_key(w, &key, prefix, depth, err));
    }
    return TGL_OK;
}

tgl_status tgl__root_list(tgl_root_listing *out, const tgl_root_file *file,
                          tgl_arena *arena, tgl_error *err)
{
    walk w = {.out = out, .file = file, .arena = arena};
    tgl_status status = walk_directory(&w, file->keys_at, "", 0, err);
    tgl__free(w.seen);
    return status;
}

void tgl__root_listing_release(tgl_root_listing *listing)
{
    tgl__free(listing->entries);
    *listing = (tgl_root_listing){0};
}
