/** @file
 * Verilog from a program, its simulation against the emulator, and what it costs.
 */
#ifndef TRIGLINE_FIRMWARE_H
#define TRIGLINE_FIRMWARE_H

#include <trigline/program.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_firmware_options {
    size_t struct_size;
    const char *module;  /**< top module's name; NULL: from the program's name */
    double clock_mhz;    /**< pipeline target; 0: 360 */
    double ns_per_level; /**< delay of one adder level used for staging; 0: the documented
                            default */
    const uint8_t *payload_digest; /**< 32 bytes shown in the identity register of a fresh
                                      build; NULL: SHA-256 of the payload's binary form
                                      (of the default payload's without one) */
} tgl_firmware_options;
#define TGL_FIRMWARE_OPTIONS_INIT                                                        \
    {                                                                                    \
        sizeof(tgl_firmware_options), NULL, 0, 0, NULL                                   \
    }

/**
 * Write the sources into `directory` (made if need be): the core (initiation interval 1,
 * reset, valid), the slot bank with its register bus, the top, a test bench, and
 * firmware.json (ports, latency, register map, cost estimate). The same program and
 * options give the same bytes.
 */
TGL_API TGL_NODISCARD tgl_status tgl_firmware_build(const char *directory,
                                                    const tgl_program *program,
                                                    const tgl_payload *payload,
                                                    const tgl_firmware_options *options,
                                                    tgl_error *err);

typedef struct tgl_simulation {
    uint64_t n_event;
    uint64_t n_different;       /**< events with any differing output bit */
    uint64_t first_event;       /**< first differing event, when n_different > 0 */
    char first_difference[512]; /**< "event 17: dense_1[3] accumulator (value 204):
                                   firmware 12, emulator 13" */
    uint32_t latency_cycles;
    double compile_s, run_s;
} tgl_simulation;

/**
 * Build the directory's sources with Verilator and run vectors through them, one per
 * clock. Nothing is written beside the sources.
 * @param work where the tools' files go and stay, so that a next call finds the model
 * built (made if need be); NULL: a temporary folder ($TMPDIR, else /tmp), removed again
 * @param in       (n_event, n_input) codes
 * @param expected (n_event, n_output) codes of the emulator
 * @return TGL_OK also when bits differ (see out->n_different); TGL_EMISSING without
 * Verilator
 */
TGL_API TGL_NODISCARD tgl_status tgl_firmware_simulate(
    tgl_simulation *out, const char *directory, const char *work,
    const tgl_program *program, const tgl_payload *payload, const int64_t *in, const int64_t *expected,
    size_t n_event, const tgl_progress *progress, tgl_error *err);

/**
 * Swap `payload` in over the register bus while events stream: every event must come out
 * with the outputs of the old payload (`before`, the reset values') or, from one event
 * on, of the new one (`after`).
 * @param n_before events that still saw the old payload
 * @param before,after (n_event, n_output) codes of the emulator on either payload
 */
TGL_API TGL_NODISCARD tgl_status
tgl_firmware_simulate_swap(tgl_simulation *out, uint64_t *n_before, const char *directory,
                           const char *work, const tgl_program *program, const tgl_payload *payload,
                           const int64_t *in, const int64_t *before, const int64_t *after,
                           size_t n_event, const tgl_progress *progress, tgl_error *err);

typedef struct tgl_resources {
    int64_t lut, ff, dsp, bram; /**< -1: not measured */
    int64_t latency_cycles;     /**< -1: not known */
    double clock_mhz; /**< the target; nanoseconds are latency / clock only *if timing
                         closes* */
    double power_w;   /**< negative: not measured */
    char source[64];  /**< "yosys 0.23 synth_xilinx xcup", "estimate" */
    char not_counted[256]; /**< kinds of cells that Yosys used and none of the numbers
                              counts, with how many of each: "MULTADD 3, FOO 1"; "" */
} tgl_resources;

/** Resources by Yosys for UltraScale+; TGL_EMISSING without it. `work` as above. */
TGL_API TGL_NODISCARD tgl_status tgl_firmware_synth(tgl_resources *out,
                                                    const char *directory,
                                                    const char *work,
                                                    const tgl_progress *progress,
                                                    tgl_error *err);
/** Resources by a closed form, without any tool. */
TGL_API TGL_NODISCARD tgl_status
tgl_firmware_estimate(tgl_resources *out, const tgl_program *program,
                      const tgl_firmware_options *options, tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
