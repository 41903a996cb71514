/* The 16-64-32-32-5 classifier as hls4ml makes it (ap_fixed<16,6> everywhere, each
 * product cast to the accumulator, stable softmax), built with program.h and timed.
 *
 *   bench_emulate weights FILE          write the seeded weights (int64 codes, frac 10)
 *   bench_emulate run TABLES IN OUT     int64 input codes in, int64 output codes out
 *   bench_emulate time TABLES           events per second for each instruction set
 *   bench_emulate file TABLES FILE      write the run-time file
 * TABLES: 1024 exp and 1024 inverse codes, int64; "-" computes them here with libm. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <trigline/emulate.h>
#include <trigline/model.h>

enum { N_LAYER = 4, N_TABLE = 1024, N_IN = 16, N_OUT = 5, FRAC = 10 };
static const uint32_t sizes[N_LAYER + 1] = {16, 64, 32, 32, 5};
static const tgl_type data_type = {1, 16, FRAC};  /* ap_fixed<16,6> */
static const tgl_type norm_type = {0, 15, FRAC};  /* ap_ufixed<15,5> */
static const tgl_type table_type = {1, 18, FRAC}; /* ap_fixed<18,8,RND,SAT> */

typedef struct network {
    int64_t weights[N_LAYER][64 * 64], bias[N_LAYER][64]; /* (n_out, n_in) */
    int64_t exp_table[N_TABLE], inverse_table[N_TABLE];
} network;

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

/* ---- the network's numbers ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Close to normal with this deviation, as a trained layer's weights are: the sum of
 * twelve uniforms. */
static double near_normal(uint64_t *state, double deviation)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(next_random(state) >> 11) * 0x1p-53;
    return sum * deviation;
}

static void make_weights(network *net)
{
    uint64_t state = 20261120;
    for (int l = 0; l < N_LAYER; l++) {
        double deviation = sqrt(2.0 / sizes[l]);
        for (uint32_t i = 0; i < sizes[l] * sizes[l + 1]; i++)
            net->weights[l][i] = lrint(near_normal(&state, deviation) * (1 << FRAC));
        for (uint32_t i = 0; i < sizes[l + 1]; i++)
            net->bias[l][i] = lrint(near_normal(&state, 0.1) * (1 << FRAC));
    }
}

/* hls4ml's init_exp_table and init_invert_table: entry i is the function, in float32, of
 * the argument type's value whose top ten bits are i. */
static void make_tables(network *net)
{
    tgl_quant quant = {table_type, TGL_RND, TGL_SAT};
    tgl_error err;
    for (int i = 0; i < N_TABLE; i++) {
        float d = (float)ldexp(i << (norm_type.width - 10), -FRAC);
        int64_t sum =
            (int64_t)(i < N_TABLE / 2 ? i : i - N_TABLE) * (1 << (table_type.width - 10));
        check(tgl_quantise_double(&net->exp_table[i], expf(-d), &quant, &err), &err);
        /* 1 / 0: never looked up, as the largest term of a sum is 1 */
        double inverse = sum == 0 ? 0 : (double)(1 / (float)ldexp((double)sum, -FRAC));
        check(tgl_quantise_double(&net->inverse_table[i], inverse, &quant, &err), &err);
    }
}

static void read_codes(int64_t *codes, size_t n, FILE *f, const char *path)
{
    if (f == NULL || fread(codes, sizeof *codes, n, f) != n) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(3);
    }
}

static void load_tables(network *net, const char *path)
{
    if (strcmp(path, "-") == 0) {
        make_tables(net);
        return;
    }
    FILE *f = fopen(path, "rb");
    read_codes(net->exp_table, N_TABLE, f, path);
    read_codes(net->inverse_table, N_TABLE, f, path);
    fclose(f);
}

/* ---- the network as a program ---- */

typedef struct builder {
    tgl_program *program;
    tgl_error err;
    const char *layer;
} builder;

