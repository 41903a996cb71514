/* Run-time files, as they are and with sizes and checksums put right (the file's, the
 * program's, the payload's), so that mutations reach the loaders. What loads must run,
 * and a single event must be the batch's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/run.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "program/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 32, ENTRY = 24, N_SECTION = 4, N_EVENT = 3 };

static void require(int holds)
{
    if (!holds)
        abort();
}

static int64_t some_code(tgl_type type, size_t i)
{
    uint64_t span = (uint64_t)tgl_type_max(type) - (uint64_t)tgl_type_min(type) + 1;
    return (int64_t)((uint64_t)tgl_type_min(type) +
                     i * UINT64_C(0x9e3779b97f4a7c15) % span);
}

static void run_it(const tgl_run *run)
{
    size_t n_in = tgl_run_n_input(run), n_out = tgl_run_n_output(run);
    if (n_in > 4096 || n_out > 4096 || tgl_run_scratch_size(run) > 64 << 20)
        return;
    int64_t *in = tgl__calloc(N_EVENT * n_in + 1, sizeof *in);
    int64_t *out = tgl__calloc((N_EVENT + 1) * n_out + 1, sizeof *out);
    void *scratch = tgl__aligned(tgl_run_scratch_size(run), 1);
    if (in != NULL && out != NULL && scratch != NULL) {
        for (size_t i = 0; i < N_EVENT * n_in; i++)
            in[i] = some_code(tgl_run_input(run, (uint32_t)(i % n_in))->type, i);
        require(tgl_run_batch(out, run, in, N_EVENT, scratch, NULL) == TGL_OK);
        int64_t *one = out + N_EVENT * n_out;
        for (size_t e = 0; e < N_EVENT; e++) {
            require(tgl_run_event(one, run, in + e * n_in, scratch, NULL) == TGL_OK);
            require(memcmp(one, out + e * n_out, n_out * sizeof *one) == 0);
        }
    }
    tgl__free(in);
    tgl__free(out);
    tgl__free(scratch);
}

static void extract_some(const tgl_run *run)
{
    static const int64_t integers[3] = {1, -2, INT64_MAX};
    static const double floats[3] = {0.5, -1e300, 3};
    uint32_t n = tgl_run_n_column(run);
    tgl_run_values *columns = tgl__calloc(n + 1u, sizeof *columns);
    int64_t *codes = tgl__calloc(tgl_run_n_input(run) + 1u, sizeof *codes);
    if (columns != NULL && codes != NULL && tgl_run_n_input(run) <= 4096) {
        for (uint32_t i = 0; i < n; i++)
            columns[i] = i % 4 == 3 ? (tgl_run_values){NULL, floats, 3, 0}
                                    : (tgl_run_values){integers, NULL, i % 4, 0};
        if (tgl_run_extract(codes, NULL, run, columns, NULL) == TGL_OK)
            for (uint32_t i = 0; i < tgl_run_n_input(run); i++) {
                tgl_type type = tgl_run_input(run, i)->type;
                require(codes[i] >= tgl_type_min(type) && codes[i] <= tgl_type_max(type));
            }
    }
    tgl__free(columns);
    tgl__free(codes);
}

static void try_bytes(const uint8_t *bytes, size_t size)
{
    tgl_run *run = NULL;
    tgl_error err;
    if (tgl_run_open_memory(&run, bytes, size, "fuzz", NULL, &err) != TGL_OK) {
        require(run == NULL && err.message[0] != '\0');
        return;
    }
    run_it(run);
    extract_some(run);
    tgl_run_close(run);
}

/* A TGLP or TGLS at `at`: its size and checksum. */
static void seal_inner(uint8_t *bytes, size_t size, uint64_t at, uint64_t length)
{
    if (at > size || length > size - at || length < 32)
        return;
    tgl__put_le64(bytes + at + 16, length);
    tgl__put_le32(bytes + at + 12, tgl__crc32(bytes + at + 16, (size_t)length - 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_bytes(data, size);
    if (size < HEADER + N_SECTION * ENTRY || memcmp(data, "TGLR", 4) != 0)
        return 0;
    uint8_t *copy = malloc(size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    for (int s = 2; s < N_SECTION; s++) {
        const uint8_t *entry = copy + HEADER + s * ENTRY;
        seal_inner(copy, size, tgl__le64(entry + 8), tgl__le64(entry + 16));
    }
    uint64_t covered = tgl__le64(copy + 24);
    tgl__put_le64(copy + 16, size);
    if (covered >= 16 && covered <= size)
        tgl__put_le32(copy + 12, tgl__crc32(copy + 16, (size_t)covered - 16));
    try_bytes(copy, size);
    free(copy);
    return 0;
}
