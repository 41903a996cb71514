#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "text/json.h"

enum {
    TEXT_LIMIT = 16 * 1024 * 1024,
    MAX_DEPTH = 64,
    MAX_VALUES = 1000000,
    MAX_ANCHORS = 1000
};

typedef struct reader {
    yaml_document_t document;
    const char *source;
    size_t n_value; /* counted through aliases too, so that an alias bomb ends early */
} reader;

static tgl_status refuse(const reader *r, const yaml_node_t *node, const char *what,
                         tgl_error *err)
{
    return tgl__fail_at(err, TGL_EFORMAT, node->start_mark.index, "%s:%zu:%zu: %s",
                        r->source, node->start_mark.line + 1, node->start_mark.column + 1,
                        what);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* The YAML 1.2 core schema, plus yes/no as plain strings (1.1's trap is not repeated). */
static tgl_json *plain_scalar(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    if (is_one_of(text, nulls))
        return tgl__json_new_null();
    if (is_one_of(text, trues) || is_one_of(text, falses))
        return tgl__json_new_bool(is_one_of(text, trues));
    char *end;
    if (strspn(text, "+-0123456789xabcdefABCDEF") == strlen(text) &&
        strpbrk(text, "0123456789") != NULL) {
        errno = 0;
        bool hex = strncmp(text, "0x", 2) == 0;
        long long v = strtoll(text, &end, hex ? 16 : 10);
        if (*end == '\0' && errno == 0)
            return tgl__json_new_int(v);
    }
    if (strspn(text, "+-.0123456789eE") == strlen(text) &&
        strpbrk(text, "0123456789") != NULL) {
        double v = strtod(text, &end);
        if (*end == '\0' && isfinite(v))
            return tgl__json_new_real(v);
    }
    return tgl__json_new_string(text);
}

static tgl_status convert(tgl_json **out, reader *r, int id, int depth, tgl_error *err);

/* Merge key: a mapping, or a list of mappings of which the first wins; what stands in the
 * mapping itself wins over both. */
static tgl_status merge_in(tgl_json *object, const reader *r, const yaml_node_t *key,
                           const tgl_json *value, tgl_error *err)
{
    bool list = tgl__json_kind(value) == TGL_JSON_ARRAY;
    for (size_t i = 0; i < (list ? tgl__json_size(value) : 1); i++) {
        const tgl_json *from = list ? tgl__json_at(value, i) : value;
        if (tgl__json_kind(from) != TGL_JSON_OBJECT)
            return refuse(r, key, "'<<': expected a mapping or a list of mappings", err);
        if (!tgl__json_fill(object, from))
            return tgl__fail_nomem(err);
    }
    return TGL_OK;
}

static bool is_merge_key(const yaml_node_t *key)
{
    return key->type == YAML_SCALAR_NODE &&
           key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           strcmp((const char *)key->data.scalar.value, "<<") == 0;
}

static tgl_status put_pair(tgl_json *object, reader *r, const yaml_node_pair_t *pair,
                           int depth, tgl_error *err)
{
    yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
    if (key->type != YAML_SCALAR_NODE)
        return refuse(r, key, "expected a plain key, found a list or mapping", err);
    const char *name = (const char *)key->data.scalar.value;
    if (strlen(name) != key->data.scalar.length)
        return refuse(r, key, "key with a zero byte", err);
    if (!is_merge_key(key) && tgl__json_get(object, name) != NULL)
        return refuse(r, key, "the same key twice in one mapping", err);
    tgl_json *value;
    TGL_TRY(convert(&value, r, pair->value, depth + 1, err));
    if (is_merge_key(key)) {
        tgl_status status = merge_in(object, r, key, value, err);
        tgl__json_free(value);
        return status;
    }
    return tgl__json_put(object, name, value) ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status convert_mapping(tgl_json **out, reader *r, yaml_node_t *node, int depth,
                                  tgl_error *err)
{
    tgl_json *object = tgl__json_object();
    tgl_status status = object == NULL ? tgl__fail_nomem(err) : TGL_OK;
    int n_merge = 0;
    for (int merge = 0; merge < 2; merge++) /* merge keys last, wherever they stand */
        for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
             status == TGL_OK && p < node->data.mapping.pairs.top; p++) {
            yaml_node_t *key = yaml_document_get_node(&r->document, p->key);
            if (is_merge_key(key) != (merge == 1))
                continue;
            if (merge == 1 && ++n_merge > 1)
                status = refuse(r, key, "the same key twice in one mapping", err);
            else
                status = put_pair(object, r, p, depth, err);
        }
    if (status != TGL_OK)
        tgl__json_free(object);
    else
        *out = object;
    return status;
}

static tgl_status convert_sequence(tgl_json **out, reader *r, yaml_node_t *node,
                                   int depth, tgl_error *err)
{
    tgl_json *array = tgl__json_array();
    tgl_status status = array == NULL ? tgl__fail_nomem(err) : TGL_OK;
    for (yaml_node_item_t *i = node->data.sequence.items.start;
         status == TGL_OK && i < node->data.sequence.items.top; i++) {
        tgl_json *item;
        status = convert(&item, r, *i, depth + 1, err);
        if (status == TGL_OK && !tgl__json_append(array, item))
            status = tgl__fail_nomem(err);
    }
    if (status != TGL_OK)
        tgl__json_free(array);
    else
        *out = array;
    return status;
}

/* libyaml names the kind where a text names no tag. */
static bool has_tag(const yaml_node_t *node)
{
    static const char *const own[] = {YAML_DEFAULT_SCALAR_TAG, YAML_DEFAULT_SEQUENCE_TAG,
                                      YAML_DEFAULT_MAPPING_TAG, NULL};
    return node->tag != NULL && !is_one_of((const char *)node->tag, own);
}

static tgl_status convert(tgl_json **out, reader *r, int id, int depth, tgl_error *err)
{
    yaml_node_t *node = yaml_document_get_node(&r->document, id);
    if (node == NULL)
        return tgl__fail(err, TGL_EFORMAT, "%s: broken document", r->source);
    if (depth > MAX_DEPTH || ++r->n_value > MAX_VALUES)
        return refuse(r, node, "nested too deep or too large", err);
    if (has_tag(node))
        return refuse(r, node, "tags are not read", err);
    if (node->type == YAML_MAPPING_NODE)
        return convert_mapping(out, r, node, depth, err);
    if (node->type == YAML_SEQUENCE_NODE)
        return convert_sequence(out, r, node, depth, err);
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length)
        return refuse(r, node, "text with a zero byte", err);
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    *out = plain ? plain_scalar(text) : tgl__json_new_string(text);
    return *out == NULL ? refuse(r, node, "text that is not UTF-8", err) : TGL_OK;
}

static tgl_status problem_of(const yaml_parser_t *parser, const char *source,
                             tgl_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return tgl__fail_nomem(err);
    if (parser->error == YAML_READER_ERROR) /* has a byte, no line */
        return tgl__fail_at(err, TGL_EFORMAT, parser->problem_offset, "%s: %s", source,
                            parser->problem);
    return tgl__fail_at(err, TGL_EFORMAT, parser->problem_mark.index, "%s:%zu:%zu: %s",
                        source, parser->problem_mark.line + 1,
                        parser->problem_mark.column + 1,
                        parser->problem != NULL ? parser->problem : "not YAML");
}

static tgl_status expect_end(yaml_parser_t *parser, const char *source, tgl_error *err)
{
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next))
        return problem_of(parser, source, err);
    yaml_node_t *root = yaml_document_get_root_node(&next);
    tgl_status status = TGL_OK;
    if (root != NULL)
        status = tgl__fail_at(err, TGL_EFORMAT, root->start_mark.index,
                              "%s:%zu: a second document, expected one", source,
                              root->start_mark.line + 1);
    yaml_document_delete(&next);
    return status;
}

