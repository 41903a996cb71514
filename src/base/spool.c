#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

enum { NUMBER_ROOM = 24 };

/* "folder/17", until the next call. */
static const char *name_of(const tgl_spool *spool, size_t array)
{
    snprintf(spool->name, strlen(spool->folder) + NUMBER_ROOM, "%s/%zu", spool->folder,
             array);
    return spool->name;
}

tgl_status tgl__spool_open(tgl_spool *out, const char *path, size_t n_array,
                           tgl_error *err)
{
    size_t n = strlen(path) + 12;
    tgl_spool spool = {.folder = tgl__malloc(n),
                       .name = tgl__malloc(n + NUMBER_ROOM),
                       .n_array = n_array};
    tgl_status status = TGL_OK;
    if (spool.folder == NULL || spool.name == NULL) {
        status = tgl__fail_nomem(err);
    } else {
        snprintf(spool.folder, n, "%s.tmpXXXXXX", path);
        if (mkdtemp(spool.folder) == NULL)
            status = tgl__fail_errno(err, "cannot create", path);
    }
    if (status != TGL_OK) {
        tgl__free(spool.folder);
        tgl__free(spool.name);
        spool = (tgl_spool){0};
    }
    *out = spool;
    return status;
}

static bool write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, bytes, n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        bytes += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

/* Opened anew each time: a thousand columns are more than a process may hold open. */
tgl_status tgl__spool_append(tgl_spool *spool, size_t array, const void *bytes, size_t n,
                             tgl_error *err)
{
    if (n == 0)
        return TGL_OK;
    const char *name = name_of(spool, array);
    tgl_status status = TGL_OK;
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !write_all(fd, bytes, n))
        status = tgl__fail_errno(err, "cannot write", name);
    if (fd >= 0 && close(fd) != 0 && status == TGL_OK)
        status = tgl__fail_errno(err, "cannot write", name);
    return status;
}

static tgl_status map_file(void **out, size_t *size, int fd, const char *name,
                           tgl_error *err)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return tgl__fail_errno(err, "cannot read", name);
    void *memory =
        mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED)
        return tgl__fail_errno(err, "cannot map", name);
    *out = memory;
    *size = (size_t)about.st_size;
    return TGL_OK;
}

tgl_status tgl__spool_map(void **out, size_t *size, tgl_spool *spool, size_t array,
                          tgl_error *err)
{
    *out = NULL;
    *size = 0;
    const char *name = name_of(spool, array);
    tgl_status status = TGL_OK;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        status = map_file(out, size, fd, name, err);
    else if (errno != ENOENT) /* nothing was appended */
        status = tgl__fail_errno(err, "cannot read", name);
    if (fd >= 0) {
        close(fd);
        unlink(name);
    }
    return status;
}

void tgl__spool_unmap(void *memory, size_t size)
{
    if (memory != NULL)
        munmap(memory, size);
}

void *tgl__spool_scratch(const char *path, size_t size)
{
    size_t n = strlen(path) + 12;
    char *name = tgl__malloc(n);
    if (name == NULL)
        return NULL;
    snprintf(name, n, "%s.tmpXXXXXX", path);
    int fd = mkstemp(name);
    if (fd >= 0)
        unlink(name);
    tgl__free(name);
    void *memory =
        MAP_FAILED; /* posix_fallocate: a full disk must not be a signal later */
    if (fd >= 0 && posix_fallocate(fd, 0, (off_t)size) == 0)
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

void tgl__spool_close(tgl_spool *spool)
{
    for (size_t i = 0; spool->folder != NULL && i < spool->n_array; i++)
        unlink(name_of(spool, i));
    if (spool->folder != NULL)
        rmdir(spool->folder);
    tgl__free(spool->folder);
    tgl__free(spool->name);
    *spool = (tgl_spool){0};
}
