/* Every operation, every rounding and overflow mode, exhaustively at small widths: one
 * program with thousands of outputs over all pairs of two 5-bit inputs, Verilated against
 * the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <trigline/emulate.h>
#include <trigline/firmware.h>

#include "base/file.h"
#include "base/memory.h"

static tgl_program *program;
static uint32_t n_output, a, b, product, same, index3;
static tgl_error err;

static void check(tgl_status status)
{
    if (status != TGL_OK)
        fail_msg("%s: %s", tgl_status_name(status), err.message);
}

static void output(uint32_t value)
{
    char name[24];
    snprintf(name, sizeof name, "y%u", n_output++);
    check(tgl_program_add_output(program, name, value, &err));
}

static uint32_t put(tgl_op op)
{
    uint32_t value;
    if (op.n_value == 0)
        op.n_value = 1;
    op.ref = op.ref == 0 && op.code != TGL_OP_TABLE && op.code != TGL_OP_AFFINE &&
                     op.code != TGL_OP_PARAM
                 ? TGL_NONE
                 : op.ref;
    op.origin = (tgl_origin){"ops", (int32_t)n_output, tgl_opcode_name(op.code)};
    check(tgl_program_add_op(program, &op, &value, &err));
    for (uint32_t i = 0; i < op.n_value; i++)
        output(value + i);
    return value;
}

static uint32_t unary(tgl_opcode code, tgl_type type, uint32_t x)
{
    return put((tgl_op){.code = code, .type = type, .n_arg = 1, .args = &x});
}

static uint32_t binary(tgl_opcode code, tgl_type type, uint32_t x, uint32_t y)
{
    uint32_t args[2] = {x, y};
    return put((tgl_op){.code = code, .type = type, .n_arg = 2, .args = args});
}

static uint32_t quantise(uint32_t x, tgl_type type, int round, int overflow)
{
    return put((tgl_op){.code = TGL_OP_QUANTISE,
                        .type = type,
                        .n_arg = 1,
                        .args = &x,
                        .round = (tgl_round)round,
                        .overflow = (tgl_overflow)overflow});
}

static tgl_type wide(int frac)
{
    return (tgl_type){1, 24, (int16_t)frac};
}

static void arithmetic(void)
{
    binary(TGL_OP_ADD, wide(2), a, b);
    binary(TGL_OP_ADD, wide(2), a, a);
    binary(TGL_OP_SUB, wide(2), a, b);
    binary(TGL_OP_SUB, wide(2), b, a);
    binary(TGL_OP_SUB, wide(2), a, a);
    binary(TGL_OP_MUL, wide(4), a, a);
    binary(TGL_OP_MUL, wide(0), b, b);
    unary(TGL_OP_NEG, wide(2), a);
    unary(TGL_OP_NEG, wide(0), b);
    unary(TGL_OP_NOT, wide(2), a);
    unary(TGL_OP_NOT, wide(0), b);
    for (int code = TGL_OP_MIN; code <= TGL_OP_MAX; code++) {
        binary((tgl_opcode)code, wide(2), a, b);
        binary((tgl_opcode)code, wide(2), b, a);
        binary((tgl_opcode)code, wide(3), a, product);
    }
    for (int code = TGL_OP_AND; code <= TGL_OP_XOR; code++) {
        binary((tgl_opcode)code, wide(2), a, same);
        binary((tgl_opcode)code, wide(2), same, same);
    }
    for (int relation = 0; relation < 6; relation++)
        for (int swap = 0; swap < 2; swap++) {
            uint32_t args[2] = {swap ? b : a, swap ? a : b};
            put((tgl_op){.code = TGL_OP_COMPARE,
                         .type = {0, 1, 0},
                         .n_arg = 2,
                         .args = args,
                         .relation = (tgl_relation)relation});
        }
    for (int64_t c = -19; c <= 19; c++) {
        uint32_t k = put((tgl_op){.code = TGL_OP_CONST, .type = {1, 8, 1}, .imm = c});
        binary(TGL_OP_MUL, wide(3), a, k);
        binary(TGL_OP_MUL, wide(1), k, b);
        binary(TGL_OP_ADD, wide(2), a, k);
        binary(TGL_OP_MAX, wide(2), a, k);
    }
}

static void choices(void)
{
    uint32_t select[3] = {b, a, same}, pick[9] = {index3}, table, shift;
    put((tgl_op){.code = TGL_OP_SELECT, .type = {1, 8, 2}, .n_arg = 3, .args = select});
    for (uint32_t i = 1; i < 9; i++)
        pick[i] = i % 3 ? a : same;
    put((tgl_op){.code = TGL_OP_PICK, .type = {1, 8, 2}, .n_arg = 9, .args = pick});
    int64_t codes[8] = {5, -8, 7, 0, 1, -1, 3, 2},
            defaults[8] = {1, 2, 3, -4, 5, 6, 7, -8};
    tgl_table_data data = {"rom", {1, 4, 1}, 8, codes, TGL_NONE};
    check(tgl_program_add_table(program, &data, &table, &err));
    put((tgl_op){.code = TGL_OP_TABLE,
                 .type = data.type,
                 .n_arg = 1,
                 .args = &index3,
                 .ref = table});
    tgl_slot slot = {"ram", TGL_SLOT_TABLE, {1, 4, 1}, -8, 7, 8};
    check(tgl_program_add_slot(program, &slot, defaults, &data.slot, &err));
    data.name = "ram";
    data.codes = defaults;
    check(tgl_program_add_table(program, &data, &table, &err));
    put((tgl_op){.code = TGL_OP_TABLE,
                 .type = data.type,
                 .n_arg = 1,
                 .args = &index3,
                 .ref = table});
    uint32_t n3 = quantise(a, (tgl_type){1, 3, 0}, TGL_TRN, TGL_SAT);
    shift = n3;
    for (int lo = -4; lo <= -4; lo++)
        for (int hi = 3; hi <= 5; hi++) {
            uint32_t args[2] = {product, shift};
            put((tgl_op){.code = TGL_OP_SHIFT_VALUE,
                         .type = {1, 40, (int16_t)(3 + hi)},
                         .n_arg = 2,
                         .args = args,
                         .shift_lo = lo,
                         .shift_hi = hi});
        }
}

/* Conversions of the signed, the unsigned and the 10-bit product, into widths 1 and 5 and
 * binary points that drop nothing, something, everything, or raise. */
