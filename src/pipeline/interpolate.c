/* ${a.b} in strings, dotted parameter names, --set. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/names.h"
#include "pipeline/pipeline.h"

static tgl_status unknown_part(const tgl_json *at, const char *part, const char *name,
                               const char *where, tgl_error *err)
{
    const char *names[256], *key;
    tgl_json *value;
    size_t n = 0;
    while (n < 256 && tgl__json_entry(at, n, &key, &value))
        names[n++] = key;
    const char *near = tgl__near_name(part, names, n);
    return tgl__fail(err, TGL_ENOTFOUND, "%s: no parameter '%s'%s%s%s", where, name,
                     near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'?)" : "");
}

/* The value at a dotted path below `at`; list items by number. */
static tgl_status walk(const tgl_json **out, const tgl_json *at, const char *path,
                       const char *name, const char *where, tgl_error *err)
{
    while (path != NULL && *path != '\0') {
        char part[128];
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)(n < 127 ? n : 127), path);
        const tgl_json *next = tgl__json_get(at, part);
        if (tgl__json_kind(at) == TGL_JSON_ARRAY && strspn(part, "0123456789") == n &&
            n > 0 && n < 9) {
            size_t index = 0;
            for (const char *c = part; *c != '\0'; c++)
                index = index * 10 + (size_t)(*c - '0');
            next = tgl__json_at(at, index);
        }
        if (next == NULL)
            return unknown_part(tgl__json_kind(at) == TGL_JSON_OBJECT ? at : NULL, part,
                                name, where, err);
        at = next;
        path = path[n] == '.' ? path + n + 1 : NULL;
    }
    *out = at;
    return TGL_OK;
}

tgl_status tgl__params_find(const tgl_json **out, const tgl_json *params,
                            const char *name, const char *where, tgl_error *err)
{
    if (params == NULL)
        return tgl__fail(err, TGL_ENOTFOUND, "%s: no parameter '%s'", where, name);
    return walk(out, params, name, name, where, err);
}

static tgl_status find(const tgl_json **out, const char *name, const tgl_scope *scope,
                       const char *where, tgl_error *err)
{
    if (scope->item != NULL && strncmp(name, "item", 4) == 0 &&
        (name[4] == '\0' || name[4] == '.'))
        return walk(out, scope->item, name[4] == '.' ? name + 5 : "", name, where, err);
    return tgl__params_find(out, scope->params, name, where, err);
}

static void append_scalar(tgl_buffer *text, const tgl_json *value)
{
    if (tgl__json_kind(value) == TGL_JSON_STRING) {
        tgl__buffer_text(text, tgl__json_string(value, ""));
        return;
    }
    if (tgl__json_kind(value) == TGL_JSON_REAL) { /* as people write it */
        for (int digits = 1; digits <= 17; digits++) {
            char number[40], *end = number;
            snprintf(number, sizeof number, "%.*g", digits, tgl__json_real(value, 0));
            double back = 0;
            if (sscanf(end, "%lf", &back) == 1 && back == tgl__json_real(value, 0)) {
                tgl__buffer_text(text, number);
                return;
            }
        }
    }
    char *dump = NULL;
    if (tgl__json_dump(&dump, NULL, value, NULL) != TGL_OK)
        text->failed = true;
    else
        tgl__buffer_text(text, dump);
    tgl__free(dump);
}

/* One "${name}" at `at`: its value, or the loop's key as text in *key. */
static tgl_status reference(const tgl_json **value, const char **key, size_t *length,
                            const char *at, const tgl_scope *scope, const char *where,
                            tgl_error *err)
{
    char name[256];
    size_t n = strcspn(at + 2, "}");
    if (at[2 + n] != '}' || n == 0 || n >= sizeof name)
        return tgl__fail(err, TGL_EFORMAT, "%s: expected '${name}', found '%.40s'", where,
                         at);
    memcpy(name, at + 2, n);
    name[n] = '\0';
    *length = n + 3;
    *value = NULL;
    *key = NULL;
    if (scope->key != NULL && strcmp(name, "key") == 0) {
        *key = scope->key;
        return TGL_OK;
    }
    return find(value, name, scope, where, err);
}

static tgl_status string_value(tgl_json **out, const char *text, const tgl_scope *scope,
                               const char *where, tgl_error *err)
{
    const tgl_json *value;
    const char *key;
    size_t length;
    if (strncmp(text, "${", 2) == 0) {
        TGL_TRY(reference(&value, &key, &length, text, scope, where, err));
        if (text[length] == '\0') {
            *out = key != NULL ? tgl__json_new_string(key) : tgl__json_copy(value);
            return *out != NULL ? TGL_OK : tgl__fail_nomem(err);
        }
    }
    tgl_buffer buffer = TGL_BUFFER_INIT;
    for (const char *p = text; *p != '\0';) {
        if (p[0] == '\\' && p[1] == '$' && p[2] == '{') {
            tgl__buffer_text(&buffer, "${");
            p += 3;
        } else if (p[0] == '$' && p[1] == '{') {
            tgl_status status = reference(&value, &key, &length, p, scope, where, err);
            if (status == TGL_OK && key == NULL &&
                tgl__json_kind(value) >= TGL_JSON_ARRAY)
                status = tgl__fail(
                    err, TGL_EFORMAT, "%s: '%.*s' is %s and cannot stand inside a text",
                    where, (int)length, p, tgl__json_kind_name(tgl__json_kind(value)));
            if (status != TGL_OK) {
                tgl__buffer_release(&buffer);
                return status;
            }
            if (key != NULL)
                tgl__buffer_text(&buffer, key);
            else
                append_scalar(&buffer, value);
            p += length;
        } else {
            tgl__buffer_append(&buffer, p++, 1);
        }
    }
    char *done = NULL;
    TGL_TRY(tgl__buffer_finish(&buffer, &done, NULL, err));
    *out = tgl__json_new_string(done);
    tgl__free(done);
    return *out != NULL ? TGL_OK : tgl__fail_nomem(err);
}

