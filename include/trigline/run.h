/** @file
 * The run-time library, libtrigline-run: loads one run-time file (a program, its payload
 * and tables, and what the model is called) and runs it, bit for bit. This header, with
 * base.h and fixed.h, is its whole interface; it needs the C library only.
 *
 * A loaded model is immutable: any number of threads share it, each with scratch memory
 * of its own. Running allocates nothing, takes no lock and keeps no state; there are no
 * globals, so any number of models and versions live in one process. The library starts
 * no thread.
 *
 * `trigline model export` writes run-time files; docs/run-library.md is the guide, with
 * the file's layout. run.hpp is the same for C++.
 */
#ifndef TRIGLINE_RUN_H
#define TRIGLINE_RUN_H

#include <trigline/fixed.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_run tgl_run; /**< a loaded model, ready to run */

#define TGL_RUN_NONE      UINT32_MAX
#define TGL_RUN_ALIGNMENT 64 /**< of scratch memory */

typedef struct tgl_run_options {
    size_t struct_size;
    const void *payload; /**< a payload file's bytes (.tgls) in place of the model's own:
                            thresholds or weights of another interval of validity. NULL:
                            the file's */
    size_t payload_size;
} tgl_run_options;
#define TGL_RUN_OPTIONS_INIT                                                             \
    {                                                                                    \
        sizeof(tgl_run_options), NULL, 0                                                 \
    }

/**
 * Load a run-time file: check it, verify the program, compile it for this machine. The
 * file is mapped meanwhile and not needed afterwards.
 *
 * @param options may be NULL. Release `*out` with tgl_run_close; untouched on failure.
 * @return TGL_ENOTFOUND or TGL_EIO: the file cannot be read; TGL_EFORMAT: malformed, or a
 *         checksum does not match (err->offset is the byte); TGL_EUNSUPPORTED: a newer
 *         version of the format; TGL_EMISMATCH: the payload is another program's;
 *         TGL_ELIMIT: a bound of the program is exceeded; TGL_ENOMEM.
 */
TGL_API TGL_NODISCARD tgl_status tgl_run_open(tgl_run **out, const char *path,
                                              const tgl_run_options *options,
                                              tgl_error *err);
/** The same from `size` bytes in memory, which are not retained. `name` stands for the
 * path in messages; may be NULL. */
TGL_API TGL_NODISCARD tgl_status tgl_run_open_memory(tgl_run **out, const void *bytes,
                                                     size_t size, const char *name,
                                                     const tgl_run_options *options,
                                                     tgl_error *err);
/** NULL is accepted. No thread may be running the model. */
TGL_API void tgl_run_close(tgl_run *run);

/* ---- what it is; borrowed, valid until tgl_run_close ---- */

/**
 * What the file says of itself: "name", "version", "convention" (how inputs are made,
 * with its version), "package", "graph", "program" and "payload" ("sha256:…": where it
 * comes from). "" when the file does not say; NULL is never returned. The digests are
 * the exporter's statement and are not computed again here.
 */
TGL_API const char *tgl_run_info(const tgl_run *run, const char *key);

/** A filter of an input rule: only elements whose integer in `column` equals `value`. */
typedef struct tgl_run_where {
    uint32_t column;       /**< number of the column */
    uint8_t may_be_absent; /**< 1: without that column every element passes */
    int64_t value;
} tgl_run_where;

/**
 * How one input is made from an event's columns, as the model's input convention says
 * (docs/convention.md). Integers: code = (value + add) >> drop_bits (floor), of element
 * `index` among those that pass every filter, 0 when there are fewer. Floats: (value -
 * center) * scale in double, then rounded by `round`. What is for the other kind is
 * neutral (add and drop_bits 0; center 0, scale 0 or 1). Codes outside the input's type
 * are clamped.
 */
typedef struct tgl_run_rule {
    uint32_t column; /**< number of the column read; TGL_RUN_NONE: constant zero */
    uint32_t index;
    uint32_t n_where; /**< 0 … 2 */
    tgl_run_where where[2];
    int32_t add;
    uint8_t drop_bits;
    double center, scale;
    tgl_round round;
} tgl_run_rule;

/** An input or output: its code has the unit 2^-type.frac. */
typedef struct tgl_run_port {
    const char *name;
    tgl_type type;
    const tgl_run_rule *rule; /**< of an input; NULL when the model has no convention */
} tgl_run_port;

TGL_API uint32_t tgl_run_n_input(const tgl_run *run);
TGL_API uint32_t tgl_run_n_output(const tgl_run *run);
/** The index-th port in the order of codes in memory; NULL past the last. */
TGL_API const tgl_run_port *tgl_run_input(const tgl_run *run, uint32_t index);
TGL_API const tgl_run_port *tgl_run_output(const tgl_run *run, uint32_t index);
/** The place of a port by its name. @return TGL_ENOTFOUND; `*index` is untouched then. */
TGL_API TGL_NODISCARD tgl_status tgl_run_find_input(uint32_t *index, const tgl_run *run,
                                                    const char *name, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_run_find_output(uint32_t *index, const tgl_run *run,
                                                     const char *name, tgl_error *err);
/** The distinct columns that the convention reads, numbered as in the rules. */
TGL_API uint32_t tgl_run_n_column(const tgl_run *run);
TGL_API const char *tgl_run_column(const tgl_run *run, uint32_t number);

/* ---- running ---- */

/** Bytes of scratch memory that one thread needs, aligned to TGL_RUN_ALIGNMENT; whatever
 * the batch. Never 0. */
TGL_API size_t tgl_run_scratch_size(const tgl_run *run);

/**
 * One event.
 *
 * @param out     (n_output) codes, caller-allocated; unspecified on failure
 * @param in      (n_input) codes
 * @param scratch tgl_run_scratch_size bytes of the calling thread's own
 * @return TGL_ELIMIT when an input code leaves its port's type: the message names it;
 *         TGL_EUSAGE when scratch is not aligned. Nothing else can fail.
 */
TGL_API TGL_NODISCARD tgl_status tgl_run_event(int64_t *out, const tgl_run *run,
                                               const int64_t *in, void *scratch,
                                               tgl_error *err);
/** Many events in the caller's thread: `in` (n_event, n_input), `out` (n_event, n_output)
 * row-major codes. As tgl_run_event; err->offset is the event. */
TGL_API TGL_NODISCARD tgl_status tgl_run_batch(int64_t *out, const tgl_run *run,
                                               const int64_t *in, size_t n_event,
                                               void *scratch, tgl_error *err);

/** One event's elements of one column: `n` integers or `n` floats (the other pointer is
 * NULL; both may be for n == 0). */
typedef struct tgl_run_values {
    const int64_t *integers;
    const double *floats;
    size_t n;
    uint8_t is_absent; /**< 1: this dataset has no such column */
} tgl_run_values;

/**
 * One event's input codes by the model's own convention: what the framework's glue must
 * not reinvent.
 *
 * @param codes       (n_input), caller-allocated; unspecified on failure
 * @param n_saturated how many were clamped to their type, may be NULL
 * @param columns     (tgl_run_n_column), in that order
 * @return TGL_EUSAGE: the model has no convention, or a filter's column has floats;
 *         TGL_EUNSUPPORTED: the rule is for integers and its column has floats, or the
 *         other way round;
 *         TGL_ENOTFOUND: an absent column that is needed; TGL_EFORMAT: NaN or infinity
 */
TGL_API TGL_NODISCARD tgl_status tgl_run_extract(int64_t *codes, uint64_t *n_saturated,
                                                 const tgl_run *run,
                                                 const tgl_run_values *columns,
                                                 tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
