/* A deployed hls4ml project as its importer sees it: the C++ that hls4ml writes, read as
 * declarations (types, configurations, arrays) and as the top function's calls. Nothing
 * is compiled, and what is not of this form is refused by name. */
#ifndef TGL_HLS4ML_HLS_H
#define TGL_HLS4ML_HLS_H

#include "model/format.h"
#include "model/layers.h"

enum { HLS_MAX_FILE = 1 << 28, HLS_MAX_FILES = 8192, HLS_MAX_DEPTH = 24 };

/* A piece of a file's text, not zero-terminated. */
typedef struct hls_text {
    const char *at;
    uint32_t n;
} hls_text;

typedef enum hls_kind {
    HLS_END,
    HLS_WORD,
    HLS_NUMBER,
    HLS_STRING,
    HLS_MARK /* one character, or "::" */
} hls_kind;

typedef struct hls_token {
    hls_text text;
    uint32_t line;
    hls_kind kind;
} hls_token;

/* Tokens [at, at + n); an HLS_END stands behind the last of a file. */
typedef struct hls_range {
    const hls_token *at;
    uint32_t n;
} hls_range;

typedef struct hls_file {
    const char *name; /* "firmware/defines.h" */
    const char *text; /* zero-terminated, the arena's */
    hls_token *tokens;
    uint32_t n_token, capacity;
} hls_file;

/* Where a project's files come from: a directory, or texts in memory. */
typedef struct hls_files {
    const char *path;  /* of the directory, and for messages */
    const char *bytes; /* NULL: a directory; else texts, "=== NAME\n" before each */
    size_t size;
} hls_files;

typedef enum hls_name_kind {
    HLS_TYPE = 1,  /* typedef or using: value is the type */
    HLS_CONSTANT,  /* value is an expression or { ... } */
    HLS_STRUCT,    /* value is the base class */
    HLS_FUNCTION,  /* type: the parameters, value: the body */
    HLS_DEFINITION /* #define */
} hls_name_kind;

/* A name that a file declares. */
typedef struct hls_name {
    hls_text owner; /* the struct it stands in; empty at file scope */
    hls_text name;
    hls_range type;   /* of a constant */
    hls_range value;  /* n 0: not given */
    hls_range extent; /* an array's, between [ and ] */
    hls_name_kind kind;
    bool is_array;
    uint32_t file;
    uint32_t next; /* in its bucket, from 1; 0 ends */
} hls_name;

enum { HLS_N_BUCKET = 4096 };

typedef struct hls_project {
    hls_files files;
    tgl_import *import;
    tgl_error *err;
    tgl_arena arena;
    const char *folder; /* "firmware/", "NN/" or "" */
    hls_file *file;
    uint32_t n_file, file_capacity;
    hls_name *names;
    uint32_t n_name, name_capacity;
    uint32_t buckets[HLS_N_BUCKET];
    hls_text space;       /* the first namespace */
    bool told_of_headers; /* that nnet_utils is not there */
} hls_project;

/* ---- text.c: tokens and texts ---- */

bool tgl__hls_is(hls_text text, const char *word);
bool tgl__hls_same(hls_text a, hls_text b);
bool tgl__hls_mark(const hls_token *token, char mark);
bool tgl__hls_word(const hls_token *token, const char *word);
/* A file's text as tokens, of a build with __SYNTHESIS__ defined: comments, pragmas and
 * what #ifdef leaves out are gone, #define is declared, quoted includes are opened. */
tgl_status tgl__hls_lex(hls_project *p, uint32_t file);
/* From an opening bracket to behind its closing one ("<" only counts its own kind); `end`
 * where there is none. */
const hls_token *tgl__hls_behind(const hls_token *open, const hls_token *end);
/* The next `mark` outside brackets, or `end`. */
const hls_token *tgl__hls_find(const hls_token *at, const hls_token *end, char mark);
/* A list cut at its commas (outside brackets and template arguments), in the arena. */
tgl_status tgl__hls_split(hls_range **out, uint32_t *n, hls_project *p, hls_range list);
/* Text in the arena; NULL when memory is out. */
const char *tgl__hls_string(hls_project *p, hls_text text);

/* ---- files.c ---- */

/* A file below the project, *text NULL when there is none; the arena's. */
tgl_status tgl__hls_read(const char **text, size_t *size, hls_project *p,
                         const char *name);
/* The names of a folder's files ("" or "NN/"), sorted; the arena's. */
tgl_status tgl__hls_list(const char *const **out, uint32_t *n, hls_project *p,
                         const char *folder);