static uint32_t put(builder *b, tgl_op op, uint32_t n_arg, const uint32_t *args)
{
    uint32_t value;
    op.n_arg = n_arg;
    op.args = args;
    op.origin = (tgl_origin){b->layer, -1, tgl_opcode_name(op.code)};
    check(tgl_program_add_op(b->program, &op, &value, &b->err), &b->err);
    return value;
}

static uint32_t put2(builder *b, tgl_opcode code, tgl_type type, uint32_t a0, uint32_t a1)
{
    return put(b, (tgl_op){.code = code, .type = type, .ref = TGL_NONE}, 2,
               (uint32_t[]){a0, a1});
}

static uint32_t cast(builder *b, uint32_t value, tgl_type type, tgl_round round,
                     tgl_overflow overflow)
{
    tgl_op op = {.code = TGL_OP_QUANTISE, .type = type, .ref = TGL_NONE};
    op.round = round;
    op.overflow = overflow;
    return put(b, op, 1, &value);
}

static void dense(builder *b, const network *net, int l, uint32_t *values)
{
    tgl_affine affine = {.n_in = sizes[l],
                         .n_out = sizes[l + 1],
                         .weight_type = data_type,
                         .weights = net->weights[l],
                         .weight_slot = TGL_NONE,
                         .bias = net->bias[l],
                         .bias_type = data_type,
                         .bias_slot = TGL_NONE,
                         .term = {data_type, TGL_TRN, TGL_WRAP},
                         .acc = {data_type, TGL_TRN, TGL_WRAP}};
    uint32_t number;
    check(tgl_program_add_affine(b->program, &affine, &number, &b->err), &b->err);
    uint32_t first =
        put(b, (tgl_op){.code = TGL_OP_AFFINE, .type = data_type, .ref = number},
            sizes[l], values);
    uint32_t zero = put(
        b, (tgl_op){.code = TGL_OP_CONST, .type = data_type, .ref = TGL_NONE}, 0, NULL);
    for (uint32_t i = 0; i < sizes[l + 1]; i++) {
        values[i] = cast(b, first + i, data_type, TGL_TRN, TGL_WRAP);
        if (l + 1 < N_LAYER)
            values[i] = cast(b, put2(b, TGL_OP_MAX, data_type, values[i], zero),
                             data_type, TGL_TRN, TGL_WRAP);
    }
}

/* The top ten bits of a value's type, as an index. */
static uint32_t top_bits(builder *b, uint32_t value, tgl_type type)
{
    tgl_type raw = {0, type.width, 0};
    uint32_t code = put(b,
                        (tgl_op){.code = TGL_OP_SHIFT,
                                 .type = {type.is_signed, type.width, 0},
                                 .imm = type.frac,
                                 .ref = TGL_NONE},
                        1, &value);
    code = cast(b, code, raw, TGL_TRN, TGL_WRAP); /* the bits as an unsigned number */
    tgl_type top = {0, 10, (int16_t)(10 - type.width)}, index = {0, 10, 0};
    code = cast(b, code, top, TGL_TRN, TGL_WRAP);
    return put(
        b,
        (tgl_op){
            .code = TGL_OP_SHIFT, .type = index, .imm = 10 - type.width, .ref = TGL_NONE},
        1, &code);
}

static uint32_t add_table(builder *b, const char *name, const int64_t *codes)
{
    tgl_table_data table = {name, table_type, N_TABLE, codes, TGL_NONE};
    uint32_t number;
    check(tgl_program_add_table(b->program, &table, &number, &b->err), &b->err);
    return number;
}

static uint32_t look_up(builder *b, uint32_t table, uint32_t index)
{
    return put(b, (tgl_op){.code = TGL_OP_TABLE, .type = table_type, .ref = table}, 1,
               &index);
}

static uint32_t sum_of(builder *b, uint32_t x, uint32_t y)
{
    tgl_type wide = {1, 19, FRAC};
    return cast(b, put2(b, TGL_OP_ADD, wide, x, y), table_type, TGL_RND, TGL_SAT);
}

