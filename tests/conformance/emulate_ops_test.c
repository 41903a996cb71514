/* Every operation over every code of small types, every conversion mode, every mode of
 * affine terms and accumulators: the batch emulator in each instruction set and lane
 * width equals the reference; and the emulator's manners: bad input, threads, stopping,
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <trigline/emulate.h>

#include "base/memory.h"
#include "support/pieces.h"
#include "support/random_program.h"

static size_t n_compared; /* event x emulator, told at the end */

static void ok(tgl_status status, const tgl_error *err)
{
    if (status != TGL_OK)
        fail_msg("%s", err->message);
}

/* Every combination of the inputs' codes; release with tgl__free. */
static int64_t *all_inputs(const tgl_program *program, size_t *n_event)
{
    uint32_t n = tgl_program_n_input(program);
    *n_event = 1;
    for (uint32_t i = 0; i < n; i++)
        *n_event *= (size_t)1 << tgl_program_input(program, i)->type.width;
    int64_t *in = tgl__calloc(*n_event * n, sizeof *in);
    for (size_t e = 0; e < *n_event; e++) {
        size_t rest = e;
        for (uint32_t i = 0; i < n; i++) {
            tgl_type type = tgl_program_input(program, i)->type;
            in[e * n + i] =
                tgl_type_min(type) + (int64_t)(rest % ((size_t)1 << type.width));
            rest >>= type.width;
        }
    }
    return in;
}

static void expect_equal(const tgl_program *program, const tgl_emulator *emulator,
                         const int64_t *out, const int64_t *expected, size_t n_event,
                         const char *how)
{
    tgl_error err = {0};
    uint32_t n_out = tgl_program_n_output(program);
    for (size_t i = 0; i < n_event * n_out; i++)
        if (out[i] != expected[i]) {
            char *text;
            ok(tgl_program_print(&text, program, &err), &err);
            fail_msg("%s, %s: event %zu: expected %lld, found %lld in\n%s",
                     tgl_emulator_describe(emulator), how, i / n_out,
                     (long long)expected[i], (long long)out[i], text);
        }
    n_compared += n_event;
}

static void compare_one(const tgl_program *program, const int64_t *in,
                        const int64_t *expected, size_t n_event, tgl_isa isa, int lane)
{
    tgl_error err = {0};
    tgl_emulator *emulator;
    tgl_emulator_options options = {sizeof options, isa, lane};
    tgl_status status = tgl_emulator_new(&emulator, program, NULL, &options, &err);
    if (status == TGL_EMISSING)
        return;
    ok(status, &err);
    uint32_t n_out = tgl_program_n_output(program);
    int64_t *out = tgl__calloc(n_event * n_out, sizeof *out);
    void *scratch = tgl__aligned(tgl_emulator_scratch_size(emulator) + 1, 1);
    ok(tgl_emulator_run(out, emulator, in, n_event, scratch, &err), &err);
    expect_equal(program, emulator, out, expected, n_event, "batch");
    memset(out, 0, n_event * n_out * sizeof *out);
    ok(run_in_pieces(out, emulator, tgl_program_n_input(program), n_out, in, n_event,
                     scratch, &err),
       &err);
    expect_equal(program, emulator, out, expected, n_event, "single events");
    tgl__free(scratch);
    tgl__free(out);
    tgl_emulator_free(emulator);
}