/* libyaml's loader takes time quadratic in the depth of flow collections and in the
 * number of anchors: both are bounded on its events first. */
static tgl_status check_bounds(yaml_parser_t *parser, const char *source, tgl_error *err)
{
    int depth = 0, n_anchor = 0;
    for (bool end = false; !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return problem_of(parser, source, err);
        yaml_event_type_t type = event.type;
        size_t line = event.start_mark.line + 1, index = event.start_mark.index;
        n_anchor +=
            (type == YAML_SCALAR_EVENT && event.data.scalar.anchor != NULL) ||
            (type == YAML_SEQUENCE_START_EVENT &&
             event.data.sequence_start.anchor != NULL) ||
            (type == YAML_MAPPING_START_EVENT && event.data.mapping_start.anchor != NULL);
        depth += type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        depth -= type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
        end = type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (depth > MAX_DEPTH + 1)
            return tgl__fail_at(err, TGL_ELIMIT, index,
                                "%s:%zu: nested more than %d levels deep", source, line,
                                MAX_DEPTH + 1);
        if (n_anchor > MAX_ANCHORS)
            return tgl__fail_at(err, TGL_ELIMIT, index, "%s:%zu: more than %d anchors",
                                source, line, MAX_ANCHORS);
    }
    return TGL_OK;
}

