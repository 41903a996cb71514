/* The run-time file of libtrigline-run; its layout stands in docs/run-library.md. */
#include <string.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "digest/digest.h"
#include "graph/graph.h"
#include "model/exporters.h"
#include "run/run_file.h"

typedef struct writer {
    tgl_buffer sections[TGL__RUN_N_SECTION];
    uint32_t counts[TGL__RUN_N_SECTION];
    bool too_long; /* some text does not fit its length */
} writer;

/* ---- texts ---- */

static void write_short(writer *w, tgl_buffer *b, const char *text)
{
    size_t n = text == NULL ? 0 : strlen(text);
    w->too_long = w->too_long || n > UINT8_MAX;
    tgl__write_u8(b, (unsigned)(n & UINT8_MAX));
    tgl__buffer_append(b, text == NULL ? "" : text, n & UINT8_MAX);
}

static void write_pair(writer *w, const char *key, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    tgl_buffer *b = &w->sections[TGL__RUN_INFO];
    size_t n = strlen(value);
    w->too_long = w->too_long || n > UINT16_MAX;
    write_short(w, b, key);
    tgl__write_u16(b, (unsigned)(n & UINT16_MAX));
    tgl__buffer_append(b, value, n & UINT16_MAX);
    w->counts[TGL__RUN_INFO]++;
}

static tgl_status write_digest(writer *w, const char *key, const void *bytes, size_t size,
                               tgl_error *err)
{
    tgl_sha256 sha;
    char text[TGL_DIGEST_TEXT];
    TGL_TRY(tgl__sha256(&sha, bytes, size, err));
    tgl__sha256_format(text, &sha);
    write_pair(w, key, text);
    return TGL_OK;
}

static tgl_status write_graph_digest(writer *w, const tgl_graph *graph, tgl_error *err)
{
    char *text = NULL;
    size_t size;
    if (graph == NULL)
        return TGL_OK;
    TGL_TRY(tgl_graph_print(&text, &size, graph, err));
    tgl_status status = write_digest(w, "graph", text, size, err);
    tgl_free(text);
    return status;
}

/* ---- rules ---- */

static void write_double(tgl_buffer *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    tgl__write_u64(b, bits);
}

static void write_rule(writer *w, const tgl_input_rule *rule)
{
    tgl_buffer *b = &w->sections[TGL__RUN_RULE];
    write_short(w, b, rule->column);
    tgl__write_u32(b, rule->index);
    tgl__write_u32(b, (uint32_t)rule->add);
    tgl__write_u8(b, rule->drop_bits);
    tgl__write_u8(b, (unsigned)rule->quant.round);
    write_double(b, rule->center);
    write_double(b, rule->scale);
    tgl__write_u8(b, rule->n_where);
    for (uint32_t i = 0; i < rule->n_where; i++) {
        write_short(w, b, rule->where[i].column);
        tgl__write_u8(b, rule->optional_where >> i & 1);
        tgl__write_u64(b, (uint64_t)rule->where[i].value);
    }
    w->counts[TGL__RUN_RULE]++;
}

/* The rules must make exactly the program's inputs, in order. */
static tgl_status write_convention(writer *w, const tgl__export *model, tgl_error *err)
{
    const tgl_convention *c =
        model->graph == NULL ? NULL : tgl_graph_convention(model->graph);
    if (c == NULL)
        return TGL_OK;
    uint32_t n = tgl_program_n_input(model->program);
    if (tgl_convention_n_rule(c) != n)
        return tgl__fail(err, TGL_EUSAGE,
                         "convention '%s' makes %u inputs, the program has %u",
                         tgl_convention_name(c), tgl_convention_n_rule(c), n);
    write_pair(w, "convention", tgl_convention_name(c));
    for (uint32_t i = 0; i < n; i++) {
        const tgl_input_rule *rule = tgl_convention_rule(c, i);
        const tgl_port *port = tgl_program_input(model->program, i);
        if (!tgl_type_equal(rule->quant.type, port->type))
            return tgl__fail(err, TGL_EUSAGE,
                             "convention '%s': input %u ('%s') has not the type of the "
                             "program's '%s'",
                             tgl_convention_name(c), i, rule->name, port->name);
        write_rule(w, rule);
    }
    return TGL_OK;
}