/* Adds outputs for the last operation, verifies, compares everywhere, releases. */
static void conform(tgl_program *program, int64_t *in, size_t n_event)
{
    tgl_error err = {0};
    const tgl_op *op = tgl_program_op(program, tgl_program_n_op(program) - 1);
    char name[16];
    for (uint32_t i = 0; i < op->n_value; i++) {
        snprintf(name, sizeof name, "y%u", i);
        ok(tgl_program_add_output(program, name, op->first_value + i, &err), &err);
    }
    ok(tgl_program_verify(program, &err), &err);
    if (in == NULL)
        in = all_inputs(program, &n_event);
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *expected = tgl__calloc(n_event * n_out, sizeof *expected);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    for (size_t e = 0; e < n_event; e++) {
        ok(tgl_emulate_reference(values, program, NULL, in + e * n_in, &err), &err);
        for (uint32_t i = 0; i < n_out; i++)
            expected[e * n_out + i] = values[tgl_program_output(program, i)->value];
    }
    for (int isa = TGL_ISA_BASELINE; isa <= TGL_ISA_AVX512; isa++)
        for (int lane = 16; lane <= 64; lane *= 2)
            compare_one(program, in, expected, n_event, (tgl_isa)isa, lane);
    tgl__free(values);
    tgl__free(expected);
    tgl__free(in);
    tgl_program_free(program);
}

static tgl_program *with_inputs(const tgl_type *types, uint32_t n)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    tgl_program *program;
    tgl_error err;
    ok(tgl_program_new(&program, "ops", &err), &err);
    for (uint32_t i = 0; i < n; i++)
        ok(tgl_program_add_input(program, names[i], types[i], NULL, &err), &err);
    return program;
}

static uint32_t add(tgl_program *program, tgl_op op)
{
    uint32_t value;
    tgl_error err = {0};
    op.origin = (tgl_origin){"op", 0, "tested"};
    ok(tgl_program_add_op(program, &op, &value, &err), &err);
    return value;
}

static const uint32_t first_four[4] = {0, 1, 2, 3};

static tgl_op op_of(tgl_opcode code, tgl_type type, uint32_t n_arg)
{
    return (tgl_op){
        .code = code, .type = type, .n_arg = n_arg, .args = first_four, .ref = TGL_NONE};
}

/* Signed and unsigned, binary points that differ either way. */
static const tgl_type pairs[][2] = {{{1, 5, 2}, {1, 5, 2}},
                                    {{1, 5, 0}, {0, 4, 3}},
                                    {{0, 4, 4}, {1, 5, -1}},
                                    {{0, 5, 1}, {0, 5, 1}},
                                    {{1, 6, 8}, {0, 1, 0}}};
enum { N_PAIR = sizeof pairs / sizeof *pairs };

static void arithmetic_exhaustively(void **state)
{
    (void)state;
    static const tgl_opcode codes[] = {TGL_OP_ADD, TGL_OP_SUB, TGL_OP_MUL, TGL_OP_MIN,
                                       TGL_OP_MAX};
    for (int k = 0; k < N_PAIR; k++)
        for (int c = 0; c < 5; c++) {
            int finest =
                pairs[k][0].frac > pairs[k][1].frac ? pairs[k][0].frac : pairs[k][1].frac;
            int frac =
                codes[c] == TGL_OP_MUL ? pairs[k][0].frac + pairs[k][1].frac : finest;
            tgl_program *program = with_inputs(pairs[k], 2);
            add(program, op_of(codes[c], (tgl_type){1, 24, (int16_t)frac}, 2));
            conform(program, NULL, 0);
        }
}

static void comparisons_exhaustively(void **state)
{
    (void)state;
    for (int k = 0; k < N_PAIR; k++)
        for (int relation = TGL_EQ; relation <= TGL_GE; relation++) {
            tgl_program *program = with_inputs(pairs[k], 2);
            tgl_op op = op_of(TGL_OP_COMPARE, (tgl_type){0, 1, 0}, 2);
            op.relation = (tgl_relation)relation;
            add(program, op);
            conform(program, NULL, 0);
        }
}

