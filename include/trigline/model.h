/** @file
 * Importers, and a model seen whole: graph, program, payload, digests.
 */
#ifndef TRIGLINE_MODEL_H
#define TRIGLINE_MODEL_H

#include <trigline/graph.h>
#include <trigline/program.h>
#include <trigline/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a format leaves open and must not be guessed. Everything is borrowed. A value
 * that the format has no use for is refused (TGL_EUSAGE). */
typedef struct tgl_import_options {
    size_t struct_size;
    const char *format;     /**< "graph", "l1json", "xgboost" ...: docs/model.md; NULL: by
                               content */
    const char *variant;    /**< l1json: the input convention, "halved"; else NULL */
    const char *input_type; /**< xgboost: of every input, "fixed<16,10>"; else NULL */
    const char *score_type; /**< xgboost: leaves are converted to it and summed in it,
                               "fixed<18,8,RND,SAT>"; else NULL */
    const char *settings;   /**< a YAML or JSON file that names the rest (types by layer):
                               docs/model.md; NULL: none */
    const char *weights;    /**< the file of the weights, where they are apart; NULL: none
                               or beside the model */
    char **report; /**< set on success to JSON, tgl_free: {"format", "source", "choices":
                      [{"place", "choice"}]}, whatever the importer had to choose; NULL:
                      not wanted */
} tgl_import_options;
#define TGL_IMPORT_OPTIONS_INIT                                                          \
    {                                                                                    \
        sizeof(tgl_import_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL             \
    }

/** Import a model (a file, or a directory) as a graph with exact types. `options` may be
 * NULL: nothing is left open. */
TGL_API TGL_NODISCARD tgl_status tgl_model_import(tgl_graph **out, const char *path,
                                                  const tgl_import_options *options,
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

/* ---- exports ---- */

/** What is exported, and what only the caller knows. Everything is borrowed. */
typedef struct tgl_export_options {
    size_t struct_size;
    const tgl_payload *payload; /**< NULL: the slots' default values */
    const char *name;    /**< what the frameworks will call it; NULL: the graph's name */
    const char *version; /**< NULL: none */
    const char
        *package; /**< digest of the package it comes from, "sha256:…"; NULL: none */
    const char *input_type; /**< plugin: the C++ element type of the input, as
                               "ap_fixed<18,13>"; NULL: the ports' common type */
    const char
        *result_type; /**< plugin: the C++ type of the result, as
                         "std::pair<std::array<ap_fixed<10,7,AP_RND_CONV,AP_SAT>,8>,
                         ap_ufixed<18,14>>"; NULL: the first outputs' common type */
} tgl_export_options;
#define TGL_EXPORT_OPTIONS_INIT                                                          \
    {                                                                                    \
        sizeof(tgl_export_options), NULL, NULL, NULL, NULL, NULL, NULL                   \
    }

/**
 * Write a model for others to run. `format` "run": one run-time file for libtrigline-run
 * (run.h); "plugin": a directory with that file and the sources of a shared object for
 * CMSSW's hls4ml emulator loader (docs/run-library.md); "c": one C file without
 * dependencies, slots at the payload's values. NULL: by the name's ending (.tglr, .c).
 *
 * @param program the lowered program; NULL: `graph` is lowered
 * @param graph names the model and its input convention; may be NULL when `program` and
 * options->name are given
 */
TGL_API TGL_NODISCARD tgl_status tgl_model_export(const char *path, const char *format,
                                                  const tgl_program *program,
                                                  const tgl_graph *graph,
                                                  const tgl_export_options *options,
                                                  tgl_error *err);

/**
 * The model in a package: its members graph.json, program.tglp and (else NULL)
 * payload.tgls, checked to belong together. Release each with its own free.
 * @param digest the package's, "sha256:…" @param package as in tgl_store_member
 */
TGL_API TGL_NODISCARD tgl_status tgl_model_from_package(
    tgl_graph **graph, tgl_program **program, tgl_payload **payload, char digest[72],
    tgl_store *store, const char *package, tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