/* Read and declare a file once; nothing happens when there is none. */
tgl_status tgl__hls_open(hls_project *p, const char *name);
/* Everything a project declares. */
tgl_status tgl__hls_open_project(hls_project *p);
void tgl__hls_release(hls_project *p);

/* ---- declare.c ---- */

tgl_status tgl__hls_add(hls_project *p, const hls_name *name);
/* What a file declares, into p->names. */
tgl_status tgl__hls_declare(hls_project *p, uint32_t file);
/* The declaration of `name` in a struct or ("" as owner) at file scope; one with a value
 * is preferred. NULL: none. */
const hls_name *tgl__hls_name(const hls_project *p, hls_text owner, hls_text name);
const hls_name *tgl__hls_member(const hls_project *p, hls_text owner, const char *name);
/* Type and name of "const T x[N]" and the like, from the left; false when it is none. */
bool tgl__hls_declarator(hls_range *type, hls_text *owner, hls_text *name,
                         const hls_token **at, const hls_token *end);

/* ---- value.c: what expressions and types mean ---- */

/* An integer expression inside `owner`. */
tgl_status tgl__hls_int(int64_t *out, const hls_project *p, hls_text owner,
                        hls_range expression);
/* A member of a configuration, lo to hi. */
tgl_status tgl__hls_member_int(int64_t *out, const hls_project *p, hls_text owner,
                               const char *name, int64_t lo, int64_t hi);
/* The last word of a member's value ("latency" of nnet::latency), "" when there is none.
 */
hls_text tgl__hls_member_word(const hls_project *p, hls_text owner, const char *name);
/* The last word before template arguments of a member type ("DenseLatency"), or "". */
hls_text tgl__hls_member_alias(const hls_project *p, hls_text owner, const char *name);
/* A number literal with its sign. */
bool tgl__hls_real(double *out, hls_range literal);

typedef struct hls_type {
    tgl_quant quant;
    uint32_t together; /* elements of an nnet::array, else 1 */
    bool is_stream;
    bool is_integer; /* ap_int or ap_uint: products and casts have their own rules */
    bool is_bit;     /* ap_uint<1> */
} hls_type;

tgl_status tgl__hls_type(hls_type *out, const hls_project *p, hls_text owner,
                         hls_range type);
/* A configuration's member type. */
tgl_status tgl__hls_member_type(hls_type *out, const hls_project *p, hls_text owner,
                                const char *name);
/* A double into a type as ap_fixed's constructor does, infinities too. */
int64_t tgl__hls_code(double value, const tgl_quant *quant);
/* An array's n values, from its initialiser or (weights) from its text file; the layers'
 * arena is not used. */
tgl_status tgl__hls_values(double **out, hls_project *p, hls_text name, uint32_t n);
/* An array's initialiser. */
tgl_status tgl__hls_initialiser(double *out, const hls_project *p, const hls_name *array,
                                uint32_t n);

/* ---- top.c: the top function ---- */

typedef struct hls_call {
    hls_text space, function; /* nnet, dense */
    hls_range *types, *args;
    uint32_t n_type, n_arg;
    const char *layer; /* its remark, or made from the result's name */
    uint32_t line;
} hls_call;

/* A variable of the top function. */
typedef struct hls_variable {
    hls_text name;
    hls_type type;
    uint32_t n;        /* elements; 0: a stream's, not known yet */
    uint32_t same_as;  /* 1 + the variable it is another name of; 0: none */
    bool is_parameter; /* of the top function */
    bool is_read, is_written;
    bool is_ready; /* `tensor` is there */
    tgl__tensor tensor;
} hls_variable;

typedef struct hls_top {
    hls_text name;
    hls_variable *variables;
    uint32_t n_variable, variable_capacity;
    hls_call *calls;
    uint32_t n_call, call_capacity;
} hls_top;

/* The top function's variables and calls (heap; release with tgl__hls_top_release). */
tgl_status tgl__hls_top(hls_top *top, hls_project *p);
void tgl__hls_top_release(hls_top *top);
/* By name, other names followed; NULL: none. */
hls_variable *tgl__hls_variable(const hls_top *top, hls_range name);

/* ---- layers: one function for each of hls4ml's ---- */

/* A call being turned into nodes. */
typedef struct hls_layer {
    hls_project *p;
    tgl__layers *l;
    const hls_call *call;
    hls_text config;
    hls_variable **in, **out;
    uint32_t n_in, n_out;
    bool is_stream;
    bool quiet; /* its tables are told of once, not for each step */
    tgl_error *err;
} hls_layer;

