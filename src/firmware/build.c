/* tgl_firmware_build: every file is made in memory first, then written. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "firmware/bank.h"
#include "firmware/firmware.h"
#include "firmware/verilog.h"
#include "text/json.h"

tgl_status tgl__program_digest(tgl_sha256 *out, const tgl_program *program,
                               tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    TGL_TRY(tgl_program_encode(&bytes, &size, program, err));
    tgl_status status = tgl__sha256(out, bytes, size, err);
    tgl_free(bytes);
    return status;
}

tgl_status tgl__payload_digest(tgl_sha256 *out, const tgl_program *program,
                               const tgl_payload *payload, tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    tgl_payload *fresh = NULL;
    tgl_sha256 of_program;
    tgl_status status = TGL_OK;
    if (!payload) {
        TGL_TRY(tgl__program_digest(&of_program, program, err));
        TGL_TRY(tgl_payload_new(&fresh, program, of_program.bytes, err));
    }
    TGL_TRY_GOTO(tgl_payload_encode(&bytes, &size, payload ? payload : fresh, err));
    TGL_TRY_GOTO(tgl__sha256(out, bytes, size, err));
out:
    tgl_free(bytes);
    tgl_payload_free(fresh);
    return status;
}

/* ---- firmware.json ---- */

static tgl_json *type_json(tgl_type type)
{
    char text[TGL_TYPE_TEXT];
    tgl_type_format(text, type);
    return tgl__json_new_string(text);
}

static tgl_json *port_json(const tgl_port *port, const char *verilog)
{
    tgl_json *p = tgl__json_object();
    tgl__json_put(p, "name", tgl__json_new_string(port->name));
    tgl__json_put(p, "port", tgl__json_new_string(verilog));
    tgl__json_put(p, "type", type_json(port->type));
    return p;
}

static tgl_json *ports_json(const tgl_program *p, char *const *names, bool inputs)
{
    tgl_json *array = tgl__json_array();
    uint32_t n = inputs ? tgl_program_n_input(p) : tgl_program_n_output(p);
    for (uint32_t i = 0; i < n; i++)
        tgl__json_append(
            array, port_json(inputs ? tgl_program_input(p, i) : tgl_program_output(p, i),
                             names[i]));
    return array;
}

static const char *const slot_kinds[] = {"threshold",    "input_offset", "input_shift",
                                         "output_scale", "weights",      "bias",
                                         "table"};

static tgl_json *slots_json(const tgl_program *p)
{
    tgl_json *array = tgl__json_array();
    for (uint32_t s = 0; s < tgl_program_n_slot(p); s++) {
        const tgl_slot *slot = tgl_program_slot(p, s);
        tgl_json *o = tgl__json_object();
        tgl__json_put(o, "name", tgl__json_new_string(slot->name));
        tgl__json_put(o, "kind", tgl__json_new_string(slot_kinds[slot->kind]));
        tgl__json_put(o, "type", type_json(slot->type));
        tgl__json_put(o, "lo", tgl__json_new_int(slot->lo));
        tgl__json_put(o, "hi", tgl__json_new_int(slot->hi));
        tgl__json_put(o, "count", tgl__json_new_int(slot->count));
        tgl__json_put(o, "first_word", tgl__json_new_int(tgl__bank_word(p, s, 0)));
        tgl__json_put(o, "words_per_element", tgl__json_new_int(tgl__slot_words(slot)));
        tgl__json_append(array, o);
    }
    return array;
}

static tgl_json *registers_json(void)
{
    tgl_json *array = tgl__json_array();
    for (size_t i = 0; i < tgl__n_register; i++) {
        const tgl__register *r = &tgl__registers[i];
        tgl_json *o = tgl__json_object();
        tgl__json_put(o, "name", tgl__json_new_string(r->name));
        tgl__json_put(o, "address", tgl__json_new_int(r->address));
        tgl__json_put(o, "words", tgl__json_new_int(r->words));
        tgl__json_put(o, "access", tgl__json_new_string(r->access));
        tgl__json_put(o, "meaning", tgl__json_new_string(r->meaning));
        tgl__json_append(array, o);
    }
    return array;
}

