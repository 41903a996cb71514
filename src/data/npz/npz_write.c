/* NPZ: writing. The bytes depend on the table and the compression level only. */
#include "data/npz/npz_write.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/pool.h"
#include "data/document.h"
#include "data/npz/npy.h"
#include "data/npz/zip.h"

/* deflate level when none is asked for: the knee of speed against size */
enum { DEFAULT_LEVEL = 3, HEADER_ROOM = 512 };

typedef struct pack_job {
    tgl_zip_member *members;
    int level;
} pack_job;

static tgl_status pack_one(void *context, size_t index, size_t worker, tgl_error *err)
{
    (void)worker;
    pack_job *job = context;
    return tgl__zip_pack(&job->members[index], job->level, err);
}

static tgl_status add_array(tgl_zip_member *member, tgl_arena *arena, const char *name,
                            tgl_dtype dtype, const uint64_t *shape, unsigned n_dim,
                            const void *body, size_t n_body, tgl_error *err)
{
    char *head = tgl__arena_alloc(arena, HEADER_ROOM, 1);
    member->name = tgl__arena_printf(arena, "%s.npy", name);
    if (head == NULL || member->name == NULL)
        return tgl__fail_nomem(err);
    member->head = head;
    member->n_head = tgl__npy_header(head, dtype, shape, n_dim);
    member->body = body;
    member->n_body = n_body;
    return TGL_OK;
}

/* One or two members of a column. */
static tgl_status add_column(tgl_zip_member *members, size_t *n, tgl_arena *arena,
                             const tgl_column *c, const char *offsets, tgl_error *err)
{
    uint64_t shape[1 + TGL_MAX_DIM] = {c->n_row};
    if (c->dtype == TGL_STRING)
        shape[0] = c->n_value;
    else if (c->is_jagged)
        shape[0] = (uint64_t)c->offsets[c->n_row];
    for (int d = 0; d < c->n_dim; d++)
        shape[d + 1] = c->dim[d];
    TGL_TRY(add_array(&members[(*n)++], arena, c->name, c->dtype, shape, 1u + c->n_dim,
                      c->values, c->n_value * tgl_dtype_size(c->dtype), err));
    if (offsets == NULL)
        return TGL_OK;
    shape[0] = c->n_row + 1;
    return add_array(&members[(*n)++], arena, offsets, TGL_I64, shape, 1, c->offsets,
                     (c->n_row + 1) * 8, err);
}

/* Compress a few members at a time on all threads, then write them in order. */
static tgl_status write_members(tgl_writer *writer, tgl_zip_member *members, size_t n,
                                const tgl_write_options *options,
                                const tgl_progress *progress, tgl_error *err)
{
    size_t group = 2 * tgl__thread_count(options->n_thread);
    uint64_t position = 0;
    int level = options->compression < 0 ? DEFAULT_LEVEL : options->compression;
    tgl_status status = TGL_OK;
    for (size_t at = 0; status == TGL_OK && at < n; at += group) {
        size_t m = n - at < group ? n - at : group;
        pack_job job = {members + at, level};
        status = tgl__parallel(m, options->n_thread, pack_one, &job, err);
        for (size_t i = at; i < at + m; i++) {
            if (status == TGL_OK)
                status = tgl__zip_put(writer, &position, &members[i], err);
            tgl__zip_release(&members[i]);
        }
        if (status == TGL_OK)
            status = tgl__progress(progress, "writing", at + m, n, err);
    }
    return status == TGL_OK ? tgl__zip_finish(writer, position, members, n, err) : status;
}

tgl_status tgl__npz_write(const char *path, const tgl_table *table,
                          const tgl_write_options *options, const tgl_progress *progress,
                          tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    tgl_writer writer = {0};
    char *document = NULL;
    size_t n = 0, n_column = tgl_table_n_column(table), n_document;
    const char **names;
    tgl_status status = TGL_OK;
    tgl_zip_member *members = tgl__calloc(2 * n_column + 1, sizeof *members);
    if (members == NULL)
        return tgl__fail_nomem(err);
    TGL_TRY_GOTO(tgl__offset_names(&names, table, &arena, err));
    TGL_TRY_GOTO(tgl__document_write(&document, &n_document, table, names,
                                     options->n_thread, err));
    members[n++] = (tgl_zip_member){
        .name = TGL_NPZ_DOCUMENT, .head = document, .n_head = n_document};
    for (size_t i = 0; i < n_column; i++)
        TGL_TRY_GOTO(
            add_column(members, &n, &arena, tgl_table_column(table, i), names[i], err));
    for (size_t i = 0; i < n; i++)
        members[i].beside = path;
    TGL_TRY_GOTO(tgl__writer_open(&writer, path, err));
    TGL_TRY_GOTO(write_members(&writer, members, n, options, progress, err));
    status = tgl__writer_commit(&writer, err);
out:
    if (status != TGL_OK)
        tgl__writer_abandon(&writer);
    tgl__free(members);
    tgl__free(document);
    tgl__arena_release(&arena);
    return status;
}
