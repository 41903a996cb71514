/* The formats this build reads and writes: adding one is one folder and one line. */
#include "data/format.h"

#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/error.h"

extern const tgl_format tgl__format_root, tgl__format_npz, tgl__format_l1,
    tgl__format_hdf5;

const tgl_format *const tgl__formats[] = {
    &tgl__format_root, &tgl__format_npz, &tgl__format_hdf5, &tgl__format_l1, NULL,
};

tgl_status tgl__format_named(const tgl_format **out, const char *name, tgl_error *err)
{
    tgl_buffer list = TGL_BUFFER_INIT;
    for (size_t i = 0; tgl__formats[i] != NULL; i++) {
        if (strcmp(tgl__formats[i]->name, name) == 0) {
            tgl__buffer_release(&list);
            *out = tgl__formats[i];
            return TGL_OK;
        }
        tgl__buffer_printf(&list, "%s%s", i == 0 ? "" : ", ", tgl__formats[i]->name);
    }
    tgl_status status =
        tgl__fail(err, TGL_ENOTFOUND, "unknown format '%s'; there are: %s", name,
                  list.bytes == NULL ? "none" : list.bytes);
    tgl__buffer_release(&list);
    return status;
}

const tgl_format *tgl__format_of_ending(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; tgl__formats[i] != NULL; i++)
        for (const char *const *e = tgl__formats[i]->endings; e != NULL && *e; e++) {
            size_t m = strlen(*e);
            if (n > m && strcasecmp(path + n - m, *e) == 0)
                return tgl__formats[i];
        }
    return NULL;
}

int tgl_data_format(tgl_format_info *out, size_t index)
{
    for (size_t i = 0; i <= index; i++)
        if (tgl__formats[i] == NULL)
            return 0;
    const tgl_format *f = tgl__formats[index];
    *out = (tgl_format_info){f->name, f->summary, f->endings, f->open != NULL,
                             f->write != NULL};
    return 1;
}
