#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *tgl_status_name(tgl_status status)
{
    static const char *const names[] = {
        "TGL_OK",         "TGL_EUSAGE",       "TGL_ENOMEM",    "TGL_EIO",
        "TGL_EFORMAT",    "TGL_EUNSUPPORTED", "TGL_ENOTFOUND", "TGL_EMISMATCH",
        "TGL_ECANCELLED", "TGL_ELIMIT",       "TGL_EMISSING"};
    int index = -(int)status;
    if (index < 0 || (size_t)index >= sizeof names / sizeof names[0])
        return "unknown status";
    return names[index];
}

static void set_message(tgl_error *err, tgl_status code, uint64_t offset,
                        const char *format, va_list args)
{
    err->code = code;
    err->offset = offset;
    vsnprintf(err->message, sizeof err->message, format, args);
    for (char *c = err->message; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20) /* one line, whatever a hostile file's name holds */
            *c = '?';
}

tgl_status tgl__fail(tgl_error *err, tgl_status code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        set_message(err, code, TGL_NO_OFFSET, format, args);
        va_end(args);
    }
    return code;
}

tgl_status tgl__fail_at(tgl_error *err, tgl_status code, uint64_t offset,
                        const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        set_message(err, code, offset, format, args);
        va_end(args);
    }
    return code;
}

tgl_status tgl__fail_errno(tgl_error *err, const char *what, const char *path)
{
    int number = errno;
    return tgl__fail(err, number == ENOENT ? TGL_ENOTFOUND : TGL_EIO, "%s '%s': %s", what,
                     path, strerror(number));
}

tgl_status tgl__fail_nomem(tgl_error *err)
{
    return tgl__fail(err, TGL_ENOMEM, "out of memory");
}

tgl_status tgl__fail_context(tgl_error *err, tgl_status code, const char *format, ...)
{
    if (err == NULL)
        return code;
    char old[sizeof err->message];
    char context[sizeof err->message];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    uint64_t offset = err->offset;
    size_t n = strlen(context);
    if (n > sizeof context / 2)
        n = sizeof context / 2;
    (void)tgl__fail_at(err, err->code, offset, "%.*s: %.*s", (int)n, context,
                       (int)(sizeof old - n - 3), old);
    return err->code;
}

tgl_status tgl__progress(const tgl_progress *progress, const char *label, uint64_t done,
                         uint64_t total, tgl_error *err)
{
    if (progress == NULL)
        return TGL_OK;
    if (progress->report != NULL)
        progress->report(progress->user, label, done, total);
    if (progress->cancelled != NULL && progress->cancelled(progress->user))
        return tgl__fail(err, TGL_ECANCELLED, "stopped while %s", label);
    return TGL_OK;
}