static void one_argument_exhaustively(void **state)
{
    (void)state;
    static const tgl_type types[] = {{1, 8, 3}, {0, 8, 0}, {1, 1, 0}, {0, 1, -2}};
    for (int t = 0; t < 4; t++) {
        tgl_type wide = {1, 10, types[t].frac};
        tgl_program *program = with_inputs(&types[t], 1);
        add(program, op_of(TGL_OP_NEG, wide, 1));
        conform(program, NULL, 0);
        program = with_inputs(&types[t], 1);
        add(program, op_of(TGL_OP_NOT, wide, 1));
        conform(program, NULL, 0);
        for (int imm = -3; imm <= 3; imm += 3) {
            program = with_inputs(&types[t], 1);
            tgl_op op = op_of(TGL_OP_SHIFT, wide, 1);
            op.type.frac = (int16_t)(types[t].frac - imm);
            op.imm = imm;
            add(program, op);
            conform(program, NULL, 0);
        }
    }
}

static void bitwise_exhaustively(void **state)
{
    (void)state;
    static const tgl_type types[][2] = {
        {{1, 5, 1}, {1, 5, 1}}, {{0, 5, 1}, {1, 4, 1}}, {{0, 5, 0}, {0, 6, 0}}};
    for (int k = 0; k < 3; k++)
        for (int code = TGL_OP_AND; code <= TGL_OP_XOR; code++) {
            tgl_program *program = with_inputs(types[k], 2);
            add(program, op_of((tgl_opcode)code, (tgl_type){1, 8, types[k][0].frac}, 2));
            conform(program, NULL, 0);
        }
}

static void choices_exhaustively(void **state)
{
    (void)state;
    static const tgl_type types[4] = {{0, 2, 0}, {1, 3, 1}, {0, 3, 1}, {1, 4, 1}};
    static const uint32_t args[5] = {0, 1, 2, 3, 1};
    tgl_program *program = with_inputs(types, 4);
    tgl_op op = op_of(TGL_OP_PICK, (tgl_type){1, 5, 1}, 5);
    op.args = args;
    add(program, op);
    conform(program, NULL, 0);
    program = with_inputs(types, 3);
    add(program, op_of(TGL_OP_SELECT, (tgl_type){1, 5, 1}, 3));
    conform(program, NULL, 0);
}

static void tables_exhaustively(void **state)
{
    (void)state;
    static const int widths[] = {7, 20, 40};
    for (int w = 0; w < 3; w++) {
        tgl_type index = {0, 6, 0}, entry = {1, (uint8_t)widths[w], 3};
        int64_t codes[64];
        uint64_t seed = 3;
        for (int i = 0; i < 64; i++)
            codes[i] = random_code(&seed, tgl_type_min(entry), tgl_type_max(entry));
        tgl_program *program = with_inputs(&index, 1);
        tgl_table_data table = {"t", entry, 64, codes, TGL_NONE};
        tgl_error err;
        tgl_op op = op_of(TGL_OP_TABLE, entry, 1);
        ok(tgl_program_add_table(program, &table, &op.ref, &err), &err);
        add(program, op);
        conform(program, NULL, 0);
    }
}

static void shifts_by_value_exhaustively(void **state)
{
    (void)state;
    static const tgl_type types[][2] = {
        {{1, 6, 2}, {1, 3, 0}}, {{0, 6, 0}, {0, 4, 0}}, {{1, 2, 0}, {1, 5, 0}}};
    for (int k = 0; k < 3; k++) {
        tgl_program *program = with_inputs(types[k], 2);
        tgl_op op = op_of(TGL_OP_SHIFT_VALUE, (tgl_type){1, 63, 0}, 2);
        op.shift_lo = (int32_t)tgl_type_min(types[k][1]);
        op.shift_hi = (int32_t)tgl_type_max(types[k][1]);
        op.type.frac = (int16_t)(types[k][0].frac + op.shift_hi);
        add(program, op);
        conform(program, NULL, 0);
    }
}

