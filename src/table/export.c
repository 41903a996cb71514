/* Arrow C data interface, outgoing: a table as a struct array. Blocks are shared, not
 * copied, except bool (bytes here, bits there). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "table/table.h"

/* What release() finds in private_data: everything of one node that must be freed. */
typedef struct schema_node {
    char format[24];
    char *name, *metadata;
    struct ArrowSchema *children, **pointers;
} schema_node;

typedef struct array_node {
    const void *buffers[3];
    void *owned; /* packed bits */
    tgl_block *block;
    struct ArrowArray *children, **pointers;
} array_node;

static void release_schema(struct ArrowSchema *schema)
{
    schema_node *node = schema->private_data;
    for (int64_t i = 0; node->children != NULL && i < schema->n_children; i++)
        if (node->children[i].release != NULL)
            node->children[i].release(&node->children[i]);
    tgl__free(node->children);
    tgl__free((void *)node->pointers);
    tgl__free(node->name);
    tgl__free(node->metadata);
    tgl__free(node);
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    array_node *node = array->private_data;
    for (int64_t i = 0; node->children != NULL && i < array->n_children; i++)
        if (node->children[i].release != NULL)
            node->children[i].release(&node->children[i]);
    tgl__free(node->children);
    tgl__free((void *)node->pointers);
    tgl__free(node->owned);
    tgl__block_free(node->block);
    tgl__free(node);
    array->release = NULL;
}

/* A schema node with room for n children, all still released (release NULL). */
static tgl_status start_schema(struct ArrowSchema *schema, const char *name, size_t n,
                               tgl_error *err)
{
    *schema = (struct ArrowSchema){0};
    schema_node *node = tgl__calloc(1, sizeof *node);
    if (node == NULL)
        return tgl__fail_nomem(err);
    schema->private_data = node;
    schema->release = release_schema;
    node->name = tgl__strdup(name);
    node->children = tgl__calloc(n, sizeof *node->children);
    node->pointers = tgl__calloc(n, sizeof(struct ArrowSchema *));
    if (node->name == NULL || node->children == NULL || node->pointers == NULL) {
        release_schema(schema);
        return tgl__fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++)
        node->pointers[i] = &node->children[i];
    schema->format = node->format;
    schema->name = node->name;
    schema->n_children = (int64_t)n;
    schema->children = n == 0 ? NULL : node->pointers;
    return TGL_OK;
}

static tgl_status start_array(struct ArrowArray *array, uint64_t length, size_t n_buffer,
                              size_t n, tgl_error *err)
{
    *array = (struct ArrowArray){0};
    array_node *node = tgl__calloc(1, sizeof *node);
    if (node == NULL)
        return tgl__fail_nomem(err);
    array->private_data = node;
    array->release = release_array;
    node->children = tgl__calloc(n, sizeof *node->children);
    node->pointers = tgl__calloc(n, sizeof(struct ArrowArray *));
    if (node->children == NULL || node->pointers == NULL) {
        release_array(array);
        return tgl__fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++)
        node->pointers[i] = &node->children[i];
    array->length = (int64_t)length;
    array->n_buffers = (int64_t)n_buffer;
    array->buffers = node->buffers;
    array->n_children = (int64_t)n;
    array->children = n == 0 ? NULL : node->pointers;
    return TGL_OK;
}

static const char *leaf_format(tgl_dtype dtype)
{
    static const char *const formats[] = {
        [TGL_BOOL] = "b", [TGL_I8] = "c",  [TGL_U8] = "C",  [TGL_I16] = "s",
        [TGL_U16] = "S",  [TGL_I32] = "i", [TGL_U32] = "I", [TGL_I64] = "l",
        [TGL_U64] = "L",  [TGL_F32] = "f", [TGL_F64] = "g", [TGL_STRING] = "Z",
    };
    return formats[dtype];
}

static void *pack_bits(const uint8_t *bytes, uint64_t n)
{
    uint8_t *bits = tgl__aligned(n / 8 + 1, 1);
    if (bits == NULL)
        return NULL;
    memset(bits, 0, n / 8 + 1);
    for (uint64_t i = 0; i < n; i++)
        bits[i / 8] = (uint8_t)(bits[i / 8] | ((bytes[i] != 0) << (i % 8)));
    return bits;
}

