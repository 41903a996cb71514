/* A committed file lasts: its bytes reach the disk before its name does, and then the
 * name. This program's own fsync and rename stand before libc's and write down what was
 * asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

static char events[64]; /* f: a file synced, d: a directory synced, r: a rename */
static int directory_error;

static void note(char event)
{
    size_t n = strlen(events);
    if (n + 1 < sizeof events)
        events[n] = event;
}

int fsync(int fd)
{
    struct stat info;
    bool is_directory = fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
    note(is_directory ? 'd' : 'f');
    if (is_directory && directory_error != 0) {
        errno = directory_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    note('r');
    return (int)syscall(SYS_renameat2, -100, from, -100, to, 0); /* -100: AT_FDCWD */
}

static char directory[64];

static int set_up(void **state)
{
    (void)state;
    memset(events, 0, sizeof events);
    directory_error = 0;
    snprintf(directory, sizeof directory, "/tmp/tgl_sync_XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return tgl__remove_tree(directory, NULL) != TGL_OK;
}

static void bytes_then_name_then_directory(void **state)
{
    (void)state;
    char path[80], here[256];
    snprintf(path, sizeof path, "%s/file", directory);
    assert_int_equal(tgl__file_write(path, "text", 4, NULL), TGL_OK);
    assert_string_equal(events, "frd");
    memset(events, 0, sizeof events);
    assert_non_null(getcwd(here, sizeof here)); /* a name without a directory */
    assert_int_equal(chdir(directory), 0);
    tgl_status status = tgl__file_write("other", "text", 4, NULL);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(status, TGL_OK);
    assert_string_equal(events, "frd");
}

static void a_directory_that_cannot_be_synced(void **state)
{
    (void)state;
    char path[80];
    tgl_error err = {0};
    snprintf(path, sizeof path, "%s/file", directory);
    directory_error = EINVAL; /* some file systems do not know the call */
    assert_int_equal(tgl__file_write(path, "text", 4, &err), TGL_OK);
    directory_error = EIO;
    assert_int_equal(tgl__file_write(path, "text", 4, &err), TGL_EIO);
    assert_non_null(strstr(err.message, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_then_name_then_directory, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_synced, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("file_sync", tests, NULL, NULL);
}
