/* A project's files: in a directory, or texts one after the other in memory. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "model/hls4ml/hls.h"

/* ---- texts in memory: "=== NAME\n", then the text, up to the next such line ---- */

static const char heading[] = "=== ";

/* The next heading's line from `at`, or the end. */
static const char *next_heading(const char *at, const char *end)
{
    for (; at < end; at++) {
        size_t left = (size_t)(end - at);
        if (left >= 4 && memcmp(at, heading, 4) == 0)
            return at;
        const char *line = memchr(at, '\n', left);
        if (!line)
            return end;
        at = line;
    }
    return end;
}

typedef struct part {
    const char *name, *text, *next;
    uint32_t n_name;
    size_t size;
} part;

static bool part_at(part *out, const char *at, const char *end)
{
    const char *head = next_heading(at, end);
    if (head == end)
        return false;
    const char *name = head + 4;
    const char *line = memchr(name, '\n', (size_t)(end - name));
    if (!line)
        return false;
    out->name = name;
    out->n_name = (uint32_t)(line - name);
    out->text = line + 1;
    out->next = next_heading(line + 1, end);
    out->size = (size_t)(out->next - out->text);
    return true;
}

static tgl_status keep(const char **text, size_t *size, hls_project *p, const char *bytes,
                       size_t n)
{
    /* a zero inside would end the text early: what follows is not C++ */
    const char *zero = n ? memchr(bytes, 0, n) : NULL;
    *size = zero ? (size_t)(zero - bytes) : n;
    char *kept = tgl__arena_alloc(&p->arena, *size + 1, 1);
    if (!kept)
        return tgl__fail_nomem(p->err);
    if (*size)
        memcpy(kept, bytes, *size);
    *text = kept;
    return TGL_OK;
}

static tgl_status read_part(const char **text, size_t *size, hls_project *p,
                            const char *name)
{
    const char *end = p->files.bytes + p->files.size;
    part found;
    for (const char *at = p->files.bytes; part_at(&found, at, end); at = found.next)
        if (found.n_name == strlen(name) && memcmp(found.name, name, found.n_name) == 0)
            return keep(text, size, p, found.text, found.size);
    return TGL_OK;
}

tgl_status tgl__hls_read(const char **text, size_t *size, hls_project *p,
                         const char *name)
{
    char *path, *bytes = NULL;
    *text = NULL;
    *size = 0;
    if (p->files.bytes)
        return read_part(text, size, p, name);
    path = tgl__path_join(p->files.path, name);
    if (!path)
        return tgl__fail_nomem(p->err);
    tgl_status status = TGL_OK;
    if (tgl__file_exists(path))
        status = tgl__file_read(&bytes, size, path, HLS_MAX_FILE, p->err);
    tgl__free(path);
    if (status == TGL_OK && bytes)
        status = keep(text, size, p, bytes, *size);
    tgl__free(bytes);
    return status;
}

/* ---- names ---- */

typedef struct name_list {
    const char **names;
    uint32_t n, capacity;
} name_list;

static tgl_status add_name(name_list *list, hls_project *p, const char *name, size_t n)
{
    if (list->n >= HLS_MAX_FILES)
        return tgl__fail(p->err, TGL_ELIMIT, "%s: more than %d files", p->files.path,
                         HLS_MAX_FILES);
    if (!tgl__grow(&list->names, list->n, &list->capacity, sizeof *list->names))
        return tgl__fail_nomem(p->err);
    list->names[list->n] = tgl__arena_strndup(&p->arena, name, n);
    return list->names[list->n++] ? TGL_OK : tgl__fail_nomem(p->err);
}

static tgl_status list_parts(name_list *list, hls_project *p, const char *folder)
{
    const char *end = p->files.bytes + p->files.size;
    size_t n = strlen(folder);
    part found;
    for (const char *at = p->files.bytes; part_at(&found, at, end); at = found.next)
        if (found.n_name > n && memcmp(found.name, folder, n) == 0 &&
            !memchr(found.name + n, '/', found.n_name - n))
            TGL_TRY(add_name(list, p, found.name + n, found.n_name - n));
    return TGL_OK;
}

