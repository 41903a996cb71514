#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <trigline/emulate.h>

#include "support/random_program.h"
#include "support/run_file.h"

static const char SMALL[] =
    "trigline-program 1 \"small\"\n"
    "slot 0 \"cut\" THRESHOLD fixed<12,10> -1000 1000 1 { 10 }\n"
    "%0 = INPUT ufixed<8,8> \"a\"\n"
    "%1 = INPUT fixed<8,6> \"b\"\n"
    "%2 = ADD fixed<13,11> (%0 %1) @ \"sum\" 0 \"add\"\n"
    "%3 = PARAM fixed<12,10> 0 0 @ \"cut\" 0 \"threshold\"\n"
    "%4 = COMPARE ufixed<1,1> GT (%2 %3) @ \"cut\" 0 \"decision\"\n"
    "output \"sum\" %2\n"
    "output \"fires\" %4\n";

static const char *const NAMES[] = {"name",    "small",  "version", "7",
                                    "program", "sha256", NULL};

static const run_rule_text RULES[2] = {
    {.column = "pt",
     .index = 1,
     .add = 1,
     .drop_bits = 1,
     .scale = 1,
     .n_where = 2,
     .where = {{"bx", 0, 0}, {"kind", 1, 2}}},
    {.column = "mass", .center = 100, .scale = 0.5, .round = TGL_RND_CONV},
};

typedef struct fixture {
    tgl_program *program;
    uint8_t *bytes;
    size_t size;
    tgl_run *run;
    void *scratch;
} fixture;

static void check(tgl_status status, const tgl_error *err)
{
    if (status != TGL_OK)
        fail_msg("%s: %s", tgl_status_name(status), err->message);
}

static void *scratch_of(const tgl_run *run)
{
    void *scratch = tgl__aligned(tgl_run_scratch_size(run), 1);
    assert_non_null(scratch);
    return scratch;
}

static int setup(void **state)
{
    static fixture f;
    tgl_error err;
    f = (fixture){0};
    check(tgl_program_parse(&f.program, SMALL, sizeof SMALL - 1, &err), &err);
    f.bytes = run_write(&f.size, &(run_text){NAMES, RULES, 2, f.program, NULL});
    assert_non_null(f.bytes);
    check(tgl_run_open_memory(&f.run, f.bytes, f.size, NULL, NULL, &err), &err);
    f.scratch = scratch_of(f.run);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    tgl__free(f->scratch);
    tgl__free(f->bytes);
    tgl_run_close(f->run);
    tgl_program_free(f->program);
    return 0;
}

/* ---- what it says ---- */

static void tells_what_it_is(void **state)
{
    const tgl_run *run = ((fixture *)*state)->run;
    assert_string_equal(tgl_run_info(run, "name"), "small");
    assert_string_equal(tgl_run_info(run, "version"), "7");
    assert_string_equal(tgl_run_info(run, "convention"), "");
    assert_int_equal(tgl_run_n_input(run), 2);
    assert_int_equal(tgl_run_n_output(run), 2);
    assert_string_equal(tgl_run_input(run, 1)->name, "b");
    assert_int_equal(tgl_run_input(run, 1)->type.frac, 2);
    assert_string_equal(tgl_run_output(run, 0)->name, "sum");
    assert_null(tgl_run_input(run, 2));
    assert_null(tgl_run_output(run, 2));
    assert_int_equal(tgl_run_n_column(run), 4);
    static const char *const columns[] = {"pt", "bx", "kind", "mass"};
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal(tgl_run_column(run, i), columns[i]);
    assert_null(tgl_run_column(run, 4));
    const tgl_run_rule *rule = tgl_run_input(run, 0)->rule;
    assert_int_equal(rule->column, 0);
    assert_int_equal(rule->index, 1);
    assert_int_equal(rule->n_where, 2);
    assert_int_equal(rule->where[1].column, 2);
    assert_int_equal(rule->where[1].may_be_absent, 1);
    assert_int_equal(rule->where[1].value, 2);
    assert_int_equal(rule->drop_bits, 1);
}

