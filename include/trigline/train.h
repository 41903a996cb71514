/** @file
 * Quantisation-aware training: float32 kernels of our own, the same bytes for any thread
 * count and vector width.
 */
#ifndef TRIGLINE_TRAIN_H
#define TRIGLINE_TRAIN_H

#include <trigline/emulate.h>
#include <trigline/graph.h>
#include <trigline/table.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_training
    tgl_training; /**< a trained model: graph, history, fake-quantised forward pass */

typedef struct tgl_train_options {
    size_t struct_size;
    const char *config; /**< the `train:` section as JSON text (docs/train.md); "template"
                           picks the network */
    const tgl_table *train; /**< events to fit; for labelled data a column named by the
                               configuration */
    const tgl_table *validation; /**< held out; NULL: the configuration's share of
                                    `train`, contiguous at its end */
    size_t n_thread;             /**< 0: all processors; never changes the result */
    tgl_isa isa;                 /**< never changes the result */
    const tgl_progress *progress;
} tgl_train_options;
#define TGL_TRAIN_OPTIONS_INIT                                                           \
    {                                                                                    \
        sizeof(tgl_train_options), NULL, NULL, NULL, 0, TGL_ISA_AUTO, NULL               \
    }

TGL_API TGL_NODISCARD tgl_status tgl_train(tgl_training **out,
                                           const tgl_train_options *options,
                                           tgl_error *err);
TGL_API void tgl_training_free(tgl_training *training);
/** The quantised network with its input convention; borrowed. */
TGL_API const tgl_graph *tgl_training_graph(const tgl_training *training);
/** Loss curves and figures of merit as JSON; borrowed. Holds nothing that changes from
 * run to run. */
TGL_API const char *tgl_training_history(const tgl_training *training);
/** Training's own fake-quantised forward pass: (n_event, n_in) codes to (n_event, n_out)
 * codes of the graph's first output. */
TGL_API TGL_NODISCARD tgl_status tgl_training_forward(int64_t *out,
                                                      const tgl_training *training,
                                                      const int64_t *in, size_t n_event,
                                                      tgl_error *err);

/** Write "graph.json" and "history.json" into `directory` (made when absent); each
 * appears only when complete. */
TGL_API TGL_NODISCARD tgl_status tgl_training_save(const tgl_training *training,
                                                   const char *directory, tgl_error *err);

/** The `train:` section of a YAML or JSON file (or the whole file, when it has no such
 * key) as the JSON text that tgl_train_options takes; checked. Release with tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_train_config_load(char **config, const char *path,
                                                       tgl_error *err);
/** Names and globs of the columns a configuration's template reads, for tgl_data_load:
 * static storage; `n` 0 means every column. */
TGL_API TGL_NODISCARD tgl_status tgl_train_columns(const char *const **patterns,
                                                   size_t *n, const char *config,
                                                   tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
