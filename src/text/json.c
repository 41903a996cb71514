#include "text/json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"

enum { TEXT_LIMIT = 256 * 1024 * 1024, MAX_DEPTH = 256 };

/* tgl_json is jansson's json_t under another name: nobody outside this room can tell. */
static json_t *in(const tgl_json *value)
{
    return (json_t *)(uintptr_t)value;
}

static tgl_json *wrapped(json_t *value)
{
    return (tgl_json *)value;
}

/* jansson's own nesting limit is 2048 levels of recursion; ours is lower and checked
 * before parsing. */
static bool too_deep(const char *text, size_t n)
{
    size_t depth = 0;
    bool string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
        } else if (c == '"') {
            string = true;
        } else if ((c == '[' || c == '{') && ++depth > MAX_DEPTH) {
            return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

tgl_status tgl__json_parse(tgl_json **out, const char *text, size_t n, const char *source,
                           tgl_error *err)
{
    json_error_t error;
    if (too_deep(text, n))
        return tgl__fail(err, TGL_ELIMIT, "%s: nested more than %d levels deep", source,
                         MAX_DEPTH);
    json_t *value = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL)
        return tgl__fail_at(err, TGL_EFORMAT,
                            error.position < 0 ? 0 : (uint64_t)error.position,
                            "%s:%d:%d: %s", source, error.line, error.column, error.text);
    *out = wrapped(value);
    return TGL_OK;
}

tgl_status tgl__json_read(tgl_json **out, const char *path, tgl_error *err)
{
    char *text;
    size_t n;
    TGL_TRY(tgl__file_read(&text, &n, path, TEXT_LIMIT, err));
    tgl_status status = tgl__json_parse(out, text, n, path, err);
    tgl__free(text);
    return status;
}

static tgl_status dump(char **out, size_t *n, const tgl_json *value, size_t flags,
                       tgl_error *err)
{
    char *text = json_dumps(in(value), flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    if (text == NULL)
        return tgl__fail_nomem(err);
    char *copy = tgl__strdup(text); /* so that one release function serves every caller */
    free(text);
    if (copy == NULL)
        return tgl__fail_nomem(err);
    *out = copy;
    if (n != NULL)
        *n = strlen(copy);
    return TGL_OK;
}

tgl_status tgl__json_dump(char **out, size_t *n, const tgl_json *value, tgl_error *err)
{
    return dump(out, n, value, JSON_COMPACT | JSON_SORT_KEYS, err);
}

tgl_status tgl__json_dump_pretty(char **out, size_t *n, const tgl_json *value,
                                 tgl_error *err)
{
    return dump(out, n, value, JSON_INDENT(2), err);
}

tgl_json *tgl__json_share(tgl_json *value)
{
    return wrapped(json_incref(in(value)));
}

tgl_json *tgl__json_copy(const tgl_json *value)
{
    return wrapped(json_deep_copy(in(value)));
}

void tgl__json_free(tgl_json *value)
{
    json_decref(in(value));
}

bool tgl__json_equal(const tgl_json *a, const tgl_json *b)
{
    return json_equal(in(a), in(b));
}

tgl_json_kind tgl__json_kind(const tgl_json *value)
{
    if (value == NULL)
        return TGL_JSON_NULL;
    switch (json_typeof(in(value))) {
    case JSON_OBJECT:
        return TGL_JSON_OBJECT;
    case JSON_ARRAY:
        return TGL_JSON_ARRAY;
    case JSON_STRING:
        return TGL_JSON_STRING;
    case JSON_INTEGER:
        return TGL_JSON_INT;
    case JSON_REAL:
        return TGL_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return TGL_JSON_BOOL;
    default:
        return TGL_JSON_NULL;
    }
}

const char *tgl__json_kind_name(tgl_json_kind kind)
{
    static const char *const names[] = {"null",     "true or false", "an integer",
                                        "a number", "a string",      "a list",
                                        "a mapping"};
    return names[kind];
}

bool tgl__json_bool(const tgl_json *value, bool fallback)
{
    return json_is_boolean(in(value)) ? json_is_true(in(value)) : fallback;
}

int64_t tgl__json_int(const tgl_json *value, int64_t fallback)
{
    return json_is_integer(in(value)) ? json_integer_value(in(value)) : fallback;
}

double tgl__json_real(const tgl_json *value, double fallback)
{
    return json_is_number(in(value)) ? json_number_value(in(value)) : fallback;
}

const char *tgl__json_string(const tgl_json *value, const char *fallback)
{
    return json_is_string(in(value)) ? json_string_value(in(value)) : fallback;
}

size_t tgl__json_size(const tgl_json *value)
{
    return json_is_array(in(value)) ? json_array_size(in(value))
                                    : json_object_size(in(value));
}

tgl_json *tgl__json_at(const tgl_json *array, size_t index)
{
    return wrapped(json_array_get(in(array), index));
}

tgl_json *tgl__json_get(const tgl_json *object, const char *key)
{
    return wrapped(json_object_get(in(object), key));
}

bool tgl__json_entry(const tgl_json *object, size_t index, const char **key,
                     tgl_json **value)
{
    /* a loop goes on from the key of the call before: no walk from the start each time */
    void *iter = index > 0 && *key != NULL ? json_object_iter_at(in(object), *key) : NULL;
    if (iter != NULL) {
        iter = json_object_iter_next(in(object), iter);
    } else {
        iter = json_object_iter(in(object));
        for (size_t i = 0; i < index && iter != NULL; i++)
            iter = json_object_iter_next(in(object), iter);
    }
    if (iter == NULL)
        return false;
    *key = json_object_iter_key(iter);
    *value = wrapped(json_object_iter_value(iter));
    return true;
}

tgl_status tgl__json_need(tgl_json **out, const tgl_json *object, const char *key,
                          tgl_json_kind kind, const char *where, tgl_error *err)
{
    tgl_json *value = tgl__json_get(object, key);
    if (value == NULL)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected %s '%s', found nothing", where,
                         tgl__json_kind_name(kind), key);
    if (tgl__json_kind(value) != kind)
        return tgl__fail(err, TGL_EFORMAT, "%s: '%s': expected %s, found %s", where, key,
                         tgl__json_kind_name(kind),
                         tgl__json_kind_name(tgl__json_kind(value)));
    *out = value;
    return TGL_OK;
}

