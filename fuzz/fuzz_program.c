/* Programs in binary and text form. A binary input is tried as it is and once more with
 * its size and checksum put right, so that mutations reach the loader. What loads must
 * survive both round trips, and its batch emulator must agree with the reference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/emulate.h>

#include "base/memory.h"
#include "program/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static uint64_t n_product(const tgl_program *program)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++) {
        const tgl_op *op = tgl_program_op(program, i);
        n += op->code == TGL_OP_AFFINE ? (uint64_t)op->n_arg * op->n_value : op->n_arg;
    }
    return n;
}

static void fill_inputs(int64_t *in, const tgl_program *program, size_t n_event)
{
    uint32_t n = tgl_program_n_input(program);
    for (size_t i = 0; i < n_event * n; i++) {
        tgl_type type = tgl_program_input(program, (uint32_t)(i % n))->type;
        uint64_t span = (uint64_t)tgl_type_max(type) - (uint64_t)tgl_type_min(type) + 1;
        in[i] = (int64_t)((uint64_t)tgl_type_min(type) +
                          i * UINT64_C(0x9e3779b97f4a7c15) % span);
    }
}

static void run_both(const tgl_program *program)
{
    enum { N_EVENT = 5 };
    uint32_t n_in = tgl_program_n_input(program), n_out = tgl_program_n_output(program);
    tgl_emulator *emulator = NULL;
    if (tgl_emulator_new(&emulator, program, NULL, NULL, NULL) != TGL_OK)
        return;
    int64_t *in = tgl__calloc(N_EVENT, (n_in + 1u) * sizeof *in);
    int64_t *out = tgl__calloc(N_EVENT, n_out * sizeof *out);
    int64_t *values = tgl__calloc(tgl_program_n_value(program), sizeof *values);
    void *scratch = tgl__aligned(tgl_emulator_scratch_size(emulator) + 1, 1);
    if (in != NULL && out != NULL && values != NULL && scratch != NULL) {
        fill_inputs(in, program, N_EVENT);
        require(tgl_emulator_run(out, emulator, in, N_EVENT, scratch, NULL) == TGL_OK);
        for (size_t e = 0; e < N_EVENT; e++) {
            require(tgl_emulate_reference(values, program, NULL, in + e * n_in, NULL) ==
                    TGL_OK);
            for (uint32_t i = 0; i < n_out; i++)
                require(out[e * n_out + i] ==
                        values[tgl_program_output(program, i)->value]);
        }
    }
    tgl__free(in);
    tgl__free(out);
    tgl__free(values);
    tgl__free(scratch);
    tgl_emulator_free(emulator);
}

static void examine(tgl_program *program)
{
    uint8_t *first, *second;
    size_t n_first, n_second;
    char *text;
    tgl_program *parsed;
    require(tgl_program_encode(&first, &n_first, program, NULL) == TGL_OK);
    require(tgl_program_print(&text, program, NULL) == TGL_OK);
    require(tgl_program_parse(&parsed, text, strlen(text), NULL) == TGL_OK);
    require(tgl_program_encode(&second, &n_second, parsed, NULL) == TGL_OK);
    require(n_first == n_second && memcmp(first, second, n_first) == 0);
    tgl_program_free(parsed);
    tgl_free(text);
    tgl_free(second);
    require(tgl_program_decode(&parsed, first, n_first, NULL) == TGL_OK);
    tgl_program_free(parsed);
    tgl_free(first);
    if (tgl_program_n_value(program) <= 4096 && n_product(program) <= 100000)
        run_both(program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_program *program;
    tgl_error err;
    if (tgl_program_decode(&program, data, size, &err) == TGL_OK) {
        examine(program);
        tgl_program_free(program);
    }
    if (size >= 8 && memcmp(data, "trigline", 8) == 0 &&
        tgl_program_parse(&program, (const char *)data, size, &err) == TGL_OK) {
        examine(program);
        tgl_program_free(program);
    }
    if (size < 32 || memcmp(data, "TGLP", 4) != 0)
        return 0;
    uint8_t *copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    uint64_t total = size;
    memcpy(copy + 16, &total, 8);
    uint32_t crc = tgl__crc32(copy + 16, size - 16);
    memcpy(copy + 12, &crc, 4);
    if (tgl_program_decode(&program, copy, size, &err) == TGL_OK) {
        examine(program);
        tgl_program_free(program);
    }
    free(copy);
    return 0;
}