static void conversions_exhaustively(void **state)
{
    (void)state;
    static const tgl_type from[] = {{1, 8, 4}, {0, 8, 4}};
    static const tgl_type to[] = {{1, 4, 2},  {0, 3, 1},  {1, 8, 4}, {1, 5, 7},
                                  {0, 9, 6},  {1, 2, -3}, {1, 1, 0}, {1, 12, 4},
                                  {0, 1, -9}, {1, 40, 20}};
    for (int f = 0; f < 2; f++)
        for (size_t t = 0; t < sizeof to / sizeof *to; t++)
            for (int mode = 0; mode < TGL_N_ROUND * TGL_N_OVERFLOW; mode++) {
                tgl_program *program = with_inputs(&from[f], 1);
                tgl_op op = op_of(TGL_OP_QUANTISE, to[t], 1);
                op.round = (tgl_round)(mode % TGL_N_ROUND);
                op.overflow = (tgl_overflow)(mode / TGL_N_ROUND);
                add(program, op);
                conform(program, NULL, 0);
            }
}

/* ---- affine: 7 x 4 ways to convert terms, 4 to convert sums, exact terms, orders ----
 */

static void affine_case(uint64_t seed, tgl_quant term, tgl_quant acc, bool exact,
                        int input_width)
{
    tgl_type x[4];
    for (int i = 0; i < 4; i++)
        x[i] = (tgl_type){(uint8_t)(i != 2), (uint8_t)(input_width - (i == 2)), 4};
    tgl_type w = {1, (uint8_t)(input_width < 9 ? 6 : 14), 3};
    static const uint32_t order[4] = {2, 0, 3, 1};
    int64_t weights[12], bias[3];
    for (int i = 0; i < 12; i++)
        weights[i] = random_code(&seed, tgl_type_min(w), tgl_type_max(w));
    for (int i = 0; i < 3; i++)
        bias[i] = random_code(&seed, -8, 7);
    tgl_affine a = {4,        3,    w,         weights,
                    TGL_NONE, bias, {1, 4, 2}, TGL_NONE,
                    exact,    term, acc,       seed % 2 ? order : NULL};
    tgl_program *program = with_inputs(x, 4);
    tgl_op op = op_of(TGL_OP_AFFINE, acc.type, 4);
    tgl_error err = {0};
    ok(tgl_program_add_affine(program, &a, &op.ref, &err), &err);
    add(program, op);
    enum { N_EVENT = 200 };
    int64_t *in = tgl__calloc((size_t)N_EVENT * 4, sizeof *in);
    random_inputs(in, program, N_EVENT, seed);
    conform(program, in, N_EVENT);
}

/* A bias wider than every sum stands alone in a row whose weights are zero: the lane must
 * hold it. */
static void affine_rows_of_bias_alone(void **state)
{
    (void)state;
    for (int round = 0; round < TGL_N_ROUND; round++)
        for (int overflow = 0; overflow < TGL_N_OVERFLOW; overflow++) {
            const tgl_type x = {0, 1, 0};
            const tgl_affine a = {.n_in = 1,
                                  .n_out = 2,
                                  .weight_type = {0, 1, -1},
                                  .weights = (const int64_t[]){1, 0},
                                  .weight_slot = TGL_NONE,
                                  .bias = (const int64_t[]){27, 71},
                                  .bias_type = {0, 8, 3},
                                  .bias_slot = TGL_NONE,
                                  .term = {{1, 9, 13}, (tgl_round)round, TGL_WRAP},
                                  .acc = {{0, 17, 13}, TGL_TRN, (tgl_overflow)overflow}};
            tgl_program *program = with_inputs(&x, 1);
            tgl_op op = op_of(TGL_OP_AFFINE, a.acc.type, 1);
            tgl_error err = {0};
            ok(tgl_program_add_affine(program, &a, &op.ref, &err), &err);
            add(program, op);
            conform(program, NULL, 0);
        }
}

