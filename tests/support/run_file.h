/* A run-time file written by hand from its layout in docs/run-library.md, independent of
 * the exporter. Header-only; tests see src/. */
#ifndef TESTS_RUN_FILE_H
#define TESTS_RUN_FILE_H

#include <string.h>

#include <trigline/program.h>
#include <trigline/run.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "program/wire.h"

typedef struct run_rule_text {
    const char *column; /* "" for constant zero */
    uint32_t index;
    int32_t add;
    uint8_t drop_bits, round;
    double center, scale;
    uint8_t n_where;
    struct {
        const char *column;
        uint8_t may_be_absent;
        int64_t value;
    } where[2];
} run_rule_text;

typedef struct run_text {
    const char *const *info; /* key, value, key, value …, NULL */
    const run_rule_text *rules;
    uint32_t n_rule;
    const tgl_program *program;
    const tgl_payload *payload; /* may be NULL */
} run_text;

static inline void run_put_text(tgl_buffer *b, const char *text, int bytes)
{
    if (bytes == 1)
        tgl__write_u8(b, (unsigned)strlen(text));
    else
        tgl__write_u16(b, (unsigned)strlen(text));
    tgl__buffer_append(b, text, strlen(text));
}

static inline void run_put_double(tgl_buffer *b, double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    tgl__write_u64(b, bits);
}

static inline void run_put_rule(tgl_buffer *b, const run_rule_text *r)
{
    run_put_text(b, r->column, 1);
    tgl__write_u32(b, r->index);
    tgl__write_u32(b, (uint32_t)r->add);
    tgl__write_u8(b, r->drop_bits);
    tgl__write_u8(b, r->round);
    run_put_double(b, r->center);
    run_put_double(b, r->scale);
    tgl__write_u8(b, r->n_where);
    for (int w = 0; w < r->n_where; w++) {
        run_put_text(b, r->where[w].column, 1);
        tgl__write_u8(b, r->where[w].may_be_absent);
        tgl__write_u64(b, (uint64_t)r->where[w].value);
    }
}

/* Put size and checksum right, as far as the bytes go. */
static inline void run_seal(uint8_t *bytes, size_t size)
{
    uint64_t covered = tgl__le64(bytes + 24);
    tgl__put_le64(bytes + 16, size);
    if (covered >= 16 && covered <= size)
        tgl__put_le32(bytes + 12, tgl__crc32(bytes + 16, (size_t)covered - 16));
}

/* NULL when out of memory; release with tgl__free. */
static inline uint8_t *run_write(size_t *size, const run_text *text)
{
    static const char tags[4][5] = {"INFO", "RULE", "PROG", "PAYL"};
    tgl_buffer s[4] = {TGL_BUFFER_INIT, TGL_BUFFER_INIT, TGL_BUFFER_INIT,
                       TGL_BUFFER_INIT},
               file = TGL_BUFFER_INIT;
    uint32_t n_info = 0;
    for (; text->info != NULL && text->info[2 * n_info] != NULL; n_info++) {
        run_put_text(&s[0], text->info[2 * n_info], 1);
        run_put_text(&s[0], text->info[2 * n_info + 1], 2);
    }
    for (uint32_t i = 0; i < text->n_rule; i++)
        run_put_rule(&s[1], &text->rules[i]);
    uint8_t *bytes = NULL;
    size_t n = 0;
    if (tgl_program_encode(&bytes, &n, text->program, NULL) == TGL_OK)
        tgl__buffer_append(&s[2], bytes, n);
    tgl_free(bytes);
    if (text->payload != NULL &&
        tgl_payload_encode(&bytes, &n, text->payload, NULL) == TGL_OK) {
        tgl__buffer_append(&s[3], bytes, n);
        tgl_free(bytes);
    }
    const uint32_t counts[4] = {n_info, text->n_rule, 1, text->payload != NULL};
    tgl__buffer_append(&file, "TGLR\r\n\x1a\n", 8);
    tgl__write_u16(&file, 1);
    tgl__write_u16(&file, 4);
    tgl__buffer_zeros(&file, 12);
    uint64_t at = 32 + 4 * 24;
    tgl__write_u64(&file, at + s[0].size + s[1].size);
    for (int i = 0; i < 4; i++) {
        tgl__buffer_append(&file, tags[i], 4);
        tgl__write_u32(&file, counts[i]);
        tgl__write_u64(&file, at);
        tgl__write_u64(&file, s[i].size);
        at += s[i].size;
    }
    for (int i = 0; i < 4; i++) {
        tgl__buffer_append(&file, s[i].bytes == NULL ? "" : s[i].bytes, s[i].size);
        tgl__buffer_release(&s[i]);
    }
    char *out = NULL;
    if (tgl__buffer_finish(&file, &out, size, NULL) != TGL_OK)
        return NULL;
    run_seal((uint8_t *)out, *size);
    return (uint8_t *)out;
}

#endif
