/* The run-time file taken apart, and the loaded model's inside. The layout stands in
 * docs/run-library.md; src/model/export_run.c writes it. */
#ifndef TGL_RUN_RUN_FILE_H
#define TGL_RUN_RUN_FILE_H

#include <trigline/emulate.h>
#include <trigline/run.h>

#include "base/memory.h"
#include "program/wire.h"

#define TGL__RUN_MAGIC "TGLR\r\n\x1a\n"
enum {
    TGL__RUN_VERSION = 1,
    TGL__RUN_HEADER = 32,
    TGL__RUN_ENTRY = 24,
    TGL__RUN_MAX_INFO = 64,
    TGL__RUN_MAX_RULE = 1 << 16,
    TGL__RUN_MAX_COLUMN = 1024,
    TGL__RUN_MAX_INDEX = 1 << 20, /* of an input rule */
    TGL__RUN_MAX_DROP = 63,
    TGL__RUN_MAX_WHERE = 2
};
/* Sections in the file's order: pairs of text, input rules, the two binary forms. */
typedef enum tgl__run_section {
    TGL__RUN_INFO,
    TGL__RUN_RULE,
    TGL__RUN_PROG,
    TGL__RUN_PAYL,
    TGL__RUN_N_SECTION
} tgl__run_section;
extern const char tgl__run_tags[TGL__RUN_N_SECTION][5];

/* Does a rule say what to do to integers; to floats? */
static inline bool tgl__run_is_integer(const tgl_run_rule *rule)
{
    return rule->add != 0 || rule->drop_bits != 0;
}
static inline bool tgl__run_is_real(const tgl_run_rule *rule)
{
    return rule->center != 0 || (rule->scale != 0 && rule->scale != 1);
}

typedef struct tgl__run_pair {
    const char *key, *value;
} tgl__run_pair;

struct tgl_run {
    tgl_arena arena; /* everything below but the emulator */
    tgl_emulator *emulator;
    tgl__run_pair *info;
    uint32_t n_info, n_input, n_output, n_column;
    tgl_run_port *inputs, *outputs;
    tgl_run_rule *rules; /* (n_input), NULL without a convention */
    const char **columns;
};

/* Fill info, rules and columns of `run`, and point at the two binary forms. */
typedef struct tgl__run_parts {
    const uint8_t *program, *payload; /* payload NULL: the slots' defaults */
    size_t program_size, payload_size;
    size_t program_at, payload_at; /* in the file; payload_at 0: from elsewhere */
} tgl__run_parts;
tgl_status tgl__run_parse(tgl_run *run, tgl__run_parts *parts, const uint8_t *bytes,
                          size_t size, tgl_error *err);

#endif