static void affine_modes(void **state)
{
    (void)state;
    uint64_t seed = 1;
    static const int widths[][3] = {{8, 7, 6},    {8, 5, 8},    {8, 20, 24}, {16, 16, 16},
                                    {16, 18, 12}, {16, 30, 34}, {30, 40, 16}};
    for (int shape = 0; shape < 7; shape++)
        for (int t = 0; t < TGL_N_ROUND * TGL_N_OVERFLOW; t++)
            for (int o = 0; o < TGL_N_OVERFLOW; o++)
                for (int frac = 2; frac <= 7; frac += 5) {
                    tgl_quant term = {{1, (uint8_t)widths[shape][1], (int16_t)frac},
                                      (tgl_round)(t % TGL_N_ROUND),
                                      (tgl_overflow)(t / TGL_N_ROUND)};
                    tgl_quant acc = {
                        {(uint8_t)(t % 3 != 0), (uint8_t)widths[shape][2], (int16_t)frac},
                        TGL_TRN,
                        (tgl_overflow)o};
                    affine_case(seed++, term, acc, frac == 7 && t % 7 == 0,
                                widths[shape][0]);
                }
}

/* ---- manners ---- */

static tgl_program *network(void)
{
    tgl_program *program;
    tgl_error err;
    random_options o = {.seed = 26, .n_input = 4, .n_op = 60, .max_width = 16};
    ok(random_program(&program, &o, &err), &err);
    return program;
}

static void names_the_bad_event(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_program *program = network();
    tgl_emulator *emulator;
    ok(tgl_emulator_new(&emulator, program, NULL, NULL, &err), &err);
    enum { N = 10000 };
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *in = tgl__calloc((size_t)N * n_in, sizeof *in);
    int64_t *out = tgl__calloc((size_t)N * n_out, sizeof *out);
    void *scratch = tgl__aligned(tgl_emulator_scratch_size(emulator) + 1, 1);
    in[7001 * n_in + 2] = tgl_type_max(tgl_program_input(program, 2)->type) + 1;
    assert_int_equal(tgl_emulator_run(out, emulator, in, N, scratch, &err), TGL_ELIMIT);
    assert_int_equal(err.offset, 7001);
    assert_non_null(strstr(err.message, "event 7001: input 'x2'"));
    memset(&err, 0, sizeof err);
    assert_int_equal(tgl_emulator_run_parallel(out, emulator, in, N, 2, NULL, &err),
                     TGL_ELIMIT);
    assert_int_equal(err.offset, 7001);
    in[7001 * n_in + 2] = INT64_MIN;
    assert_int_equal(tgl_emulator_run(out, emulator, in, N, scratch, NULL), TGL_ELIMIT);
    assert_int_equal(tgl_emulator_run(out, emulator, in, 1, (char *)scratch + 8, &err),
                     TGL_EUSAGE);
    assert_int_equal(tgl_emulator_run(out, emulator, in, 0, scratch, &err), TGL_OK);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    assert_int_equal(tgl_emulate_reference(values, program, NULL, in + 7001 * n_in, &err),
                     TGL_ELIMIT);
    tgl__free(values);
    tgl__free(in);
    tgl__free(out);
    tgl__free(scratch);
    tgl_emulator_free(emulator);
    tgl_program_free(program);
}

static int stop_after_three(void *user)
{
    return ++*(int *)user > 3;
}

