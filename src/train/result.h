/* What a fit leaves: the exact graph and the history. */
#ifndef TGL_TRAIN_RESULT_H
#define TGL_TRAIN_RESULT_H

#include "train/fit.h"

/* A working point of the anomaly score. */
typedef struct tgl__working_point {
    double rate_khz;     /* asked for */
    int64_t threshold;   /* code of the score's type: accept when score >= threshold */
    uint64_t n_accepted; /* events of the fitted data that pass */
    double reached_khz;
} tgl__working_point;

typedef struct tgl__result {
    const tgl__train_config *config;
    const tgl__dataset *data;
    const tgl__net *net;
    const tgl__fit *fit;
    tgl_type score_type; /* of the sum of squares */
    tgl__working_point points[TGL__TRAIN_MAX_RATE];
    uint64_t n_scored;
    double accuracy, auc[TGL__TRAIN_MAX_CLASS]; /* on the validation rows */
} tgl__result;

/* Thresholds or figures of merit, from exact codes. */
tgl_status tgl__result_measure(tgl__result *result, const tgl__train_kernels *kernels,
                               size_t n_thread, tgl_error *err);
tgl_status tgl__result_graph(tgl_graph **out, const tgl__result *result, tgl_error *err);
/* JSON text, release with tgl__free. */
tgl_status tgl__result_history(char **out, const tgl__result *result, tgl_error *err);

#endif
