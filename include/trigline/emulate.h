/** @file
 * Runs a program bit-exactly: in batches over narrow vector lanes, or one value at a time
 * in the slow reference that everything else is held against.
 */
#ifndef TRIGLINE_EMULATE_H
#define TRIGLINE_EMULATE_H

#include <trigline/program.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_emulator
    tgl_emulator; /**< compiled program + payload; immutable, threads may share it */

/** Instruction sets of the batch kernels. */
typedef enum tgl_isa {
    TGL_ISA_AUTO = 0, /**< the best this machine has */
    TGL_ISA_BASELINE = 1,
    TGL_ISA_AVX2 = 2,
    TGL_ISA_AVX512 = 3
} tgl_isa;

typedef struct tgl_emulator_options {
    size_t struct_size;
    tgl_isa isa;      /**< refused with TGL_EMISSING when the machine lacks it */
    int minimum_lane; /**< 0: as narrow as proven ranges allow; else 16, 32 or 64 bits at
                         least (tests) */
} tgl_emulator_options;
#define TGL_EMULATOR_OPTIONS_INIT                                                        \
    {                                                                                    \
        sizeof(tgl_emulator_options), TGL_ISA_AUTO, 0                                    \
    }

/**
 * Compile a verified program with a payload (NULL: the default values). Program and
 * payload are not needed afterwards. `options` may be NULL. Release with
 * tgl_emulator_free.
 */
TGL_API TGL_NODISCARD tgl_status tgl_emulator_new(tgl_emulator **out,
                                                  const tgl_program *program,
                                                  const tgl_payload *payload,
                                                  const tgl_emulator_options *options,
                                                  tgl_error *err);
TGL_API void tgl_emulator_free(tgl_emulator *emulator);

/** Bytes of scratch memory one thread needs, 64-byte aligned; independent of the batch.
 */
TGL_API size_t tgl_emulator_scratch_size(const tgl_emulator *emulator);

/**
 * Run a batch in the caller's thread: no allocation, no lock, re-entrant.
 *
 * @param out     (n_event, n_output) row-major raw codes, caller-allocated; unspecified
 * on failure
 * @param in      (n_event, n_input) row-major raw codes, not retained
 * @param scratch tgl_emulator_scratch_size bytes, 64-byte aligned, one per thread
 * @return TGL_ELIMIT with the event (err->offset) when an input code leaves its port's
 * type
 */
TGL_API TGL_NODISCARD tgl_status tgl_emulator_run(int64_t *out,
                                                  const tgl_emulator *emulator,
                                                  const int64_t *in, size_t n_event,
                                                  void *scratch, tgl_error *err);

/** The same over `n_thread` threads (0: all processors), with scratch of its own. */
TGL_API TGL_NODISCARD tgl_status tgl_emulator_run_parallel(
    int64_t *out, const tgl_emulator *emulator, const int64_t *in, size_t n_event,
    size_t n_thread, const tgl_progress *progress, tgl_error *err);

/**
 * The reference: one event, every value's code, by the definitions alone in 128-bit
 * arithmetic.
 * @param values (tgl_program_n_value) codes, caller-allocated
 * @param in     (n_input) codes
 */
TGL_API TGL_NODISCARD tgl_status tgl_emulate_reference(int64_t *values,
                                                       const tgl_program *program,
                                                       const tgl_payload *payload,
                                                       const int64_t *in, tgl_error *err);

/** What the compiled emulator uses: "avx512, 34 values in 16-bit lanes, 3 in 32-bit
 * lanes". Borrowed. */
TGL_API const char *tgl_emulator_describe(const tgl_emulator *emulator);

#ifdef __cplusplus
}
#endif
#endif
