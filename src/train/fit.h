/* The loop over epochs and batches: Adam, schedule, early stopping. */
#ifndef TGL_TRAIN_FIT_H
#define TGL_TRAIN_FIT_H

#include "train/loss.h"

typedef struct tgl__epoch {
    tgl__loss train, validation; /* means per event; n_correct stays a count */
    double learning_rate;
} tgl__epoch;

typedef struct tgl__fit {
    tgl__epoch *epochs;     /* (n_epoch) */
    uint32_t n_epoch, best; /* epochs done, and the one whose weights were kept */
} tgl__fit;

/* Fit `net` to the data set's training rows and leave the weights of the epoch with the
 * smallest validation loss in it. */
tgl_status tgl__fit_run(tgl__fit *out, tgl__net *net, const tgl__train_config *config,
                        const tgl__dataset *data, const tgl__train_kernels *kernels,
                        size_t n_thread, const tgl_progress *progress, tgl_error *err);
void tgl__fit_release(tgl__fit *fit);

/* Codes of the deployed layers' last output, (n_row, n_out), for first-layer codes
 * (n_row, n_in). */
tgl_status tgl__fit_codes(int64_t *out, const tgl__net *net,
                          const tgl__train_kernels *kernels, const int16_t *codes,
                          uint64_t n_row, size_t n_thread, tgl_error *err);

#endif
