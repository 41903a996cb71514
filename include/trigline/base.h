/** @file
 * Status codes, errors and progress: what every other header builds on.
 */
#ifndef TRIGLINE_BASE_H
#define TRIGLINE_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TGL_API       __attribute__((visibility("default")))
#define TGL_NODISCARD __attribute__((warn_unused_result))
#else
#define TGL_API
#define TGL_NODISCARD
#endif

/** What a call answers. Everything but TGL_OK leaves the outputs untouched unless said
 * otherwise. */
typedef enum tgl_status {
    TGL_OK = 0,
    TGL_EUSAGE = -1,  /**< the caller asked for something that makes no sense */
    TGL_ENOMEM = -2,  /**< memory ran out */
    TGL_EIO = -3,     /**< the operating system refused: file, disk, process */
    TGL_EFORMAT = -4, /**< a file or text is malformed, truncated or fails its checksum */
    TGL_EUNSUPPORTED = -5, /**< well-formed, but outside what this build handles */
    TGL_ENOTFOUND = -6,    /**< a name, branch, stage or object does not exist */
    TGL_EMISMATCH = -7,  /**< a negative verdict: two things that must be equal are not; a
                            gate refused */
    TGL_ECANCELLED = -8, /**< the caller's progress said stop */
    TGL_ELIMIT = -9,     /**< a bound was exceeded: width, depth, count, size, time */
    TGL_EMISSING = -10   /**< an optional part or an outside tool is not installed */
} tgl_status;

/** Where and why a call failed. Caller-owned; every function takes NULL for "not
 * interested". */
typedef struct tgl_error {
    tgl_status code;
    uint64_t offset;   /**< byte offset in the file or text, or TGL_NO_OFFSET */
    char message[496]; /**< one line, no full stop: what, where, expected, found */
} tgl_error;

#define TGL_NO_OFFSET UINT64_MAX

/** Progress of a long call, and its only way to be stopped. Calls may come from any
 * thread, one at a time. */
typedef struct tgl_progress {
    /** `done` of `total` units (`total` 0: unknown); `label` lives for the call only. May
     * be NULL. */
    void (*report)(void *user, const char *label, uint64_t done, uint64_t total);
    /** Non-zero: stop soon with TGL_ECANCELLED, nothing half-written. May be NULL. */
    int (*cancelled)(void *user);
    void *user;
} tgl_progress;

/** The library's version, "major.minor.patch". Static storage. */
TGL_API const char *tgl_version(void);

/** The digest of the code this library was built from, "sha256:" and 64 hexadecimal
 * digits: of its sources, public headers and build description, by their paths in the
 * tree. The same in every clone and build of one code, another after any change that
 * could show in an output; the command and the tests do not count. Static storage. */
TGL_API const char *tgl_code_digest(void);

/** The name of a status, "TGL_EFORMAT" for example. Static storage. */
TGL_API const char *tgl_status_name(tgl_status status);

/** Release memory that a function of this library handed over as "release with tgl_free".
 * NULL is accepted. */
TGL_API void tgl_free(void *memory);

#ifdef __cplusplus
}
#endif
#endif
