/* package: the members become one ModelPack manifest in the store; the output file names
 * it. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pipeline/step.h"

typedef struct members {
    tgl_arena arena;
    tgl_member *items;
    size_t n, capacity;
} members;

static tgl_status add_member(members *m, const char *name, const char *path,
                             tgl_error *err)
{
    if (m->n == m->capacity) {
        size_t capacity = m->capacity == 0 ? 64 : m->capacity * 2;
        tgl_member *grown = tgl__realloc(m->items, capacity, sizeof *grown);
        if (grown == NULL)
            return tgl__fail_nomem(err);
        m->items = grown;
        m->capacity = capacity;
    }
    char *own_name = tgl__arena_strdup(&m->arena, name);
    char *own_path = tgl__arena_strdup(&m->arena, path);
    if (own_name == NULL || own_path == NULL)
        return tgl__fail_nomem(err);
    m->items[m->n++] = (tgl_member){own_name, NULL, NULL, 0, own_path};
    return TGL_OK;
}

/* A file, or every file below a directory as name/… */
static tgl_status add_path(members *m, const char *name, const char *path, int depth,
                           tgl_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return tgl__fail_errno(err, "cannot open", path);
    if (!S_ISDIR(info.st_mode))
        return add_member(m, name, path, err);
    if (depth > 32)
        return tgl__fail(err, TGL_ELIMIT, "'%s': too many directories deep", path);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return tgl__fail_errno(err, "cannot read", path);
    tgl_status status = TGL_OK;
    for (struct dirent *e; status == TGL_OK && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *child = tgl__path_join(path, e->d_name);
        char *inner = tgl__path_join(name, e->d_name);
        status = child == NULL || inner == NULL
                     ? tgl__fail_nomem(err)
                     : add_path(m, inner, child, depth + 1, err);
        tgl__free(child);
        tgl__free(inner);
    }
    closedir(dir);
    return status;
}

/* In a mapping the name is given; in a list it is the file's own name. */
static tgl_status collect(members *m, const tgl_step *step, tgl_error *err)
{
    for (size_t i = 0; i < step->n_input; i++) {
        const tgl_step_file *f = &step->inputs[i];
        if (strcmp(f->role, "members") != 0)
            continue;
        const char *slash = strrchr(f->shown, '/');
        const char *base = slash != NULL ? slash + 1 : f->shown;
        const char *dot = strrchr(base, '.');
        size_t n = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
        bool is_stem = strlen(f->name) == n && strncmp(f->name, base, n) == 0;
        TGL_TRY(add_path(m, is_stem ? base : f->name, f->path, 0, err));
    }
    return TGL_OK;
}

static tgl_status read_parent(char parent[72], const tgl_step *step, tgl_error *err)
{
    const char *path = tgl__step_input(step, "parent"), *digest;
    tgl_json *root = NULL;
    parent[0] = '\0';
    if (path == NULL)
        return TGL_OK;
    TGL_TRY(tgl__json_read(&root, path, err));
    tgl_status status = tgl__json_need_string(&digest, root, "digest", path, err);
    if (status == TGL_OK && strlen(digest) == 71)
        memcpy(parent, digest, 72);
    else if (status == TGL_OK)
        status = tgl__fail(err, TGL_EFORMAT, "%s: expected a digest, found '%.80s'", path,
                           digest);
    tgl__json_free(root);
    return status;
}

static tgl_status write_result(const tgl_step *step, const char *name, const char *digest,
                               size_t n_member, tgl_error *err)
{
    tgl_json *root = tgl__json_object();
    bool good = tgl__json_put(root, "name", tgl__json_new_string(name));
    good = tgl__json_put(root, "digest", tgl__json_new_string(digest)) && good;
    good = tgl__json_put(root, "members", tgl__json_new_int((int64_t)n_member)) && good;
    char *text = NULL;
    size_t n = 0;
    tgl_status status =
        good ? tgl__json_dump(&text, &n, root, err) : tgl__fail_nomem(err);
    if (status == TGL_OK)
        status = tgl__file_write(tgl__step_output(step, "package"), text, n, err);
    tgl__free(text);
    tgl__json_free(root);
    return status;
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    members m = {.arena = TGL_ARENA_INIT};
    char digest[72], parent[72], *notes = NULL;
    const char *name = tgl__json_string(tgl__json_get(step->with, "name"), "model");
    const tgl_json *given = tgl__json_get(step->with, "annotations");
    tgl_status status;
    TGL_TRY_GOTO(collect(&m, step, err));
    TGL_TRY_GOTO(read_parent(parent, step, err));
    if (given != NULL)
        TGL_TRY_GOTO(tgl__json_dump(&notes, NULL, given, err));
    TGL_TRY_GOTO(tgl_store_package(digest, step->store, name, m.items, m.n, notes,
                                   parent[0] != '\0' ? parent : NULL, err));
    status = write_result(step, name, digest, m.n, err);
out:
    tgl__free(notes);
    tgl__free(m.items);
    tgl__arena_release(&m.arena);
    return status;
}

const tgl_step_kind tgl__step_package = {
    .name = "package",
    .summary = "members become one content-addressed package in the store",
    .version = 1,
    .with = {"name", "annotations"},
    .inputs = {{"members", false, true}, {"parent", true, false}},
    .outputs = {{"package", false, false}},
    .run = run,
};