static tgl_status interpolate_list(tgl_json **out, const tgl_json *value,
                                   const tgl_scope *scope, const char *where,
                                   tgl_error *err)
{
    tgl_json *list = tgl__json_array();
    tgl_status status = list == NULL ? tgl__fail_nomem(err) : TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < tgl__json_size(value); i++) {
        tgl_json *item = NULL;
        status = tgl__interpolate(&item, tgl__json_at(value, i), scope, where, err);
        if (status == TGL_OK && !tgl__json_append(list, item))
            status = tgl__fail_nomem(err);
    }
    if (status != TGL_OK)
        tgl__json_free(list);
    else
        *out = list;
    return status;
}

static tgl_status interpolate_object(tgl_json **out, const tgl_json *value,
                                     const tgl_scope *scope, const char *where,
                                     tgl_error *err)
{
    tgl_json *object = tgl__json_object(), *member;
    tgl_status status = object == NULL ? tgl__fail_nomem(err) : TGL_OK;
    const char *key;
    for (size_t i = 0; status == TGL_OK && tgl__json_entry(value, i, &key, &member);
         i++) {
        tgl_json *item = NULL, *name = NULL;
        status = string_value(&name, key, scope, where, err);
        if (status == TGL_OK)
            status = tgl__interpolate(&item, member, scope, where, err);
        if (status == TGL_OK && !tgl__json_put(object, tgl__json_string(name, key), item))
            status = tgl__fail_nomem(err);
        tgl__json_free(name);
    }
    if (status != TGL_OK)
        tgl__json_free(object);
    else
        *out = object;
    return status;
}

tgl_status tgl__interpolate(tgl_json **out, const tgl_json *value, const tgl_scope *scope,
                            const char *where, tgl_error *err)
{
    switch (tgl__json_kind(value)) {
    case TGL_JSON_STRING:
        return string_value(out, tgl__json_string(value, ""), scope, where, err);
    case TGL_JSON_ARRAY:
        return interpolate_list(out, value, scope, where, err);
    case TGL_JSON_OBJECT:
        return interpolate_object(out, value, scope, where, err);
    default:
        *out = value == NULL ? tgl__json_new_null() : tgl__json_copy(value);
        return *out != NULL ? TGL_OK : tgl__fail_nomem(err);
    }
}

static tgl_status override_one(tgl_json *params, const char *text, tgl_error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return tgl__fail(err, TGL_EUSAGE, "--set '%s': expected name=value", text);
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
    const tgl_json *old;
    char where[300];
    snprintf(where, sizeof where, "--set '%.200s'", text);
    tgl_status found = tgl__params_find(&old, params, name, where, err);
    if (found != TGL_OK)
        return found == TGL_ENOTFOUND && err != NULL ? (err->code = TGL_EUSAGE) : found;
    tgl_json *value = NULL, *parent = params;
    if (equals[1] == '\0')
        value = tgl__json_new_string("");
    else
        TGL_TRY(tgl__yaml_parse(&value, equals + 1, strlen(equals + 1), where, err));
    char *last = strrchr(name, '.');
    if (last != NULL) {
        const tgl_json *at = NULL;
        *last = '\0';
        tgl_status status = tgl__params_find(&at, params, name, where, err);
        if (status != TGL_OK) {
            tgl__json_free(value);
            return status;
        }
        parent = (tgl_json *)(uintptr_t)at; /* inside our own copy */
    }
    return tgl__json_put(parent, last != NULL ? last + 1 : name, value)
               ? TGL_OK
               : tgl__fail(err, TGL_EUSAGE, "%s: not a member of a mapping", where);
}

tgl_status tgl__params_override(tgl_json **out, const tgl_json *params,
                                const char *const *set, size_t n_set, tgl_error *err)
{
    tgl_json *copy = params != NULL ? tgl__json_copy(params) : tgl__json_object();
    tgl_status status = copy == NULL ? tgl__fail_nomem(err) : TGL_OK;
    for (size_t i = 0; status == TGL_OK && i < n_set; i++)
        status = override_one(copy, set[i], err);
    if (status != TGL_OK)
        tgl__json_free(copy);
    else
        *out = copy;
    return status;
}
