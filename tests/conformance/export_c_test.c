/* The C that a model is exported as, compiled by this machine's compiler (half of it with
 * the undefined-behaviour sanitizer, which ends the test), gives the reference's codes:
 * seeded random programs with random payloads, some of them wide. CAMPAIGN in the environment: how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dlfcn.h>

#include <trigline/emulate.h>
#include <trigline/model.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/subprocess.h"
#include "support/random_program.h"

enum { N_EVENT = 50, BATCH = 20 };

typedef int model_run(int64_t *out, const int64_t *in, int64_t *work);

typedef struct sample {
    tgl_program *program;
    tgl_payload *payload;
    uint64_t seed;
} sample;

static char folder[] = "/tmp/export_c_testXXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    return tgl__remove_tree(folder, NULL) != TGL_OK;
}

static void ok(tgl_status status, const tgl_error *err, uint64_t seed)
{
    if (status != TGL_OK)
        fail_msg("program %llu: %s", (unsigned long long)seed, err->message);
}

static void make(sample *s, uint64_t seed)
{
    static const int widths[] = {8, 16, 31, 48, 63};
    tgl_error err = {0};
    random_options o = {.seed = seed,
                        .n_input = 1 + (uint32_t)(seed % 6),
                        .n_op = 20 + (uint32_t)(seed % 40),
                        .max_width = widths[seed % 5]};
    *s = (sample){.seed = seed};
    ok(random_program(&s->program, &o, &err), &err, seed);
    static const uint8_t digest[32] = {0};
    ok(tgl_payload_new(&s->payload, s->program, digest, &err), &err, seed);
    ok(random_payload(s->payload, s->program, seed, &err), &err, seed);
    char name[32], path[128];
    snprintf(name, sizeof name, "p%llu", (unsigned long long)seed);
    snprintf(path, sizeof path, "%s/%s.c", folder, name);
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.name = name;
    options.payload = s->payload;
    ok(tgl_model_export(path, NULL, s->program, NULL, &options, &err), &err, seed);
}

static void *compile(const sample *samples, size_t n, bool sanitized)
{
    char command[8192], library[128];
    snprintf(library, sizeof library, "%s/l%llu.so", folder,
             (unsigned long long)samples[0].seed);
    int at = snprintf(command, sizeof command,
                      "cc -std=c99 -Wall -Wextra -Werror -shared -fPIC %s -o %s",
                      sanitized ? "-O1 -fsanitize=undefined -fno-sanitize-recover=all "
                                  "-fsanitize-undefined-trap-on-error"
                                : "-O2",
                      library);
    for (size_t i = 0; i < n; i++)
        at += snprintf(command + at, sizeof command - (size_t)at, " %s/p%llu.c", folder,
                       (unsigned long long)samples[i].seed);
    assert_int_equal(system(command), 0);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        fail_msg("%s", dlerror());
    return handle;
}

static void compare(const sample *s, void *library)
{
    tgl_error err = {0};
    char name[48];
    model_run *run;
    snprintf(name, sizeof name, "p%llu_run", (unsigned long long)s->seed);
    void *symbol = dlsym(library, name);
    assert_non_null(symbol);
    memcpy(&run, &symbol, sizeof run);
    uint32_t n_in = tgl_program_n_input(s->program),
             n_out = tgl_program_n_output(s->program),
             n_value = tgl_program_n_value(s->program);
    int64_t *in = tgl__calloc((size_t)N_EVENT * n_in, sizeof *in);
    int64_t *out = tgl__calloc(n_out, sizeof *out);
    int64_t *values = tgl__calloc(n_value, sizeof *values);
    int64_t *work = tgl__calloc(n_value + 1, sizeof *work);
    random_inputs(in, s->program, N_EVENT, s->seed);
    for (size_t e = 0; e < N_EVENT; e++) {
        ok(tgl_emulate_reference(values, s->program, s->payload, in + e * n_in, &err),
           &err, s->seed);
        assert_int_equal(run(out, in + e * n_in, work), 0);
        for (uint32_t i = 0; i < n_out; i++) {
            uint32_t value = tgl_program_output(s->program, i)->value;
            if (out[i] != values[value])
                fail_msg("program %llu, event %zu, output %u (value %u): expected %lld, "
                         "found %lld",
                         (unsigned long long)s->seed, e, i, value,
                         (long long)values[value], (long long)out[i]);
        }
    }
    in[0] = tgl_type_max(tgl_program_input(s->program, 0)->type) + 1;
    assert_int_equal(run(out, in, work), 1);
    tgl__free(in);
    tgl__free(out);
    tgl__free(values);
    tgl__free(work);
}

static void c_equals_reference(void **state)
{
    (void)state;
    const char *campaign = getenv("CAMPAIGN");
    long n = campaign != NULL ? strtol(campaign, NULL, 10) : 60;
    sample samples[BATCH];
    for (long first = 0; first < n; first += BATCH) {
        for (int i = 0; i < BATCH; i++)
            make(&samples[i], (uint64_t)(first + i));
        void *library = compile(samples, BATCH, first / BATCH % 2 == 1);
        for (int i = 0; i < BATCH; i++) {
            compare(&samples[i], library);
            tgl_program_free(samples[i].program);
            tgl_payload_free(samples[i].payload);
        }
        dlclose(library);
    }
    print_message("%ld programs, %d events each, 0 differing bits\n", n, (int)N_EVENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(c_equals_reference)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
