#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <trigline/program.h>

#include "base/memory.h"
#include "program/opcode.h"
#include "program/wire.h"
#include "support/random_program.h"

static const tgl_type s8 = {1, 8, 4}, u1 = {0, 1, 0}, index_type = {0, 3, 0};

/* ---- building blocks ---- */

static tgl_program *fresh(void)
{
    tgl_program *program;
    uint32_t value;
    tgl_error err;
    assert_int_equal(tgl_program_new(&program, "test", &err), TGL_OK);
    assert_int_equal(tgl_program_add_input(program, "a", s8, &value, &err), TGL_OK);
    assert_int_equal(value, 0);
    assert_int_equal(tgl_program_add_input(program, "b", s8, &value, &err), TGL_OK);
    assert_int_equal(tgl_program_add_input(program, "i", index_type, &value, &err),
                     TGL_OK);
    return program;
}

static tgl_op make_op(tgl_opcode code, tgl_type type, uint32_t n_arg,
                      const uint32_t *args)
{
    return (tgl_op){.code = code,
                    .type = type,
                    .n_arg = n_arg,
                    .args = args,
                    .ref = TGL_NONE,
                    .origin = {"dense_1", 3, "sum"}};
}

/* The program with one more operation is refused, at adding or at verifying, and the
 * message holds `text`. */
static void refused(tgl_program *program, tgl_op op, const char *text)
{
    tgl_error err = {0};
    uint32_t value = 0;
    tgl_status status = tgl_program_add_op(program, &op, &value, &err);
    if (status == TGL_OK)
        status = tgl_program_add_output(program, "y", value, &err);
    if (status == TGL_OK)
        status = tgl_program_verify(program, &err);
    if (status == TGL_OK || strstr(err.message, text) == NULL)
        fail_msg("%s: expected a refusal with '%s', found '%s'", tgl_opcode_name(op.code),
                 text, status == TGL_OK ? "success" : err.message);
    tgl_program_free(program);
}

static uint32_t args_ab[2] = {0, 1}, args_aa[2] = {0, 0}, args_ia[2] = {2, 0};

static void refuses_shapes(void **state)
{
    (void)state;
    uint32_t late[2] = {0, 9};
    tgl_type wide = {1, 64, 4}, far = {1, 8, 3000};
    refused(fresh(), make_op((tgl_opcode)77, s8, 1, args_ab), "unknown opcode 77");
    refused(fresh(), make_op(TGL_OP_INPUT, s8, 0, NULL), "tgl_program_add_input");
    refused(fresh(), make_op(TGL_OP_ADD, s8, 1, args_ab), "expected 2 to 2 arguments");
    refused(fresh(), make_op(TGL_OP_ADD, s8, 2, late), "expected a value below 3");
    refused(fresh(), make_op(TGL_OP_NEG, wide, 1, args_ab), "width of 1 to 63 bits");
    refused(fresh(), make_op(TGL_OP_NEG, far, 1, args_ab), "binary point within");
    tgl_op op = make_op(TGL_OP_QUANTISE, s8, 1, args_ab);
    op.round = (tgl_round)9;
    refused(fresh(), op, "unknown rounding or overflow mode");
    op = make_op(TGL_OP_COMPARE, u1, 2, args_ab);
    op.relation = (tgl_relation)6;
    refused(fresh(), op, "unknown relation 6");
    op = make_op(TGL_OP_NEG, s8, 1, args_ab);
    op.n_value = 2;
    refused(fresh(), op, "expected 1 results, found 2");
    op = make_op(TGL_OP_PARAM, s8, 0, NULL);
    op.ref = 0;
    refused(fresh(), op, "expected a slot below 0");
    op = make_op(TGL_OP_TABLE, s8, 1, args_ia);
    op.ref = 5;
    refused(fresh(), op, "expected a table below 0");
    op = make_op(TGL_OP_AFFINE, s8, 2, args_ab);
    op.ref = 0;
    refused(fresh(), op, "expected a affine below 0");
    op = make_op(TGL_OP_SHIFT_VALUE, s8, 2, args_ab);
    op.shift_lo = 3;
    op.shift_hi = 2;
    refused(fresh(), op, "shift bounds within [-64, 64]");
}

