/* The `train:` section, read and checked (docs/train.md). */
#ifndef TGL_TRAIN_CONFIG_H
#define TGL_TRAIN_CONFIG_H

#include <stdbool.h>
#include <trigline/fixed.h>

#include "base/memory.h"

enum {
    TGL__TRAIN_MAX_HIDDEN = 6,
    TGL__TRAIN_MAX_DEPLOYED = TGL__TRAIN_MAX_HIDDEN + 1,
    TGL__TRAIN_MAX_UNITS = 1024,
    TGL__TRAIN_MAX_CLASS = 16,
    TGL__TRAIN_MAX_RATE = 16
};

typedef enum tgl__train_template {
    TGL__ANOMALY_TRIGGER,
    TGL__JET_TAGGER
} tgl__train_template;

typedef enum tgl__train_schedule {
    TGL__SCHEDULE_CONSTANT,
    TGL__SCHEDULE_COSINE,
    TGL__SCHEDULE_PLATEAU
} tgl__train_schedule;

typedef struct tgl__train_config {
    tgl__train_template template;
    const char *name;                 /* of the graph */
    uint64_t seed, rows;              /* rows 0: all */
    uint32_t epochs, batch, patience; /* patience 0: never stop early */
    double learning_rate, validation;
    tgl__train_schedule schedule;

    uint32_t hidden[TGL__TRAIN_MAX_HIDDEN], n_hidden;
    uint32_t decoder[TGL__TRAIN_MAX_HIDDEN], n_decoder;
    uint32_t latent; /* latent means, or classes */
    double beta;     /* weight of the Kullback-Leibler term */

    tgl_quant input; /* what the first layer sees */
    tgl_quant weight[TGL__TRAIN_MAX_DEPLOYED], bias[TGL__TRAIN_MAX_DEPLOYED];
    tgl_quant activation[TGL__TRAIN_MAX_DEPLOYED]; /* the last one: `output` */
    uint32_t per_channel; /* bits a channel's weights may be finer than their type */
    uint32_t n_deployed;  /* layers: n_hidden + 1 */

    bool firmware_pt; /* keep the half GeV */
    double spread;    /* scaled inputs get a standard deviation in (spread / 2, spread] */
    double rates_khz[TGL__TRAIN_MAX_RATE];
    uint32_t n_rate;
    double colliding_bunches;
    bool slot_threshold, slot_offset, slot_shift;

    const char **columns; /* features; n_column 0: every float column but the label */
    uint32_t n_column;
    const char *label;
    const char *classes[TGL__TRAIN_MAX_CLASS];
    tgl_quant softmax_diff, softmax_exp, softmax_acc, softmax_sum, softmax_inv,
        probability;
    tgl_arena arena; /* holds the strings */
} tgl__train_config;

tgl_status tgl__train_config_parse(tgl__train_config *out, const char *text,
                                   tgl_error *err);
void tgl__train_config_release(tgl__train_config *config);

#endif