static void threads_change_nothing(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_program *program = network();
    tgl_emulator *emulator;
    ok(tgl_emulator_new(&emulator, program, NULL, NULL, &err), &err);
    enum { N = 50001 };
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *in = tgl__calloc((size_t)N * n_in, sizeof *in);
    int64_t *one = tgl__calloc((size_t)N * n_out, sizeof *one);
    int64_t *many = tgl__calloc((size_t)N * n_out, sizeof *many);
    random_inputs(in, program, N, 4);
    void *scratch = tgl__aligned(tgl_emulator_scratch_size(emulator) + 1, 1);
    tgl__alloc_fail_after(0); /* a run in the caller's thread allocates nothing */
    tgl_status status = tgl_emulator_run(one, emulator, in, N, scratch, &err);
    tgl__alloc_fail_after(-1);
    ok(status, &err);
    for (size_t n_thread = 0; n_thread < 5; n_thread++) {
        memset(many, 1, (size_t)N * n_out * sizeof *many);
        ok(tgl_emulator_run_parallel(many, emulator, in, N, n_thread, NULL, &err), &err);
        assert_memory_equal(one, many, (size_t)N * n_out * sizeof *many);
    }
    int asked = 0;
    tgl_progress progress = {NULL, stop_after_three, &asked};
    assert_int_equal(tgl_emulator_run_parallel(many, emulator, in, N, 2, &progress, &err),
                     TGL_ECANCELLED);
    tgl__free(in);
    tgl__free(one);
    tgl__free(many);
    tgl__free(scratch);
    tgl_emulator_free(emulator);
    tgl_program_free(program);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_program *program = network(), *other, *open;
    random_options o = {.seed = 27, .n_input = 4, .n_op = 70, .max_width = 16};
    ok(random_program(&other, &o, &err), &err);
    static const uint8_t digest[32] = {0};
    tgl_payload *payload;
    ok(tgl_payload_new(&payload, other, digest, &err), &err);
    tgl_emulator *emulator;
    assert_int_equal(tgl_emulator_new(&emulator, program, payload, NULL, &err),
                     TGL_EMISMATCH);
    tgl_emulator_options options = {sizeof options, (tgl_isa)9, 0};
    assert_int_equal(tgl_emulator_new(&emulator, program, NULL, &options, &err),
                     TGL_EUSAGE);
    options = (tgl_emulator_options){sizeof options, TGL_ISA_BASELINE, 24};
    assert_int_equal(tgl_emulator_new(&emulator, program, NULL, &options, &err),
                     TGL_EUSAGE);
    ok(tgl_program_new(&open, "open", &err), &err);
    assert_int_equal(tgl_emulator_new(&emulator, open, NULL, NULL, &err), TGL_EUSAGE);
    int64_t nothing = 0;
    assert_int_equal(tgl_emulate_reference(&nothing, open, NULL, &nothing, &err),
                     TGL_EUSAGE);
    tgl_payload_free(payload);
    tgl_program_free(open);
    tgl_program_free(other);
    tgl_program_free(program);
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    tgl_error err = {0};
    tgl_program *program = network();
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *in = tgl__calloc(3 * n_in, sizeof *in), *out = tgl__calloc(3 * n_out, 8);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    for (long n = 0;; n++) {
        tgl_emulator *emulator = NULL;
        tgl__alloc_fail_after(n);
        tgl_status status = tgl_emulator_new(&emulator, program, NULL, NULL, &err);
        if (status == TGL_OK)
            status = tgl_emulator_run_parallel(out, emulator, in, 3, 1, NULL, &err);
        if (status == TGL_OK)
            status = tgl_emulate_reference(values, program, NULL, in, &err);
        tgl__alloc_fail_after(-1);
        tgl_emulator_free(emulator);
        if (status == TGL_OK) {
            assert_true(n > 8);
            break;
        }
        assert_int_equal(status, TGL_ENOMEM);
    }
    tgl__free(in);
    tgl__free(out);
    tgl__free(values);
    tgl_program_free(program);
}

static void tell(void **state)
{
    (void)state;
    print_message("%zu events compared with the reference, 0 differing bits\n",
                  n_compared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_exhaustively),
        cmocka_unit_test(comparisons_exhaustively),
        cmocka_unit_test(one_argument_exhaustively),
        cmocka_unit_test(bitwise_exhaustively),
        cmocka_unit_test(choices_exhaustively),
        cmocka_unit_test(tables_exhaustively),
        cmocka_unit_test(shifts_by_value_exhaustively),
        cmocka_unit_test(conversions_exhaustively),
        cmocka_unit_test(affine_rows_of_bias_alone),
        cmocka_unit_test(affine_modes),
        cmocka_unit_test(names_the_bad_event),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(tell),
    };
    return cmocka_run_group_tests_name("emulate_ops", tests, NULL, NULL);
}