/* ---- the file ---- */

static tgl_status write_program(writer *w, const tgl__export *model, tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    TGL_TRY(tgl_program_encode(&bytes, &size, model->program, err));
    tgl__buffer_append(&w->sections[TGL__RUN_PROG], bytes, size);
    tgl_status status = write_digest(w, "program", bytes, size, err);
    tgl_free(bytes);
    w->counts[TGL__RUN_PROG] = 1;
    if (status != TGL_OK || model->options.payload == NULL)
        return status;
    TGL_TRY(tgl_payload_encode(&bytes, &size, model->options.payload, err));
    tgl__buffer_append(&w->sections[TGL__RUN_PAYL], bytes, size);
    status = write_digest(w, "payload", bytes, size, err);
    tgl_free(bytes);
    w->counts[TGL__RUN_PAYL] = 1;
    return status;
}

static void assemble(tgl_buffer *file, const writer *w)
{
    uint64_t at = TGL__RUN_HEADER + TGL__RUN_N_SECTION * TGL__RUN_ENTRY;
    tgl__buffer_append(file, TGL__RUN_MAGIC, 8);
    tgl__write_u16(file, TGL__RUN_VERSION);
    tgl__write_u16(file, TGL__RUN_N_SECTION);
    tgl__buffer_zeros(file, TGL__RUN_HEADER - 12); /* known at the end */
    for (int s = 0; s < TGL__RUN_N_SECTION; s++) {
        tgl__buffer_append(file, tgl__run_tags[s], 4);
        tgl__write_u32(file, w->counts[s]);
        tgl__write_u64(file, at);
        tgl__write_u64(file, w->sections[s].size);
        at += w->sections[s].size;
    }
    for (int s = 0; s < TGL__RUN_N_SECTION; s++) {
        tgl__buffer_append(file, w->sections[s].bytes, w->sections[s].size);
        file->failed = file->failed || w->sections[s].failed;
    }
}

static tgl_status write_parts(writer *w, const tgl__export *model, tgl_error *err)
{
    write_pair(w, "name", model->name);
    write_pair(w, "version", model->options.version);
    TGL_TRY(write_convention(w, model, err));
    write_pair(w, "package", model->options.package);
    TGL_TRY(write_graph_digest(w, model->graph, err));
    TGL_TRY(write_program(w, model, err));
    if (w->too_long)
        return tgl__fail(err, TGL_ELIMIT,
                         "run-time file: a text is too long (columns: 255 bytes)");
    return TGL_OK;
}

tgl_status tgl__run_file(uint8_t **out, size_t *size, const tgl__export *model,
                         tgl_error *err)
{
    writer w = {0};
    tgl_buffer file = TGL_BUFFER_INIT;
    char *bytes = NULL;
    tgl_status status = write_parts(&w, model, err);
    if (status == TGL_OK)
        assemble(&file, &w);
    size_t covered = TGL__RUN_HEADER + TGL__RUN_N_SECTION * TGL__RUN_ENTRY +
                     w.sections[TGL__RUN_INFO].size + w.sections[TGL__RUN_RULE].size;
    for (int s = 0; s < TGL__RUN_N_SECTION; s++)
        tgl__buffer_release(&w.sections[s]);
    if (status == TGL_OK)
        status = tgl__buffer_finish(&file, &bytes, size, err);
    if (status != TGL_OK)
        return status;
    tgl__put_le64(bytes + 16, *size);
    tgl__put_le64(bytes + 24, covered);
    tgl__put_le32(bytes + 12, tgl__crc32(bytes + 16, covered - 16));
    *out = (uint8_t *)bytes;
    return TGL_OK;
}

static tgl_status write_file(const char *path, const tgl__export *model, tgl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size;
    TGL_TRY(tgl__run_file(&bytes, &size, model, err));
    tgl_status status = tgl__file_write(path, bytes, size, err);
    tgl__free(bytes);
    return status;
}

const tgl__exporter tgl__export_run = {"run", ".tglr", "a file for libtrigline-run",
                                       write_file};
