/* Opening a dataset and reading ranges of chosen columns, whatever its format. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"
#include "data/format.h"

struct tgl_source {
    tgl_reader *reader;
    char *path, *object;
};

const char *tgl__base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* "file.root:dir/tree": the part before a colon that is a file; a path that exists as a
 * whole is never split. */
static tgl_status split_path(tgl_source *source, const char *path, tgl_error *err)
{
    size_t n = strlen(path);
    if (!tgl__file_exists(path))
        for (size_t i = n; i-- > 1;) {
            if (path[i] != ':')
                continue;
            char *head = tgl__strndup(path, i);
            if (head == NULL)
                return tgl__fail_nomem(err);
            if (tgl__file_exists(head)) {
                source->path = head;
                source->object = tgl__strdup(path + i + 1);
                return source->object == NULL ? tgl__fail_nomem(err) : TGL_OK;
            }
            tgl__free(head);
        }
    source->path = tgl__strdup(path);
    return source->path == NULL ? tgl__fail_nomem(err) : TGL_OK;
}

static tgl_status find_format(const tgl_format **out, const char *path, const char *asked,
                              tgl_error *err)
{
    if (asked != NULL)
        return tgl__format_named(out, asked, err);
    uint8_t head[512];
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        return tgl__fail_errno(err, "cannot open", path);
    size_t n = fread(head, 1, sizeof head, f);
    bool failed = ferror(f) != 0;
    tgl_status status = failed ? tgl__fail_errno(err, "cannot read", path) : TGL_OK;
    fclose(f);
    TGL_TRY(status);
    for (size_t i = 0; tgl__formats[i] != NULL; i++)
        if (tgl__formats[i]->sniff != NULL && tgl__formats[i]->sniff(head, n)) {
            *out = tgl__formats[i];
            return TGL_OK;
        }
    *out = tgl__format_of_ending(path);
    if (*out != NULL)
        return TGL_OK;
    return tgl__fail(err, TGL_EFORMAT,
                     "'%s' is in no known format, by content (%zu bytes looked at) or by "
                     "its name's ending; name one with the format option",
                     path, n);
}

uint64_t tgl__most_rows(uint64_t file_size)
{
    const uint64_t always = (uint64_t)1 << 24, per_byte = (uint64_t)1 << 16;
    if (file_size > UINT64_MAX / per_byte)
        return UINT64_MAX;
    return file_size * per_byte > always ? file_size * per_byte : always;
}

static tgl_status check_n_row(const tgl_source *source, tgl_error *err)
{
    struct stat info;
    if (stat(source->path, &info) != 0)
        return tgl__fail_errno(err, "cannot open", source->path);
    if (source->reader->n_row <= tgl__most_rows((uint64_t)info.st_size))
        return TGL_OK;
    return tgl__fail(err, TGL_EFORMAT,
                     "'%s': %" PRIu64 " rows, more than a file of %" PRIu64
                     " bytes can hold",
                     source->path, source->reader->n_row, (uint64_t)info.st_size);
}

tgl_status tgl_source_open(tgl_source **out, const char *path,
                           const tgl_source_options *options, tgl_error *err)
{
    tgl_source_options used = TGL_SOURCE_OPTIONS_INIT;
    if (options != NULL && options->struct_size < sizeof used)
        return tgl__fail(err, TGL_EUSAGE, "tgl_source_options: unknown struct_size %zu",
                         options->struct_size);
    if (options != NULL)
        used = *options;
    tgl_source *source = tgl__calloc(1, sizeof *source);
    if (source == NULL)
        return tgl__fail_nomem(err);
    const tgl_format *format = NULL;
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(split_path(source, path, err));
    if (used.object == NULL)
        used.object = source->object;
    TGL_TRY_GOTO(find_format(&format, source->path, used.format, err));
    if (format->open == NULL) {
        status = tgl__fail(err, TGL_EUNSUPPORTED, "'%s': format '%s' is only written",
                           path, format->name);
        goto out;
    }
    TGL_TRY_GOTO(format->open(&source->reader, source->path, &used, err));
    TGL_TRY_GOTO(check_n_row(source, err));
    if (used.object != NULL && used.object != source->object) {
        tgl__free(source->object);
        source->object = tgl__strdup(used.object);
        status = source->object == NULL ? tgl__fail_nomem(err) : TGL_OK;
    }
    if (status == TGL_OK)
        *out = source;
out:
    if (status != TGL_OK)
        tgl_source_close(source);
    return status;
}

void tgl_source_close(tgl_source *source)
{
    if (source == NULL)
        return;
    if (source->reader != NULL)
        source->reader->close(source->reader);
    tgl__free(source->path);
    tgl__free(source->object);
    tgl__free(source);
}

const char *tgl_source_format(const tgl_source *source)
{
    return source->reader->format->name;
}

uint64_t tgl_source_n_row(const tgl_source *source)
{
    return source->reader->n_row;
}

size_t tgl_source_n_field(const tgl_source *source)
{
    return source->reader->n_field;
}

const tgl_field *tgl_source_field(const tgl_source *source, size_t index)
{
    return index < source->reader->n_field ? &source->reader->fields[index] : NULL;
}

tgl_reader *tgl__source_reader(tgl_source *source)
{
    return source->reader;
}

const char *tgl__source_path(const tgl_source *source)
{
    return source->path;
}

const char *tgl__source_object(const tgl_source *source)
{
    return source->object;
}