static void softmax(builder *b, const network *net, uint32_t *values)
{
    uint32_t exps = add_table(b, "exp", net->exp_table);
    uint32_t inverses = add_table(b, "inverse", net->inverse_table);
    tgl_type difference = {1, 17, FRAC}, product = {1, 36, 2 * FRAC};
    uint32_t top = values[0], e[N_OUT];
    for (int i = 1; i < N_OUT; i++)
        top = put2(b, TGL_OP_MAX, data_type, top, values[i]);
    for (int i = 0; i < N_OUT; i++) {
        uint32_t d = put2(b, TGL_OP_SUB, difference, top, values[i]);
        d = cast(b, d, norm_type, TGL_TRN, TGL_WRAP);
        e[i] = look_up(b, exps, top_bits(b, d, norm_type));
    }
    uint32_t sum = sum_of(b, sum_of(b, sum_of(b, e[0], e[1]), sum_of(b, e[2], e[3])),
                          e[4]); /* hls4ml's balanced tree */
    uint32_t inverse = look_up(b, inverses, top_bits(b, sum, table_type));
    for (int i = 0; i < N_OUT; i++)
        values[i] = cast(b, put2(b, TGL_OP_MUL, product, e[i], inverse), data_type,
                         TGL_TRN, TGL_WRAP);
}

static tgl_program *build(const network *net)
{
    builder b = {.layer = "input"};
    uint32_t values[64];
    char name[16];
    check(tgl_program_new(&b.program, "classifier", &b.err), &b.err);
    for (uint32_t i = 0; i < N_IN; i++) {
        snprintf(name, sizeof name, "x%u", i);
        check(tgl_program_add_input(b.program, name, data_type, &values[i], &b.err),
              &b.err);
    }
    static const char *const layers[N_LAYER] = {"fc1", "fc2", "fc3", "output"};
    for (int l = 0; l < N_LAYER; l++) {
        b.layer = layers[l];
        dense(&b, net, l, values);
    }
    b.layer = "softmax";
    softmax(&b, net, values);
    for (uint32_t i = 0; i < N_OUT; i++) {
        snprintf(name, sizeof name, "y%u", i);
        check(tgl_program_add_output(b.program, name, values[i], &b.err), &b.err);
    }
    check(tgl_program_verify(b.program, &b.err), &b.err);
    return b.program;
}

/* ---- the verbs ---- */

static void write_run_file(const tgl_program *program, const char *path)
{
    tgl_error err;
    tgl_export_options options = TGL_EXPORT_OPTIONS_INIT;
    options.name = "classifier";
    check(tgl_model_export(path, "run", program, NULL, &options, &err), &err);
}

static void write_weights(const network *net, const char *path)
{
    FILE *f = fopen(path, "wb");
    for (int l = 0; l < N_LAYER && f != NULL; l++) {
        fwrite(net->weights[l], sizeof(int64_t), sizes[l] * sizes[l + 1], f);
        fwrite(net->bias[l], sizeof(int64_t), sizes[l + 1], f);
    }
    if (f == NULL || fclose(f) != 0)
        exit(3);
}

static void *scratch_for(const tgl_emulator *emulator)
{
    void *scratch =
        aligned_alloc(64, (tgl_emulator_scratch_size(emulator) + 127) / 64 * 64);
    if (scratch == NULL)
        exit(3);
    return scratch;
}

