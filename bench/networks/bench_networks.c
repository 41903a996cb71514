/* A graph in the emulator, run once or timed.
 *
 *   bench_networks run GRAPH IN OUT      int64 input codes in, int64 output codes out
 *   bench_networks time GRAPH IN BATCH   events per second of each instruction set, on
 * the codes of IN, BATCH events a call; how many multiply-adds an event and the machine
 * can do */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <trigline/emulate.h>
#include <trigline/lower.h>
#include <trigline/model.h>

static void check(tgl_status status, const tgl_error *err)
{
    if (status == TGL_OK)
        return;
    fprintf(stderr, "%s\n", err->message);
    exit(3);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int64_t *read_codes(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        exit(3);
    *n = (size_t)ftell(f) / sizeof(int64_t);
    rewind(f);
    int64_t *codes = malloc(*n * sizeof *codes + 1);
    if (codes == NULL || fread(codes, sizeof *codes, *n, f) != *n)
        exit(3);
    fclose(f);
    return codes;
}

static void *scratch_for(const tgl_emulator *emulator)
{
    void *scratch =
        aligned_alloc(64, (tgl_emulator_scratch_size(emulator) + 127) / 64 * 64);
    if (scratch == NULL)
        exit(3);
    return scratch;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median events per second in the caller's thread, of calls that each do the same n. */
static double rate(const tgl_emulator *emulator, const int64_t *in, int64_t *out,
                   size_t n)
{
    enum { MAX_CALLS = 20000 };
    static double seconds[MAX_CALLS];
    void *scratch = scratch_for(emulator);
    tgl_error err;
    double end = now() + 0.2;
    size_t calls = 0;
    while (calls < MAX_CALLS && (calls < 9 || now() < end)) {
        double begin = now();
        check(tgl_emulator_run(out, emulator, in, n, scratch, &err), &err);
        seconds[calls++] = now() - begin;
    }
    free(scratch);
    qsort(seconds, calls, sizeof *seconds, by_value);
    return (double)n / seconds[calls / 2];
}

static void time_all(const tgl_program *program, const int64_t *in, int64_t *out,
                     size_t n)
{
    const char *gap = "";
    printf("{");
    for (int isa = TGL_ISA_BASELINE; isa <= TGL_ISA_AVX512; isa++) {
        tgl_emulator *emulator;
        tgl_error err;
        tgl_emulator_options options = {sizeof options, (tgl_isa)isa, 0};
        tgl_status status = tgl_emulator_new(&emulator, program, NULL, &options, &err);
        if (status == TGL_EMISSING)
            continue;
        check(status, &err);
        const char *text = tgl_emulator_describe(emulator);
        printf("%s\"%.*s\": {\"events_per_s\": %.0f, \"how\": \"%s\"}", gap,
               (int)strcspn(text, ","), text, rate(emulator, in, out, n), text);
        gap = ", ";
        tgl_emulator_free(emulator);
    }
    printf("}\n");
}

static void run(const tgl_program *program, const int64_t *in, int64_t *out, size_t n,
                const char *path)
{
    tgl_error err;
    tgl_emulator *emulator;
    check(tgl_emulator_new(&emulator, program, NULL, NULL, &err), &err);
    void *scratch = scratch_for(emulator);
    check(tgl_emulator_run(out, emulator, in, n, scratch, &err), &err);
    FILE *f = fopen(path, "wb");
    size_t codes = n * tgl_program_n_output(program);
    if (f == NULL || fwrite(out, sizeof *out, codes, f) != codes || fclose(f) != 0)
        exit(3);
    free(scratch);
    tgl_emulator_free(emulator);
}

int main(int argc, char **argv)
{
    tgl_error err;
    tgl_graph *graph;
    tgl_program *program;
    if (argc != 5 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "time") != 0)) {
        fprintf(stderr, "usage: %s run GRAPH IN OUT | time GRAPH IN BATCH\n", argv[0]);
        return 2;
    }
    check(tgl_model_import(&graph, argv[2], NULL, &err), &err);
    check(tgl_lower(&program, graph, &err), &err);
    size_t n;
    int64_t *in = read_codes(argv[3], &n);
    n /= tgl_program_n_input(program);
    int64_t *out = calloc(n * tgl_program_n_output(program), sizeof *out);
    if (out == NULL || n == 0)
        return 3;
    if (strcmp(argv[1], "run") == 0)
        run(program, in, out, n, argv[4]);
    else {
        size_t batch = (size_t)strtoull(argv[4], NULL, 10);
        time_all(program, in, out, batch < n ? batch : n);
    }
    free(in);
    free(out);
    tgl_program_free(program);
    tgl_graph_free(graph);
    return 0;
}