static tgl_status list_directory(name_list *list, hls_project *p, const char *folder)
{
    char *path = tgl__path_join(p->files.path, folder);
    if (!path)
        return tgl__fail_nomem(p->err);
    DIR *directory = opendir(path);
    tgl__free(path);
    tgl_status status = TGL_OK;
    struct dirent *entry;
    while (directory && status == TGL_OK && (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            status = add_name(list, p, entry->d_name, strlen(entry->d_name));
    if (directory)
        closedir(directory);
    return status;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

tgl_status tgl__hls_list(const char *const **out, uint32_t *n, hls_project *p,
                         const char *folder)
{
    name_list list = {NULL, 0, 0};
    tgl_status status =
        p->files.bytes ? list_parts(&list, p, folder) : list_directory(&list, p, folder);
    const char **kept =
        status == TGL_OK ? tgl__arena_alloc(&p->arena, list.n + 1, sizeof *kept) : NULL;
    if (kept && list.n) {
        memcpy(kept, list.names, list.n * sizeof *kept);
        qsort(kept, list.n, sizeof *kept, by_name); /* not the file system's order */
    }
    tgl__free(list.names);
    *out = kept;
    *n = list.n;
    return status != TGL_OK || kept ? status : tgl__fail_nomem(p->err);
}

/* ---- the project's ---- */

tgl_status tgl__hls_open(hls_project *p, const char *name)
{
    hls_file file = {.name = name};
    size_t size;
    for (uint32_t i = 0; i < p->n_file; i++)
        if (strcmp(p->file[i].name, name) == 0)
            return TGL_OK;
    TGL_TRY(tgl__hls_read(&file.text, &size, p, name));
    if (!file.text)
        return TGL_OK;
    if (p->n_file >= HLS_MAX_FILES)
        return tgl__fail(p->err, TGL_ELIMIT, "%s: more than %d files", p->files.path,
                         HLS_MAX_FILES);
    if (!tgl__grow(&p->file, p->n_file, &p->file_capacity, sizeof file))
        return tgl__fail_nomem(p->err);
    p->file[p->n_file++] = file;
    return TGL_OK;
}

static bool ends(const char *name, const char *with)
{
    size_t n = strlen(name), m = strlen(with);
    return n >= m && strcmp(name + n - m, with) == 0;
}

/* Sources of a folder; test benches and the Python bridge declare nothing of the model.
 */
static tgl_status open_sources(hls_project *p, const char *folder)
{
    const char *const *names;
    uint32_t n;
    TGL_TRY(tgl__hls_list(&names, &n, p, folder));
    for (uint32_t i = 0; i < n; i++) {
        if ((!ends(names[i], ".cpp") && !ends(names[i], "scales.h")) ||
            ends(names[i], "_test.cpp") || ends(names[i], "_bridge.cpp"))
            continue;
        const char *path = tgl__arena_printf(&p->arena, "%s%s", folder, names[i]);
        if (!path)
            return tgl__fail_nomem(p->err);
        TGL_TRY(tgl__hls_open(p, path));
    }
    return TGL_OK;
}

static tgl_status find_folder(hls_project *p)
{
    static const char *const folders[] = {"firmware/", "NN/", ""};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *text, *name;
        size_t size;
        name = tgl__arena_printf(&p->arena, "%sparameters.h", folders[i]);
        if (!name)
            return tgl__fail_nomem(p->err);
        TGL_TRY(tgl__hls_read(&text, &size, p, name));
        if (text) {
            p->folder = folders[i];
            return TGL_OK;
        }
    }
    return tgl__fail(p->err, TGL_EFORMAT,
                     "%s: expected an hls4ml project with firmware/parameters.h (or "
                     "NN/parameters.h, or parameters.h), found none",
                     p->files.path);
}

tgl_status tgl__hls_open_project(hls_project *p)
{
    static const char *const headers[] = {"defines.h", "parameters.h"};
    TGL_TRY(find_folder(p));
    for (size_t i = 0; i < 2; i++) {
        const char *path = tgl__arena_printf(&p->arena, "%s%s", p->folder, headers[i]);
        if (!path)
            return tgl__fail_nomem(p->err);
        TGL_TRY(tgl__hls_open(p, path));
    }
    TGL_TRY(open_sources(p, p->folder));
    if (p->folder[0])
        TGL_TRY(open_sources(p, ""));
    /* includes come to the end of the list */
    for (uint32_t i = 0; i < p->n_file; i++) {
        TGL_TRY(tgl__hls_lex(p, i));
        TGL_TRY(tgl__hls_declare(p, i));
    }
    return TGL_OK;
}

void tgl__hls_release(hls_project *p)
{
    for (uint32_t i = 0; i < p->n_file; i++)
        tgl__free(p->file[i].tokens);
    tgl__free(p->file);
    tgl__free(p->names);
    tgl__arena_release(&p->arena);
}
