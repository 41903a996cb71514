/* Loading with libtrigline-run: bench_load FILE.tglr prints, as JSON, the first load of
 * the process, the median of many, and what 1,000 of them open at once take. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <trigline/run.h>

enum { N_LOAD = 501, N_OPEN = 1000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;
    if (f == NULL || fscanf(f, "%ld %ld", &total, &resident) != 2)
        exit(3);
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static tgl_run *load(const char *path)
{
    tgl_run *run = NULL;
    tgl_error err;
    if (tgl_run_open(&run, path, NULL, &err) == TGL_OK)
        return run;
    fprintf(stderr, "%s\n", err.message);
    exit(3);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static double seconds[N_LOAD];
    static tgl_run *runs[N_OPEN];
    if (argc != 2)
        return 2;
    double begin = now();
    tgl_run *first = load(argv[1]);
    double cold = now() - begin;
    for (int i = 0; i < N_LOAD; i++) {
        begin = now();
        tgl_run *run = load(argv[1]);
        seconds[i] = now() - begin;
        tgl_run_close(run);
    }
    qsort(seconds, N_LOAD, sizeof *seconds, by_value);
    double before = resident_bytes();
    begin = now();
    for (int i = 0; i < N_OPEN; i++)
        runs[i] = load(argv[1]);
    double all = now() - begin, after = resident_bytes();
    printf(
        "{\"first_us\": %.1f, \"median_us\": %.1f, \"open\": %d, \"open_all_ms\": %.1f, "
        "\"bytes_each\": %.0f, \"scratch_bytes\": %zu}\n",
        1e6 * cold, 1e6 * seconds[N_LOAD / 2], (int)N_OPEN, 1e3 * all,
        (after - before) / N_OPEN, tgl_run_scratch_size(first));
    for (int i = 0; i < N_OPEN; i++)
        tgl_run_close(runs[i]);
    tgl_run_close(first);
    return 0;
}