static void refuses_ranges(void **state)
{
    (void)state;
    tgl_type s9 = {1, 9, 4}, s15 = {1, 15, 8}, u8 = {0, 8, 4}, c = {1, 4, 0};
    /* each one bit too narrow, and named by operation and origin */
    refused(fresh(), make_op(TGL_OP_ADD, s8, 2, args_ab),
            "op 3 (ADD, dense_1[3] sum): the result may reach [-256, 254]");
    refused(fresh(), make_op(TGL_OP_SUB, s8, 2, args_ab), "may reach [-255, 255]");
    refused(fresh(), make_op(TGL_OP_NEG, s8, 1, args_ab), "may reach [-127, 128]");
    refused(fresh(), make_op(TGL_OP_MUL, s15, 2, args_ab), "may reach [-16256, 16384]");
    refused(fresh(), make_op(TGL_OP_MIN, u8, 2, args_ab), "may reach [-128, 127]");
    refused(fresh(), make_op(TGL_OP_NOT, u8, 1, args_ab), "may reach [-128, 127]");
    refused(fresh(), make_op(TGL_OP_AND, u8, 2, args_ab), "may reach [-128, 127]");
    tgl_op op = make_op(TGL_OP_CONST, c, 0, NULL);
    op.imm = 8;
    refused(fresh(), op, "may reach [8, 8]");
    op = make_op(TGL_OP_SHIFT, (tgl_type){1, 7, 2}, 1, args_ab);
    op.imm = 2;
    refused(fresh(), op, "may reach [-128, 127]");
    refused(fresh(), make_op(TGL_OP_SELECT, u8, 3, (uint32_t[]){2, 0, 1}),
            "may reach [-128, 127]");
    op = make_op(TGL_OP_SHIFT_VALUE, s9, 2, args_ab);
    refused(fresh(), op, "expected binary point 0, found 4");
    op = make_op(TGL_OP_SHIFT_VALUE, s9, 2, (uint32_t[]){0, 2});
    op.shift_hi = 6;
    op.type.frac = 10;
    refused(fresh(), op, "the shift may reach [0, 7], expected codes in [0, 6]");
}

static void refuses_binary_points(void **state)
{
    (void)state;
    tgl_type s20 = {1, 20, 5};
    refused(fresh(), make_op(TGL_OP_ADD, s20, 2, args_ab),
            "expected binary point 4, found 5");
    refused(fresh(), make_op(TGL_OP_MUL, s20, 2, args_ab),
            "expected binary point 8, found 5");
    refused(fresh(), make_op(TGL_OP_MAX, s20, 2, args_ab),
            "expected binary point 4, found 5");
    refused(fresh(), make_op(TGL_OP_XOR, s20, 2, args_ab), "expected binary point 4");
    refused(fresh(), make_op(TGL_OP_AND, s20, 2, args_ia), "binary point");
    refused(fresh(), make_op(TGL_OP_SELECT, s20, 3, (uint32_t[]){2, 0, 1}),
            "binary point");
    tgl_op op = make_op(TGL_OP_SHIFT, s20, 1, args_ab);
    op.imm = 1;
    refused(fresh(), op, "expected binary point 3, found 5");
    op.imm = INT64_MAX;
    refused(fresh(), op, "the shift is out of bounds");
    refused(fresh(), make_op(TGL_OP_COMPARE, s8, 2, args_ab), "ufixed<1,1>");
    refused(fresh(), make_op(TGL_OP_PICK, s8, 2, args_aa), "expected binary point 0");
    refused(fresh(), make_op(TGL_OP_PICK, s8, 3, (uint32_t[]){2, 0, 1}),
            "the index may reach [0, 7], expected codes in [0, 1]");
}

