/* Blobs: written under tmp/, synced, renamed to their digest, read back checked. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/store.h"

enum { CHUNK = 1 << 20 };

tgl_status tgl__blob_path(char **out, const tgl_store *store, const char *digest,
                          tgl_error *err)
{
    tgl_sha256 parsed;
    TGL_TRY(tgl__sha256_parse(&parsed, digest, err));
    char name[96];
    snprintf(name, sizeof name, "blobs/sha256/%s", digest + 7);
    *out = tgl__path_join(store->directory, name);
    return *out != NULL ? TGL_OK : tgl__fail_nomem(err);
}

int tgl_store_has(tgl_store *store, const char *digest)
{
    uint64_t size;
    return tgl__blob_size(&size, store, digest, NULL) == TGL_OK;
}

tgl_status tgl__blob_size(uint64_t *size, const tgl_store *store, const char *digest,
                          tgl_error *err)
{
    char *path = NULL;
    TGL_TRY(tgl__blob_path(&path, store, digest, err));
    struct stat info;
    tgl_status status = TGL_OK;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        status = tgl__fail(err, TGL_ENOTFOUND, "store '%s': no object %s",
                           store->directory, digest);
    else
        *size = (uint64_t)info.st_size;
    tgl__free(path);
    return status;
}

/* A file under tmp/ with a name of its own; the caller closes and renames or removes it.
 */
static tgl_status open_temporary(int *fd, char **path, tgl_store *store, tgl_error *err)
{
    *path = tgl__path_join(store->directory, "tmp/blobXXXXXX");
    if (*path == NULL)
        return tgl__fail_nomem(err);
    *fd = mkstemp(*path);
    if (*fd >= 0) {
        fcntl(*fd, F_SETFD, FD_CLOEXEC);
        return TGL_OK;
    }
    tgl_status status = tgl__fail_errno(err, "cannot write in", store->directory);
    tgl__free(*path);
    *path = NULL;
    return status;
}

static tgl_status write_all(int fd, const void *bytes, size_t n, const char *path,
                            tgl_error *err)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return tgl__fail_errno(err, "cannot write", path);
        at += done;
        n -= (size_t)done;
    }
    return TGL_OK;
}

/* Seal a finished temporary under its digest. Closes fd, frees and clears *temporary. */
static tgl_status seal(tgl_store *store, int fd, char **temporary, const char *digest,
                       tgl_error *err)
{
    char *path = NULL;
    tgl_status status = tgl__blob_path(&path, store, digest, err);
    if (status == TGL_OK && (fchmod(fd, 0444) != 0 || fsync(fd) != 0))
        status = tgl__fail_errno(err, "cannot write", path);
    close(fd);
    if (status == TGL_OK && rename(*temporary, path) != 0)
        status = tgl__fail_errno(err, "cannot write", path);
    if (status == TGL_OK)
        status = tgl__sync_directory_of(path, err);
    else
        unlink(*temporary);
    tgl__free(path);
    tgl__free(*temporary);
    *temporary = NULL;
    return status;
}

tgl_status tgl_store_put(char digest[72], tgl_store *store, const void *bytes,
                         size_t size, tgl_error *err)
{
    tgl_sha256 sum;
    TGL_TRY(tgl__sha256(&sum, bytes, size, err));
    tgl__sha256_format(digest, &sum);
    uint64_t there;
    if (tgl__blob_size(&there, store, digest, NULL) == TGL_OK && there == size)
        return TGL_OK;
    int fd = -1;
    char *temporary = NULL;
    TGL_TRY(open_temporary(&fd, &temporary, store, err));
    tgl_status status = write_all(fd, bytes, size, temporary, err);
    if (status == TGL_OK)
        return seal(store, fd, &temporary, digest, err);
    close(fd);
    unlink(temporary);
    tgl__free(temporary);
    return status;
}

/* Read `in` to its end, hashing; with out >= 0 also copy. What is hashed is what is
 * written, whatever happens to the source meanwhile. */
