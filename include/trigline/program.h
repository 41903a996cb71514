/** @file
 * The exact program: a model as a list of integer operations in single-assignment form.
 * Hardware is made from it and the emulator runs it.
 *
 * A value is an integer code with a type (sign, width, binary point). Every operation is
 * exact, only QUANTISE loses bits. `tgl_program_verify` proves by interval arithmetic
 * that no other operation can leave its type; a program that was not verified runs
 * nowhere.
 */
#ifndef TRIGLINE_PROGRAM_H
#define TRIGLINE_PROGRAM_H

#include <trigline/fixed.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_program
    tgl_program; /**< immutable once verified; threads may share it */
typedef struct tgl_payload tgl_payload; /**< values for a program's slots */

#define TGL_NONE UINT32_MAX

/** Operations. Arguments are value ids; "frac" is the binary point of the result. */
typedef enum tgl_opcode {
    TGL_OP_INPUT = 1,    /**< input number `imm` */
    TGL_OP_CONST = 2,    /**< the code `imm` */
    TGL_OP_PARAM = 3,    /**< element `element` of slot `ref` */
    TGL_OP_ADD = 4,      /**< a + b, frac = max */
    TGL_OP_SUB = 5,      /**< a - b, frac = max */
    TGL_OP_NEG = 6,      /**< -a */
    TGL_OP_MUL = 7,      /**< a * b, frac = sum */
    TGL_OP_QUANTISE = 8, /**< a into `type` by `round`, then `overflow` */
    TGL_OP_COMPARE = 9,  /**< 1 if a `relation` b (as values), else 0; type ufixed<1,1> */
    TGL_OP_SELECT = 10,  /**< c != 0 ? a : b (args c, a, b; a, b and result share frac) */
    TGL_OP_MIN = 11,     /**< smaller of a, b (frac = max) */
    TGL_OP_MAX = 12,     /**< larger of a, b (frac = max) */
    TGL_OP_PICK =
        13, /**< args[1 + index]; args[0] is the index, frac 0, proven < n_arg - 1 */
    TGL_OP_TABLE = 14, /**< entry a of table `ref`; a has frac 0 and is proven inside */
    TGL_OP_AND = 15,   /**< bitwise on the infinite two's complement; equal fracs */
    TGL_OP_OR = 16,
    TGL_OP_XOR = 17,
    TGL_OP_NOT = 18, /**< -1 - code */
    TGL_OP_SHIFT =
        19, /**< a * 2^imm: the same code, another binary point (frac = fa - imm) */
    TGL_OP_SHIFT_VALUE = 20, /**< a * 2^-b, exact: args a, b; b has frac 0 and lies in
                                [shift_lo, shift_hi]; frac = fa + max(shift_hi, 0) */
    TGL_OP_AFFINE =
        21 /**< affine `ref`: n_value results from one constant or slot matrix */
} tgl_opcode;

typedef enum tgl_relation {
    TGL_EQ = 0,
    TGL_NE = 1,
    TGL_LT = 2,
    TGL_LE = 3,
    TGL_GT = 4,
    TGL_GE = 5
} tgl_relation;

/** What a slot is for: decides the register map's name and who may recalibrate it. */
typedef enum tgl_slot_kind {
    TGL_SLOT_THRESHOLD = 0,
    TGL_SLOT_INPUT_OFFSET = 1,
    TGL_SLOT_INPUT_SHIFT = 2,
    TGL_SLOT_OUTPUT_SCALE = 3,
    TGL_SLOT_WEIGHTS = 4,
    TGL_SLOT_BIAS = 5,
    TGL_SLOT_TABLE = 6
} tgl_slot_kind;

/** A writable value or array of values. */
typedef struct tgl_slot {
    const char *name; /**< unique in the program, "axo_loose.threshold" */
    tgl_slot_kind kind;
    tgl_type type;  /**< of every element */
    int64_t lo, hi; /**< allowed codes, inclusive; inside the type */
    uint32_t count; /**< number of elements, at least 1 */
} tgl_slot;

/** A table: data, never recomputed. As a slot (`slot` != TGL_NONE) the codes are its
 * default. */
typedef struct tgl_table_data {
    const char *name;
    tgl_type type; /**< of the entries */
    uint32_t count;
    const int64_t *codes; /**< (count); NULL with a slot: the slot's defaults */
    uint32_t slot;        /**< slot whose elements replace the codes, or TGL_NONE */
} tgl_table_data;

