/* convert: columns of one or several files into one file of another format. */
#include <string.h>
#include <trigline/data.h>

#include "pipeline/step/common.h"

static tgl_status column_names(const char ***out, size_t *n, const tgl_step *step,
                               tgl_error *err)
{
    const tgl_json *list = tgl__json_get(step->with, "columns");
    const char **names = tgl__calloc(tgl__json_size(list) + 1, sizeof *names);
    if (names == NULL)
        return tgl__fail_nomem(err);
    *n = tgl__json_size(list);
    for (size_t i = 0; i < *n; i++) {
        names[i] = tgl__json_string(tgl__json_at(list, i), NULL);
        if (names[i] == NULL) {
            tgl__free((void *)names);
            return tgl__fail(err, TGL_EFORMAT, "with: 'columns': expected names");
        }
    }
    *out = names;
    return TGL_OK;
}

static tgl_status convert(const tgl_step *step, const char **columns, size_t n_column,
                          tgl_arena *arena, tgl_error *err)
{
    const char **paths = tgl__arena_alloc(arena, step->n_input + 1, sizeof *paths);
    size_t n_path = 0;
    int64_t begin, end, compression;
    if (paths == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < step->n_input; i++) {
        paths[n_path] = tgl__step_data_path(arena, &step->inputs[i]);
        if (paths[n_path++] == NULL)
            return tgl__fail_nomem(err);
    }
    TGL_TRY(tgl__step_int(&begin, step, "begin", 0, 0, INT64_MAX, err));
    TGL_TRY(tgl__step_int(&end, step, "end", -1, 0, INT64_MAX, err));
    TGL_TRY(tgl__step_int(&compression, step, "compression", -1, -1, 12, err));
    tgl_write_options write = TGL_WRITE_OPTIONS_INIT;
    write.compression = (int)compression;
    tgl_convert_options options = TGL_CONVERT_OPTIONS_INIT;
    options.write = &write;
    options.patterns = columns;
    options.n_pattern = n_column;
    options.begin = (uint64_t)begin;
    options.end = end < 0 ? UINT64_MAX : (uint64_t)end;
    return tgl_data_convert(tgl__step_output(step, "out"), paths, n_path, &options,
                            step->progress, err);
}

static tgl_status run(tgl_step *step, tgl_error *err)
{
    const char **columns = NULL;
    size_t n_column = 0;
    tgl_arena arena = TGL_ARENA_INIT;
    tgl_status status = column_names(&columns, &n_column, step, err);
    if (status == TGL_OK)
        status = convert(step, columns, n_column, &arena, err);
    tgl__free((void *)columns);
    tgl__arena_release(&arena);
    return status;
}

const tgl_step_kind tgl__step_convert = {
    .name = "convert",
    .summary = "columns of one or several files (rows chained) into one file",
    .version = 1,
    .with = {"columns", "begin", "end", "compression"},
    .inputs = {{"data", false, true}},
    .outputs = {{"out", false, false}},
    .run = run,
};
