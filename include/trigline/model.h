/** @file
 * Importers, and a model seen whole: graph, program, payload, digests.
 */
#ifndef TRIGLINE_MODEL_H
#define TRIGLINE_MODEL_H

#include <trigline/graph.h>
#include <trigline/program.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Import a model file as a graph with exact types. `format` NULL: by content ("l1json",
 * "graph"). `variant`: what the format leaves open and must not be guessed (the input
 * convention, "halved"); may be NULL. */
TGL_API TGL_NODISCARD tgl_status tgl_model_import(tgl_graph **out, const char *path,
                                                  const char *format, const char *variant,
                                                  tgl_error *err);

/** A description of graph and program as JSON: layers, types, parameters, operations,
 * slots, digests. tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_model_info(char **json, const tgl_graph *graph,
                                                tgl_error *err);

/** Run two graphs over the same inputs and name the first differing layer, element, type
 * and event (JSON, tgl_free).
 * @param in (n_event, n_in) codes. @return TGL_EMISMATCH when any output differs; `json`
 * is set then too. */
TGL_API TGL_NODISCARD tgl_status tgl_model_diff(char **json, const tgl_graph *a,
                                                const tgl_graph *b, const int64_t *in,
                                                size_t n_event, tgl_error *err);

/** Hold a program against the graph it should have come from, event by event, node by
 * node: JSON names the first event, layer, element, role, type, expected and found codes
 * (tgl_free).
 * @param payload of the program; the graph's constants are what it should do. NULL: the
 * defaults. @param in (n_event, n_in) codes.
 * @return TGL_EMISMATCH when any value differs; `json` is set then too. */
TGL_API TGL_NODISCARD tgl_status tgl_model_check(char **json, const tgl_graph *graph,
                                                 const tgl_program *program,
                                                 const tgl_payload *payload,
                                                 const int64_t *in, size_t n_event,
                                                 tgl_error *err);

/** SHA-256 of the program's binary form, as bytes and as "sha256:…" text (either may be
 * NULL). */
TGL_API TGL_NODISCARD tgl_status tgl_model_program_digest(uint8_t digest[32],
                                                          char text[72],
                                                          const tgl_program *program,
                                                          tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