/**
 * y_i = acc(… acc(acc(bias_i) + term(x_a * w_ia)) + term(x_b * w_ib) …), a, b … in
 * `order`: each product is converted to `term`, each partial sum to `acc`. acc.type.frac
 * == term.type.frac. acc.round is irrelevant (sums lie on the grid) and must be TGL_TRN;
 * for the same reason bias_type.frac may not exceed acc.type.frac.
 * `term_exact` != 0: products are not converted (term is ignored but for its frac, which
 * no product's may exceed): the usual case when the accumulator is wide enough.
 */
typedef struct tgl_affine {
    uint32_t n_in, n_out;
    tgl_type weight_type;
    const int64_t *weights; /**< (n_out, n_in) codes; for a slot matrix NULL */
    uint32_t weight_slot;   /**< slot with n_out * n_in elements, or TGL_NONE */
    const int64_t *bias;    /**< (n_out) codes with `bias_type`; NULL: zero, or a slot */
    tgl_type bias_type;
    uint32_t bias_slot; /**< slot with n_out elements, or TGL_NONE */
    uint8_t term_exact;
    tgl_quant term;
    tgl_quant acc;
    const uint32_t *order; /**< (n_in) permutation; NULL: ascending */
} tgl_affine;

/** Where an operation comes from, in the model's own words. */
typedef struct tgl_origin {
    const char *layer; /**< "dense_1" */
    int32_t element;   /**< index in that layer's output, or -1 */
    const char *role;  /**< "accumulator", "relu", "cast" … */
} tgl_origin;

/** One operation, as seen from outside. Pointers are borrowed from the program. */
typedef struct tgl_op {
    tgl_opcode code;
    uint32_t first_value,
        n_value;   /**< ids it defines: first_value … first_value + n_value - 1 */
    tgl_type type; /**< of each value it defines */
    uint32_t n_arg;
    const uint32_t *args;       /**< (n_arg) value ids, each smaller than first_value */
    tgl_round round;            /**< QUANTISE */
    tgl_overflow overflow;      /**< QUANTISE */
    tgl_relation relation;      /**< COMPARE */
    int64_t imm;                /**< INPUT, CONST, SHIFT */
    uint32_t ref;               /**< slot, table or affine number, else TGL_NONE */
    uint32_t element;           /**< PARAM */
    int32_t shift_lo, shift_hi; /**< SHIFT_VALUE; within [-64, 64] */
    tgl_origin origin;
} tgl_op;

/** A named input or output. */
typedef struct tgl_port {
    const char *name;
    tgl_type type;
    uint32_t value; /**< the value's id */
} tgl_port;

/* ---- building ---- */

/** An empty program named `name`. Release with tgl_program_free. */
TGL_API TGL_NODISCARD tgl_status tgl_program_new(tgl_program **out, const char *name,
                                                 tgl_error *err);
TGL_API void tgl_program_free(tgl_program *program);

/**
 * Append `op`; everything is copied, fields that its opcode does not have are ignored.
 * first_value is assigned; n_value may be 0 (it follows from the opcode).
 * @param value first id, may be NULL.
 */
TGL_API TGL_NODISCARD tgl_status tgl_program_add_op(tgl_program *program,
                                                    const tgl_op *op, uint32_t *value,
                                                    tgl_error *err);
