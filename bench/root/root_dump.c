/* Every column of trees in a file, as one JSON line each tree: names, types, digests of
 * offsets and values, refusals. The interop test compares them with uproot's.
 *   root_dump FILE OBJECT...             (object "": the only tree)
 *   root_dump --values FILE OBJECT NAME  (one column's raw values to stdout)
 *   root_dump --range BEGIN END FILE OBJECT
 *   root_dump --fields FILE OBJECT       (names and refusals only) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trigline/data.h>

#include "digest/digest.h"

static void put_text(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
        if (*p == '"' || *p == '\\' || *p < 0x20 || *p > 0x7e)
            printf("\\u%04x", *p);
        else
            putchar(*p);
    putchar('"');
}

static void put_digest(const char *key, const void *bytes, size_t n)
{
    char text[TGL_DIGEST_TEXT] = "";
    tgl_sha256 digest;
    if (tgl__sha256(&digest, bytes, n, NULL) == TGL_OK)
        tgl__sha256_format(text, &digest);
    printf(", \"%s\": \"%s\"", key, text);
}

static void put_column(const tgl_column *c)
{
    printf(", \"dtype\": \"%s\", \"jagged\": %d, \"dim\": [", tgl_dtype_name(c->dtype),
           c->is_jagged);
    for (int i = 0; i < c->n_dim; i++)
        printf("%s%" PRIu32, i == 0 ? "" : ", ", c->dim[i]);
    printf("], \"n_value\": %" PRIu64, c->n_value);
    put_digest("values", c->values, (size_t)c->n_value * tgl_dtype_size(c->dtype));
    if (c->offsets != NULL)
        put_digest("offsets", c->offsets, (size_t)(c->n_row + 1) * 8);
}

static void put_field(tgl_source *source, size_t i, uint64_t begin, uint64_t end)
{
    const tgl_field *field = tgl_source_field(source, i);
    printf("%s{\"name\": ", i == 0 ? "" : ", ");
    put_text(field->name);
    printf(", \"declared\": ");
    put_text(field->declared);
    if (field->refusal != NULL) {
        printf(", \"refusal\": ");
        put_text(field->refusal);
        printf("}");
        return;
    }
    if (begin > end) {
        printf("}");
        return;
    }
    tgl_table *table = NULL;
    tgl_error err = {0};
    /* one field at a time: one broken branch must not hide the others */
    if (tgl_source_read(&table, source, &field->name, 1, begin, end, NULL, &err) !=
        TGL_OK) {
        printf(", \"error\": ");
        put_text(err.message);
    } else {
        put_column(tgl_table_column(table, 0));
    }
    printf("}");
    tgl_table_free(table);
}

static int dump(const char *path, const char *object, uint64_t begin, uint64_t end)
{
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.object = object[0] == '\0' ? NULL : object;
    tgl_source *source = NULL;
    tgl_error err = {0};
    printf("{\"object\": ");
    put_text(object);
    if (tgl_source_open(&source, path, &options, &err) != TGL_OK) {
        printf(", \"error\": ");
        put_text(err.message);
        printf("}\n");
        return 1;
    }
    uint64_t n_row = tgl_source_n_row(source);
    printf(", \"n_row\": %" PRIu64 ", \"fields\": [", n_row);
    for (size_t i = 0; i < tgl_source_n_field(source); i++)
        put_field(source, i, begin, end < n_row ? end : n_row);
    printf("]}\n");
    tgl_source_close(source);
    return 0;
}

static int values(const char *path, const char *object, const char *name)
{
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.object = object[0] == '\0' ? NULL : object;
    tgl_source *source = NULL;
    tgl_table *table = NULL;
    tgl_error err = {0};
    int code = 0;
    if (tgl_source_open(&source, path, &options, &err) != TGL_OK ||
        tgl_source_read(&table, source, &name, 1, 0, UINT64_MAX, NULL, &err) != TGL_OK) {
        fprintf(stderr, "%s\n", err.message);
        code = 1;
    } else {
        const tgl_column *c = tgl_table_column(table, 0);
        size_t n = (size_t)c->n_value;
        code = fwrite(c->values, tgl_dtype_size(c->dtype), n, stdout) != n;
    }
    tgl_table_free(table);
    tgl_source_close(source);
    return code;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--values") == 0)
        return values(argv[2], argv[3], argv[4]);
    if (argc == 6 && strcmp(argv[1], "--range") == 0)
        return dump(argv[4], argv[5], strtoull(argv[2], NULL, 10),
                    strtoull(argv[3], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "--fields") == 0)
        return dump(argv[2], argv[3], 1, 0);
    if (argc < 3) {
        fprintf(stderr, "usage: root_dump FILE OBJECT...\n");
        return 2;
    }
    int code = 0;
    for (int i = 2; i < argc; i++)
        code |= dump(argv[1], argv[i], 0, UINT64_MAX);
    return code;
}
