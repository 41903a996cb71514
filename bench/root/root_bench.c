/* Seconds to open a tree and read every readable column, again and again, as JSON:
 *   root_bench FILE OBJECT THREADS REPETITIONS      (OBJECT "": the only tree) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <trigline/data.h>

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct round_result {
    double open_s, read_s, cpu_s;
    uint64_t n_row, n_byte;
    size_t n_column;
} round_result;

static tgl_status one_round(round_result *out, const char *path,
                            const tgl_source_options *options, tgl_error *err)
{
    tgl_source *source = NULL;
    tgl_table *table = NULL;
    double begin = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    tgl_status status = tgl_source_open(&source, path, options, err);
    if (status != TGL_OK)
        return status;
    out->open_s = now(CLOCK_MONOTONIC) - begin;
    begin = now(CLOCK_MONOTONIC);
    status = tgl_source_read(&table, source, NULL, 0, 0, UINT64_MAX, NULL, err);
    out->read_s = now(CLOCK_MONOTONIC) - begin;
    out->cpu_s = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (status == TGL_OK) {
        out->n_row = tgl_table_n_row(table);
        out->n_column = tgl_table_n_column(table);
        out->n_byte = 0;
        for (size_t i = 0; i < out->n_column; i++) {
            const tgl_column *c = tgl_table_column(table, i);
            out->n_byte += c->n_value * tgl_dtype_size(c->dtype);
        }
    }
    tgl_table_free(table);
    tgl_source_close(source);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: root_bench FILE OBJECT THREADS REPETITIONS\n");
        return 2;
    }
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.object = argv[2][0] == '\0' ? NULL : argv[2];
    options.n_thread = strtoull(argv[3], NULL, 10);
    long n = strtol(argv[4], NULL, 10);
    round_result r = {0};
    printf("{\"rounds\": [");
    for (long i = 0; i < n; i++) {
        tgl_error err = {0};
        if (one_round(&r, argv[1], &options, &err) != TGL_OK) {
            fprintf(stderr, "%s\n", err.message);
            return 3;
        }
        printf("%s{\"open_s\": %.6f, \"read_s\": %.6f, \"cpu_s\": %.6f}",
               i == 0 ? "" : ", ", r.open_s, r.read_s, r.cpu_s);
    }
    printf("], \"n_row\": %" PRIu64 ", \"n_column\": %zu, \"n_byte\": %" PRIu64 "}\n",
           r.n_row, r.n_column, r.n_byte);
    return 0;
}
