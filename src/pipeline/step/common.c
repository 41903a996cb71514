#include "pipeline/step/common.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <trigline/data.h>
#include <trigline/model.h>

enum { JSON_LIMIT = 256 * 1024 * 1024 };

tgl_status tgl__step_graph(tgl_graph **out, const tgl_step *step, tgl_error *err)
{
    const char *path = tgl__step_input(step, "graph");
    char *text = NULL;
    size_t n = 0;
    TGL_TRY(tgl__file_read(&text, &n, path, JSON_LIMIT, err));
    tgl_status status = tgl_graph_parse(out, text, n, path, err);
    tgl__free(text);
    return status;
}

/* Slots of two programs may look alike: the digest says which one is meant. */
static tgl_status check_same_program(const tgl_payload *payload,
                                     const tgl_program *program, tgl_error *err)
{
    uint8_t digest[32];
    TGL_TRY(tgl_model_program_digest(digest, NULL, program, err));
    if (memcmp(digest, tgl_payload_program_digest(payload), sizeof digest) == 0)
        return TGL_OK;
    return tgl__fail(err, TGL_EFORMAT, "the payload was made for another program");
}

static tgl_status read_payload(tgl_payload **out, const tgl_program *program,
                               const char *path, tgl_error *err)
{
    tgl_mapping map;
    TGL_TRY(tgl__file_map(&map, path, err));
    tgl_status status = tgl_payload_decode(out, program, map.bytes, map.size, err);
    tgl__file_unmap(&map);
    if (status == TGL_OK) {
        status = check_same_program(*out, program, err);
        if (status != TGL_OK) {
            tgl_payload_free(*out);
            *out = NULL;
        }
    }
    return status == TGL_OK ? TGL_OK : tgl__fail_context(err, status, "%s", path);
}

tgl_status tgl__step_program(tgl_program **program, tgl_payload **payload,
                             const tgl_step *step, tgl_error *err)
{
    const char *path = tgl__step_input(step, "program");
    tgl_mapping map;
    TGL_TRY(tgl__file_map(&map, path, err));
    tgl_status status = tgl_program_decode(program, map.bytes, map.size, err);
    tgl__file_unmap(&map);
    if (status != TGL_OK)
        return tgl__fail_context(err, status, "%s", path);
    status = read_payload(payload, *program, tgl__step_input(step, "payload"), err);
    if (status != TGL_OK) {
        tgl_program_free(*program);
        *program = NULL;
    }
    return status;
}

const char *tgl__step_data_path(tgl_arena *arena, const tgl_step_file *file)
{
    const tgl_json *load = tgl__json_get(file->catalog, "load_args");
    const char *tree = tgl__json_string(tgl__json_get(load, "tree"), NULL);
    if (tree == NULL)
        return file->path;
    return tgl__arena_printf(arena, "%s:%s", file->path, tree);
}

tgl_status tgl__step_load(tgl_table **out, const tgl_step *step,
                          const tgl_step_file *file, const char *const *patterns,
                          size_t n_pattern, tgl_error *err)
{
    tgl_arena arena = TGL_ARENA_INIT;
    const char *path = tgl__step_data_path(&arena, file);
    tgl_status status =
        path == NULL ? tgl__fail_nomem(err)
                     : tgl_data_load(out, path, patterns, n_pattern, step->progress, err);
    tgl__arena_release(&arena);
    return status;
}

tgl_status tgl__step_table(tgl_table **out, const tgl_step *step, const char *role,
                           const char *const *patterns, size_t n_pattern, tgl_error *err)
{
    tgl_table *table = NULL;
    tgl_status status = TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < step->n_input; i++) {
        tgl_table *more = NULL;
        if (strcmp(step->inputs[i].role, role) != 0)
            continue;
        status = tgl__step_load(&more, step, &step->inputs[i], patterns, n_pattern, err);
        if (status == TGL_OK && table == NULL) {
            table = more;
            continue;
        }
        if (status == TGL_OK)
            status = tgl_table_append(table, more, err);
        tgl_table_free(more);
    }
    if (status != TGL_OK)
        tgl_table_free(table);
    else
        *out = table;
    return status;
}

tgl_status tgl__step_codes(int64_t **out, const tgl_graph *graph, const tgl_table *table,
                           tgl_error *err)
{
    const tgl_convention *convention = tgl_graph_convention(graph);
    if (convention == NULL)
        return tgl__fail(err, TGL_EFORMAT, "graph '%s' has no input convention",
                         tgl_graph_name(graph));
    size_t n;
    uint64_t n_row = tgl_table_n_row(table);
    int64_t *codes = NULL;
    if (tgl__mul_size(&n, (size_t)n_row, tgl_convention_n_rule(convention)))
        codes = tgl__aligned(n, sizeof *codes);
    if (codes == NULL)
        return tgl__fail_nomem(err);
    tgl_status status =
        tgl_convention_extract(codes, NULL, convention, table, 0, n_row, err);
    if (status != TGL_OK)
        tgl__free(codes);
    else
        *out = codes;
    return status;
}

