/* Filling a caller's tgl_error, and the three macros that pass failures up. */
#ifndef TGL_BASE_ERROR_H
#define TGL_BASE_ERROR_H

#include <stdarg.h>
#include <trigline/base.h>

#if defined(__GNUC__)
#define TGL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TGL_PRINTF(fmt, args)
#endif

/* Set `err` (may be NULL) and return `code`, so that `return tgl__fail(...)` reads well.
 */
tgl_status tgl__fail(tgl_error *err, tgl_status code, const char *format, ...)
    TGL_PRINTF(3, 4);
tgl_status tgl__fail_at(tgl_error *err, tgl_status code, uint64_t offset,
                        const char *format, ...) TGL_PRINTF(4, 5);
tgl_status tgl__fail_errno(tgl_error *err, const char *what, const char *path);
tgl_status tgl__fail_nomem(tgl_error *err);
/* Put "<context>: " before the message that `err` holds; returns err's code (or `code`
 * when err is NULL). */
tgl_status tgl__fail_context(tgl_error *err, tgl_status code, const char *format, ...)
    TGL_PRINTF(3, 4);

#define TGL_TRY(call)                                                                    \
    do {                                                                                 \
        tgl_status try_status_ = (call);                                                 \
        if (try_status_ != TGL_OK)                                                       \
            return try_status_;                                                          \
    } while (0)

/* For functions with resources: a local `tgl_status status` and one label `out`. */
#define TGL_TRY_GOTO(call)                                                               \
    do {                                                                                 \
        status = (call);                                                                 \
        if (status != TGL_OK)                                                            \
            goto out;                                                                    \
    } while (0)

/* Report progress and answer whether to stop; `progress` may be NULL. */
tgl_status tgl__progress(const tgl_progress *progress, const char *label, uint64_t done,
                         uint64_t total, tgl_error *err);

#endif
