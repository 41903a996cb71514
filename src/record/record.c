#include <trigline/record.h>

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "digest/digest.h"
#include "text/json.h"

/* A record is its JSON document; the calls below are the only way to change it. */
struct tgl_record {
    tgl_json *root;
};

static const char schema[] = "trigline.record/1";
static const char *const maps[] = {"params", "metrics", "inputs", "outputs", "tools"};

tgl_status tgl_record_new(tgl_record **out, const char *step, tgl_error *err)
{
    tgl_record *record = tgl__calloc(1, sizeof *record);
    if (record == NULL)
        return tgl__fail_nomem(err);
    record->root = tgl__json_object();
    bool good = tgl__json_put(record->root, "schema", tgl__json_new_string(schema));
    good = tgl__json_put(record->root, "step", tgl__json_new_string(step)) && good;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        good = tgl__json_put(record->root, maps[i], tgl__json_object()) && good;
    if (!good) {
        tgl_record_free(record);
        return tgl__fail(err, TGL_EUSAGE,
                         "record of step '%.60s': not UTF-8 or no memory", step);
    }
    *out = record;
    return TGL_OK;
}

void tgl_record_free(tgl_record *record)
{
    if (record == NULL)
        return;
    tgl__json_free(record->root);
    tgl__free(record);
}

/* Takes `value`; NULL stands for a text that is not UTF-8 or a failed allocation. */
static tgl_status put_in(tgl_json *object, const char *name, tgl_json *value,
                         tgl_error *err)
{
    if (value == NULL)
        return tgl__fail(err, TGL_EFORMAT, "record: '%s': not UTF-8", name);
    return tgl__json_put(object, name, value)
               ? TGL_OK
               : tgl__fail(err, TGL_EFORMAT, "record: a name that is not UTF-8");
}

static tgl_status put_json(tgl_record *record, const char *map, const char *name,
                           const char *json, tgl_error *err)
{
    tgl_json *value = NULL;
    TGL_TRY(tgl__json_parse(&value, json, strlen(json), name, err));
    return put_in(tgl__json_get(record->root, map), name, value, err);
}

static tgl_status put_digest(tgl_record *record, const char *map, const char *name,
                             const char *digest, tgl_error *err)
{
    tgl_sha256 sum;
    TGL_TRY(tgl__sha256_parse(&sum, digest, err));
    return put_in(tgl__json_get(record->root, map), name, tgl__json_new_string(digest),
                  err);
}

tgl_status tgl_record_set_command(tgl_record *record, const char *command, tgl_error *err)
{
    return put_in(record->root, "command", tgl__json_new_string(command), err);
}

tgl_status tgl_record_add_param(tgl_record *record, const char *name, const char *json,
                                tgl_error *err)
{
    return put_json(record, "params", name, json, err);
}

tgl_status tgl_record_add_metric(tgl_record *record, const char *name, const char *json,
                                 tgl_error *err)
{
    return put_json(record, "metrics", name, json, err);
}

tgl_status tgl_record_add_input(tgl_record *record, const char *name, const char *digest,
                                tgl_error *err)
{
    return put_digest(record, "inputs", name, digest, err);
}

tgl_status tgl_record_add_output(tgl_record *record, const char *name, const char *digest,
                                 tgl_error *err)
{
    return put_digest(record, "outputs", name, digest, err);
}

tgl_status tgl_record_add_tool(tgl_record *record, const char *name, const char *version,
                               tgl_error *err)
{
    return put_in(tgl__json_get(record->root, "tools"), name,
                  tgl__json_new_string(version), err);
}

tgl_status tgl_record_close(tgl_record *record, double started, double ended,
                            const char *host, int exit_status, tgl_error *err)
{
    TGL_TRY(put_in(record->root, "started", tgl__json_new_real(started), err));
    TGL_TRY(put_in(record->root, "ended", tgl__json_new_real(ended), err));
    TGL_TRY(put_in(record->root, "host", tgl__json_new_string(host), err));
    return put_in(record->root, "exit_status", tgl__json_new_int(exit_status), err);
}

tgl_status tgl_record_print(char **out, size_t *size, const tgl_record *record,
                            tgl_error *err)
{
    return tgl__json_dump(out, size, record->root, err);
}

static tgl_status check_digests(const tgl_json *map, const char *where, tgl_error *err)
{
    const char *name;
    tgl_json *value;
    tgl_sha256 sum;
    for (size_t i = 0; tgl__json_entry(map, i, &name, &value); i++) {
        tgl_status status = tgl__sha256_parse(&sum, tgl__json_string(value, ""), err);
        if (status != TGL_OK)
            return tgl__fail_context(err, status, "record: %s '%s'", where, name);
    }
    return TGL_OK;
}

static tgl_status check_record(const tgl_json *root, tgl_error *err)
{
    static const char *const keys[] = {"schema",  "step",   "command", "params",
                                       "metrics", "inputs", "outputs", "tools",
                                       "started", "ended",  "host",    "exit_status"};
    const char *text;
    tgl_json *map;
    if (tgl__json_kind(root) != TGL_JSON_OBJECT)
        return tgl__fail(err, TGL_EFORMAT, "record: expected a mapping");
    TGL_TRY(tgl__json_need_string(&text, root, "schema", "record", err));
    if (strcmp(text, schema) != 0)
        return tgl__fail(err, TGL_EUNSUPPORTED, "record: expected schema %s, found '%s'",
                         schema, text);
    TGL_TRY(tgl__json_only_keys(root, keys, sizeof keys / sizeof keys[0], "record", err));
    TGL_TRY(tgl__json_need_string(&text, root, "step", "record", err));
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        TGL_TRY(tgl__json_need(&map, root, maps[i], TGL_JSON_OBJECT, "record", err));
    TGL_TRY(check_digests(tgl__json_get(root, "inputs"), "input", err));
    TGL_TRY(check_digests(tgl__json_get(root, "outputs"), "output", err));
    if (tgl__json_get(root, "command") != NULL)
        TGL_TRY(tgl__json_need_string(&text, root, "command", "record", err));
    if (tgl__json_get(root, "exit_status") == NULL)
        return TGL_OK;
    double when;
    int64_t exit_status;
    TGL_TRY(tgl__json_need_real(&when, root, "started", "record", err));
    TGL_TRY(tgl__json_need_real(&when, root, "ended", "record", err));
    TGL_TRY(tgl__json_need_string(&text, root, "host", "record", err));
    return tgl__json_need_int(&exit_status, root, "exit_status", INT32_MIN, INT32_MAX,
                              "record", err);
}

tgl_status tgl_record_parse(tgl_record **out, const char *text, size_t size,
                            tgl_error *err)
{
    tgl_json *root = NULL;
    TGL_TRY(tgl__json_parse(&root, text, size, "record", err));
    tgl_status status = check_record(root, err);
    tgl_record *record = status == TGL_OK ? tgl__calloc(1, sizeof *record) : NULL;
    if (status == TGL_OK && record == NULL)
        status = tgl__fail_nomem(err);
    if (status != TGL_OK) {
        tgl__json_free(root);
        return status;
    }
    record->root = root;
    *out = record;
    return TGL_OK;
}
