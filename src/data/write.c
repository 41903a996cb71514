/* Writing a table in the format its name's ending (or the caller) says. */
#include "base/error.h"
#include "data/format.h"

tgl_status tgl_data_write(const char *path, const tgl_table *table,
                          const tgl_write_options *options, const tgl_progress *progress,
                          tgl_error *err)
{
    tgl_write_options used = TGL_WRITE_OPTIONS_INIT;
    if (options != NULL && options->struct_size < sizeof used)
        return tgl__fail(err, TGL_EUSAGE, "tgl_write_options: unknown struct_size %zu",
                         options->struct_size);
    if (options != NULL)
        used = *options;
    const tgl_format *format = NULL;
    if (used.format != NULL)
        TGL_TRY(tgl__format_named(&format, used.format, err));
    else
        format = tgl__format_of_ending(path);
    if (format == NULL)
        return tgl__fail(err, TGL_EUSAGE,
                         "'%s': the name's ending is that of no known format", path);
    if (format->write == NULL)
        return tgl__fail(err, TGL_EUNSUPPORTED, "'%s': format '%s' is only read", path,
                         format->name);
    if (used.compression < -1 || used.compression > 12)
        return tgl__fail(err, TGL_EUSAGE, "compression: expected -1 to 12, found %d",
                         used.compression);
    return format->write(path, table, &used, progress, err);
}
