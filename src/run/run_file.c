#include "run/run_file.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

const char tgl__run_tags[TGL__RUN_N_SECTION][5] = {"INFO", "RULE", "PROG", "PAYL"};

typedef struct parser {
    tgl_run *run;
    tgl__reader reader; /* of the section being read; positions are the file's */
    uint32_t counts[TGL__RUN_N_SECTION];
    size_t offsets[TGL__RUN_N_SECTION], sizes[TGL__RUN_N_SECTION];
    tgl_error *err;
} parser;

static tgl_status broken(parser *p, const char *why)
{
    return tgl__fail_at(p->err, TGL_EFORMAT, p->reader.at, "byte %zu: %s", p->reader.at,
                        why);
}

static tgl_status read_entry(parser *p, int s, uint64_t *end, size_t size)
{
    tgl__reader *r = &p->reader;
    const uint8_t *tag = tgl__read_bytes(r, 4);
    p->counts[s] = tgl__read_u32(r);
    uint64_t offset = tgl__read_u64(r), length = tgl__read_u64(r);
    if (tag == NULL || r->failed || memcmp(tag, tgl__run_tags[s], 4) != 0)
        return broken(p, "expected the sections INFO RULE PROG PAYL");
    if (offset != *end || offset > size || length > size - offset)
        return broken(p, "a section lies outside the file or leaves a gap");
    p->offsets[s] = (size_t)offset;
    p->sizes[s] = (size_t)length;
    *end = offset + length;
    return TGL_OK;
}

/* The checksum covers what lies before the program, which has its own; so has the
 * payload. */
static tgl_status read_directory(parser *p, const uint8_t *bytes, size_t size)
{
    tgl__reader *r = &p->reader;
    const uint8_t *magic = tgl__read_bytes(r, 8);
    if (magic == NULL || memcmp(magic, TGL__RUN_MAGIC, 8) != 0)
        return broken(p, "not a run-time file: its first 8 bytes are not 'TGLR'…");
    uint16_t version = tgl__read_u16(r), n_section = tgl__read_u16(r);
    uint32_t crc = tgl__read_u32(r);
    uint64_t total = tgl__read_u64(r), covered = tgl__read_u64(r);
    if (r->failed || total != size)
        return broken(p, "truncated, or longer than its header says");
    if (version != TGL__RUN_VERSION)
        return tgl__fail(p->err, TGL_EUNSUPPORTED,
                         "run-time file: expected version %d, found %u", TGL__RUN_VERSION,
                         version);
    if (covered < TGL__RUN_HEADER || covered > size)
        return broken(p, "the checksum covers bytes that are not there");
    if (tgl__crc32(bytes + 16, (size_t)covered - 16) != crc)
        return broken(p, "the checksum does not match");
    if (n_section != TGL__RUN_N_SECTION)
        return broken(p, "expected 4 sections");
    uint64_t end = TGL__RUN_HEADER + TGL__RUN_N_SECTION * TGL__RUN_ENTRY;
    for (int s = 0; s < TGL__RUN_N_SECTION; s++)
        TGL_TRY(read_entry(p, s, &end, size));
    if (covered != p->offsets[TGL__RUN_PROG])
        return broken(p, "the checksum does not end where the program begins");
    return end == size ? TGL_OK : broken(p, "bytes left over after the last section");
}

static void enter(parser *p, const uint8_t *bytes, tgl__run_section s)
{
    p->reader = (tgl__reader){bytes, p->offsets[s] + p->sizes[s], p->offsets[s], false};
}

static tgl_status leave(parser *p)
{
    if (p->reader.failed)
        return broken(p, "the section ends in the middle of an entry");
    return p->reader.at == p->reader.size ? TGL_OK
                                          : broken(p, "bytes left over in the section");
}

/* A text of `n` bytes, copied. */
static tgl_status read_text(const char **out, parser *p, size_t n)
{
    const uint8_t *text = tgl__read_bytes(&p->reader, n);
    if (text == NULL)
        return leave(p);
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] == 0x7f)
            return broken(p, "a control character in a text");
    *out = tgl__arena_strndup(&p->run->arena, (const char *)text, n);
    return *out == NULL ? tgl__fail_nomem(p->err) : TGL_OK;
}

static tgl_status read_info(parser *p)
{
    tgl_run *run = p->run;
    uint32_t n = p->counts[TGL__RUN_INFO];
    if (n > TGL__RUN_MAX_INFO)
        return broken(p, "expected at most 64 texts");
    run->info = tgl__arena_alloc(&run->arena, n + 1u, sizeof *run->info);
    if (run->info == NULL)
        return tgl__fail_nomem(p->err);
    for (; run->n_info < n; run->n_info++) {
        tgl__run_pair pair = {"", ""};
        TGL_TRY(read_text(&pair.key, p, tgl__read_u8(&p->reader)));
        TGL_TRY(read_text(&pair.value, p, tgl__read_u16(&p->reader)));
        if (pair.key[0] == '\0' || pair.value[0] == '\0' ||
            tgl_run_info(run, pair.key)[0] != '\0')
            return broken(p, "a text is empty, or its key is there twice");
        run->info[run->n_info] = pair;
    }
    return leave(p);
}

