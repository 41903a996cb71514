/** @file
 * What one step did: command, parameters, digests in and out, tools, time, host, exit
 * status.
 */
#ifndef TRIGLINE_RECORD_H
#define TRIGLINE_RECORD_H

#include <trigline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tgl_record tgl_record;

TGL_API TGL_NODISCARD tgl_status tgl_record_new(tgl_record **out, const char *step,
                                                tgl_error *err);
TGL_API void tgl_record_free(tgl_record *record);
/** `json` values are JSON text; the last call for a name wins. */
TGL_API TGL_NODISCARD tgl_status tgl_record_set_command(tgl_record *record,
                                                        const char *command,
                                                        tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_record_add_param(tgl_record *record,
                                                      const char *name, const char *json,
                                                      tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_record_add_metric(tgl_record *record,
                                                       const char *name, const char *json,
                                                       tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_record_add_input(tgl_record *record,
                                                      const char *name,
                                                      const char *digest, tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_record_add_output(tgl_record *record,
                                                       const char *name,
                                                       const char *digest,
                                                       tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_record_add_tool(tgl_record *record, const char *name,
                                                     const char *version, tgl_error *err);
/** Start and end as Unix seconds, host name, exit status. */
TGL_API TGL_NODISCARD tgl_status tgl_record_close(tgl_record *record, double started,
                                                  double ended, const char *host,
                                                  int exit_status, tgl_error *err);
/** Canonical JSON; release with tgl_free. */
TGL_API TGL_NODISCARD tgl_status tgl_record_print(char **out, size_t *size,
                                                  const tgl_record *record,
                                                  tgl_error *err);
TGL_API TGL_NODISCARD tgl_status tgl_record_parse(tgl_record **out, const char *text,
                                                  size_t size, tgl_error *err);

#ifdef __cplusplus
}
#endif
#endif