uint64_t tgl__source_bytes(const tgl_source *source)
{
    struct stat about;
    return stat(source->path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

uint64_t tgl__source_batch_rows(const tgl_source *source, uint64_t bytes)
{
    uint64_t n_row = source->reader->n_row, size = tgl__source_bytes(source);
    if (!source->reader->in_batches || size <= bytes)
        return n_row > 0 ? n_row : 1;
    double rows = (double)n_row * ((double)bytes / (double)size);
    return rows < 1 ? 1 : (uint64_t)rows;
}

static bool is_glob(const char *pattern)
{
    return strpbrk(pattern, "*?[") != NULL;
}

static tgl_status unknown_column(const tgl_source *source, const char *pattern,
                                 tgl_error *err)
{
    const tgl_reader *reader = source->reader;
    if (is_glob(pattern))
        return tgl__fail(err, TGL_ENOTFOUND, "'%s': no column matches '%s'", source->path,
                         pattern);
    const char **names = tgl__calloc(reader->n_field, sizeof *names);
    if (names == NULL)
        return tgl__fail_nomem(err);
    for (size_t i = 0; i < reader->n_field; i++)
        names[i] = reader->fields[i].name;
    const char *near = tgl__near_name(pattern, names, reader->n_field);
    tgl_status status =
        near != NULL
            ? tgl__fail(err, TGL_ENOTFOUND, "'%s': no column '%s'; did you mean '%s'?",
                        source->path, pattern, near)
            : tgl__fail(err, TGL_ENOTFOUND, "'%s': no column '%s' among %zu",
                        source->path, pattern, reader->n_field);
    tgl__free((void *)names);
    return status;
}

/* Mark the fields one pattern picks. A name is taken as it stands first, so that a column
 * called "x[0]" can be named. */
static tgl_status mark(bool *marks, const tgl_source *source, const char *pattern,
                       tgl_error *err)
{
    const tgl_reader *reader = source->reader;
    for (size_t i = 0; i < reader->n_field; i++)
        if (strcmp(reader->fields[i].name, pattern) == 0) {
            if (reader->fields[i].refusal != NULL)
                return tgl__fail(err, TGL_EUNSUPPORTED,
                                 "'%s': column '%s' cannot be read: %s", source->path,
                                 pattern, reader->fields[i].refusal);
            marks[i] = true;
            return TGL_OK;
        }
    bool found = false;
    for (size_t i = 0; is_glob(pattern) && i < reader->n_field; i++)
        if (reader->fields[i].refusal == NULL &&
            tgl__glob_match(pattern, reader->fields[i].name))
            marks[i] = found = true;
    return found ? TGL_OK : unknown_column(source, pattern, err);
}

tgl_status tgl__source_choose(size_t **which, size_t *n, const tgl_source *source,
                              const char *const *patterns, size_t n_pattern,
                              tgl_error *err)
{
    const tgl_reader *reader = source->reader;
    bool *marks = tgl__calloc(reader->n_field, sizeof *marks);
    size_t *chosen = tgl__calloc(reader->n_field, sizeof *chosen), count = 0;
    tgl_status status = marks == NULL || chosen == NULL ? tgl__fail_nomem(err) : TGL_OK;
    for (size_t p = 0; status == TGL_OK && p < n_pattern; p++)
        status = mark(marks, source, patterns[p], err);
    for (size_t i = 0; status == TGL_OK && i < reader->n_field; i++)
        if (marks[i] || (n_pattern == 0 && reader->fields[i].refusal == NULL))
            chosen[count++] = i;
    tgl__free(marks);
    if (status != TGL_OK) {
        tgl__free(chosen);
        return status;
    }
    *which = chosen;
    *n = count;
    return TGL_OK;
}

static tgl_status copy_meta(tgl_table *table, tgl_reader *reader, tgl_error *err)
{
    const char *key, *value;
    for (size_t i = 0;
         reader->meta_at != NULL && reader->meta_at(reader, i, &key, &value); i++)
        TGL_TRY(tgl_table_set_meta(table, key, value, err));
    return TGL_OK;
}

tgl_status tgl__source_read_chosen(tgl_table **out, tgl_source *source,
                                   const size_t *which, size_t n, uint64_t begin,
                                   uint64_t end, const tgl_progress *progress,
                                   tgl_error *err)
{
    tgl_table *table = NULL;
    TGL_TRY(tgl_table_new(&table, end - begin, err));
    tgl_status status = copy_meta(table, source->reader, err);
    if (status == TGL_OK && n > 0)
        status = source->reader->read(source->reader, table, which, n, begin, end,
                                      progress, err);
    if (status != TGL_OK) {
        tgl_table_free(table);
        return status;
    }
    *out = table;
    return TGL_OK;
}

tgl_status tgl_source_read(tgl_table **out, tgl_source *source,
                           const char *const *patterns, size_t n_pattern, uint64_t begin,
                           uint64_t end, const tgl_progress *progress, tgl_error *err)
{
    uint64_t n_row = source->reader->n_row;
    if (end == UINT64_MAX)
        end = n_row;
    if (begin > end || end > n_row)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': rows %" PRIu64 " to %" PRIu64
                         " asked for, the file has %" PRIu64,
                         source->path, begin, end, n_row);
    size_t *which = NULL, n = 0;
    TGL_TRY(tgl__source_choose(&which, &n, source, patterns, n_pattern, err));
    tgl_status status =
        tgl__source_read_chosen(out, source, which, n, begin, end, progress, err);
    tgl__free(which);
    return status;
}