static void conversions(void)
{
    const uint32_t sources[] = {a, b, product};
    static const int fracs[] = {-9, -1, 1, 2, 4};
    for (int s = 0; s < 3; s++)
        for (int f = 0; f < 5; f++)
            for (int sign = 0; sign < 2; sign++)
                for (int width = 1; width <= 5; width += 4)
                    for (int round = 0; round < TGL_N_ROUND; round++)
                        for (int overflow = 0; overflow < TGL_N_OVERFLOW; overflow++) {
                            quantise(sources[s],
                                     (tgl_type){(uint8_t)sign, (uint8_t)width,
                                                (int16_t)fracs[f]},
                                     round, overflow);
                        }
}

static void affine(int round, int overflow, int acc, uint32_t slot, int exact)
{
    static const int64_t weights[] = {3, -5, 1, -6, 7, 2};
    static const int64_t bias[] = {3, -2};
    static const uint32_t order[] = {2, 0, 1};
    tgl_affine f = {.n_in = 3,
                    .n_out = 2,
                    .weight_type = {1, 4, 2},
                    .weights = slot == TGL_NONE ? weights : NULL,
                    .weight_slot = slot,
                    .bias = bias,
                    .bias_type = {1, 4, 1},
                    .bias_slot = TGL_NONE,
                    .term_exact = (uint8_t)exact,
                    .term = {{1, 7, 2}, (tgl_round)round, (tgl_overflow)overflow},
                    .acc = {{1, 7, 2}, TGL_TRN, (tgl_overflow)acc},
                    .order = (round + acc) % 2 ? order : NULL};
    if (exact)
        f.term.type.frac = f.acc.type.frac = 5;
    uint32_t ref, args[3] = {a, b, product};
    check(tgl_program_add_affine(program, &f, &ref, &err));
    put((tgl_op){.code = TGL_OP_AFFINE,
                 .type = f.acc.type,
                 .n_arg = 3,
                 .args = args,
                 .n_value = 2,
                 .ref = ref});
}

