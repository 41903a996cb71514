/* Payloads of one fixed program, as they are and with size and checksum put right. What
 * loads must encode to the same codes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <trigline/program.h>

#include "program/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char PROGRAM[] =
    "trigline-program 1 \"slots\"\n"
    "slot 0 \"cut\" THRESHOLD fixed<12,8> -1000 1000 1 { 17 }\n"
    "slot 1 \"w\" WEIGHTS fixed<8,2> -128 127 6 { 1 2 3 4 5 6 }\n"
    "%0 = INPUT fixed<8,4> \"a\"\n"
    "%1 = PARAM fixed<12,8> 0 0 @ \"cut\" 0 \"threshold\"\n"
    "%2 = COMPARE ufixed<1,1> GT (%0 %1) @ \"cut\" 0 \"decision\"\n"
    "output \"y\" %2\n";

static void require(int holds)
{
    if (!holds)
        abort();
}

static void try_bytes(const tgl_program *program, const uint8_t *bytes, size_t size)
{
    tgl_error err;
    tgl_payload *payload, *again;
    if (tgl_payload_decode(&payload, program, bytes, size, &err) != TGL_OK)
        return;
    uint8_t *out;
    size_t n;
    require(tgl_payload_encode(&out, &n, payload, &err) == TGL_OK);
    require(tgl_payload_decode(&again, program, out, n, &err) == TGL_OK);
    for (uint32_t i = 0; i < tgl_program_n_slot(program); i++)
        require(memcmp(tgl_payload_get(payload, i), tgl_payload_get(again, i),
                       tgl_program_slot(program, i)->count * sizeof(int64_t)) == 0);
    tgl_free(out);
    tgl_payload_free(payload);
    tgl_payload_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_program *program;
    require(tgl_program_parse(&program, PROGRAM, sizeof PROGRAM - 1, NULL) == TGL_OK);
    try_bytes(program, data, size);
    uint8_t *copy = size < 32 ? NULL : malloc(size);
    if (copy != NULL) {
        memcpy(copy, data, size);
        uint64_t total = size;
        memcpy(copy + 16, &total, 8);
        uint32_t crc = tgl__crc32(copy + 16, size - 16);
        memcpy(copy + 12, &crc, 4);
        try_bytes(program, copy, size);
        free(copy);
    }
    tgl_program_free(program);
    return 0;
}
