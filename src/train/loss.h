/* The two losses: softmax cross-entropy for classes, and the beta-weighted variational
 * autoencoder. Each runs one chunk forward and, on request, back. */
#ifndef TGL_TRAIN_LOSS_H
#define TGL_TRAIN_LOSS_H

#include "train/dataset.h"
#include "train/net.h"

typedef struct tgl__loss {
    double total;          /* summed over events */
    double reconstruction; /* autoencoder: mean squared error over inputs */
    double divergence;     /* autoencoder: Kullback-Leibler, summed over latents */
    uint64_t n_correct;    /* classes: first maximum is the label */
} tgl__loss;

typedef struct tgl__loss_task {
    const tgl__net *net;
    const tgl__train_kernels *kernels;
    const tgl__dataset *data;
    double beta;
    const float *normals; /* pool; NULL: the latent vector is its mean */
    uint64_t latent_key;
    float input_unit;
} tgl__loss_task;

/* Events `rows[0 … n)`, n <= CHUNK. `gradient` (n_param, all written) may be NULL. */
void tgl__loss_chunk(tgl__loss *out, const tgl__loss_task *task, tgl__workspace *space,
                     float *gradient, const uint32_t *rows, size_t n);

#endif