static void refuses_tables_and_slots(void **state)
{
    (void)state;
    tgl_error err;
    uint32_t number;
    int64_t codes[4] = {1, 2, 3, 127};
    tgl_program *program = fresh();
    tgl_table_data table = {"t", s8, 4, codes, TGL_NONE};
    assert_int_equal(tgl_program_add_table(program, &table, &number, &err), TGL_OK);
    assert_int_equal(tgl_program_add_table(program, &table, &number, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "table name 't' is used twice"));
    table.name = "u";
    codes[0] = 128;
    assert_int_equal(tgl_program_add_table(program, &table, &number, &err), TGL_ELIMIT);
    assert_non_null(strstr(err.message, "code 128 at 0 lies outside [-128, 127]"));
    table.slot = 0;
    assert_int_equal(tgl_program_add_table(program, &table, &number, &err), TGL_EUSAGE);
    tgl_slot slot = {"s", TGL_SLOT_BIAS, s8, -5, 5, 4};
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err),
                     TGL_ELIMIT);
    codes[0] = codes[3] = 0;
    slot.hi = 128;
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err),
                     TGL_EUSAGE);
    slot.hi = 5;
    slot.count = 0;
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err),
                     TGL_ELIMIT);
    slot.count = 4;
    slot.kind = (tgl_slot_kind)7;
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err),
                     TGL_EUSAGE);
    slot.kind = TGL_SLOT_BIAS;
    slot.name = "quo\"te";
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err),
                     TGL_EFORMAT);
    slot.name = "s";
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err), TGL_OK);
    tgl_op op = make_op(TGL_OP_TABLE, s8, 1, args_ia);
    op.ref = 0;
    refused(program, op, "the index may reach [0, 7], expected codes in [0, 3]");
}

static tgl_status add_affine(tgl_program *program, tgl_affine affine, tgl_error *err)
{
    uint32_t number;
    return tgl_program_add_affine(program, &affine, &number, err);
}

static void refuses_affines(void **state)
{
    (void)state;
    tgl_error err;
    int64_t weights[4] = {1, -2, 3, 127}, bias[2] = {0, 1};
    uint32_t twice[2] = {1, 1};
    tgl_quant acc = {{1, 12, 4}, TGL_TRN, TGL_WRAP};
    tgl_affine good = {2,         2,        s8, weights, TGL_NONE, bias,
                       {1, 8, 4}, TGL_NONE, 0,  acc,     acc,      NULL};
    tgl_program *program = fresh();
    tgl_affine a = good;
    a.n_in = 0;
    assert_int_equal(add_affine(program, a, &err), TGL_ELIMIT);
    a.n_in = a.n_out = UINT32_MAX;
    assert_int_equal(add_affine(program, a, &err), TGL_ELIMIT);
    a = good;
    a.term.type.frac = 5;
    assert_int_equal(add_affine(program, a, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "need one binary point, found 4 and 5"));
    a = good;
    a.acc.round = TGL_RND;
    assert_int_equal(add_affine(program, a, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "must be TRN, found RND"));
    a = good;
    a.order = twice;
    assert_int_equal(add_affine(program, a, &err), TGL_EUSAGE);
    assert_non_null(strstr(err.message, "no permutation"));
    a = good;
    a.weights = NULL;
    assert_int_equal(add_affine(program, a, &err), TGL_EUSAGE);
    a = good;
    a.weight_slot = 0;
    assert_int_equal(add_affine(program, a, &err), TGL_EUSAGE);
    a = good;
    a.weight_type.width = 4;
    assert_int_equal(add_affine(program, a, &err), TGL_ELIMIT);
    a = good;
    a.bias_type.frac = 5;
    assert_int_equal(add_affine(program, a, &err), TGL_OK);
    tgl_op op = make_op(TGL_OP_AFFINE, acc.type, 2, args_ab);
    op.ref = 0;
    refused(program, op, "the bias is finer than the accumulator");
    program = fresh();
    a = good;
    a.term_exact = 1;
    assert_int_equal(add_affine(program, a, &err), TGL_OK);
    refused(program, op, "expected binary point 8, found 4");
    program = fresh();
    assert_int_equal(add_affine(program, good, &err), TGL_OK);
    refused(program, make_op(TGL_OP_AFFINE, s8, 2, args_ab), "expected a affine below");
    program = fresh();
    assert_int_equal(add_affine(program, good, &err), TGL_OK);
    op.type = s8;
    refused(program, op, "the type is not the accumulator's");
    program = fresh();
    assert_int_equal(add_affine(program, good, &err), TGL_OK);
    op.n_arg = 1;
    refused(program, op, "the number of arguments is not the affine's");
}

