#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

/* The size by seeking and the kind by reading: the run-time library uses no call younger
 * than GLIBC_2.28, and fstat is one. Not blocking: a pipe without a writer would. */
static tgl_status measure(size_t *size, int fd, const char *path, tgl_error *err)
{
    char first;
    off_t end = lseek(fd, 0, SEEK_END);
    if (end >= 0 && (uint64_t)end <= SIZE_MAX && pread(fd, &first, 1, 0) >= 0) {
        *size = (size_t)end;
        return TGL_OK;
    }
    return tgl__fail(err, TGL_EIO, "cannot read '%s': expected a file, found %s", path,
                     errno == EISDIR   ? "a directory"
                     : errno == ESPIPE ? "a pipe or a device"
                                       : strerror(errno));
}

tgl_status tgl__file_map(tgl_mapping *out, const char *path, tgl_error *err)
{
    static const uint8_t nothing[1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tgl__fail_errno(err, "cannot open", path);
    tgl_mapping map = {nothing, 0, NULL};
    tgl_status status = measure(&map.size, fd, path, err);
    if (status == TGL_OK && map.size > 0) {
        map.base = mmap(NULL, map.size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map.base == MAP_FAILED)
            status = tgl__fail_errno(err, "cannot map", path);
        map.bytes = map.base;
    }
    close(fd);
    if (status == TGL_OK)
        *out = map;
    return status;
}

void tgl__file_unmap(tgl_mapping *mapping)
{
    if (mapping->base != NULL)
        munmap(mapping->base, mapping->size);
    *mapping = (tgl_mapping){0};
}

tgl_status tgl__file_read(char **out, size_t *size, const char *path, size_t limit,
                          tgl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tgl__fail_errno(err, "cannot open", path);
    FILE *f = fdopen(fd, "rb");
    if (f == NULL) {
        close(fd);
        return tgl__fail_nomem(err);
    }
    char *bytes = NULL;
    size_t used = 0, capacity = 0;
    tgl_status status = TGL_OK;
    for (;;) {
        if (used + 1 >= capacity) {
            capacity = capacity == 0 ? 65536 : capacity * 2;
            char *grown = tgl__realloc(bytes, capacity, 1);
            if (grown == NULL) {
                status = tgl__fail_nomem(err);
                break;
            }
            bytes = grown;
        }
        size_t n = fread(bytes + used, 1, capacity - used - 1, f);
        used += n;
        if (used > limit) {
            status =
                tgl__fail(err, TGL_ELIMIT, "'%s' is larger than %zu bytes", path, limit);
            break;
        }
        if (n == 0) {
            if (ferror(f))
                status = tgl__fail_errno(err, "cannot read", path);
            break;
        }
    }
    fclose(f);
    if (status != TGL_OK) {
        tgl__free(bytes);
        return status;
    }
    bytes[used] = '\0';
    *out = bytes;
    if (size != NULL)
        *size = used;
    return TGL_OK;
}

/* Like mkstemp, but with the mode that the caller's umask leaves of 0666: the file is the
 * user's, not a secret of ours. `end` is six characters to be chosen. */
static int open_unique(const char *path, char *end)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t seed = (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32 ^ (uintptr_t)end;
    for (int attempt = 0; attempt < 1000; attempt++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = seed >> 24;
        for (int i = 0; i < 6; i++, bits /= 36)
            end[i] = letters[bits % 36];
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

tgl_status tgl__writer_open(tgl_writer *out, const char *path, tgl_error *err)
{
    *out = (tgl_writer){0};
    size_t n = strlen(path);
    out->path = tgl__strdup(path);
    out->temporary = tgl__malloc(n + 12);
    if (out->path == NULL || out->temporary == NULL) {
        if (out->temporary != NULL)
            out->temporary[0] = '\0';
        tgl__writer_abandon(out);
        return tgl__fail_nomem(err);
    }
    memcpy(out->temporary, path, n);
    memcpy(out->temporary + n, ".tmpXXXXXX", 11);
    int fd = open_unique(out->temporary, out->temporary + n + 4);
    if (fd < 0) {
        tgl_status status = tgl__fail_errno(err, "cannot create", path);
        out->temporary[0] = '\0';
        tgl__writer_abandon(out);
        return status;
    }
    out->stream = fdopen(fd, "wb");
    if (out->stream == NULL) {
        close(fd);
        tgl__writer_abandon(out);
        return tgl__fail_nomem(err);
    }
    return TGL_OK;
}

tgl_status tgl__writer_put(tgl_writer *writer, const void *bytes, size_t n,
                           tgl_error *err)
{
    if (n > 0 && fwrite(bytes, 1, n, writer->stream) != n)
        return tgl__fail_errno(err, "cannot write", writer->path);
    return TGL_OK;
}

tgl_status tgl__sync_directory_of(const char *path, tgl_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    char *directory = slash == NULL ? tgl__strdup(".")
                      : n == 0      ? tgl__strdup("/")
                                    : tgl__strndup(path, n);
    if (directory == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    /* a directory that may be written in but not read, and a file system without this
     * call, are no reason to call a complete file bad */
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && fsync(fd) != 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
        status = tgl__fail_errno(err, "cannot sync the directory of", path);
    if (fd >= 0)
        close(fd);
    tgl__free(directory);
    return status;
}

tgl_status tgl__writer_commit(tgl_writer *writer, tgl_error *err)
{
    bool good = fflush(writer->stream) == 0 && fsync(fileno(writer->stream)) == 0;
    tgl_status status =
        good ? TGL_OK : tgl__fail_errno(err, "cannot write", writer->path);
    fclose(writer->stream);
    writer->stream = NULL;
    if (status == TGL_OK && rename(writer->temporary, writer->path) != 0)
        status = tgl__fail_errno(err, "cannot write", writer->path);
    if (status == TGL_OK) {
        writer->temporary[0] = '\0';
        status = tgl__sync_directory_of(writer->path, err);
    }
    tgl__writer_abandon(writer);
    return status;
}

void tgl__writer_abandon(tgl_writer *writer)
{
    if (writer->stream != NULL)
        fclose(writer->stream);
    if (writer->temporary != NULL && writer->temporary[0] != '\0')
        unlink(writer->temporary);
    tgl__free(writer->path);
    tgl__free(writer->temporary);
    *writer = (tgl_writer){0};
}

tgl_status tgl__file_write(const char *path, const void *bytes, size_t n, tgl_error *err)
{
    tgl_writer writer;
    TGL_TRY(tgl__writer_open(&writer, path, err));
    tgl_status status = tgl__writer_put(&writer, bytes, n, err);
    if (status != TGL_OK) {
        tgl__writer_abandon(&writer);
        return status;
    }
    return tgl__writer_commit(&writer, err);
}

tgl_status tgl__make_dirs(const char *path, tgl_error *err)
{
    char *copy = tgl__strdup(path);
    if (copy == NULL)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    for (char *c = copy + 1; status == TGL_OK; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        char kept = *c;
        *c = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            status = tgl__fail_errno(err, "cannot create directory", copy);
        *c = kept;
        if (kept == '\0')
            break;
    }
    tgl__free(copy);
    return status;
}

tgl_status tgl__temporary_folder(char **out, const char *label, tgl_error *err)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    size_t size = strlen(parent) + strlen(label) + sizeof "/.XXXXXX";
    char *path = tgl__malloc(size);
    if (path == NULL)
        return tgl__fail_nomem(err);
    snprintf(path, size, "%s/%s.XXXXXX", parent, label);
    if (mkdtemp(path) == NULL) {
        tgl_status status = tgl__fail_errno(err, "cannot create directory", path);
        tgl__free(path);
        return status;
    }
    *out = path;
    return TGL_OK;
}

tgl_status tgl__remove_tree(const char *path, tgl_error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? TGL_OK : tgl__fail_errno(err, "cannot remove", path);
    if (!S_ISDIR(info.st_mode))
        return unlink(path) == 0 ? TGL_OK : tgl__fail_errno(err, "cannot remove", path);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return tgl__fail_errno(err, "cannot remove", path);
    tgl_status status = TGL_OK;
    for (struct dirent *entry; status == TGL_OK && (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *child = tgl__path_join(path, entry->d_name);
        status = child == NULL ? tgl__fail_nomem(err) : tgl__remove_tree(child, err);
        tgl__free(child);
    }
    closedir(dir);
    if (status == TGL_OK && rmdir(path) != 0)
        status = tgl__fail_errno(err, "cannot remove", path);
    return status;
}

bool tgl__file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *tgl__path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir), m = strlen(name);
    char *path = tgl__malloc(n + m + 2);
    if (path == NULL)
        return NULL;
    memcpy(path, dir, n);
    size_t at = n;
    if (n > 0 && dir[n - 1] != '/')
        path[at++] = '/';
    memcpy(path + at, name, m + 1);
    return path;
}

char *tgl__find_program(const char *name)
{
    if (strchr(name, '/') != NULL)
        return access(name, X_OK) == 0 ? tgl__strdup(name) : NULL;
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        char *dir = tgl__strndup(n == 0 ? "." : path, n == 0 ? 1 : n);
        char *full = dir == NULL ? NULL : tgl__path_join(dir, name);
        tgl__free(dir);
        struct stat info;
        if (full != NULL && access(full, X_OK) == 0 && stat(full, &info) == 0 &&
            S_ISREG(info.st_mode))
            return full;
        tgl__free(full);
        path += n + (path[n] == ':');
    }
    return NULL;
}