static tgl_status pump(tgl_sha256 *sum, uint64_t *size, int in, int out,
                       const char *in_path, const char *out_path, tgl_error *err)
{
    char *chunk = tgl__malloc(CHUNK);
    tgl_sha256_stream *stream = NULL;
    tgl_status status = chunk == NULL ? tgl__fail_nomem(err) : TGL_OK;
    if (status == TGL_OK)
        status = tgl__sha256_new(&stream, err);
    *size = 0;
    while (status == TGL_OK) {
        ssize_t n = read(in, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = tgl__fail_errno(err, "cannot read", in_path);
        if (n <= 0)
            break;
        *size += (uint64_t)n;
        status = tgl__sha256_update(stream, chunk, (size_t)n, err);
        if (status == TGL_OK && out >= 0)
            status = write_all(out, chunk, (size_t)n, out_path, err);
    }
    if (status == TGL_OK)
        status = tgl__sha256_final(sum, stream, err);
    if (stream != NULL)
        tgl__sha256_free(stream);
    tgl__free(chunk);
    return status;
}

/* Copy in to out and hash it; a file system that can share extents is asked first. */
static tgl_status copy_hashed(tgl_sha256 *sum, int in, int out, const char *in_path,
                              const char *out_path, tgl_error *err)
{
    uint64_t size;
    if (ioctl(out, FICLONE, in) == 0)
        return pump(sum, &size, out, -1, out_path, NULL, err);
    return pump(sum, &size, in, out, in_path, out_path, err);
}

tgl_status tgl_store_put_file(char digest[72], tgl_store *store, const char *path,
                              tgl_error *err)
{
    int in = open(path, O_RDONLY | O_CLOEXEC), fd = -1;
    if (in < 0)
        return tgl__fail_errno(err, "cannot open", path);
    struct stat info;
    if (fstat(in, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(in);
        return tgl__fail(err, TGL_EIO, "cannot store '%s': expected a regular file",
                         path);
    }
    char *temporary = NULL;
    tgl_sha256 sum;
    tgl_status status = open_temporary(&fd, &temporary, store, err);
    if (status == TGL_OK) {
        status = copy_hashed(&sum, in, fd, path, temporary, err);
        if (status == TGL_OK) {
            tgl__sha256_format(digest, &sum);
            status = seal(store, fd, &temporary, digest, err);
        } else {
            close(fd);
            unlink(temporary);
        }
    }
    tgl__free(temporary);
    close(in);
    return status;
}

static tgl_status damaged(const tgl_store *store, const char *digest,
                          const tgl_sha256 *found, tgl_error *err)
{
    char text[TGL_DIGEST_TEXT];
    tgl__sha256_format(text, found);
    return tgl__fail(err, TGL_EFORMAT,
                     "store '%s': object %s is damaged: its bytes give %s",
                     store->directory, digest, text);
}

tgl_status tgl_store_get(uint8_t **out, size_t *size, tgl_store *store,
                         const char *digest, tgl_error *err)
{
    char *path = NULL, *bytes = NULL;
    size_t n = 0;
    uint64_t there;
    TGL_TRY(tgl__blob_size(&there, store, digest, err));
    TGL_TRY(tgl__blob_path(&path, store, digest, err));
    tgl_status status = tgl__file_read(&bytes, &n, path, SIZE_MAX / 4, err);
    tgl__free(path);
    if (status != TGL_OK)
        return status;
    tgl_sha256 expected, found;
    status = tgl__sha256(&found, bytes, n, err);
    if (status == TGL_OK)
        status = tgl__sha256_parse(&expected, digest, err);
    if (status == TGL_OK && !tgl__sha256_equal(&expected, &found))
        status = damaged(store, digest, &found, err);
    if (status != TGL_OK) {
        tgl__free(bytes);
        return status;
    }
    *out = (uint8_t *)bytes;
    *size = n;
    return TGL_OK;
}

tgl_status tgl__blob_check(const tgl_store *store, const char *digest, tgl_error *err)
{
    char *path = NULL;
    tgl_sha256 expected, found;
    TGL_TRY(tgl__sha256_parse(&expected, digest, err));
    TGL_TRY(tgl__blob_path(&path, store, digest, err));
    tgl_status status = TGL_OK;
    uint64_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        status = tgl__fail(err, TGL_ENOTFOUND, "store '%s': no object %s",
                           store->directory, digest);
    else
        status = pump(&found, &size, fd, -1, path, NULL, err);
    if (fd >= 0)
        close(fd);
    tgl__free(path);
    if (status == TGL_OK && !tgl__sha256_equal(&expected, &found))
        status = damaged(store, digest, &found, err);
    return status;
}

static tgl_status restore_to(tgl_store *store, const char *digest, const char *blob,
                             const char *path, tgl_writer *writer, tgl_error *err)
{
    tgl_sha256 expected, found;
    TGL_TRY(tgl__sha256_parse(&expected, digest, err));
    int in = open(blob, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return tgl__fail(err, TGL_ENOTFOUND, "store '%s': no object %s", store->directory,
                         digest);
    tgl_status status = tgl__writer_open(writer, path, err);
    if (status == TGL_OK)
        status = copy_hashed(&found, in, fileno(writer->stream), blob, path, err);
    close(in);
    if (status == TGL_OK && !tgl__sha256_equal(&expected, &found))
        status = damaged(store, digest, &found, err);
    return status;
}

tgl_status tgl__blob_restore(tgl_store *store, const char *digest, const char *path,
                             tgl_error *err)
{
    char *blob = NULL;
    TGL_TRY(tgl__blob_path(&blob, store, digest, err));
    tgl_writer writer = {0};
    tgl_status status = restore_to(store, digest, blob, path, &writer, err);
    if (status == TGL_OK)
        status = tgl__writer_commit(&writer, err);
    else
        tgl__writer_abandon(&writer);
    tgl__free(blob);
    return status;
}

tgl_status tgl__blob_json(tgl_json **out, tgl_store *store, const char *digest,
                          tgl_error *err)
{
    uint64_t there;
    TGL_TRY(tgl__blob_size(&there, store, digest, err));
    if (there > TGL_MANIFEST_LIMIT)
        return tgl__fail(err, TGL_ELIMIT, "object %s: %llu bytes are too many for JSON",
                         digest, (unsigned long long)there);
    uint8_t *bytes;
    size_t size;
    TGL_TRY(tgl_store_get(&bytes, &size, store, digest, err));
    char source[96];
    snprintf(source, sizeof source, "object %.19s", digest);
    tgl_status status = tgl__json_parse(out, (const char *)bytes, size, source, err);
    tgl_free(bytes);
    return status;
}

tgl_status tgl__put_json(char digest[72], uint64_t *size, tgl_store *store,
                         const tgl_json *value, tgl_error *err)
{
    char *text;
    size_t n;
    TGL_TRY(tgl__json_dump(&text, &n, value, err));
    tgl_status status = tgl_store_put(digest, store, text, n, err);
    tgl__free(text);
    if (size != NULL)
        *size = n;
    return status;
}