tgl_status tgl__step_emulate(int64_t **out, const tgl_program *program,
                             const tgl_payload *payload, const int64_t *in,
                             size_t n_event, const tgl_progress *progress, tgl_error *err)
{
    tgl_emulator *emulator = NULL;
    size_t n;
    int64_t *codes = NULL;
    TGL_TRY(tgl_emulator_new(&emulator, program, payload, NULL, err));
    if (tgl__mul_size(&n, n_event, tgl_program_n_output(program)))
        codes = tgl__aligned(n, sizeof *codes);
    tgl_status status =
        codes == NULL
            ? tgl__fail_nomem(err)
            : tgl_emulator_run_parallel(codes, emulator, in, n_event, 0, progress, err);
    tgl_emulator_free(emulator);
    if (status != TGL_OK)
        tgl__free(codes);
    else
        *out = codes;
    return status;
}

/* splitmix64: Steele, Lea and Flood, OOPSLA 2014. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void tgl__step_random(int64_t *out, const tgl_program *program, size_t n_event,
                      uint64_t seed)
{
    uint32_t n_in = tgl_program_n_input(program);
    for (size_t e = 0; e < n_event; e++)
        for (uint32_t j = 0; j < n_in; j++) {
            tgl_type type = tgl_program_input(program, j)->type;
            uint64_t bits = next_random(&seed) & ((UINT64_C(1) << type.width) - 1);
            *out++ = (int64_t)((uint64_t)tgl_type_min(type) + bits);
        }
}

tgl_status tgl__step_write_json(const tgl_step *step, const char *role, tgl_json *value,
                                tgl_error *err)
{
    const char *path = tgl__step_output(step, role);
    char *text = NULL;
    size_t n = 0;
    tgl_status status = value == NULL ? tgl__fail_nomem(err)
                                      : tgl__json_dump_pretty(&text, &n, value, err);
    if (status == TGL_OK)
        status = tgl__file_write(path, text, n, err);
    tgl__free(text);
    tgl__json_free(value);
    return status;
}

tgl_status tgl__step_text(char **out, const tgl_step *step, const char *role,
                          tgl_error *err)
{
    const char *path = tgl__step_input(step, role);
    *out = NULL;
    return path == NULL ? TGL_OK : tgl__file_read(out, NULL, path, JSON_LIMIT, err);
}

tgl_status tgl__step_int(int64_t *out, const tgl_step *step, const char *name,
                         int64_t fallback, int64_t lo, int64_t hi, tgl_error *err)
{
    *out = fallback;
    if (tgl__json_get(step->with, name) == NULL)
        return TGL_OK;
    return tgl__json_need_int(out, step->with, name, lo, hi, "with", err);
}

tgl_status tgl__step_real(double *out, const tgl_step *step, const char *name,
                          double fallback, tgl_error *err)
{
    *out = fallback;
    if (tgl__json_get(step->with, name) == NULL)
        return TGL_OK;
    return tgl__json_need_real(out, step->with, name, "with", err);
}

static tgl_status copy_tree(const char *from, const char *to, int depth, tgl_error *err)
{
    struct stat info;
    tgl_mapping map;
    if (stat(from, &info) != 0)
        return tgl__fail_errno(err, "cannot open", from);
    if (!S_ISDIR(info.st_mode)) {
        TGL_TRY(tgl__file_map(&map, from, err));
        tgl_status written = tgl__file_write(to, map.bytes, map.size, err);
        tgl__file_unmap(&map);
        return written;
    }
    DIR *dir = depth > 32 ? NULL : opendir(from);
    if (dir == NULL)
        return tgl__fail_errno(err, "cannot read", from);
    tgl_status status = tgl__make_dirs(to, err);
    for (struct dirent *e; status == TGL_OK && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *a = tgl__path_join(from, e->d_name), *b = tgl__path_join(to, e->d_name);
        status = a == NULL || b == NULL ? tgl__fail_nomem(err)
                                        : copy_tree(a, b, depth + 1, err);
        tgl__free(a);
        tgl__free(b);
    }
    closedir(dir);
    return status;
}

tgl_status tgl__step_copy(char **out, const tgl_step *step, const char *role,
                          tgl_error *err)
{
    char *to = tgl__path_join(step->scratch, role);
    if (to == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = copy_tree(tgl__step_input(step, role), to, 0, err);
    if (status != TGL_OK)
        tgl__free(to);
    else
        *out = to;
    return status;
}