/** Append an input: an INPUT operation and its port. */
TGL_API TGL_NODISCARD tgl_status tgl_program_add_input(tgl_program *program,
                                                       const char *name, tgl_type type,
                                                       uint32_t *value, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_program_add_output(tgl_program *program,
                                                        const char *name, uint32_t value,
                                                        tgl_error *err);
/** Append a slot, table or affine; `number` is what tgl_op.ref takes. Data are copied.
 * `defaults`: (count) codes. */
TGL_API TGL_NODISCARD tgl_status tgl_program_add_slot(tgl_program *program,
                                                      const tgl_slot *slot,
                                                      const int64_t *defaults,
                                                      uint32_t *number, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_program_add_table(tgl_program *program,
                                                       const tgl_table_data *table,
                                                       uint32_t *number, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_program_add_affine(tgl_program *program,
                                                        const tgl_affine *affine,
                                                        uint32_t *number, tgl_error *err);
/**
 * Check everything: ids, types, bounds, that no operation but QUANTISE can lose bits
 * whatever the payload. Nothing may be added afterwards. Errors name the operation and
 * its origin.
 */
TGL_API TGL_NODISCARD tgl_status tgl_program_verify(tgl_program *program, tgl_error *err);

/* ---- reading; borrowed, valid as long as the program ---- */

TGL_API const char *tgl_program_name(const tgl_program *program);
TGL_API uint32_t tgl_program_n_op(const tgl_program *program);
TGL_API const tgl_op *tgl_program_op(const tgl_program *program, uint32_t index);
TGL_API uint32_t tgl_program_n_value(const tgl_program *program);
/** The operation that defines a value, and the value's type. */
TGL_API uint32_t tgl_program_value_op(const tgl_program *program, uint32_t value);
TGL_API tgl_type tgl_program_value_type(const tgl_program *program, uint32_t value);
/** Proven bounds of a value's code (after verify), at least as tight as its type. */
TGL_API void tgl_program_value_range(const tgl_program *program, uint32_t value,
                                     int64_t *lo, int64_t *hi);
TGL_API uint32_t tgl_program_n_input(const tgl_program *program);
TGL_API const tgl_port *tgl_program_input(const tgl_program *program, uint32_t index);
TGL_API uint32_t tgl_program_n_output(const tgl_program *program);
TGL_API const tgl_port *tgl_program_output(const tgl_program *program, uint32_t index);
TGL_API uint32_t tgl_program_n_slot(const tgl_program *program);
TGL_API const tgl_slot *tgl_program_slot(const tgl_program *program, uint32_t index);
TGL_API const int64_t *tgl_program_slot_default(const tgl_program *program,
                                                uint32_t index);
TGL_API uint32_t tgl_program_n_table(const tgl_program *program);
TGL_API const tgl_table_data *tgl_program_table(const tgl_program *program,
                                                uint32_t index);
TGL_API uint32_t tgl_program_n_affine(const tgl_program *program);
TGL_API const tgl_affine *tgl_program_affine(const tgl_program *program, uint32_t index);
/** "ADD", "AFFINE" …; NULL for an unknown code. */
TGL_API const char *tgl_opcode_name(tgl_opcode code);

/* ---- files: both forms carry the whole program; see docs/program.md ---- */

/** Binary form: versioned, little-endian, position independent. Release bytes with
 * tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_program_encode(uint8_t **out, size_t *size,
                                                    const tgl_program *program,
                                                    tgl_error *err);
/** Read and verify a binary program. The bytes are not retained. */
TGL_API TGL_NODISCARD tgl_status tgl_program_decode(tgl_program **out,
                                                    const uint8_t *bytes, size_t size,
                                                    tgl_error *err);
/** Text form, for reading, diffing and tests; parse(print(p)) encodes to the same bytes.
 * Release with tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_program_print(char **out, const tgl_program *program,
                                                   tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_program_parse(tgl_program **out, const char *text,
                                                   size_t size, tgl_error *err);

/* ---- payloads ---- */

/** The default values of every slot. `program_digest` (32 bytes, SHA-256 of the binary
 * form) is carried along. */
TGL_API TGL_NODISCARD tgl_status tgl_payload_new(tgl_payload **out,
                                                 const tgl_program *program,
                                                 const uint8_t program_digest[32],
                                                 tgl_error *err);
TGL_API void tgl_payload_free(tgl_payload *payload);
/** Change (count) elements of a slot from `first` on; codes outside the slot's bounds are
 * refused. */
TGL_API TGL_NODISCARD tgl_status tgl_payload_set(tgl_payload *payload, const char *slot,
                                                 uint32_t first, uint32_t count,
                                                 const int64_t *codes, tgl_error *err);
/** A slot's (count) codes, borrowed. */
TGL_API const int64_t *tgl_payload_get(const tgl_payload *payload, uint32_t slot);
TGL_API const uint8_t *tgl_payload_program_digest(const tgl_payload *payload);
TGL_API TGL_NODISCARD tgl_status tgl_payload_encode(uint8_t **out, size_t *size,
                                                    const tgl_payload *payload,
                                                    tgl_error *err);
/** Read a payload for `program`; refused when the slots do not match or a code is out of
 * bounds. */
TGL_API TGL_NODISCARD tgl_status tgl_payload_decode(tgl_payload **out,
                                                    const tgl_program *program,
                                                    const uint8_t *bytes, size_t size,
                                                    tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
