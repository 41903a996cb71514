/* Events as codes of the first layer's input: the convention is made here, and for
 * integer objects the scaling's offsets and shifts are chosen. */
#ifndef TGL_TRAIN_DATASET_H
#define TGL_TRAIN_DATASET_H

#include <trigline/graph.h>

#include "train/config.h"

/* Bounds of a scaling's right shift, and the type it is computed in: what a deployed
 * trigger model uses, wide enough for every Level-1 quantity of 13 bits. */
enum { TGL__SHIFT_LO = 0, TGL__SHIFT_HI = 10 };
extern const tgl_quant tgl__scale_cast;

typedef struct tgl__dataset {
    tgl_convention *convention;
    uint32_t n_in, n_class;  /* n_class 0: no labels */
    uint64_t n_row, n_train; /* rows from n_train on are for validation */
    int16_t *codes;          /* (n_row, n_in), after the scaling if there is one */
    uint8_t *label;          /* (n_row) or NULL */
    uint64_t n_saturated;    /* input codes the convention clamped */
    int64_t *offset, *shift; /* (n_in) or NULL */
} tgl__dataset;

/* `validation` NULL: the configuration's share of `train`, at its end. */
tgl_status tgl__dataset_init(tgl__dataset *out, const tgl__train_config *config,
                             const tgl_table *train, const tgl_table *validation,
                             size_t n_thread, const tgl_progress *progress,
                             tgl_error *err);
void tgl__dataset_release(tgl__dataset *dataset);

/* One input code through offset, shift and the casts, as the graph's SCALE does. */
int64_t tgl__scale_code(int64_t code, int frac, int64_t offset, int64_t shift,
                        const tgl_quant *out);

#endif