static void finds_ports_by_name(void **state)
{
    const tgl_run *run = ((fixture *)*state)->run;
    tgl_error err;
    uint32_t index = 77;
    check(tgl_run_find_output(&index, run, "fires", &err), &err);
    assert_int_equal(index, 1);
    check(tgl_run_find_input(&index, run, "a", &err), &err);
    assert_int_equal(index, 0);
    assert_int_equal(tgl_run_find_input(&index, run, "fires", &err), TGL_ENOTFOUND);
    assert_int_equal(index, 0);
    assert_string_equal(err.message,
                        "model 'small' has no input 'fires': expected one of 2, 'a' "
                        "first");
}

/* ---- running ---- */

static void runs_events_and_batches(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    int64_t in[] = {3, -20, 12, 8, 0, -128}, out[6], one[2];
    check(tgl_run_batch(out, f->run, in, 3, f->scratch, &err), &err);
    const int64_t expected[] = {-8, 0, 56, 1, -128, 0}; /* 3 - 5, 12 + 2, -32 */
    assert_memory_equal(out, expected, sizeof out);
    for (int e = 0; e < 3; e++) {
        check(tgl_run_event(one, f->run, in + 2 * e, f->scratch, &err), &err);
        assert_memory_equal(one, expected + 2 * e, sizeof one);
    }
    in[4] = 256;
    assert_int_equal(tgl_run_batch(out, f->run, in, 3, f->scratch, &err), TGL_ELIMIT);
    assert_int_equal(err.offset, 2);
    assert_non_null(strstr(err.message, "input 'a': expected a code in [0, 255]"));
    assert_int_equal(tgl_run_event(one, f->run, in, (char *)f->scratch + 1, &err),
                     TGL_EUSAGE);
}

static void a_run_allocates_nothing(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    int64_t in[] = {3, -20}, out[2], codes[2];
    int64_t pt[] = {9, 8}, bx[] = {0, 0};
    double mass[] = {104};
    tgl_run_values columns[4] = {
        {pt, NULL, 2, 0}, {bx, NULL, 2, 0}, {NULL, NULL, 0, 1}, {NULL, mass, 1, 0}};
    tgl__alloc_fail_after(0);
    tgl_status event = tgl_run_event(out, f->run, in, f->scratch, &err);
    tgl_status batch = tgl_run_batch(out, f->run, in, 1, f->scratch, &err);
    tgl_status extract = tgl_run_extract(codes, NULL, f->run, columns, &err);
    tgl__alloc_fail_after(-1);
    assert_int_equal(event, TGL_OK);
    assert_int_equal(batch, TGL_OK);
    assert_int_equal(extract, TGL_OK);
}

/* Random programs through the file: the reference's codes. */
static void agrees_with_the_reference(void **state)
{
    (void)state;
    enum { N_EVENT = 70 };
    for (uint64_t seed = 1; seed <= 60; seed++) {
        tgl_error err = {0};
        tgl_program *program = NULL;
        tgl_payload *payload = NULL;
        static const uint8_t digest[32] = {0};
        random_options o = {.seed = seed, .n_input = 4, .n_op = 30, .max_width = 24};
        check(random_program(&program, &o, &err), &err);
        if (seed % 2 == 0) {
            check(tgl_payload_new(&payload, program, digest, &err), &err);
            check(random_payload(payload, program, seed, &err), &err);
        }
        size_t size = 0, n_out = tgl_program_n_output(program);
        uint8_t *bytes = run_write(&size, &(run_text){NAMES, NULL, 0, program, payload});
        tgl_run *run = NULL;
        check(tgl_run_open_memory(&run, bytes, size, "random", NULL, &err), &err);
        int64_t *in = tgl__calloc(N_EVENT * 4, sizeof *in);
        int64_t *out = tgl__calloc(N_EVENT * n_out, sizeof *out);
        int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
        void *scratch = scratch_of(run);
        random_inputs(in, program, N_EVENT, seed);
        check(tgl_run_batch(out, run, in, N_EVENT, scratch, &err), &err);
        for (size_t e = 0; e < N_EVENT; e++) {
            check(tgl_emulate_reference(values, program, payload, in + 4 * e, &err),
                  &err);
            for (uint32_t i = 0; i < n_out; i++)
                assert_int_equal(out[e * n_out + i],
                                 values[tgl_program_output(program, i)->value]);
        }
        tgl__free(bytes);
        tgl__free(in);
        tgl__free(out);
        tgl__free(values);
        tgl__free(scratch);
        tgl_run_close(run);
        tgl_payload_free(payload);
        tgl_program_free(program);
    }
}

