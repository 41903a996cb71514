/* Faults planted in the Verilog of a small network are found by simulation and named; the
 * register bus refuses what it must; the generated test bench passes under Icarus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <trigline/emulate.h>
#include <trigline/firmware.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/subprocess.h"

enum { N_EVENT = 500, N_IN = 4 };

static tgl_program *program;
static tgl_error err;
static char directory[64];
static int64_t in[N_EVENT * N_IN], expected[2 * N_EVENT];

static void check(tgl_status status)
{
    if (status != TGL_OK)
        fail_msg("%s: %s", tgl_status_name(status), err.message);
}

static uint32_t affine(const char *layer, const int64_t *weights, uint32_t n_out,
                       uint32_t n_in, const uint32_t *args, tgl_quant term)
{
    tgl_affine f = {.n_in = n_in,
                    .n_out = n_out,
                    .weight_type = {1, 6, 4},
                    .weights = weights,
                    .weight_slot = TGL_NONE,
                    .bias_slot = TGL_NONE,
                    .term = term,
                    .acc = {term.type, TGL_TRN, TGL_WRAP}};
    uint32_t ref, value;
    check(tgl_program_add_affine(program, &f, &ref, &err));
    tgl_op op = {.code = TGL_OP_AFFINE,
                 .n_value = n_out,
                 .type = term.type,
                 .n_arg = n_in,
                 .args = args,
                 .ref = ref,
                 .origin = {layer, 0, "accumulator"}};
    check(tgl_program_add_op(program, &op, &value, &err));
    return value;
}

/* 4 inputs, 3 neurons with ReLU, one output neuron, a threshold slot. */
static void make_program(void)
{
    static const int64_t first[12] = {13, -7, 5, 22, -19, 11, 3, -6, 9, 17, -23, 14};
    static const int64_t second[3] = {21, -13, 11};
    uint32_t x[N_IN], relu[3], slot, threshold, fires;
    check(tgl_program_new(&program, "faulty", &err));
    for (int i = 0; i < N_IN; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        check(tgl_program_add_input(program, name, (tgl_type){1, 8, 4}, &x[i], &err));
    }
    tgl_quant term = {{1, 14, 6}, TGL_RND_CONV, TGL_WRAP};
    uint32_t dense = affine("dense_1", first, 3, N_IN, x, term);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t arg = dense + i;
        tgl_op op = {.code = TGL_OP_QUANTISE,
                     .n_value = 1,
                     .type = {0, 8, 4},
                     .n_arg = 1,
                     .args = &arg,
                     .round = TGL_RND,
                     .overflow = TGL_SAT,
                     .ref = TGL_NONE,
                     .origin = {"relu_1", (int32_t)i, "cast"}};
        check(tgl_program_add_op(program, &op, &relu[i], &err));
    }
    tgl_quant sum = {{1, 16, 8}, TGL_TRN, TGL_WRAP};
    uint32_t score = affine("dense_2", second, 1, 3, relu, sum);
    tgl_slot cut = {"cut", TGL_SLOT_THRESHOLD, {1, 16, 8}, -32768, 32767, 1};
    int64_t at = 900;
    check(tgl_program_add_slot(program, &cut, &at, &slot, &err));
    tgl_op param = {.code = TGL_OP_PARAM,
                    .n_value = 1,
                    .type = cut.type,
                    .ref = slot,
                    .origin = {"trigger", 0, "threshold"}};
    check(tgl_program_add_op(program, &param, &threshold, &err));
    uint32_t args[2] = {score, threshold};
    tgl_op compare = {.code = TGL_OP_COMPARE,
                      .n_value = 1,
                      .type = {0, 1, 0},
                      .n_arg = 2,
                      .args = args,
                      .relation = TGL_GE,
                      .ref = TGL_NONE,
                      .origin = {"trigger", 0, "fires"}};
    check(tgl_program_add_op(program, &compare, &fires, &err));
    check(tgl_program_add_output(program, "score", score, &err));
    check(tgl_program_add_output(program, "fires", fires, &err));
    check(tgl_program_verify(program, &err));
}

