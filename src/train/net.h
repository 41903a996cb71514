/* The network in training: layers of float32 whose deployed part is computed with
 * fake-quantised weights and activations, exactly as the integers will be. */
#ifndef TGL_TRAIN_NET_H
#define TGL_TRAIN_NET_H

#include <stdbool.h>

#include "train/config.h"
#include "train/kernel.h"

enum {
    TGL__CHUNK = 64, /* events of one fixed piece of a batch; part of the results */
    TGL__MAX_LAYER = 2 * TGL__TRAIN_MAX_HIDDEN + 3,
    TGL__FROM_INPUT = -1, /* values of tgl__layer.source */
    TGL__FROM_LATENT = -2 /* the sampled latent vector of a variational autoencoder */
};

typedef struct tgl__layer {
    uint32_t n_in, n_out;
    size_t in_pad, out_pad;
    int source; /* the layer whose output this one reads, or one of the above */
    bool relu, quantised;
    size_t weight, bias; /* places in the parameter vector: (n_in, out_pad), (out_pad) */
    size_t transposed;   /* place of the transposed weights: (n_out, in_pad) */
    size_t column;       /* place of the columns' scales: (out_pad) */
    tgl_quant weight_quant, bias_quant, out_quant;
    tgl__fake_quant fake_weight, fake_bias, fake_out;
    float weight_lo, weight_hi, bias_lo, bias_hi; /* bounds of the latent weights */
    float pass_lo, pass_hi; /* where the activation's gradient passes */
} tgl__layer;

typedef struct tgl__net {
    tgl__layer layers[TGL__MAX_LAYER];
    int n_layer, n_deployed; /* layers 0 … n_deployed-1 are a chain and go to firmware */
    uint32_t per_channel;    /* bits a column may be finer than its type */
    tgl_quant input_quant;
    size_t n_param, n_transposed, n_column;
    float *param; /* (n_param) trained values, 64-byte aligned like the following */
    float *used;  /* (n_param) the same, fake-quantised: what the layers compute with */
    float *transposed;         /* (n_transposed) used weights for the way back */
    float *to_code, *to_value; /* (n_column) scales of the weights' columns */
} tgl__net;

/* Scratch of one thread for one chunk. */
typedef struct tgl__workspace {
    float *input;                /* (CHUNK, in_pad of layer 0) */
    float *pre[TGL__MAX_LAYER];  /* (CHUNK, out_pad) before the activation */
    float *out[TGL__MAX_LAYER];  /* (CHUNK, out_pad) */
    float *back[TGL__MAX_LAYER]; /* (CHUNK, out_pad) gradient by `out`, then by `pre` */
    bool has_back[TGL__MAX_LAYER];
    float *latent, *latent_back; /* (CHUNK, pad of the latent size) */
    float *spare;                /* (CHUNK, widest) */
    float *block;                /* everything above lies here */
} tgl__workspace;

/* Layers of a configuration for `n_in` inputs, weights drawn from its seed. TGL_ELIMIT
 * when float32 could not hold every partial sum of a deployed layer exactly. Release with
 * tgl__net_release. */
tgl_status tgl__net_init(tgl__net *net, const tgl__train_config *config, uint32_t n_in,
                         tgl_error *err);
void tgl__net_release(tgl__net *net);

tgl_status tgl__workspace_init(tgl__workspace *space, const tgl__net *net,
                               tgl_error *err);
void tgl__workspace_release(tgl__workspace *space);

/* Bring `used`, `transposed` and the columns' scales up to date with `param`. */
void tgl__net_refresh(tgl__net *net, const tgl__train_kernels *kernels);

/* Layers [begin, end) for `n` <= CHUNK events, from their sources in `space`. */
void tgl__net_forward(const tgl__net *net, const tgl__train_kernels *kernels,
                      tgl__workspace *space, int begin, int end, size_t n);
/* The way back through layers end-1 … begin: adds into the sources' `back` and writes
 * `gradient` (n_param) at the layers' places. */
void tgl__net_backward(const tgl__net *net, const tgl__train_kernels *kernels,
                       tgl__workspace *space, float *gradient, int begin, int end,
                       size_t n);

/* A fixed-point type as floats. */
tgl__fake_quant tgl__fake_quant_of(const tgl_quant *quant);
/* The code of a used weight or bias in units of 2^-frac. */
int64_t tgl__net_code(float value, int frac);
/* Bits by which a layer's finest column is finer than its weight type. */
uint32_t tgl__net_finer(const tgl__net *net, int layer);
/* 2^k in float for |k| <= 126. */
float tgl__scale_of(int k);

#endif
