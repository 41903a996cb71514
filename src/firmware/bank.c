#include "firmware/bank.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

const tgl__register tgl__registers[] = {
    {"magic", TGL__REG_MAGIC, 1, "r", "0x54474c31, \"TGL1\""},
    {"map_version", TGL__REG_MAP_VERSION, 1, "r", "version of this register map"},
    {"n_word", TGL__REG_N_WORD, 1, "r", "words in each bank"},
    {"control", TGL__REG_CONTROL, 1, "w",
     "bit 0: check the shadow bank and arm the swap; bit 1: clear the sticky flags"},
    {"status", TGL__REG_STATUS, 1, "r",
     "bit 0 armed, 1 checking, 2 refused (CRC), 3 swapped, 4 write lost (while armed or "
     "checking); 2 to 4 stay until cleared"},
    {"expected_crc", TGL__REG_EXPECTED_CRC, 1, "rw",
     "CRC-32 over the shadow digest and the shadow bank"},
    {"computed_crc", TGL__REG_COMPUTED_CRC, 1, "r", "what the last check found"},
    {"swap_count", TGL__REG_SWAP_COUNT, 1, "r", "swaps since reset"},
    {"refused_count", TGL__REG_REFUSED_COUNT, 1, "r", "refused swaps since reset"},
    {"latency", TGL__REG_LATENCY, 1, "r", "clocks from an input to its output"},
    {"program_digest", TGL__REG_PROGRAM_DIGEST, 8, "r", "SHA-256 of the program"},
    {"active_digest", TGL__REG_ACTIVE_DIGEST, 8, "r", "SHA-256 of the active payload"},
    {"shadow_digest", TGL__REG_SHADOW_DIGEST, 8, "rw",
     "becomes active_digest with the swap"},
};
const size_t tgl__n_register = sizeof tgl__registers / sizeof tgl__registers[0];

uint32_t tgl__slot_words(const tgl_slot *slot)
{
    return slot->type.width > 32 ? 2 : 1;
}

uint32_t tgl__bank_word(const tgl_program *program, uint32_t slot, uint32_t element)
{
    uint32_t word = 0;
    for (uint32_t s = 0; s < slot; s++) {
        const tgl_slot *before = tgl_program_slot(program, s);
        word += before->count * tgl__slot_words(before);
    }
    return word + element * tgl__slot_words(tgl_program_slot(program, slot));
}

uint32_t tgl__bank_size(const tgl_program *program)
{
    uint64_t words = 0;
    for (uint32_t s = 0; s < tgl_program_n_slot(program); s++) {
        const tgl_slot *slot = tgl_program_slot(program, s);
        words += (uint64_t)slot->count * tgl__slot_words(slot);
    }
    return words > TGL__BANK_MAX_WORD ? TGL__BANK_MAX_WORD + 1u : (uint32_t)words;
}

tgl_status tgl__bank_image(uint32_t **words, uint32_t *n, const tgl_program *program,
                           const tgl_payload *payload, const uint8_t digest[32],
                           tgl_error *err)
{
    uint32_t size = tgl__bank_size(program), at = 8;
    if (size > TGL__BANK_MAX_WORD)
        return tgl__fail(err, TGL_ELIMIT,
                         "program '%s': the slots need more than %d words of the bank",
                         tgl_program_name(program), TGL__BANK_MAX_WORD);
    uint32_t *image = tgl__calloc((size_t)size + 8, sizeof *image);
    if (!image)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < 8; i++)
        image[i] = digest ? tgl__le32(digest + 4 * i) : 0;
    for (uint32_t s = 0; s < tgl_program_n_slot(program); s++) {
        const tgl_slot *slot = tgl_program_slot(program, s);
        const int64_t *codes =
            payload ? tgl_payload_get(payload, s) : tgl_program_slot_default(program, s);
        for (uint32_t e = 0; e < slot->count; e++) {
            uint64_t code = (uint64_t)codes[e];
            image[at++] = (uint32_t)code;
            if (tgl__slot_words(slot) == 2)
                image[at++] = (uint32_t)(code >> 32);
        }
    }
    *words = image;
    *n = size + 8;
    return TGL_OK;
}

uint32_t tgl__bank_crc(const uint32_t *words, uint32_t n)
{
    uint32_t crc = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        crc ^= words[i];
        for (int bit = 0; bit < 32; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}