static void run_file(const tgl_program *program, const char *in_path,
                     const char *out_path)
{
    tgl_error err;
    tgl_emulator *emulator;
    check(tgl_emulator_new(&emulator, program, NULL, NULL, &err), &err);
    FILE *f = fopen(in_path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0)
        exit(3);
    size_t n = (size_t)ftell(f) / sizeof(int64_t) / N_IN;
    rewind(f);
    int64_t *in = calloc(n * N_IN, sizeof *in), *out = calloc(n * N_OUT, sizeof *out);
    if (in == NULL || out == NULL)
        exit(3);
    read_codes(in, n * N_IN, f, in_path);
    fclose(f);
    void *scratch = scratch_for(emulator);
    check(tgl_emulator_run(out, emulator, in, n, scratch, &err), &err);
    f = fopen(out_path, "wb");
    if (f == NULL || fwrite(out, sizeof *out, n * N_OUT, f) != n * N_OUT ||
        fclose(f) != 0)
        exit(3);
    free(in);
    free(out);
    free(scratch);
    tgl_emulator_free(emulator);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { BATCH = 65536, REPEATS = 11 };

/* Median events per second in the caller's thread; `batch` events per call. */
static double rate(const tgl_emulator *emulator, const int64_t *in, int64_t *out,
                   size_t batch)
{
    void *scratch = scratch_for(emulator);
    double seconds[REPEATS];
    tgl_error err;
    for (int r = 0; r < REPEATS; r++) {
        double begin = now();
        for (size_t at = 0; at < BATCH; at += batch)
            check(tgl_emulator_run(out + at * N_OUT, emulator, in + at * N_IN, batch,
                                   scratch, &err),
                  &err);
        seconds[r] = now() - begin;
    }
    free(scratch);
    qsort(seconds, REPEATS, sizeof *seconds, by_value);
    return BATCH / seconds[REPEATS / 2];
}

static void time_all(const tgl_program *program)
{
    int64_t *in = calloc((size_t)BATCH * N_IN, sizeof *in),
            *out = calloc((size_t)BATCH * N_OUT, sizeof *out);
    if (in == NULL || out == NULL)
        exit(3);
    uint64_t state = 7;
    for (size_t i = 0; i < (size_t)BATCH * N_IN; i++)
        in[i] = (int64_t)(next_random(&state) % 8192) - 4096;
    const char *gap = "";
    printf("{\"batch\": %d, \"threads\": 1, \"rates\": {", (int)BATCH);
    for (int isa = TGL_ISA_BASELINE; isa <= TGL_ISA_AVX512; isa++) {
        tgl_emulator *emulator;
        tgl_error err;
        tgl_emulator_options options = {sizeof options, (tgl_isa)isa, 0};
        tgl_status status = tgl_emulator_new(&emulator, program, NULL, &options, &err);
        if (status == TGL_EMISSING)
            continue;
        check(status, &err);
        const char *text = tgl_emulator_describe(emulator);
        printf("%s\"%.*s\": {\"events_per_s\": %.0f, \"events_per_s_batch_256\": %.0f, "
               "\"events_per_s_batch_1\": %.0f, \"how\": \"%s\"}",
               gap, (int)strcspn(text, ","), text, rate(emulator, in, out, BATCH),
               rate(emulator, in, out, 256), rate(emulator, in, out, 1), text);
        gap = ", ";
        tgl_emulator_free(emulator);
    }
    printf("}}\n");
    free(in);
    free(out);
}

int main(int argc, char **argv)
{
    static network net;
    make_weights(&net);
    if (argc == 3 && strcmp(argv[1], "weights") == 0) {
        write_weights(&net, argv[2]);
        return 0;
    }
    bool run = argc == 5 && strcmp(argv[1], "run") == 0;
    bool file = argc == 4 && strcmp(argv[1], "file") == 0;
    if (!run && !file && !(argc == 3 && strcmp(argv[1], "time") == 0)) {
        fprintf(stderr,
                "usage: %s weights FILE | run TABLES IN OUT | time TABLES | file TABLES "
                "FILE\n",
                argv[0]);
        return 2;
    }
    load_tables(&net, argv[2]);
    tgl_program *program = build(&net);
    if (run)
        run_file(program, argv[3], argv[4]);
    else if (file)
        write_run_file(program, argv[3]);
    else
        time_all(program);
    tgl_program_free(program);
    return 0;
}