/* One of hls4ml's functions; a name that ends in "_" stands for all that begin so. */
typedef struct hls_operator {
    const char *name;
    uint8_t n_in;
    uint8_t out_at;      /* the first result's argument */
    uint8_t n_out;       /* 0: all the rest */
    const char *size[2]; /* members whose product is an input's elements; NULL: as the
                            first one; "<2": template argument 2; "<0:": members of
                            that; "": a function's own */
    tgl_status (*emit)(hls_layer *layer);
} hls_operator;

/* Lists that end with a name of NULL. */
extern const hls_operator tgl__hls_dense[], tgl__hls_activations[], tgl__hls_softmax[],
    tgl__hls_convolutions[], tgl__hls_pools[], tgl__hls_pairs[], tgl__hls_moves[],
    tgl__hls_arithmetics[], tgl__hls_attention[], tgl__hls_recurrent[];

/* A function of the project's own: a quantiser with a type for each element. */
extern const hls_operator tgl__hls_mask;
uint32_t tgl__hls_mask_size(const hls_name *function);

/* Fail with file, line and layer in front. */
tgl_status tgl__hls_fail(const hls_layer *layer, tgl_status code, const char *format, ...)
    TGL_PRINTF(3, 4);
/* Note as not supported; the result is TGL_OK, and zeros stand for it meanwhile. */
tgl_status tgl__hls_refuse(hls_layer *layer, const char *format, ...) TGL_PRINTF(2, 3);
tgl_status tgl__hls_dim(uint32_t *out, const hls_layer *layer, const char *name);
tgl_status tgl__hls_dims(uint32_t *out, const hls_layer *layer, const char *const *names,
                         uint32_t n);
/* A member that older versions lack. */
tgl_status tgl__hls_dim_or(uint32_t *out, const hls_layer *layer, const char *name,
                           uint32_t fallback);
tgl_status tgl__hls_config_type(hls_type *out, const hls_layer *layer, const char *name);
/* Input i, as it is and with a shape. */
const tgl__tensor *tgl__hls_in(const hls_layer *layer, uint32_t i);
tgl_status tgl__hls_in_shaped(tgl__tensor *out, const hls_layer *layer, uint32_t i,
                              uint32_t rank, const uint32_t *shape);
/* The result's type. */
const tgl_quant *tgl__hls_to(const hls_layer *layer);
/* x is result i, converted to its type where it is another. */
tgl_status tgl__hls_done(hls_layer *layer, uint32_t i, const tgl__tensor *x);
/* n values of array argument `arg` as codes of a type. */
tgl_status tgl__hls_codes(int64_t **out, hls_layer *layer, uint32_t arg, uint32_t n,
                          const tgl_quant *quant);
/* x in a transpose's shape and order ("config5", or another name). */
tgl_status tgl__hls_transpose(tgl__tensor *out, hls_layer *layer, const tgl__tensor *x,
                              hls_text config);

/* Whether the project's own nnet_utils header has `marker`, a piece of hls4ml 1.3's text
 * that older ones have otherwise; without the header that version's meaning is taken, and
 * the report says so. */
tgl_status tgl__hls_is_newer(bool *out, const hls_layer *layer, const char *header,
                             const char *marker);

/* A matrix product: its configuration, the arguments that hold weights and bias, and its
 * sizes (depthwise: elements of the window, channels). */
typedef struct hls_kernel {
    hls_text config;
    uint32_t weights, bias;
    uint32_t n_in, n_out;
    uint32_t sets, rows; /* 0 or 1: one; kernels side by side, with a bias for each of
                            their rows: the matrix has `sets` where rows agree, else
                            sets * rows */
} hls_kernel;
/* As a matrix: weights, products, order, accumulator, bias, the result's type. False in
 * *ok: refused. */
tgl_status tgl__hls_matrix(tgl__matrix *m, bool *ok, hls_layer *layer,
                           const hls_kernel *kernel);
tgl_status tgl__hls_depthwise(tgl__matrix *m, bool *ok, hls_layer *layer,
                              const hls_kernel *kernel);

/* A function of distributed arithmetic as a matrix, for inputs of `type`. */
typedef struct hls_arithmetic {
    uint32_t n_in, n_out;
    const tgl_quant *inputs; /* (n_in): converted first; NULL: as they are */
    tgl__matrix matrix;
} hls_arithmetic;
tgl_status tgl__hls_arithmetic(hls_arithmetic *out, hls_layer *layer, hls_text name,
                               tgl_type type);
tgl_status tgl__hls_dense_arithmetic(hls_layer *layer, hls_text name);

typedef enum hls_function {
    HLS_SIGMOID,
    HLS_TANH,
    HLS_SOFTPLUS,
    HLS_SOFTSIGN,
    HLS_ELU,
    HLS_SELU,
    HLS_EXP_LEGACY,
    HLS_INVERSE_LEGACY
} hls_function;