tgl_status tgl__json_need_int(int64_t *out, const tgl_json *object, const char *key,
                              int64_t lo, int64_t hi, const char *where, tgl_error *err)
{
    tgl_json *value;
    TGL_TRY(tgl__json_need(&value, object, key, TGL_JSON_INT, where, err));
    int64_t number = tgl__json_int(value, 0);
    if (number < lo || number > hi)
        return tgl__fail(err, TGL_EFORMAT, "%s: '%s': expected %lld to %lld, found %lld",
                         where, key, (long long)lo, (long long)hi, (long long)number);
    *out = number;
    return TGL_OK;
}

tgl_status tgl__json_need_real(double *out, const tgl_json *object, const char *key,
                               const char *where, tgl_error *err)
{
    tgl_json *value = tgl__json_get(object, key);
    if (!json_is_number(in(value)))
        return tgl__fail(
            err, TGL_EFORMAT, "%s: '%s': expected a number, found %s", where, key,
            value == NULL ? "nothing" : tgl__json_kind_name(tgl__json_kind(value)));
    *out = tgl__json_real(value, 0);
    return TGL_OK;
}

tgl_status tgl__json_need_string(const char **out, const tgl_json *object,
                                 const char *key, const char *where, tgl_error *err)
{
    tgl_json *value;
    TGL_TRY(tgl__json_need(&value, object, key, TGL_JSON_STRING, where, err));
    *out = tgl__json_string(value, "");
    return TGL_OK;
}

tgl_status tgl__json_only_keys(const tgl_json *object, const char *const *allowed,
                               size_t n_allowed, const char *where, tgl_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(in(object), key, value)
    {
        size_t i = 0;
        while (i < n_allowed && strcmp(allowed[i], key) != 0)
            i++;
        if (i < n_allowed)
            continue;
        const char *near = tgl__near_name(key, allowed, n_allowed);
        return tgl__fail(err, TGL_EFORMAT, "%s: unknown key '%s'%s%s%s", where, key,
                         near ? " (did you mean '" : "", near ? near : "",
                         near ? "'?)" : "");
    }
    return TGL_OK;
}

tgl_json *tgl__json_object(void)
{
    return wrapped(json_object());
}

tgl_json *tgl__json_array(void)
{
    return wrapped(json_array());
}

tgl_json *tgl__json_new_string(const char *text)
{
    return wrapped(json_string(text));
}

tgl_json *tgl__json_new_int(int64_t value)
{
    return wrapped(json_integer(value));
}

tgl_json *tgl__json_new_real(double value)
{
    return wrapped(isfinite(value) ? json_real(value) : json_null());
}

tgl_json *tgl__json_new_bool(bool value)
{
    return wrapped(json_boolean(value));
}

tgl_json *tgl__json_new_null(void)
{
    return wrapped(json_null());
}

bool tgl__json_put(tgl_json *object, const char *key, tgl_json *value)
{
    return json_object_set_new(in(object), key, in(value)) == 0;
}

bool tgl__json_append(tgl_json *array, tgl_json *value)
{
    return json_array_append_new(in(array), in(value)) == 0;
}

bool tgl__json_fill(tgl_json *object, const tgl_json *from)
{
    const char *key;
    json_t *value;
    json_object_foreach(in(from), key, value)
    {
        if (json_object_get(in(object), key) == NULL &&
            json_object_set(in(object), key, value) != 0)
            return false;
    }
    return true;
}