static void closes_after_verify(void **state)
{
    (void)state;
    tgl_error err;
    tgl_program *program = fresh();
    assert_int_equal(tgl_program_verify(program, &err), TGL_EUSAGE); /* no output */
    assert_int_equal(tgl_program_add_output(program, "y", 99, &err), TGL_EUSAGE);
    assert_int_equal(tgl_program_add_output(program, "y", 0, &err), TGL_OK);
    assert_int_equal(tgl_program_add_output(program, "y", 0, &err), TGL_EUSAGE);
    assert_int_equal(tgl_program_add_input(program, "a", s8, NULL, &err), TGL_EUSAGE);
    assert_int_equal(tgl_program_verify(program, &err), TGL_OK);
    tgl_op op = make_op(TGL_OP_NEG, (tgl_type){1, 9, 4}, 1, args_ab);
    assert_int_equal(tgl_program_add_op(program, &op, NULL, &err), TGL_EUSAGE);
    assert_int_equal(tgl_program_add_output(program, "z", 0, &err), TGL_EUSAGE);
    assert_null(tgl_program_op(program, 99));
    assert_int_equal(tgl_program_value_op(program, 99), TGL_NONE);
    tgl_program_free(program);
}

/* A square is not negative; a row's range is its interval sum when no cast can bite. */
static void proves_tight_ranges(void **state)
{
    (void)state;
    tgl_error err;
    tgl_program *program = fresh();
    uint32_t square, row, number;
    tgl_op op = make_op(TGL_OP_MUL, (tgl_type){0, 15, 8}, 2, args_aa);
    assert_int_equal(tgl_program_add_op(program, &op, &square, &err), TGL_OK);
    int64_t weights[4] = {1, -2, 0, 5}, bias[2] = {7, 0};
    tgl_affine a = {.n_in = 2,
                    .n_out = 2,
                    .weight_type = s8,
                    .weights = weights,
                    .weight_slot = TGL_NONE,
                    .bias = bias,
                    .bias_type = {1, 8, 8},
                    .bias_slot = TGL_NONE,
                    .term_exact = 1};
    a.acc = (tgl_quant){{1, 20, 8}, TGL_TRN, TGL_WRAP};
    a.term.type.frac = 8;
    assert_int_equal(tgl_program_add_affine(program, &a, &number, &err), TGL_OK);
    op = make_op(TGL_OP_AFFINE, a.acc.type, 2, args_ab);
    op.ref = number;
    assert_int_equal(tgl_program_add_op(program, &op, &row, &err), TGL_OK);
    assert_int_equal(tgl_program_add_output(program, "y", row, &err), TGL_OK);
    assert_int_equal(tgl_program_verify(program, &err), TGL_OK);
    int64_t lo, hi;
    tgl_program_value_range(program, square, &lo, &hi);
    assert_true(lo == 0 && hi == 128 * 128);
    tgl_program_value_range(program, row, &lo, &hi);
    assert_true(lo == 7 - 128 - 2 * 127 && hi == 7 + 127 + 2 * 128);
    tgl_program_value_range(program, row + 1, &lo, &hi);
    assert_true(lo == -5 * 128 && hi == 5 * 127);
    tgl_program_free(program);
}

/* ---- forms ---- */