static void takes_another_payload(void **state)
{
    const fixture *f = *state;
    static const uint8_t digest[32] = {0};
    tgl_error err;
    tgl_payload *payload = NULL;
    uint8_t *bytes;
    size_t size;
    int64_t cut = 0, in[] = {3, -8}, out[2];
    check(tgl_payload_new(&payload, f->program, digest, &err), &err);
    check(tgl_payload_set(payload, "cut", 0, 1, &cut, &err), &err);
    check(tgl_payload_encode(&bytes, &size, payload, &err), &err);
    tgl_run_options options = TGL_RUN_OPTIONS_INIT;
    options.payload = bytes;
    options.payload_size = size;
    tgl_run *other = NULL;
    check(tgl_run_open_memory(&other, f->bytes, f->size, NULL, &options, &err), &err);
    check(tgl_run_event(out, f->run, in, f->scratch, &err), &err);
    assert_int_equal(out[1], 0); /* 3 - 2 = 1 is below 2.5 … */
    check(tgl_run_event(out, other, in, f->scratch, &err), &err);
    assert_int_equal(out[1], 1); /* … and above 0 */
    tgl_run_close(other);
    options.payload_size = size - 1;
    assert_int_equal(tgl_run_open_memory(&other, f->bytes, f->size, "m", &options, &err),
                     TGL_EFORMAT);
    tgl_free(bytes);
    tgl_payload_free(payload);
}

/* ---- inputs by the convention ---- */

static void extracts_by_the_rules(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    int64_t codes[2], pt[] = {3, 7, 11, 600}, bx[] = {0, -1, 0, 0}, kind[] = {2, 2, 2, 3};
    double mass[] = {104.75};
    tgl_run_values columns[4] = {
        {pt, NULL, 4, 0}, {bx, NULL, 4, 0}, {kind, NULL, 4, 0}, {NULL, mass, 1, 0}};
    uint64_t clamped = 9;
    check(tgl_run_extract(codes, &clamped, f->run, columns, &err), &err);
    assert_int_equal(codes[0], 6);  /* the second with bx 0 and kind 2: (11 + 1) >> 1 */
    assert_int_equal(codes[1], 10); /* (104.75 - 100) / 2 = 2.375 = 9.5 / 4, to even */
    assert_int_equal(clamped, 0);
    kind[3] = 2;
    kind[2] = 0;
    check(tgl_run_extract(codes, &clamped, f->run, columns, &err), &err);
    assert_int_equal(codes[0], 255); /* 300 in ufixed<8,8> */
    assert_int_equal(clamped, 1);
    columns[2] = (tgl_run_values){.is_absent = 1}; /* 'kind' may be */
    check(tgl_run_extract(codes, &clamped, f->run, columns, &err), &err);
    assert_int_equal(codes[0], 6);
    columns[0].n = columns[1].n = 2; /* too few */
    check(tgl_run_extract(codes, &clamped, f->run, columns, &err), &err);
    assert_int_equal(codes[0], 0);
    pt[0] = -5;
    columns[0] = (tgl_run_values){NULL, NULL, 0, 0}; /* an empty vector's data() */
    check(tgl_run_extract(codes, &clamped, f->run, columns, &err), &err);
    assert_int_equal(codes[0], 0);
}

