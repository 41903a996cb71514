/* One epoch of the jet tagger, timed inside one training: seconds between the last
 * batches of consecutive epochs, so an epoch includes its shuffle, its figures and its
 * (tiny) validation.
 *
 *   bench_train DATA.npz N_EPOCH BATCH N_THREAD [baseline|avx2|avx512]
 *
 * prints {"epochs": [seconds, ...], "cpu": [processor seconds, ...], "events": per
 * epoch}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trigline/data.h>
#include <trigline/train.h>

enum { MAX_EPOCH = 200 };

typedef struct epoch_clock {
    uint64_t per_epoch; /* events */
    double last, last_cpu, seconds[MAX_EPOCH], cpu[MAX_EPOCH];
    int n;
} epoch_clock;

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void report(void *user, const char *label, uint64_t done, uint64_t total)
{
    epoch_clock *t = user;
    if (strcmp(label, "train") != 0 || total == 0 || done % t->per_epoch != 0)
        return;
    double time = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    if (t->last > 0 && t->n < MAX_EPOCH) {
        t->cpu[t->n] = cpu - t->last_cpu;
        t->seconds[t->n++] = time - t->last;
    }
    t->last = time;
    t->last_cpu = cpu;
}

static int fail(const tgl_error *err)
{
    fprintf(stderr, "bench_train: %s\n", err->message);
    return 3;
}

static void print_list(const char *name, const double *seconds, int n)
{
    printf("\"%s\":[", name);
    for (int i = 0; i < n; i++)
        printf("%s%.6f", i ? "," : "", seconds[i]);
    printf("],");
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: bench_train DATA.npz N_EPOCH BATCH N_THREAD [ISA]\n");
        return 2;
    }
    tgl_error err = {0};
    tgl_table *table = NULL;
    tgl_training *training = NULL;
    epoch_clock timing = {0};
    tgl_progress progress = {report, NULL, &timing};
    tgl_train_options options = TGL_TRAIN_OPTIONS_INIT;
    char config[512];
    if (tgl_data_load(&table, argv[1], NULL, 0, NULL, &err) != TGL_OK)
        return fail(&err);
    /* one row in a thousand is held out */
    uint64_t n = tgl_table_n_row(table);
    timing.per_epoch = n - (uint64_t)((double)n * 0.001);
    snprintf(config, sizeof config,
             "{\"template\":\"jet-tagger\",\"epochs\":%d,\"batch\":%d,\"patience\":0,"
             "\"validation\":0.001,\"schedule\":\"constant\",\"learning_rate\":0.001}",
             atoi(argv[2]), atoi(argv[3]));
    options.config = config;
    options.train = table;
    options.n_thread = (size_t)atoi(argv[4]);
    options.progress = &progress;
    if (argc > 5)
        options.isa = strcmp(argv[5], "baseline") == 0 ? TGL_ISA_BASELINE
                      : strcmp(argv[5], "avx2") == 0   ? TGL_ISA_AVX2
                                                       : TGL_ISA_AVX512;
    if (tgl_train(&training, &options, &err) != TGL_OK)
        return fail(&err);
    printf("{");
    print_list("epochs", timing.seconds, timing.n);
    print_list("cpu", timing.cpu, timing.n);
    printf("\"events\":%llu}\n", (unsigned long long)timing.per_epoch);
    tgl_training_free(training);
    tgl_table_free(table);
    return 0;
}