static tgl_json *estimate_json(const tgl__netlist *n)
{
    tgl_resources r;
    tgl__estimate_netlist(&r, n);
    tgl_json *o = tgl__json_object();
    tgl__json_put(o, "lut", tgl__json_new_int(r.lut));
    tgl__json_put(o, "ff", tgl__json_new_int(r.ff));
    tgl__json_put(o, "dsp", tgl__json_new_int(r.dsp));
    tgl__json_put(o, "bram", tgl__json_new_int(r.bram));
    return o;
}

static tgl_status describe(char **text, size_t *size, const tgl__netlist *n,
                           const tgl__hardware_names *names,
                           const tgl__verilog_identity *id, tgl_error *err)
{
    const tgl_program *p = n->program;
    char digest[TGL_DIGEST_TEXT];
    tgl_sha256 sha;
    tgl_json *o = tgl__json_object();
    tgl__json_put(o, "format", tgl__json_new_string("trigline-firmware/1"));
    tgl__json_put(o, "module", tgl__json_new_string(names->module));
    tgl__json_put(o, "program", tgl__json_new_string(tgl_program_name(p)));
    memcpy(sha.bytes, id->program_digest, 32);
    tgl__sha256_format(digest, &sha);
    tgl__json_put(o, "program_digest", tgl__json_new_string(digest));
    memcpy(sha.bytes, id->payload_digest, 32);
    tgl__sha256_format(digest, &sha);
    tgl__json_put(o, "payload_digest", tgl__json_new_string(digest));
    tgl__json_put(o, "clock_mhz", tgl__json_new_real(n->clock_mhz));
    tgl__json_put(o, "ns_per_level", tgl__json_new_real(n->ns_per_level));
    tgl__json_put(o, "latency_cycles", tgl__json_new_int(n->n_stage));
    tgl__json_put(o, "initiation_interval", tgl__json_new_int(1));
    tgl__json_put(o, "inputs", ports_json(p, names->inputs, true));
    tgl__json_put(o, "outputs", ports_json(p, names->outputs, false));
    tgl__json_put(o, "slots", slots_json(p));
    tgl__json_put(o, "slot_words", tgl__json_new_int(tgl__bank_size(p)));
    tgl__json_put(o, "registers", registers_json());
    tgl__json_put(o, "shadow_base", tgl__json_new_int(TGL__BANK_SHADOW));
    tgl__json_put(o, "active_base", tgl__json_new_int(TGL__BANK_ACTIVE));
    tgl__json_put(o, "estimate", estimate_json(n));
    tgl_status status = tgl__json_dump_pretty(text, size, o, err);
    tgl__json_free(o);
    return status;
}

