/* Seeded random programs: the batch emulator in every instruction set and lane width
 * gives the reference's codes, bit for bit. TGL_PROGRAMS overrides how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <trigline/emulate.h>

#include "base/memory.h"
#include "support/pieces.h"
#include "support/random_program.h"

enum { N_EVENT = 67 }; /* a strip and a bit */

static long asked_programs(long fallback)
{
    const char *text = getenv("TGL_PROGRAMS");
    return text == NULL ? fallback : atol(text);
}

static random_options options_for(uint64_t seed)
{
    static const int widths[] = {6, 10, 14, 18, 24, 33, 48, 63};
    return (random_options){.seed = seed,
                            .n_input = 1 + (uint32_t)(seed % 5),
                            .n_op = 4 + (uint32_t)(seed % 37),
                            .max_width = widths[seed % 8]};
}

static void expect_ok(tgl_status status, const tgl_error *err, uint64_t seed)
{
    if (status != TGL_OK)
        fail_msg("program %llu: %s", (unsigned long long)seed, err->message);
}

static void reference(int64_t *out, const tgl_program *program,
                      const tgl_payload *payload, const int64_t *in, uint64_t seed)
{
    tgl_error err = {0};
    uint32_t n_out = tgl_program_n_output(program), n_in = tgl_program_n_input(program);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    for (size_t e = 0; e < N_EVENT; e++) {
        expect_ok(tgl_emulate_reference(values, program, payload, in + e * n_in, &err),
                  &err, seed);
        for (uint32_t v = 0; v < tgl_program_n_value(program); v++) {
            int64_t lo, hi;
            tgl_program_value_range(program, v, &lo, &hi);
            if (values[v] < lo || values[v] > hi)
                fail_msg("program %llu: value %u = %lld leaves its proven [%lld, %lld]",
                         (unsigned long long)seed, v, (long long)values[v], (long long)lo,
                         (long long)hi);
        }
        for (uint32_t i = 0; i < n_out; i++)
            out[e * n_out + i] = values[tgl_program_output(program, i)->value];
    }
    tgl__free(values);
}

static void expect_equal(const tgl_program *program, const tgl_emulator *emulator,
                         const int64_t *out, const int64_t *expected, int lane,
                         const char *how, uint64_t seed)
{
    uint32_t n_out = tgl_program_n_output(program);
    for (size_t i = 0; i < (size_t)N_EVENT * n_out; i++)
        if (out[i] != expected[i]) {
            uint32_t value = tgl_program_output(program, (uint32_t)(i % n_out))->value;
            const tgl_op *op =
                tgl_program_op(program, tgl_program_value_op(program, value));
            fail_msg("program %llu, %s, %s, lanes from %d: event %zu, value %u (%s): "
                     "expected %lld, found %lld",
                     (unsigned long long)seed, tgl_emulator_describe(emulator), how, lane,
                     i / n_out, value, tgl_opcode_name(op->code), (long long)expected[i],
                     (long long)out[i]);
        }
}

static void one_emulator(const tgl_program *program, const tgl_payload *payload,
                         const int64_t *in, const int64_t *expected, tgl_isa isa,
                         int lane, uint64_t seed)
{
    tgl_error err = {0};
    tgl_emulator *emulator = NULL;
    tgl_emulator_options options = {sizeof options, isa, lane};
    tgl_status status = tgl_emulator_new(&emulator, program, payload, &options, &err);
    if (status == TGL_EMISSING)
        return;
    expect_ok(status, &err, seed);
    uint32_t n_out = tgl_program_n_output(program);
    int64_t *out = tgl__calloc((size_t)N_EVENT * n_out, sizeof *out);
    size_t size = tgl_emulator_scratch_size(emulator);
    void *scratch = tgl__aligned(size + 1, 1);
    memset(scratch, 0xa5, size);
    expect_ok(tgl_emulator_run(out, emulator, in, N_EVENT, scratch, &err), &err, seed);
    expect_equal(program, emulator, out, expected, lane, "batch", seed);
    memset(scratch, 0xa5, size);
    memset(out, 0, (size_t)N_EVENT * n_out * sizeof *out);
    expect_ok(run_in_pieces(out, emulator, tgl_program_n_input(program), n_out, in,
                            N_EVENT, scratch, &err),
              &err, seed);
    expect_equal(program, emulator, out, expected, lane, "single events", seed);
    tgl__free(scratch);
    tgl__free(out);
    tgl_emulator_free(emulator);
}

static void one_program(uint64_t seed)
{
    tgl_error err = {0};
    tgl_program *program = NULL;
    random_options options = options_for(seed);
    expect_ok(random_program(&program, &options, &err), &err, seed);
    static const uint8_t digest[32] = {0};
    tgl_payload *payload = NULL;
    if (seed % 2 == 1) {
        expect_ok(tgl_payload_new(&payload, program, digest, &err), &err, seed);
        expect_ok(random_payload(payload, program, seed, &err), &err, seed);
    }
    size_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *in = tgl__calloc(N_EVENT * n_in, sizeof *in);
    int64_t *expected = tgl__calloc(N_EVENT * n_out, sizeof *expected);
    random_inputs(in, program, N_EVENT, seed);
    reference(expected, program, payload, in, seed);
    for (int isa = TGL_ISA_BASELINE; isa <= TGL_ISA_AVX512; isa++)
        for (int lane = 16; lane <= 64; lane *= 2)
            one_emulator(program, payload, in, expected, (tgl_isa)isa, lane, seed);
    tgl__free(in);
    tgl__free(expected);
    tgl_payload_free(payload);
    tgl_program_free(program);
}

static void emulator_equals_reference(void **state)
{
    (void)state;
    long n = asked_programs(10000);
    for (long seed = 0; seed < n; seed++)
        one_program((uint64_t)seed);
    print_message("%ld programs, %d events each, 0 differing bits\n", n, (int)N_EVENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(emulator_equals_reference)};
    return cmocka_run_group_tests_name("random_programs", tests, NULL, NULL);
}
