/* Bytes as a file of one format: opened, described, read whole and in part, without and
 * (unless only_no_verify) with its checksums. */
#ifndef TGL_FUZZ_FORMAT_H
#define TGL_FUZZ_FORMAT_H

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <trigline/data.h>

static inline void fuzz_rows(tgl_source *source, uint64_t begin, uint64_t end)
{
    tgl_table *table = NULL;
    if (tgl_source_read(&table, source, NULL, 0, begin, end, NULL, NULL) == TGL_OK)
        for (size_t i = 0; i < tgl_table_n_column(table); i++) {
            char digest[72]; /* looks at every byte */
            if (tgl_column_digest(digest, tgl_table_column(table, i), NULL) != TGL_OK)
                __builtin_trap(); /* a reader handed out a column that breaks the rules */
        }
    tgl_table_free(table);
}

static inline int fuzz_format(const char *format, int only_no_verify, const uint8_t *data,
                              size_t size)
{
    char path[64];
    int fd = memfd_create("fuzz", 0);
    if (fd < 0)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    tgl_source *source = NULL;
    for (int no_verify = only_no_verify; no_verify < 2; no_verify++) {
        tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
        options.format = format;
        options.n_thread = 1;
        options.no_verify = no_verify;
        if (pwrite(fd, data, size, 0) != (ssize_t)size ||
            tgl_source_open(&source, path, &options, NULL) != TGL_OK)
            continue;
        uint64_t n = tgl_source_n_row(source);
        if (n < 1000000) {
            fuzz_rows(source, 0, n);
            fuzz_rows(source, n / 3, n - n / 3);
        }
        tgl_source_close(source);
        source = NULL;
    }
    close(fd);
    return 0;
}

#endif