tgl_status tgl__description_parse(tgl__description *out, const char *text, size_t size,
                                  const char *source, tgl_error *err)
{
    tgl_json *o = NULL;
    const char *module, *digest;
    int64_t latency, words;
    TGL_TRY(tgl__json_parse(&o, text, size, source, err));
    tgl_status status = TGL_OK;
    memset(out, 0, sizeof *out);
    if (strcmp(tgl__json_string(tgl__json_get(o, "format"), ""), "trigline-firmware/1") !=
        0) {
        status = tgl__fail(err, TGL_EFORMAT,
                           "'%s': expected \"format\": \"trigline-firmware/1\"", source);
        goto out;
    }
    TGL_TRY_GOTO(tgl__json_need_string(&module, o, "module", source, err));
    size_t length = strlen(module);
    if (length == 0 || length >= sizeof out->module ||
        strspn(module,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
            length) {
        status = tgl__fail(err, TGL_EFORMAT, "'%s': expected a module name", source);
        goto out;
    }
    memcpy(out->module, module, length + 1);
    TGL_TRY_GOTO(tgl__json_need_string(&digest, o, "program_digest", source, err));
    TGL_TRY_GOTO(tgl__sha256_parse(&out->program_digest, digest, err));
    TGL_TRY_GOTO(tgl__json_need_string(&digest, o, "payload_digest", source, err));
    TGL_TRY_GOTO(tgl__sha256_parse(&out->payload_digest, digest, err));
    TGL_TRY_GOTO(tgl__json_need_real(&out->clock_mhz, o, "clock_mhz", source, err));
    TGL_TRY_GOTO(tgl__json_need_real(&out->ns_per_level, o, "ns_per_level", source, err));
    TGL_TRY_GOTO(
        tgl__json_need_int(&latency, o, "latency_cycles", 1, 1 << 24, source, err));
    TGL_TRY_GOTO(
        tgl__json_need_int(&words, o, "slot_words", 0, TGL__BANK_MAX_WORD, source, err));
    out->latency = (uint32_t)latency;
    out->slot_words = (uint32_t)words;
    if (!(out->clock_mhz > 0) || !(out->ns_per_level > 0))
        status = tgl__fail(err, TGL_EFORMAT, "'%s': expected a positive clock", source);
out:
    tgl__json_free(o);
    return status;
}

tgl_status tgl__description_read(tgl__description *out, const char *directory,
                                 tgl_error *err)
{
    char *path = tgl__path_join(directory, "firmware.json"), *text = NULL;
    size_t size;
    if (!path)
        return tgl__fail_nomem(err);
    tgl_status status = tgl__file_read(&text, &size, path, 64u << 20, err);
    if (status == TGL_OK)
        status = tgl__description_parse(out, text, size, path, err);
    tgl__free(text);
    tgl__free(path);
    return status;
}

/* ---- files ---- */

static tgl_status write_named(const char *directory, const char *module,
                              const char *suffix, const void *bytes, size_t size,
                              tgl_error *err)
{
    tgl_buffer path = TGL_BUFFER_INIT;
    tgl__buffer_printf(&path, "%s/%s%s", directory, module, suffix);
    tgl_status status = path.failed ? tgl__fail_nomem(err)
                                    : tgl__file_write(path.bytes, bytes, size, err);
    tgl__buffer_release(&path);
    return status;
}

static tgl_status write_sources(const char *directory, const tgl__netlist *n,
                                const tgl__hardware_names *names,
                                const tgl__verilog_identity *id, tgl_error *err)
{
    tgl_buffer core = TGL_BUFFER_INIT, bank = TGL_BUFFER_INIT, top = TGL_BUFFER_INIT;
    char *json = NULL;
    size_t json_size;
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(tgl__verilog_core(&core, n, names, err));
    TGL_TRY_GOTO(tgl__verilog_bank(&bank, n, names, id, err));
    TGL_TRY_GOTO(tgl__verilog_top(&top, n, names, err));
    TGL_TRY_GOTO(describe(&json, &json_size, n, names, id, err));
    TGL_TRY_GOTO(tgl__make_dirs(directory, err));
    TGL_TRY_GOTO(
        write_named(directory, names->module, "_core.v", core.bytes, core.size, err));
    TGL_TRY_GOTO(
        write_named(directory, names->module, "_bank.v", bank.bytes, bank.size, err));
    TGL_TRY_GOTO(write_named(directory, names->module, ".v", top.bytes, top.size, err));
    TGL_TRY_GOTO(tgl__verilog_testbench(directory, n, names, id, err));
    TGL_TRY_GOTO(write_named(directory, "firmware", ".json", json, json_size, err));
out:
    tgl__buffer_release(&core);
    tgl__buffer_release(&bank);
    tgl__buffer_release(&top);
    tgl__free(json);
    return status;
}

tgl_status tgl_firmware_build(const char *directory, const tgl_program *program,
                              const tgl_payload *payload,
                              const tgl_firmware_options *options, tgl_error *err)
{
    tgl__netlist n;
    tgl__hardware_names names = {0};
    tgl__verilog_identity id = {.payload = payload};
    tgl_sha256 digest;
    tgl_status status = tgl__netlist_build(&n, program, options, err);
    TGL_TRY_GOTO(status);
    TGL_TRY_GOTO(tgl__names_init(&names, program, options ? options->module : NULL, err));
    TGL_TRY_GOTO(tgl__program_digest(&digest, program, err));
    memcpy(id.program_digest, digest.bytes, 32);
    TGL_TRY_GOTO(tgl__payload_digest(&digest, program, payload, err));
    memcpy(id.payload_digest,
           options && options->payload_digest ? options->payload_digest : digest.bytes,
           32);
    TGL_TRY_GOTO(write_sources(directory, &n, &names, &id, err));
out:
    tgl__names_release(&names);
    tgl__netlist_clear(&n);
    return status;
}
