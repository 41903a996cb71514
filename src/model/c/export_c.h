/* What the files that write a model as C share. */
#ifndef TGL_MODEL_EXPORT_C_H
#define TGL_MODEL_EXPORT_C_H

#include "base/buffer.h"
#include "emulate/exact.h"
#include "fixed/wide.h"
#include "model/exporters.h"

typedef struct tgl__c_writer {
    const tgl__export *model;
    const tgl_program *program;
    const tgl_payload *payload;
    tgl_buffer data; /* tables, weights and functions */
    tgl_buffer body; /* statements of the parts */
    uint32_t *place; /* (n_value) word of the work array; TGL_NONE: nobody reads it */
    int16_t *arg_frac;
    bool *has_table; /* (n_table) it stands in `data` */
    uint32_t *last; /* (n_affine) number of the last function made, or TGL_NONE */
    char **last_text;
    uint32_t n_function, n_word;
    tgl_error *err;
} tgl__c_writer;

tgl_interval tgl__c_range(const tgl__c_writer *w, uint32_t value);
/* "cast64(X, …)": the conversion of an expression whose range is `x`. */
void tgl__c_cast(tgl_buffer *b, const char *expression, const tgl_interval *x,
                 const tgl_quant *quant);
/* An affine operation: its function into `data` unless the last one of the same affine
 * serves, its call into `body`. */
tgl_status tgl__c_affine(tgl__c_writer *w, uint32_t op);

#endif