static void refuses_columns(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    int64_t codes[2], some[] = {1};
    double floats[] = {NAN}, whole[] = {1};
    tgl_run_values good[4] = {
        {some, NULL, 1, 0}, {some, NULL, 1, 0}, {some, NULL, 1, 0}, {NULL, whole, 1, 0}};
    tgl_run_values bad[4];
    memcpy(bad, good, sizeof good);
    bad[1].is_absent = 1;
    assert_int_equal(tgl_run_extract(codes, NULL, f->run, bad, &err), TGL_ENOTFOUND);
    assert_string_equal(err.message, "input 'a': column 'bx' is absent");
    memcpy(bad, good, sizeof good);
    bad[1] = good[3];
    assert_int_equal(tgl_run_extract(codes, NULL, f->run, bad, &err), TGL_EUSAGE);
    memcpy(bad, good, sizeof good);
    bad[0] = (tgl_run_values){NULL, NULL, 1, 0};
    assert_int_equal(tgl_run_extract(codes, NULL, f->run, bad, &err), TGL_EUSAGE);
    memcpy(bad, good, sizeof good);
    bad[0] = good[3];
    assert_int_equal(tgl_run_extract(codes, NULL, f->run, bad, &err), TGL_EUNSUPPORTED);
    assert_string_equal(err.message, "input 'a': column 'pt' holds floats: 'add' and "
                                     "'drop_bits' are for integers");
    memcpy(bad, good, sizeof good);
    bad[3] = good[0];
    assert_int_equal(tgl_run_extract(codes, NULL, f->run, bad, &err), TGL_EUNSUPPORTED);
    assert_string_equal(err.message, "input 'b': column 'mass' holds integers: 'center' "
                                     "and 'scale' are for floats");
    memcpy(bad, good, sizeof good);
    bad[3].floats = floats;
    assert_int_equal(tgl_run_extract(codes, NULL, f->run, bad, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "input 'b'"));
    size_t size;
    uint8_t *bytes = run_write(&size, &(run_text){NAMES, NULL, 0, f->program, NULL});
    tgl_run *bare = NULL;
    check(tgl_run_open_memory(&bare, bytes, size, NULL, NULL, &err), &err);
    assert_null(tgl_run_input(bare, 0)->rule);
    assert_int_equal(tgl_run_extract(codes, NULL, bare, good, &err), TGL_EUSAGE);
    tgl_run_close(bare);
    tgl__free(bytes);
}

/* ---- bad files ---- */

static void refuses_every_damage(void **state)
{
    const fixture *f = *state;
    uint8_t *bad = tgl__malloc(f->size + 1);
    tgl_run *run = NULL;
    tgl_error err;
    memcpy(bad, f->bytes, f->size);
    bad[f->size] = 0;
    for (size_t n = 0; n < f->size + 2; n++) /* cut short, and one byte more */
        if (n != f->size)
            assert_int_not_equal(tgl_run_open_memory(&run, bad, n == f->size + 1 ? n : n,
                                                     "cut", NULL, &err),
                                 TGL_OK);
    for (size_t i = 0; i < f->size; i++)
        for (int bit = 0; bit < 8; bit++) {
            bad[i] ^= (uint8_t)(1 << bit);
            tgl_status status =
                tgl_run_open_memory(&run, bad, f->size, "damaged", NULL, &err);
            if (status == TGL_OK)
                fail_msg("byte %zu, bit %d: the damage went unnoticed", i, bit);
            assert_int_equal(strncmp(err.message, "damaged: ", 9), 0);
            bad[i] ^= (uint8_t)(1 << bit);
        }
    assert_null(run);
    tgl__free(bad);
}

