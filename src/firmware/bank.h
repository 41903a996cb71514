/* The register map and the payload image: what the bank, the test bench, the simulation
 * and firmware.json must agree on. */
#ifndef TGL_FIRMWARE_BANK_H
#define TGL_FIRMWARE_BANK_H

#include <trigline/firmware.h>

#include "base/buffer.h"

/* Word addresses on the 20-bit bus. */
enum {
    TGL__REG_MAGIC = 0x000,
    TGL__REG_MAP_VERSION = 0x001,
    TGL__REG_N_WORD = 0x002,
    TGL__REG_CONTROL = 0x003,
    TGL__REG_STATUS = 0x004,
    TGL__REG_EXPECTED_CRC = 0x005,
    TGL__REG_COMPUTED_CRC = 0x006,
    TGL__REG_SWAP_COUNT = 0x007,
    TGL__REG_REFUSED_COUNT = 0x008,
    TGL__REG_LATENCY = 0x009,
    TGL__REG_PROGRAM_DIGEST = 0x010, /* 8 words each, first bytes first */
    TGL__REG_ACTIVE_DIGEST = 0x018,
    TGL__REG_SHADOW_DIGEST = 0x020,
    TGL__BANK_SHADOW = 0x40000,
    TGL__BANK_ACTIVE = 0x80000,
    TGL__BANK_MAX_WORD = 0x40000,
    TGL__CONTROL_ARM = 1,
    TGL__CONTROL_CLEAR = 2,
    TGL__STATUS_ARMED = 1,
    TGL__STATUS_CHECKING = 2,
    TGL__STATUS_REFUSED = 4,
    TGL__STATUS_SWAPPED = 8,
    TGL__STATUS_WRITE_LOST = 16,
    TGL__MAP_VERSION_NUMBER = 1
};
#define TGL__MAGIC UINT32_C(0x54474c31) /* "TGL1" */

typedef struct tgl__register {
    const char *name;
    uint32_t address, words;
    const char *access, *meaning;
} tgl__register;
extern const tgl__register tgl__registers[];
extern const size_t tgl__n_register;

/* Words of one element of a slot (1, or 2 above 32 bits), and its first word. */
uint32_t tgl__slot_words(const tgl_slot *slot);
uint32_t tgl__bank_word(const tgl_program *program, uint32_t slot, uint32_t element);
uint32_t tgl__bank_size(const tgl_program *program); /* words in all */
/* The image of a payload: 8 digest words, then the bank's. Release with tgl__free. */
tgl_status tgl__bank_image(uint32_t **words, uint32_t *n, const tgl_program *program,
                           const tgl_payload *payload, const uint8_t digest[32],
                           tgl_error *err);
/* CRC-32 (IEEE 802.3, reflected) over words, bytes of each little-endian. */
uint32_t tgl__bank_crc(const uint32_t *words, uint32_t n);

#endif