/* ---- input rules ---- */

/* The number of the column with this name: a new one for a new name. */
static tgl_status number_column(uint32_t *out, parser *p, const char *name)
{
    tgl_run *run = p->run;
    for (*out = 0; *out < run->n_column; ++*out)
        if (strcmp(run->columns[*out], name) == 0)
            return TGL_OK;
    if (run->n_column == TGL__RUN_MAX_COLUMN)
        return broken(p, "expected at most 1024 columns");
    run->columns[run->n_column++] = name;
    return TGL_OK;
}

static tgl_status read_column(uint32_t *out, parser *p)
{
    const char *name;
    TGL_TRY(read_text(&name, p, tgl__read_u8(&p->reader)));
    *out = TGL_RUN_NONE;
    return name[0] == '\0' ? TGL_OK : number_column(out, p, name);
}

static double read_double(tgl__reader *reader)
{
    uint64_t bits = tgl__read_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static tgl_status read_rule(parser *p, tgl_run_rule *rule)
{
    tgl__reader *r = &p->reader;
    TGL_TRY(read_column(&rule->column, p));
    rule->index = tgl__read_u32(r);
    rule->add = (int32_t)tgl__read_u32(r);
    rule->drop_bits = tgl__read_u8(r);
    rule->round = (tgl_round)tgl__read_u8(r);
    rule->center = read_double(r);
    rule->scale = read_double(r);
    rule->n_where = tgl__read_u8(r);
    if (rule->index > TGL__RUN_MAX_INDEX || rule->drop_bits > TGL__RUN_MAX_DROP ||
        (unsigned)rule->round >= TGL_N_ROUND || rule->n_where > TGL__RUN_MAX_WHERE ||
        !isfinite(rule->center) || !isfinite(rule->scale) ||
        (tgl__run_is_integer(rule) && tgl__run_is_real(rule)))
        return broken(p, "an input rule is out of bounds");
    for (uint32_t w = 0; w < rule->n_where; w++) {
        TGL_TRY(read_column(&rule->where[w].column, p));
        rule->where[w].may_be_absent = tgl__read_u8(r);
        rule->where[w].value = (int64_t)tgl__read_u64(r);
        if (rule->where[w].column == TGL_RUN_NONE || rule->where[w].may_be_absent > 1)
            return broken(p, "a filter of an input rule is malformed");
    }
    return TGL_OK;
}

static tgl_status read_rules(parser *p)
{
    enum { LEAST = 28 }; /* bytes of a rule */
    tgl_run *run = p->run;
    uint32_t n = p->counts[TGL__RUN_RULE];
    if (n > p->sizes[TGL__RUN_RULE] / LEAST || n > TGL__RUN_MAX_RULE)
        return broken(p, "more input rules than bytes, or than 65536");
    size_t most = (size_t)n * (1 + TGL__RUN_MAX_WHERE) + 1;
    if (most > TGL__RUN_MAX_COLUMN)
        most = TGL__RUN_MAX_COLUMN;
    run->columns = tgl__arena_alloc(&run->arena, most, sizeof *run->columns);
    if (n > 0)
        run->rules = tgl__arena_alloc(&run->arena, n, sizeof *run->rules);
    if (run->columns == NULL || (n > 0 && run->rules == NULL))
        return tgl__fail_nomem(p->err);
    for (uint32_t i = 0; i < n; i++)
        TGL_TRY(read_rule(p, &run->rules[i]));
    return leave(p);
}

tgl_status tgl__run_parse(tgl_run *run, tgl__run_parts *parts, const uint8_t *bytes,
                          size_t size, tgl_error *err)
{
    parser p = {.run = run, .reader = {bytes, size, 0, false}, .err = err};
    TGL_TRY(read_directory(&p, bytes, size));
    enter(&p, bytes, TGL__RUN_INFO);
    TGL_TRY(read_info(&p));
    enter(&p, bytes, TGL__RUN_RULE);
    TGL_TRY(read_rules(&p));
    run->n_input = p.counts[TGL__RUN_RULE]; /* until the program says how many */
    parts->program_at = p.offsets[TGL__RUN_PROG];
    parts->payload_at = p.offsets[TGL__RUN_PAYL];
    parts->program = bytes + p.offsets[TGL__RUN_PROG];
    parts->program_size = p.sizes[TGL__RUN_PROG];
    parts->payload = p.sizes[TGL__RUN_PAYL] > 0 ? bytes + p.offsets[TGL__RUN_PAYL] : NULL;
    parts->payload_size = p.sizes[TGL__RUN_PAYL];
    return TGL_OK;
}
