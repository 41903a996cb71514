/* hls4ml's compiled library in a plain C loop, one call per event (its only interface):
 * bench_emulate_peer LIBRARY SYMBOL INPUTS OUTPUTS N_EVENT N_IN N_OUT REPEATS
 * reads float32 inputs, writes float32 outputs, prints the seconds of each repeat. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void bridge(float *in, float *out);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr,
                "usage: %s LIBRARY SYMBOL INPUTS OUTPUTS N_EVENT N_IN N_OUT "
                "REPEATS\n",
                argv[0]);
        return 2;
    }
    size_t n_event = strtoul(argv[5], NULL, 10), n_in = strtoul(argv[6], NULL, 10),
           n_out = strtoul(argv[7], NULL, 10);
    int repeats = atoi(argv[8]);
    void *library = dlopen(argv[1], RTLD_NOW);
    void *symbol = library == NULL ? NULL : dlsym(library, argv[2]);
    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    bridge *run;
    memcpy(&run, &symbol, sizeof run);
    float *in = calloc(n_event * n_in, sizeof *in);
    float *out = calloc(n_event * n_out, sizeof *out);
    FILE *f = fopen(argv[3], "rb");
    if (in == NULL || out == NULL || f == NULL ||
        fread(in, sizeof *in, n_event * n_in, f) != n_event * n_in) {
        fprintf(stderr, "cannot read %s\n", argv[3]);
        return 3;
    }
    fclose(f);
    for (int r = 0; r < repeats; r++) {
        double begin = now();
        for (size_t e = 0; e < n_event; e++)
            run(in + e * n_in, out + e * n_out);
        printf("%.9f\n", now() - begin);
    }
    f = fopen(argv[4], "wb");
    if (f == NULL || fwrite(out, sizeof *out, n_event * n_out, f) != n_event * n_out ||
        fclose(f) != 0) {
        fprintf(stderr, "cannot write %s\n", argv[4]);
        return 3;
    }
    free(in);
    free(out);
    return 0;
}