static void both_forms_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        tgl_error err = {0};
        tgl_program *program, *decoded, *parsed;
        random_options o = {
            .seed = seed, .n_input = 3, .n_op = 25, .max_width = 6 + (int)(seed % 58)};
        assert_int_equal(random_program(&program, &o, &err), TGL_OK);
        uint8_t *first, *second, *third;
        size_t n1, n2, n3;
        char *text;
        assert_int_equal(tgl_program_encode(&first, &n1, program, &err), TGL_OK);
        if (tgl_program_decode(&decoded, first, n1, &err) != TGL_OK)
            fail_msg("decode: %s", err.message);
        assert_int_equal(tgl_program_encode(&second, &n2, decoded, &err), TGL_OK);
        assert_true(n1 == n2 && memcmp(first, second, n1) == 0);
        assert_int_equal(tgl_program_print(&text, decoded, &err), TGL_OK);
        if (tgl_program_parse(&parsed, text, strlen(text), &err) != TGL_OK)
            fail_msg("parse: %s\n%s", err.message, text);
        assert_int_equal(tgl_program_encode(&third, &n3, parsed, &err), TGL_OK);
        assert_true(n1 == n3 && memcmp(first, third, n1) == 0);
        tgl_free(first);
        tgl_free(second);
        tgl_free(third);
        tgl_free(text);
        tgl_program_free(program);
        tgl_program_free(decoded);
        tgl_program_free(parsed);
    }
}

static void put_checksum(uint8_t *bytes, size_t size)
{
    uint32_t crc = tgl__crc32(bytes + 16, size - 16);
    memcpy(bytes + 12, &crc, 4);
}

static void decode_refuses(void **state)
{
    (void)state;
    tgl_error err;
    tgl_program *program, *decoded = NULL;
    random_options o = {.seed = 5, .n_input = 2, .n_op = 20, .max_width = 12};
    assert_int_equal(random_program(&program, &o, &err), TGL_OK);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(tgl_program_encode(&bytes, &size, program, &err), TGL_OK);
    for (size_t n = 0; n < size; n++) /* cut anywhere */
        assert_int_equal(tgl_program_decode(&decoded, bytes, n, &err), TGL_EFORMAT);
    for (size_t i = 0; i < size; i++) { /* any byte wrong: magic, header or checksum */
        bytes[i] ^= 0x40;
        assert_int_not_equal(tgl_program_decode(&decoded, bytes, size, &err), TGL_OK);
        bytes[i] ^= 0x40;
    }
    for (size_t i = 16; i < size; i++) { /* and with a checksum that holds */
        bytes[i] ^= 0x11;
        put_checksum(bytes, size);
        if (tgl_program_decode(&decoded, bytes, size, &err) == TGL_OK)
            tgl_program_free(decoded);
        bytes[i] ^= 0x11;
    }
    put_checksum(bytes, size);
    bytes[8] = 9;
    assert_int_equal(tgl_program_decode(&decoded, bytes, size, &err), TGL_EUNSUPPORTED);
    tgl_free(bytes);
    tgl_program_free(program);
}

static void parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "line 1: expected trigline-program, found the end"},
        {"trigline-program 2 \"x\"", "expected version 1, found '2'"},
        {"trigline-program 1 x", "expected a quoted name, found 'x'"},
        {"trigline-program 1 \"x\"", "has no output"},
        {"trigline-program 1 \"x\"\n%0 = FLY fixed<8,4>",
         "line 2: expected an operation"},
        {"trigline-program 1 \"x\"\n%1 = INPUT fixed<8,4> \"a\"",
         "line 2: expected value %0, found %1"},
        {"trigline-program 1 \"x\"\n%0 = INPUT fixed<88,4> \"a\"", "width of 1 to 63"},
        {"trigline-program 1 \"x\"\n%0 = CONST fixed<8,4> 12q", "expected an integer"},
        {"trigline-program 1 \"x\"\n%0 = CONST fixed<8,4> 99999999999999999999",
         "expected an integer"},
        {"trigline-program 1 \"x\"\n%0 = INPUT fixed<8,4> \"a\"\n%1 = NEG fixed<8,4> (%0",
         "expected a value such as %7, found the end"},
        {"trigline-program 1 \"x\" # c\n%0 = INPUT fixed<8,4> \"a\"\n%1 = NEG "
         "fixed<8,4> (%0) @ \"l\" 0 \"r\" output \"y\" %1",
         "op 1 (NEG, l[0] r): the result may reach"},
        {"trigline-program 1 \"x\" table 0 \"t\" fixed<8,4> 2 { 1 2 3 }",
         "expected } after the last code"},
        {"trigline-program 1 \"x\" table 0 \"t\" fixed<8,4> 2 { 1 }",
         "expected another code"},
        {"trigline-program 1 \"x\" slot 0 \"t\" SHELF", "expected a slot's kind"},
        {"trigline-program 1 \"x\" teapot", "expected slot, table, affine, output"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tgl_error err = {0};
        tgl_program *program;
        tgl_status status =
            tgl_program_parse(&program, cases[i].text, strlen(cases[i].text), &err);
        if (status == TGL_OK || strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu: expected '%s', found '%s'", i, cases[i].message,
                     err.message);
    }
}