/* The number (or string) array at the bottom of a column. */
static tgl_status export_leaf(struct ArrowSchema *schema, struct ArrowArray *array,
                              const char *name, const tgl_column *c, tgl_block *block,
                              tgl_error *err)
{
    bool text = c->dtype == TGL_STRING;
    TGL_TRY(start_schema(schema, name, 0, err));
    snprintf(((schema_node *)schema->private_data)->format, 24, "%s",
             leaf_format(c->dtype));
    tgl_status status =
        start_array(array, text ? c->n_row : c->n_value, text ? 3 : 2, 0, err);
    if (status != TGL_OK) {
        release_schema(schema);
        return status;
    }
    array_node *node = array->private_data;
    if (c->dtype == TGL_BOOL) {
        node->owned = pack_bits(c->values, c->n_value);
        if (node->owned == NULL) {
            release_schema(schema);
            release_array(array);
            return tgl__fail_nomem(err);
        }
        node->buffers[1] = node->owned;
        return TGL_OK;
    }
    node->block = tgl__block_share(block);
    node->buffers[1] = text ? (const void *)c->offsets : c->values;
    node->buffers[2] = text ? c->values : NULL;
    return TGL_OK;
}

/* Level `depth`: -1 the list of a jagged column, 0 … n_dim-1 the fixed dims, then the
 * leaf. `length` counts this level's elements. */
static tgl_status export_level(struct ArrowSchema *schema, struct ArrowArray *array,
                               const char *name, const tgl_column *c, tgl_block *block,
                               int depth, uint64_t length, tgl_error *err)
{
    if (depth < 0 && !c->is_jagged)
        depth = 0;
    if (depth >= c->n_dim)
        return export_leaf(schema, array, name, c, block, err);
    TGL_TRY(start_schema(schema, name, 1, err));
    tgl_status status = start_array(array, length, depth < 0 ? 2 : 1, 1, err);
    if (status != TGL_OK) {
        release_schema(schema);
        return status;
    }
    schema_node *node = schema->private_data;
    uint64_t inner;
    if (depth < 0) {
        snprintf(node->format, sizeof node->format, "+L");
        ((array_node *)array->private_data)->block = tgl__block_share(block);
        array->buffers[1] = c->offsets;
        inner = (uint64_t)c->offsets[c->n_row];
    } else {
        snprintf(node->format, sizeof node->format, "+w:%" PRIu32, c->dim[depth]);
        inner = length * c->dim[depth];
    }
    status = export_level(&node->children[0],
                          &((array_node *)array->private_data)->children[0], "item", c,
                          block, depth + 1, inner, err);
    if (status != TGL_OK) {
        release_schema(schema);
        release_array(array);
    }
    return status;
}

/* Arrow's metadata form: count, then length and bytes of each key and value. */
static tgl_status export_meta(schema_node *node, const tgl_table *table, tgl_error *err)
{
    const char *key, *value;
    int32_t n = 0;
    while (tgl__table_meta_at(table, (size_t)n, &key, &value))
        n++;
    if (n == 0)
        return TGL_OK;
    tgl_buffer bytes = TGL_BUFFER_INIT;
    tgl__buffer_append(&bytes, &n, 4);
    for (size_t i = 0; tgl__table_meta_at(table, i, &key, &value); i++) {
        int32_t key_size = (int32_t)strlen(key), value_size = (int32_t)strlen(value);
        tgl__buffer_append(&bytes, &key_size, 4);
        tgl__buffer_append(&bytes, key, (size_t)key_size);
        tgl__buffer_append(&bytes, &value_size, 4);
        tgl__buffer_append(&bytes, value, (size_t)value_size);
    }
    size_t size;
    return tgl__buffer_finish(&bytes, &node->metadata, &size, err);
}

tgl_status tgl_table_export(struct ArrowSchema *schema, struct ArrowArray *array,
                            tgl_table *table, tgl_error *err)
{
    struct ArrowSchema s;
    struct ArrowArray a;
    size_t n = tgl_table_n_column(table);
    TGL_TRY(start_schema(&s, "", n, err));
    tgl_status status = start_array(&a, tgl_table_n_row(table), 1, n, err);
    if (status != TGL_OK) {
        release_schema(&s);
        return status;
    }
    schema_node *node = s.private_data;
    snprintf(node->format, sizeof node->format, "+s");
    TGL_TRY_GOTO(export_meta(node, table, err));
    s.metadata = node->metadata;
    for (size_t i = 0; i < n; i++) {
        const tgl_column *c = tgl_table_column(table, i);
        TGL_TRY_GOTO(export_level(&node->children[i],
                                  &((array_node *)a.private_data)->children[i], c->name,
                                  c, tgl__table_block(table, i), -1, c->n_row, err));
    }
    *schema = s;
    *array = a;
    return TGL_OK;
out:
    release_schema(&s);
    release_array(&a);
    return status;
}
