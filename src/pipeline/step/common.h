/* What several built-in stages do alike: read a graph, program, payload, dataset; run the
 * emulator; write JSON. */
#ifndef TGL_PIPELINE_STEP_COMMON_H
#define TGL_PIPELINE_STEP_COMMON_H

#include <trigline/emulate.h>
#include <trigline/graph.h>
#include <trigline/program.h>
#include <trigline/table.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pipeline/step.h"

tgl_status tgl__step_graph(tgl_graph **out, const tgl_step *step, tgl_error *err);
/* Program and payload of the roles "program" and "payload". */
tgl_status tgl__step_program(tgl_program **program, tgl_payload **payload,
                             const tgl_step *step, tgl_error *err);
/* Rows of every input with `role`, one after the other, only the columns that match
 * (n_pattern 0: all). The catalog's load_args pick the object. */
tgl_status tgl__step_table(tgl_table **out, const tgl_step *step, const char *role,
                           const char *const *patterns, size_t n_pattern, tgl_error *err);
/* One file. */
tgl_status tgl__step_load(tgl_table **out, const tgl_step *step,
                          const tgl_step_file *file, const char *const *patterns,
                          size_t n_pattern, tgl_error *err);
/* "file.root:tree" when load_args name a tree; arena-owned. */
const char *tgl__step_data_path(tgl_arena *arena, const tgl_step_file *file);
/* (n_row, n_input) input codes by the graph's convention. tgl__free. */
tgl_status tgl__step_codes(int64_t **out, const tgl_graph *graph, const tgl_table *table,
                           tgl_error *err);
/* (n_event, n_output) codes of the emulator. tgl__free. */
tgl_status tgl__step_emulate(int64_t **out, const tgl_program *program,
                             const tgl_payload *payload, const int64_t *in,
                             size_t n_event, const tgl_progress *progress,
                             tgl_error *err);
/* (n_event, n_input) codes, uniform over each input's type; the same for a seed. */
void tgl__step_random(int64_t *out, const tgl_program *program, size_t n_event,
                      uint64_t seed);
/* Write the output with `role` as indented JSON; takes `value`. */
tgl_status tgl__step_write_json(const tgl_step *step, const char *role, tgl_json *value,
                                tgl_error *err);
/* Text of an input, NULL in *out when the role is not given. tgl__free. */
tgl_status tgl__step_text(char **out, const tgl_step *step, const char *role,
                          tgl_error *err);
/* A copy of the input directory with `role` under the scratch directory, so that what an
 * outside tool leaves there does not change the input. tgl__free. */
tgl_status tgl__step_copy(char **out, const tgl_step *step, const char *role,
                          tgl_error *err);
/* Checked numbers of the stage's arguments. */
tgl_status tgl__step_int(int64_t *out, const tgl_step *step, const char *name,
                         int64_t fallback, int64_t lo, int64_t hi, tgl_error *err);
tgl_status tgl__step_real(double *out, const tgl_step *step, const char *name,
                          double fallback, tgl_error *err);

#endif