/* ---- payloads ---- */

static void payloads(void **state)
{
    (void)state;
    tgl_error err;
    static const uint8_t digest[32] = {1, 2, 3};
    tgl_program *program = fresh(), *other = fresh();
    int64_t codes[3] = {1, 2, 3}, beyond = 11;
    uint32_t number;
    tgl_slot slot = {"cut", TGL_SLOT_THRESHOLD, s8, -10, 10, 3};
    assert_int_equal(tgl_program_add_slot(program, &slot, codes, &number, &err), TGL_OK);
    slot.hi = 11;
    assert_int_equal(tgl_program_add_slot(other, &slot, codes, &number, &err), TGL_OK);
    tgl_payload *payload, *again = NULL;
    assert_int_equal(tgl_payload_new(&payload, program, digest, &err), TGL_OK);
    assert_memory_equal(tgl_payload_get(payload, 0), codes, sizeof codes);
    assert_null(tgl_payload_get(payload, 1));
    assert_int_equal(tgl_payload_set(payload, "cut", 1, 1, &(int64_t){-9}, &err), TGL_OK);
    assert_int_equal(tgl_payload_set(payload, "cut", 0, 1, &beyond, &err), TGL_ELIMIT);
    assert_non_null(strstr(err.message, "slot 'cut', element 0"));
    assert_int_equal(tgl_payload_set(payload, "cut", 2, 2, codes, &err), TGL_ELIMIT);
    assert_int_equal(tgl_payload_set(payload, "cut", UINT32_MAX, 2, codes, &err),
                     TGL_ELIMIT);
    assert_int_equal(tgl_payload_set(payload, "mug", 0, 1, codes, &err), TGL_ENOTFOUND);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(tgl_payload_encode(&bytes, &size, payload, &err), TGL_OK);
    assert_int_equal(tgl_payload_decode(&again, program, bytes, size, &err), TGL_OK);
    assert_memory_equal(tgl_payload_program_digest(again), digest, 32);
    assert_int_equal(tgl_payload_get(again, 0)[1], -9);
    tgl_payload_free(again);
    assert_int_equal(tgl_payload_decode(&again, other, bytes, size, &err), TGL_EMISMATCH);
    for (size_t n = 0; n < size; n++)
        assert_int_equal(tgl_payload_decode(&again, program, bytes, n, &err),
                         TGL_EFORMAT);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 4;
        assert_int_not_equal(tgl_payload_decode(&again, program, bytes, size, &err),
                             TGL_OK);
        bytes[i] ^= 4;
    }
    bytes[size - 1] = 100; /* the last code, beyond the slot's bounds */
    put_checksum(bytes, size);
    assert_int_equal(tgl_payload_decode(&again, program, bytes, size, &err), TGL_ELIMIT);
    tgl_free(bytes);
    tgl_payload_free(payload);
    tgl_program_free(program);
    tgl_program_free(other);
}

/* ---- memory runs out at every allocation in turn ---- */

