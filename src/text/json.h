/* JSON and YAML trees. The one room that knows jansson and libyaml: every other room
 * works on tgl_json. */
#ifndef TGL_TEXT_JSON_H
#define TGL_TEXT_JSON_H

#include <stdbool.h>
#include <trigline/base.h>

typedef struct tgl_json
    tgl_json; /* reference counted; NULL is accepted wherever a value is read */

typedef enum tgl_json_kind {
    TGL_JSON_NULL,
    TGL_JSON_BOOL,
    TGL_JSON_INT,
    TGL_JSON_REAL,
    TGL_JSON_STRING,
    TGL_JSON_ARRAY,
    TGL_JSON_OBJECT
} tgl_json_kind;

/* Parse: duplicate keys, trailing text, depth above 256 and invalid UTF-8 are refused.
 * `source` names the text in messages ("trigline.yaml"). err->offset is the byte, the
 * message names line and column. */
tgl_status tgl__json_parse(tgl_json **out, const char *text, size_t n, const char *source,
                           tgl_error *err);
tgl_status tgl__json_read(tgl_json **out, const char *path, tgl_error *err);
/* YAML 1.1 core subset of what users write: mappings, sequences, scalars (null, bool,
 * int, float, string), anchors, aliases, merge keys; no tags, one document. Alias bombs
 * and depth are bounded. */
tgl_status tgl__yaml_parse(tgl_json **out, const char *text, size_t n, const char *source,
                           tgl_error *err);
tgl_status tgl__yaml_read(tgl_json **out, const char *path, tgl_error *err);
/* Line (from 1) of the key or list item that `path` leads to (keys; list indices as
 * decimal text) in a YAML text; 0 when it is not there. For messages. */
size_t tgl__yaml_line(const char *text, size_t n, const char *const *path, size_t n_path);
/* The same for many questions about one text that was parsed before: read once. NULL when
 * it is no YAML or memory is out, which answers 0. */
typedef struct tgl_yaml_map tgl_yaml_map;
tgl_yaml_map *tgl__yaml_map_new(const char *text, size_t n);
size_t tgl__yaml_map_line(const tgl_yaml_map *map, const char *const *path,
                          size_t n_path);
void tgl__yaml_map_free(tgl_yaml_map *map);

/* Canonical text: keys sorted, no blanks, reals with 17 digits; the same tree gives the
 * same bytes. */
tgl_status tgl__json_dump(char **out, size_t *n, const tgl_json *value, tgl_error *err);
/* Indented for people, keys in insertion order. */
tgl_status tgl__json_dump_pretty(char **out, size_t *n, const tgl_json *value,
                                 tgl_error *err);

tgl_json *tgl__json_share(tgl_json *value);      /* one more owner */
tgl_json *tgl__json_copy(const tgl_json *value); /* deep */
void tgl__json_free(tgl_json *value);            /* one owner less */
bool tgl__json_equal(const tgl_json *a, const tgl_json *b);

tgl_json_kind tgl__json_kind(const tgl_json *value); /* NULL counts as null */
const char *tgl__json_kind_name(tgl_json_kind kind);

/* Reading: a wrong kind gives the fallback. Borrowed strings and values. */
bool tgl__json_bool(const tgl_json *value, bool fallback);
int64_t tgl__json_int(const tgl_json *value, int64_t fallback);
double tgl__json_real(const tgl_json *value, double fallback); /* integers too */
const char *tgl__json_string(const tgl_json *value, const char *fallback);
size_t tgl__json_size(const tgl_json *value); /* of arrays and objects, else 0 */
tgl_json *tgl__json_at(const tgl_json *array, size_t index); /* NULL outside */
tgl_json *tgl__json_get(const tgl_json *object, const char *key);
/* The entries of an object in insertion order, for index = 0, 1, 2 …; false past the end.
 * Above 0, *key must still be what the call for index - 1 gave, or NULL. */
bool tgl__json_entry(const tgl_json *object, size_t index, const char **key,
                     tgl_json **value);

/* Reading with a message: "<where>: expected an integer 'key', found a string". */
tgl_status tgl__json_need_int(int64_t *out, const tgl_json *object, const char *key,
                              int64_t lo, int64_t hi, const char *where, tgl_error *err);
tgl_status tgl__json_need_real(double *out, const tgl_json *object, const char *key,
                               const char *where, tgl_error *err);
tgl_status tgl__json_need_string(const char **out, const tgl_json *object,
                                 const char *key, const char *where, tgl_error *err);
tgl_status tgl__json_need(tgl_json **out, const tgl_json *object, const char *key,
                          tgl_json_kind kind, const char *where, tgl_error *err);
/* Refuse keys outside `allowed` with the nearest allowed name. */
tgl_status tgl__json_only_keys(const tgl_json *object, const char *const *allowed,
                               size_t n_allowed, const char *where, tgl_error *err);

/* Building. Makers answer NULL when out of memory; put and append take ownership of
 * `value` whether or not they succeed and accept NULL (as that failure), so nesting needs
 * one check. */
tgl_json *tgl__json_object(void);
tgl_json *tgl__json_array(void);
tgl_json *tgl__json_new_string(const char *text); /* invalid UTF-8 gives NULL */
tgl_json *tgl__json_new_int(int64_t value);
tgl_json *tgl__json_new_real(double value); /* not finite: null */
tgl_json *tgl__json_new_bool(bool value);
tgl_json *tgl__json_new_null(void);
bool tgl__json_put(tgl_json *object, const char *key, tgl_json *value);
bool tgl__json_append(tgl_json *array, tgl_json *value);
/* Share into `object` every entry of `from` whose key it lacks; false when out of memory.
 */
bool tgl__json_fill(tgl_json *object, const tgl_json *from);

#endif
