/* Random programs: Verilated firmware against the reference, default and other payloads.
 * TGL_FIRMWARE_PROGRAMS asks for more than the default few. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <trigline/emulate.h>
#include <trigline/firmware.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/random_program.h"

enum { N_EVENT = 400 };

static void need(tgl_status status, const tgl_error *err, uint64_t seed)
{
    if (status != TGL_OK)
        fail_msg("program %llu: %s: %s", (unsigned long long)seed,
                 tgl_status_name(status), err->message);
}

static void expected_codes(int64_t *out, const tgl_program *program,
                           const tgl_payload *payload, const int64_t *in, uint64_t seed)
{
    tgl_error err = {0};
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    for (size_t e = 0; e < N_EVENT; e++) {
        need(tgl_emulate_reference(values, program, payload, in + e * n_in, &err), &err,
             seed);
        for (uint32_t o = 0; o < n_out; o++)
            out[e * n_out + o] = values[tgl_program_output(program, o)->value];
    }
    tgl__free(values);
}

static void one_program(uint64_t seed)
{
    tgl_error err = {0};
    tgl_program *program = NULL;
    random_options options = {.seed = seed,
                              .n_input = 6,
                              .n_op = 150,
                              .max_width = seed % 3 == 2   ? 63
                                           : seed % 3 == 1 ? 24
                                                           : 10};
    need(random_program(&program, &options, &err), &err, seed);
    static const uint8_t digest[32] = {1};
    tgl_payload *payload = NULL;
    need(tgl_payload_new(&payload, program, digest, &err), &err, seed);
    need(random_payload(payload, program, seed, &err), &err, seed);
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    int64_t *in = tgl__calloc((size_t)N_EVENT * n_in, sizeof *in);
    int64_t *before = tgl__calloc((size_t)N_EVENT * n_out, sizeof *before);
    int64_t *after = tgl__calloc((size_t)N_EVENT * n_out, sizeof *after);
    random_inputs(in, program, N_EVENT, seed);
    expected_codes(before, program, NULL, in, seed);
    expected_codes(after, program, payload, in, seed);
    char directory[64], work[80];
    snprintf(directory, sizeof directory, "/tmp/tgl_firmware_random_%ld", (long)getpid());
    snprintf(work, sizeof work, "%s/work", directory);
    tgl_firmware_options build = TGL_FIRMWARE_OPTIONS_INIT;
    build.clock_mhz = seed % 2 ? 360 : 1500; /* also many stages */
    need(tgl_firmware_build(directory, program, NULL, &build, &err), &err, seed);
    tgl_simulation result;
    need(tgl_firmware_simulate(&result, directory, work, program, NULL, in, before,
                               N_EVENT, NULL, &err),
         &err, seed);
    if (result.n_different)
        fail_msg("program %llu, default payload: %s", (unsigned long long)seed,
                 result.first_difference);
    need(tgl_firmware_simulate(&result, directory, work, program, payload, in, after,
                               N_EVENT, NULL, &err),
         &err, seed);
    if (result.n_different)
        fail_msg("program %llu, other payload: %s", (unsigned long long)seed,
                 result.first_difference);
    uint64_t n_before;
    need(tgl_firmware_simulate_swap(&result, &n_before, directory, work, program, payload,
                                    in, before, after, N_EVENT, NULL, &err),
         &err, seed);
    if (result.n_different)
        fail_msg("program %llu, swap: %s", (unsigned long long)seed,
                 result.first_difference);
    print_message("program %llu: %u operations, %u clocks, %d events on each payload, "
                  "swap after %llu, 0 differing bits\n",
                  (unsigned long long)seed, tgl_program_n_op(program),
                  result.latency_cycles, (int)N_EVENT, (unsigned long long)n_before);
    need(tgl__remove_tree(directory, &err), &err, seed);
    tgl__free(in);
    tgl__free(before);
    tgl__free(after);
    tgl_payload_free(payload);
    tgl_program_free(program);
}

static void firmware_equals_reference(void **state)
{
    (void)state;
    const char *asked = getenv("TGL_FIRMWARE_PROGRAMS");
    const char *from = getenv("TGL_FIRMWARE_FIRST");
    long n = asked ? strtol(asked, NULL, 10) : 3;
    long first = from ? strtol(from, NULL, 10) : 0;
    for (long seed = first; seed < first + n; seed++)
        one_program((uint64_t)seed);
}

int main(void)
{
    char *tool = tgl__find_program("verilator");
    if (!tool) {
        print_message("verilator is not installed\n");
        return getenv("TGL_REQUIRE_SHARED") ? 1 : 77;
    }
    tgl__free(tool);
    const struct CMUnitTest tests[] = {cmocka_unit_test(firmware_equals_reference)};
    return cmocka_run_group_tests_name("firmware_random", tests, NULL, NULL);
}