static tgl_status whole_round(void)
{
    tgl_error err;
    tgl_program *program = NULL, *decoded = NULL, *parsed = NULL;
    tgl_payload *payload = NULL;
    uint8_t *bytes = NULL;
    char *text = NULL;
    size_t size;
    static const uint8_t digest[32] = {0};
    random_options o = {.seed = 14, .n_input = 3, .n_op = 40, .max_width = 14};
    tgl_status status = random_program(&program, &o, &err);
    if (status == TGL_OK)
        status = tgl_program_encode(&bytes, &size, program, &err);
    if (status == TGL_OK)
        status = tgl_program_decode(&decoded, bytes, size, &err);
    if (status == TGL_OK)
        status = tgl_program_print(&text, program, &err);
    if (status == TGL_OK)
        status = tgl_program_parse(&parsed, text, strlen(text), &err);
    if (status == TGL_OK)
        status = tgl_payload_new(&payload, program, digest, &err);
    tgl_free(bytes);
    tgl_free(text);
    tgl_program_free(program);
    tgl_program_free(decoded);
    tgl_program_free(parsed);
    tgl_payload_free(payload);
    return status;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        tgl__alloc_fail_after(n);
        tgl_status status = whole_round();
        tgl__alloc_fail_after(-1);
        if (status == TGL_OK) {
            assert_true(n > 50);
            return;
        }
        assert_int_equal(status, TGL_ENOMEM);
    }
}

/* ---- the table ---- */

static void opcode_table_is_whole(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= TGL__N_OPCODE; i++) {
        const tgl__opcode *opcode = tgl__opcode_find(i);
        assert_int_equal(opcode->code, i);
        assert_ptr_equal(tgl__opcode_named(opcode->name, strlen(opcode->name)), opcode);
        assert_string_equal(tgl_opcode_name((tgl_opcode)i), opcode->name);
        assert_true(opcode->min_arg <= opcode->max_arg);
    }
    assert_null(tgl_opcode_name((tgl_opcode)0));
    assert_null(tgl_opcode_name((tgl_opcode)22));
}

static void document_is_generated(void **state)
{
    (void)state;
    tgl_error err;
    char *text;
    size_t size;
    assert_int_equal(tgl__opcode_document(&text, &size, &err), TGL_OK);
    FILE *f = fopen(TGL_SOURCE_DIR "/docs/program-ops.md", "rb");
    char *page = tgl__calloc(size + 2, 1);
    size_t n = f == NULL ? 0 : fread(page, 1, size + 1, f);
    if (f != NULL)
        fclose(f);
    if (n != size || memcmp(page, text, n) != 0) {
        f = fopen("program-ops.md", "wb");
        if (f != NULL) {
            fwrite(text, 1, size, f);
            fclose(f);
        }
        fail_msg("docs/program-ops.md differs from the opcode table; the right page was "
                 "written to program-ops.md in the current folder");
    }
    tgl__free(page);
    tgl_free(text);
}

static void checksum_is_the_standard_one(void **state)
{
    (void)state;
    assert_int_equal(tgl__crc32("123456789", 9), 0xcbf43926);
    uint8_t bytes[67];
    for (size_t n = 0; n <= sizeof bytes; n++) { /* every length, bit by bit */
        uint32_t crc = UINT32_MAX;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)(i * 197 + n);
            crc ^= bytes[i];
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
        }
        assert_int_equal(tgl__crc32(bytes, n), ~crc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_shapes),
        cmocka_unit_test(refuses_ranges),
        cmocka_unit_test(refuses_binary_points),
        cmocka_unit_test(refuses_tables_and_slots),
        cmocka_unit_test(refuses_affines),
        cmocka_unit_test(closes_after_verify),
        cmocka_unit_test(proves_tight_ranges),
        cmocka_unit_test(both_forms_round_trip),
        cmocka_unit_test(decode_refuses),
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(payloads),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(opcode_table_is_whole),
        cmocka_unit_test(document_is_generated),
        cmocka_unit_test(checksum_is_the_standard_one),
    };
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
