/* Reads weights, builds the 16-64-32-32-5 network as a program, writes its Verilog.
 *
 *   bench_firmware WEIGHTS DIR MHZ
 *
 * WEIGHTS: the integers of the four matrices, row-major by output, blanks between; unit
 * 1/16. Inputs are fixed<8,4>, activations ufixed<8,4> (floor, wrap, as the peer's),
 * sums exact. Prints one line of JSON: build time, stages, estimate. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <trigline/firmware.h>

enum { N_LAYER = 4 };
static const uint32_t sizes[N_LAYER + 1] = {16, 64, 32, 32, 5};

static tgl_error err;

static void check(tgl_status status)
{
    if (status == TGL_OK)
        return;
    fprintf(stderr, "bench_firmware: %s\n", err.message);
    exit(1);
}

static void add_layer(tgl_program *program, FILE *file, uint32_t layer, uint32_t *values)
{
    uint32_t n_in = sizes[layer], n_out = sizes[layer + 1], ref, first;
    int64_t *weights = calloc((size_t)n_in * n_out, sizeof *weights);
    for (uint32_t i = 0; i < n_in * n_out; i++) {
        long long w;
        if (!weights || fscanf(file, "%lld", &w) != 1)
            exit(1);
        weights[i] = w;
    }
    tgl_type sum = {1, 24, 8};
    tgl_affine affine = {.n_in = n_in,
                         .n_out = n_out,
                         .weight_type = {1, 6, 4},
                         .weights = weights,
                         .weight_slot = TGL_NONE,
                         .bias_slot = TGL_NONE,
                         .term_exact = 1,
                         .term = {sum, TGL_TRN, TGL_WRAP},
                         .acc = {sum, TGL_TRN, TGL_WRAP}};
    check(tgl_program_add_affine(program, &affine, &ref, &err));
    tgl_op dense = {.code = TGL_OP_AFFINE,
                    .n_value = n_out,
                    .type = sum,
                    .n_arg = n_in,
                    .args = values,
                    .ref = ref,
                    .origin = {"dense", (int32_t)layer, "sum"}};
    check(tgl_program_add_op(program, &dense, &first, &err));
    free(weights);
    tgl_op zero_op = {.code = TGL_OP_CONST, .n_value = 1, .type = sum, .ref = TGL_NONE};
    uint32_t zero;
    check(tgl_program_add_op(program, &zero_op, &zero, &err));
    for (uint32_t i = 0; i < n_out; i++) {
        values[i] = first + i;
        if (layer + 1 == N_LAYER)
            continue;
        uint32_t args[2] = {first + i, zero};
        tgl_op relu = {.code = TGL_OP_MAX,
                       .n_value = 1,
                       .type = sum,
                       .n_arg = 2,
                       .args = args,
                       .ref = TGL_NONE};
        check(tgl_program_add_op(program, &relu, &values[i], &err));
        tgl_op cast = {.code = TGL_OP_QUANTISE,
                       .n_value = 1,
                       .type = {0, 8, 4},
                       .n_arg = 1,
                       .args = &values[i],
                       .ref = TGL_NONE};
        uint32_t out;
        check(tgl_program_add_op(program, &cast, &out, &err));
        values[i] = out;
    }
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    FILE *file = fopen(argv[1], "r");
    tgl_program *program = NULL;
    uint32_t values[64];
    struct timespec begin, end;
    if (!file)
        return 1;
    check(tgl_program_new(&program, "tagger", &err));
    for (uint32_t i = 0; i < sizes[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%u", i);
        check(
            tgl_program_add_input(program, name, (tgl_type){1, 8, 4}, &values[i], &err));
    }
    for (uint32_t layer = 0; layer < N_LAYER; layer++)
        add_layer(program, file, layer, values);
    fclose(file);
    for (uint32_t o = 0; o < sizes[N_LAYER]; o++) {
        char name[16];
        snprintf(name, sizeof name, "y%u", o);
        check(tgl_program_add_output(program, name, values[o], &err));
    }
    check(tgl_program_verify(program, &err));
    tgl_firmware_options options = TGL_FIRMWARE_OPTIONS_INIT;
    options.clock_mhz = atof(argv[3]);
    tgl_resources r;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    check(tgl_firmware_build(argv[2], program, NULL, &options, &err));
    clock_gettime(CLOCK_MONOTONIC, &end);
    check(tgl_firmware_estimate(&r, program, &options, &err));
    printf(
        "{\"build_s\": %.3f, \"stages\": %lld, \"estimate_lut\": %lld, \"estimate_ff\": "
        "%lld}\n",
        (double)(end.tv_sec - begin.tv_sec) +
            1e-9 * (double)(end.tv_nsec - begin.tv_nsec),
        (long long)r.latency_cycles, (long long)r.lut, (long long)r.ff);
    tgl_program_free(program);
    return 0;
}