static void affines(void)
{
    const int64_t defaults[6] = {1, -8, 7, 3, 0, -3};
    tgl_slot slot = {"weights", TGL_SLOT_WEIGHTS, {1, 4, 2}, -8, 7, 6};
    uint32_t ref;
    check(tgl_program_add_slot(program, &slot, defaults, &ref, &err));
    for (int round = 0; round < TGL_N_ROUND; round++)
        for (int overflow = 0; overflow < TGL_N_OVERFLOW; overflow++)
            for (int acc = 0; acc < TGL_N_OVERFLOW; acc++) {
                affine(round, overflow, acc, TGL_NONE, 0);
                affine(round, overflow, acc, ref, 0);
            }
    for (int acc = 0; acc < TGL_N_OVERFLOW; acc++) {
        affine(0, 0, acc, TGL_NONE, 1);
        affine(0, 0, acc, ref, 1);
    }
}

static void make_program(void)
{
    check(tgl_program_new(&program, "ops", &err));
    check(tgl_program_add_input(program, "a", (tgl_type){1, 5, 2}, &a, &err));
    check(tgl_program_add_input(program, "b", (tgl_type){0, 5, 0}, &b, &err));
    product = binary(TGL_OP_MUL, (tgl_type){1, 10, 2}, a, b);
    uint32_t shifted = put((tgl_op){.code = TGL_OP_SHIFT,
                                    .type = {1, 10, 3},
                                    .n_arg = 1,
                                    .args = &product,
                                    .imm = -1});
    product = shifted; /* binary point 3 */
    same = put((tgl_op){
        .code = TGL_OP_SHIFT, .type = {0, 5, 2}, .n_arg = 1, .args = &b, .imm = -2});
    index3 = quantise(b, (tgl_type){0, 3, 0}, TGL_TRN, TGL_WRAP);
    arithmetic();
    choices();
    conversions();
    affines();
    put((tgl_op){.code = TGL_OP_PARAM, .type = {1, 4, 2}, .ref = 1, .element = 3});
    check(tgl_program_verify(program, &err));
}

/* Nothing was left out: every operation, all 28 conversions from 3 sources into 20 types,
 * all 112 ways of an affine with constant and with writable weights, 8 exact ones. */
static void count_operations(void)
{
    uint32_t count[TGL_OP_AFFINE + 1] = {0};
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++)
        count[tgl_program_op(program, i)->code]++;
    for (int code = TGL_OP_INPUT; code <= TGL_OP_AFFINE; code++)
        if (count[code] == 0)
            fail_msg("no %s", tgl_opcode_name((tgl_opcode)code));
    assert_int_equal(count[TGL_OP_QUANTISE], 3 * 20 * 28 + 2);
    assert_int_equal(count[TGL_OP_AFFINE], 2 * 112 + 8);
}

static void every_operation(void **state)
{
    (void)state;
    enum { N = 1024 };
    char directory[64];
    make_program();
    count_operations();
    int64_t *in = tgl__calloc(N * 2, sizeof *in);
    int64_t *expected = tgl__calloc((size_t)N * n_output, sizeof *expected);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    assert_true(in && expected && values);
    for (size_t e = 0; e < N; e++) {
        in[2 * e] = (int64_t)(e % 32) - 16;
        in[2 * e + 1] = (int64_t)(e / 32);
        check(tgl_emulate_reference(values, program, NULL, in + 2 * e, &err));
        for (uint32_t o = 0; o < n_output; o++)
            expected[e * n_output + o] = values[tgl_program_output(program, o)->value];
    }
    snprintf(directory, sizeof directory, "/tmp/tgl_firmware_ops_%ld", (long)getpid());
    tgl_simulation result;
    check(tgl_firmware_build(directory, program, NULL, NULL, &err));
    check(tgl_firmware_simulate(&result, directory, NULL, program, NULL, in, expected, N,
                                NULL, &err));
    if (result.n_different)
        fail_msg("%s", result.first_difference);
    print_message("%u outputs, all %d pairs of codes, 0 differing bits; compiled in %.1f "
                  "s, run in %.2f s\n",
                  n_output, (int)N, result.compile_s, result.run_s);
    check(tgl__remove_tree(directory, &err));
    tgl__free(in);
    tgl__free(expected);
    tgl__free(values);
    tgl_program_free(program);
}

int main(void)
{
    char *tool = tgl__find_program("verilator");
    if (!tool) {
        print_message("skipped: verilator is not installed\n");
        return getenv("TGL_REQUIRE_SHARED") ? 1 : 77;
    }
    tgl__free(tool);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operation)};
    return cmocka_run_group_tests_name("firmware_ops", tests, NULL, NULL);
}