static int setup(void **state)
{
    (void)state;
    make_program();
    int64_t values[64];
    uint64_t r = 88172645463325252u;
    for (int e = 0; e < N_EVENT; e++) {
        for (int i = 0; i < N_IN; i++) {
            r ^= r << 13;
            r ^= r >> 7;
            r ^= r << 17;
            in[e * N_IN + i] = (int64_t)(r >> 56) - 128;
        }
        check(tgl_emulate_reference(values, program, NULL, in + e * N_IN, &err));
        for (uint32_t o = 0; o < 2; o++)
            expected[2 * e + (int)o] = values[tgl_program_output(program, o)->value];
    }
    snprintf(directory, sizeof directory, "/tmp/tgl_firmware_faults_%ld", (long)getpid());
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    options.clock_mhz = 900; /* several stages */
    check(tgl_firmware_build(directory, program, NULL, &options, &err));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tgl_program_free(program);
    return tgl__remove_tree(directory, &err) == TGL_OK ? 0 : 1;
}

/* The n-th line of the core that holds `mark` (and, if given, `also`). */
static char *find_line(char *text, const char *mark, const char *also)
{
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        int hit = strstr(line, mark) && (!also || strstr(line, also));
        if (end)
            *end = '\n';
        if (hit)
            return line;
        line = end ? end + 1 : NULL;
    }
    fail_msg("no line with '%s'", mark);
    return NULL;
}

/* Replace `from` by `to` (never longer) within the line found. */
static void plant(const char *named, const char *mark, const char *also, const char *from,
                  const char *to)
{
    char path[128], *text, *original;
    size_t size;
    snprintf(path, sizeof path, "%s/faulty_core.v", directory);
    check(tgl__file_read(&text, &size, path, 1 << 24, &err));
    original = tgl__strdup(text);
    char *line = find_line(text, mark, also), *at = strstr(line, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
    memset(at + strlen(to), ' ', strlen(from) - strlen(to));
    check(tgl__file_write(path, text, size, &err));
    tgl_simulation result;
    check(tgl_firmware_simulate(&result, directory, NULL, program, NULL, in, expected,
                                N_EVENT, NULL, &err));
    print_message("'%s' -> '%s': %s\n", from, to,
                  result.n_different ? result.first_difference : "not found");
    assert_true(result.n_different > 0);
    assert_non_null(strstr(result.first_difference, named));
    check(tgl__file_write(path, original, size, &err));
    tgl__free(text);
    tgl__free(original);
}

static void faults_are_named(void **state)
{
    (void)state;
    /* a flipped weight: 17 x becomes 9 x */
    plant("dense_1", "t4_7 = ", NULL, "4'd0", "3'd0");
    /* a dropped term */
    plant("dense_1[1] accumulator (AFFINE, value 5)", " v5 = ", NULL, "t4_35", "1'sd0");
    /* a wrong rounding: half up becomes floor in the second activation */
    plant("relu_1[1] cast (QUANTISE, value 8)", " v8_y = ", NULL, "v5_s3[1]", "1'b0");
    /* an early register: one stage too soon */
    plant("dense_1[1]", " t4_2 = ", NULL, "in_x0_s1", "in_x0");
    /* a register that takes another's value */
    plant("dense_2[0] accumulator", "v9_s4", "<=", "<= v9", "<= v8");
}

static void bus_test_bench(void **state)
{
    (void)state;
    char *tool = tgl__find_program("iverilog");
    if (!tool) {
        print_message("iverilog is not installed\n");
        assert_null(getenv("TGL_REQUIRE_SHARED"));
        return;
    }
    tgl__free(tool);
    const char *argv[] = {
        "sh", "-c",
        "iverilog -g2005 -o tb.out faulty.v faulty_core.v faulty_bank.v "
        "faulty_tb.v && vvp tb.out",
        NULL};
    tgl_subprocess process = {.argv = argv, .directory = directory, .timeout_s = 120};
    tgl_subprocess_result result = {0};
    check(tgl__subprocess_run(&result, &process, &err));
    print_message("%s", result.output);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.output, "PASS"));
    assert_null(strstr(result.output, "FAIL"));
    tgl__free(result.output);
}

int main(void)
{
    char *tool = tgl__find_program("verilator");
    if (!tool) {
        print_message("skipped: verilator is not installed\n");
        return getenv("TGL_REQUIRE_SHARED") ? 1 : 77;
    }
    tgl__free(tool);
    const struct CMUnitTest tests[] = {cmocka_unit_test(bus_test_bench),
                                       cmocka_unit_test(faults_are_named)};
    return cmocka_run_group_tests_name("firmware_faults", tests, setup, teardown);
}