tgl_status tgl__yaml_parse(tgl_json **out, const char *text, size_t n, const char *source,
                           tgl_error *err)
{
    yaml_parser_t parser;
    if (n > TEXT_LIMIT)
        return tgl__fail(err, TGL_ELIMIT, "%s: larger than %d bytes", source, TEXT_LIMIT);
    if (!yaml_parser_initialize(&parser))
        return tgl__fail_nomem(err);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    tgl_status status = check_bounds(&parser, source, err);
    yaml_parser_delete(&parser);
    TGL_TRY(status);
    if (!yaml_parser_initialize(&parser))
        return tgl__fail_nomem(err);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    reader r = {.source = source};
    if (!yaml_parser_load(&parser, &r.document)) {
        status = problem_of(&parser, source, err);
    } else {
        if (yaml_document_get_root_node(&r.document) == NULL)
            status = tgl__fail(err, TGL_EFORMAT, "%s: the document is empty", source);
        else
            status = expect_end(&parser, source, err);
        if (status == TGL_OK)
            status = convert(out, &r, 1, 0, err);
        yaml_document_delete(&r.document);
    }
    yaml_parser_delete(&parser);
    return status;
}

tgl_status tgl__yaml_read(tgl_json **out, const char *path, tgl_error *err)
{
    char *text;
    size_t n;
    TGL_TRY(tgl__file_read(&text, &n, path, TEXT_LIMIT, err));
    tgl_status status = tgl__yaml_parse(out, text, n, path, err);
    tgl__free(text);
    return status;
}

/* ---- where something stands ---- */

static int step_into(yaml_document_t *document, const yaml_node_t *node, const char *name,
                     size_t *line)
{
    if (node->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *p = node->data.mapping.pairs.start;
             p < node->data.mapping.pairs.top; p++) {
            yaml_node_t *key = yaml_document_get_node(document, p->key);
            if (key == NULL || key->type != YAML_SCALAR_NODE ||
                strcmp((const char *)key->data.scalar.value, name) != 0)
                continue;
            *line = key->start_mark.line + 1;
            return p->value;
        }
    } else if (node->type == YAML_SEQUENCE_NODE) {
        char *end;
        long index = strtol(name, &end, 10);
        long n = node->data.sequence.items.top - node->data.sequence.items.start;
        if (*name != '\0' && *end == '\0' && index >= 0 && index < n) {
            int id = node->data.sequence.items.start[index];
            yaml_node_t *item = yaml_document_get_node(document, id);
            if (item != NULL)
                *line = item->start_mark.line + 1;
            return id;
        }
    }
    return 0;
}

struct tgl_yaml_map {
    yaml_document_t document;
};

tgl_yaml_map *tgl__yaml_map_new(const char *text, size_t n)
{
    yaml_parser_t parser;
    tgl_yaml_map *map = tgl__calloc(1, sizeof *map);
    bool good = map != NULL && n <= TEXT_LIMIT && yaml_parser_initialize(&parser);
    if (good) {
        yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
        good = yaml_parser_load(&parser, &map->document);
        yaml_parser_delete(&parser);
    }
    if (good)
        return map;
    tgl__free(map);
    return NULL;
}

size_t tgl__yaml_map_line(const tgl_yaml_map *map, const char *const *path, size_t n_path)
{
    if (map == NULL)
        return 0;
    yaml_document_t *document = (yaml_document_t *)(uintptr_t)&map->document;
    yaml_node_t *node = yaml_document_get_root_node(document);
    size_t line = 0, depth = 0;
    for (; node != NULL && depth < n_path; depth++) {
        int id = step_into(document, node, path[depth], &line);
        node = id == 0 ? NULL : yaml_document_get_node(document, id);
    }
    return depth < n_path || node == NULL ? 0 : line;
}

void tgl__yaml_map_free(tgl_yaml_map *map)
{
    if (map == NULL)
        return;
    yaml_document_delete(&map->document);
    tgl__free(map);
}

size_t tgl__yaml_line(const char *text, size_t n, const char *const *path, size_t n_path)
{
    tgl_yaml_map *map = tgl__yaml_map_new(text, n);
    size_t line = tgl__yaml_map_line(map, path, n_path);
    tgl__yaml_map_free(map);
    return line;
}