/* Damage under a right checksum: only the structure can tell. */
static void refuses_broken_structure(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    uint8_t *bad = tgl__malloc(f->size);
    size_t n_open = 0, covered = (size_t)tgl__le64(f->bytes + 24);
    for (size_t i = 24; i < covered; i++)
        for (int v = 0; v < 256; v += 5) {
            tgl_run *run = NULL;
            memcpy(bad, f->bytes, f->size);
            bad[i] = (uint8_t)v;
            run_seal(bad, f->size);
            if (tgl_run_open_memory(&run, bad, f->size, "changed", NULL, &err) == TGL_OK)
                n_open++; /* another text or number: still a file */
            tgl_run_close(run);
        }
    assert_true(n_open > 0);
    tgl__free(bad);
    tgl_run *run = NULL;
    uint8_t *bytes;
    size_t size;
    bytes = run_write(&size, &(run_text){NAMES, RULES, 1, f->program, NULL});
    assert_int_equal(tgl_run_open_memory(&run, bytes, size, "few", NULL, &err),
                     TGL_EFORMAT);
    assert_string_equal(err.message,
                        "few: expected an input rule for each of the 2 inputs, found 1");
    tgl__free(bytes);
    static const char *const twice[] = {"name", "a", "name", "b", NULL};
    bytes = run_write(&size, &(run_text){twice, NULL, 0, f->program, NULL});
    assert_int_equal(tgl_run_open_memory(&run, bytes, size, NULL, NULL, &err),
                     TGL_EFORMAT);
    tgl__free(bytes);
    run_rule_text wild[2] = {RULES[0], RULES[1]};
    wild[0].scale = 2; /* for integers and for floats */
    bytes = run_write(&size, &(run_text){NAMES, wild, 2, f->program, NULL});
    assert_int_equal(tgl_run_open_memory(&run, bytes, size, NULL, NULL, &err),
                     TGL_EFORMAT);
    tgl__free(bytes);
    wild[0].scale = 1;
    wild[1].scale = NAN;
    bytes = run_write(&size, &(run_text){NAMES, wild, 2, f->program, NULL});
    assert_int_equal(tgl_run_open_memory(&run, bytes, size, NULL, NULL, &err),
                     TGL_EFORMAT);
    tgl__free(bytes);
    assert_null(run);
}

static void write_bytes(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void opens_paths(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    tgl_run *run = NULL;
    char folder[] = "/tmp/run_testXXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(tgl_run_open(&run, folder, NULL, &err), TGL_EIO);
    assert_non_null(strstr(err.message, "expected a file, found a directory"));
    snprintf(path, sizeof path, "%s/m.tglr", folder);
    assert_int_equal(tgl_run_open(&run, path, NULL, &err), TGL_ENOTFOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(tgl_run_open(&run, path, NULL, &err), TGL_EIO); /* nobody writes */
    unlink(path);
    write_bytes(path, f->bytes, 0);
    assert_int_equal(tgl_run_open(&run, path, NULL, &err), TGL_EFORMAT);
    write_bytes(path, f->bytes, f->size);
    check(tgl_run_open(&run, path, NULL, &err), &err);
    unlink(path); /* the file is not needed any more */
    rmdir(folder);
    int64_t in[] = {3, -20}, out[2];
    check(tgl_run_event(out, run, in, f->scratch, &err), &err);
    assert_int_equal(out[0], -8);
    tgl_run_close(run);
    tgl_run_close(NULL);
}

static void survives_failing_allocations(void **state)
{
    const fixture *f = *state;
    tgl_error err;
    tgl_run *run = NULL;
    long n = 0;
    tgl_status status;
    do {
        tgl__alloc_fail_after(n++);
        status = tgl_run_open_memory(&run, f->bytes, f->size, "m", NULL, &err);
        tgl__alloc_fail_after(-1);
        if (status != TGL_OK)
            assert_int_equal(status, TGL_ENOMEM);
    } while (status != TGL_OK && n < 10000);
    assert_int_equal(status, TGL_OK);
    assert_true(n > 10);
    tgl_run_close(run);
}

static void two_thousand_at_once(void **state)
{
    const fixture *f = *state;
    enum { N = 2000 };
    static tgl_run *runs[N];
    tgl_error err;
    int64_t in[] = {3, -20}, out[2];
    for (int i = 0; i < N; i++)
        check(tgl_run_open_memory(&runs[i], f->bytes, f->size, NULL, NULL, &err), &err);
    for (int i = 0; i < N; i++) {
        check(tgl_run_event(out, runs[i], in, f->scratch, &err), &err);
        assert_int_equal(out[0], -8);
        tgl_run_close(runs[i]);
    }
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(tells_what_it_is),
        WITH(finds_ports_by_name),
        WITH(runs_events_and_batches),
        WITH(a_run_allocates_nothing),
        WITH(agrees_with_the_reference),
        WITH(takes_another_payload),
        WITH(extracts_by_the_rules),
        WITH(refuses_columns),
        WITH(refuses_every_damage),
        WITH(refuses_broken_structure),
        WITH(opens_paths),
        WITH(survives_failing_allocations),
        WITH(two_thousand_at_once),
    };
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