/* n elements of one value. */
tgl_status tgl__hls_constant(tgl__tensor *out, hls_layer *layer, uint32_t n, int64_t code,
                             tgl_type type);
/* x `relation` (as in the graph) a constant: one bit each. */
tgl_status tgl__hls_compare(tgl__tensor *out, hls_layer *layer, const tgl__tensor *x,
                            uint32_t relation, int64_t code, tgl_type type);
tgl_status tgl__hls_select(tgl__tensor *out, hls_layer *layer, const tgl__tensor *c,
                           const tgl__tensor *x, const tgl__tensor *z,
                           const tgl_quant *to);
/* Table entries by the top bits of x in the type `index`. */
tgl_status tgl__hls_lookup(tgl__tensor *out, hls_layer *layer, const char *part,
                           const tgl__tensor *x, const tgl_quant *index,
                           const tgl_graph_table *table, const tgl_quant *to);
/* A table that hls4ml addresses by trunc(x * n / range) + n / 2, clamped: `centre` 1, or
 * by trunc(x * n / range), clamped at 0 and n - 1 (or -trunc for negative x: `mirror`).
 */
typedef struct hls_steps {
    uint32_t n, range, up; /* x * 2^up first */
    bool centre, mirror;
    const int64_t *entries; /* (n) */
    tgl_type type;
} hls_steps;
tgl_status tgl__hls_step_lookup(tgl__tensor *out, hls_layer *layer, const char *part,
                                const tgl__tensor *x, const hls_steps *steps,
                                const tgl_quant *to);
/* Whether sums that are cast are sums of what is cast: hls4ml adds elements of another
 * type to an accumulator, so what is rounded is the sum. The same for modes that do not
 * look at the sum's sign or parity, and while no element alone overflows. */
bool tgl__hls_sums_cast(tgl_type element, const tgl_quant *acc);
/* (n) entries of a function's table. */
tgl_status tgl__hls_table(int64_t **out, hls_layer *layer, hls_function function,
                          uint32_t n, const tgl_quant *quant);
/* table_size and table_t, or what activ_config has where they are left out. */
tgl_status tgl__hls_table_form(uint32_t *n, hls_type *type, const hls_layer *layer);

/* ---- tables.c: entries in the float arithmetic of hls4ml's C++ ---- */

/* Entry i of n, converted into `quant`. */
int64_t tgl__hls_entry(hls_function function, uint32_t i, uint32_t n,
                       const tgl_quant *quant);
/* exp(scale * x) (-x where `negative`) and 1 / x for the code whose top bits are i. */
/* 1 / sqrt(10^-power + i * 2^-range / n): layer normalisation's. */
int64_t tgl__hls_root_entry(uint32_t i, uint32_t n, uint32_t power, uint32_t range,
                            const tgl_quant *quant);
int64_t tgl__hls_exp_entry(uint32_t i, uint32_t n, tgl_type index, float scale,
                           bool negative, const tgl_quant *quant);
int64_t tgl__hls_inverse_entry(uint32_t i, uint32_t n, tgl_type index,
                               const tgl_quant *quant);

/* ---- hand.c: scaling before and score after the network, written by hand ---- */

typedef enum hls_score { HLS_NO_SCORE, HLS_SUM_SQUARES, HLS_FIRST } hls_score;

typedef struct hls_hand {
    bool has_scaling;
    tgl_type input; /* what goes in, unscaled */
    tgl_quant cast; /* of x - offset, and of what is shifted */
    tgl_type offset_type;
    uint32_t n;
    int64_t *offset, *shift; /* (n) */
    hls_score score;
    tgl_quant term, sum; /* HLS_FIRST: sum is the score's type */
} hls_hand;

/* What the code around the network does: known forms, else settings. `n` elements of type
 * `input` go into the network (n 0: several inputs). */
tgl_status tgl__hls_hand(hls_hand *out, hls_project *p, uint32_t n, tgl_quant input);
/* The scaled input from the model's, and the score (with thresholds of the settings). */
tgl_status tgl__hls_scale(tgl__tensor *out, const hls_hand *hand, tgl__layers *l,
                          const tgl__tensor *x, const tgl_quant *to);
tgl_status tgl__hls_score(const hls_hand *hand, hls_project *p, tgl__layers *l,
                          const tgl__tensor *x);

/* The importer over texts in memory too (fuzzing and tests). */
tgl_status tgl__hls_import(tgl_graph **out, tgl_import *import, const hls_files *files);

#endif
