#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/pool.h"
#include "base/subprocess.h"

/* ---- a scratch directory for each test that wants one ---- */

static int set_up(void **state)
{
    char name[] = "/tmp/tgl_base_testXXXXXX";
    char *made = mkdtemp(name);
    *state = made == NULL ? NULL : strdup(made);
    return *state == NULL;
}

static int tear_down(void **state)
{
    int bad = tgl__remove_tree(*state, NULL) != TGL_OK || tgl__file_exists(*state);
    free(*state);
    return bad;
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t n = 0;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void check_content(const char *path, const char *want)
{
    char *text;
    size_t n;
    assert_int_equal(tgl__file_read(&text, &n, path, 1 << 20, NULL), TGL_OK);
    assert_int_equal(n, strlen(want));
    assert_string_equal(text, want);
    tgl__free(text);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- memory, buffer ---- */

static void buffer_grows(void **state)
{
    (void)state;
    tgl_buffer b = TGL_BUFFER_INIT;
    for (int i = 0; i < 10000; i++)
        tgl__buffer_printf(&b, "%d,", i);
    tgl__buffer_zeros(&b, 3);
    tgl__buffer_append(&b, "x", 1);
    char *text;
    size_t n;
    assert_int_equal(tgl__buffer_finish(&b, &text, &n, NULL), TGL_OK);
    assert_int_equal(n, 38890 + 10000 + 4); /* digits, commas, then four */
    assert_memory_equal(text, "0,1,2,", 6);
    assert_memory_equal(text + n - 4, "\0\0\0x", 5); /* ends in a zero */
    tgl__free(text);
    assert_null(b.bytes);
    assert_int_equal(tgl__buffer_finish(&b, &text, &n, NULL), TGL_OK); /* nothing is "" */
    assert_int_equal(n, 0);
    assert_string_equal(text, "");
    tgl__free(text);
}

static void buffer_remembers_failure(void **state)
{
    (void)state;
    tgl_buffer b = TGL_BUFFER_INIT;
    char *text = NULL;
    tgl__buffer_text(&b, "kept");
    tgl__alloc_fail_after(0);
    for (int i = 0; i < 1000; i++)
        tgl__buffer_text(&b, "more than fits");
    tgl__alloc_fail_after(-1);
    assert_true(b.failed);
    assert_int_equal(tgl__buffer_finish(&b, &text, NULL, NULL), TGL_ENOMEM);
    assert_null(text);
    assert_null(b.bytes);
    assert_null(tgl__buffer_extend(&b, SIZE_MAX)); /* a size that overflows */
    assert_true(b.failed);
    tgl__buffer_release(&b);
}

static void arena_and_sizes(void **state)
{
    (void)state;
    tgl_arena arena = TGL_ARENA_INIT;
    for (size_t i = 1; i < 3000; i++) {
        unsigned char *p = tgl__arena_alloc(&arena, i, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i; k += 97)
            assert_int_equal(p[k], 0);
        memset(p, 0xff, i);
    }
    assert_string_equal(tgl__arena_printf(&arena, "%s-%d", "a", 7), "a-7");
    assert_string_equal(tgl__arena_strndup(&arena, "abc", 2), "ab");
    assert_non_null(tgl__arena_alloc(&arena, 1, 1 << 20)); /* larger than a block */
    assert_null(tgl__arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_true(arena.used > (1 << 20));
    tgl__arena_release(&arena);
    tgl__arena_release(&arena);
    assert_int_equal(arena.used, 0);
    assert_null(tgl__calloc(SIZE_MAX / 2, 3));
    assert_null(tgl__realloc(NULL, SIZE_MAX / 2, 3));
    assert_null(tgl__aligned(SIZE_MAX / 2, 3));
    void *aligned = tgl__aligned(3, 5);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    tgl__free(aligned);
}

static void errors_are_one_line(void **state)
{
    (void)state;
    tgl_error err;
    assert_int_equal(tgl__fail_at(&err, TGL_EFORMAT, 12, "name '%s'", "a\nb\033"),
                     TGL_EFORMAT);
    assert_string_equal(err.message, "name 'a?b?'");
    assert_int_equal(tgl__fail_context(&err, TGL_EIO, "file '%s'", "x"), TGL_EFORMAT);
    assert_string_equal(err.message, "file 'x': name 'a?b?'");
    assert_int_equal(err.offset, 12);
    char longest[2000];
    memset(longest, 'y', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(tgl__fail(&err, TGL_EIO, "%s", longest), TGL_EIO);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    (void)tgl__fail_context(&err, TGL_EIO, "%s", longest);
    assert_true(strlen(err.message) < sizeof err.message);
    assert_int_equal(tgl__fail_context(NULL, TGL_EIO, "x"), TGL_EIO);
    assert_string_equal(tgl_status_name(TGL_EMISSING), "TGL_EMISSING");
    assert_string_equal(tgl_status_name((tgl_status)5), "unknown status");
}

/* ---- files ---- */

static void writer_is_atomic(void **state)
{
    char *path = tgl__path_join(*state, "file");
    tgl_writer w;
    tgl_error err;
    assert_int_equal(tgl__file_write(path, "old", 3, &err), TGL_OK);
    assert_int_equal(tgl__writer_open(&w, path, &err), TGL_OK);
    assert_int_equal(tgl__writer_put(&w, "new text", 8, &err), TGL_OK);
    fflush(w.stream);
    check_content(path, "old"); /* until commit */
    assert_int_equal(count_entries(*state), 2);
    tgl__writer_abandon(&w);
    tgl__writer_abandon(&w);
    check_content(path, "old");
    assert_int_equal(count_entries(*state), 1);

    assert_int_equal(tgl__writer_open(&w, path, &err), TGL_OK);
    assert_int_equal(tgl__writer_put(&w, "new text", 8, &err), TGL_OK);
    assert_int_equal(tgl__writer_commit(&w, &err), TGL_OK);
    check_content(path, "new text");
    assert_int_equal(count_entries(*state), 1);
    tgl__free(path);
}

static void writer_keeps_to_the_umask(void **state)
{
    char *path = tgl__path_join(*state, "file");
    static const mode_t masks[] = {0, 022, 027, 077};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        struct stat info;
        mode_t before = umask(masks[i]);
        tgl_status status = tgl__file_write(path, "x", 1, NULL);
        umask(before);
        assert_int_equal(status, TGL_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0666 & ~masks[i]);
    }
    tgl__free(path);
}

/* A full disk, as a file size limit has it: the old file stays, no temporary is left. */
static void failed_write_leaves_nothing(void **state)
{
    char *path = tgl__path_join(*state, "file");
    char *big = calloc(1, 1 << 20);
    tgl_error err = {0};
    struct rlimit old, small;
    assert_non_null(big);
    assert_int_equal(tgl__file_write(path, "old", 3, &err), TGL_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){65536, old.rlim_max};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    tgl_status status = tgl__file_write(path, big, 1 << 20, &err);
    /* less than stdio's own buffer: only the flush at commit can fail */
    small.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    tgl_status late = tgl__file_write(path, big, 100, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, before);
    assert_int_equal(status, TGL_EIO);
    assert_int_equal(late, TGL_EIO);
    assert_non_null(strstr(err.message, path));
    check_content(path, "old");
    assert_int_equal(count_entries(*state), 1);
    free(big);
    tgl__free(path);
}

static void writer_cannot_open(void **state)
{
    char *path = tgl__path_join(*state, "no/such/file");
    tgl_writer w;
    tgl_error err;
    assert_int_equal(tgl__writer_open(&w, path, &err), TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, path));
    tgl__free(path);
    path = tgl__path_join(*state, "dir");
    assert_int_equal(tgl__make_dirs(path, &err), TGL_OK);
    assert_int_equal(tgl__file_write(path, "x", 1, &err), TGL_EIO); /* a directory */
    assert_int_equal(count_entries(*state), 1);
    for (long n = 0; n < 2; n++) {
        tgl__alloc_fail_after(n);
        tgl_status status = tgl__writer_open(&w, path, &err);
        tgl__alloc_fail_after(-1);
        assert_int_equal(status, TGL_ENOMEM);
    }
    assert_int_equal(count_entries(*state), 1);
    tgl__free(path);
}

static void reading(void **state)
{
    char *path = tgl__path_join(*state, "file"), *text = NULL;
    tgl_mapping map;
    tgl_error err;
    size_t n;
    assert_int_equal(tgl__file_read(&text, &n, path, 10, &err), TGL_ENOTFOUND);
    assert_int_equal(tgl__file_map(&map, path, &err), TGL_ENOTFOUND);
    assert_int_equal(tgl__file_write(path, "", 0, &err), TGL_OK);
    assert_int_equal(tgl__file_map(&map, path, &err), TGL_OK);
    assert_non_null(map.bytes);
    assert_int_equal(map.size, 0);
    tgl__file_unmap(&map);
    assert_int_equal(tgl__file_write(path, "12345", 5, &err), TGL_OK);
    assert_int_equal(tgl__file_read(&text, &n, path, 4, &err), TGL_ELIMIT);
    assert_int_equal(tgl__file_read(&text, &n, path, 5, &err), TGL_OK);
    assert_memory_equal(text, "12345", 6);
    tgl__free(text);
    assert_int_equal(tgl__file_map(&map, path, &err), TGL_OK);
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.bytes, "12345", 5);
    tgl__file_unmap(&map);
    assert_int_equal(tgl__file_read(&text, &n, *state, 5, &err), TGL_EIO);
    assert_int_equal(tgl__file_map(&map, *state, &err), TGL_EIO);
    tgl__free(path);
}

static void trees(void **state)
{
    char path[300], outside[300], link_name[310];
    tgl_error err;
    snprintf(path, sizeof path, "%s/a/b//c/", (char *)*state);
    assert_int_equal(tgl__make_dirs(path, &err), TGL_OK);
    assert_int_equal(tgl__make_dirs(path, &err), TGL_OK); /* already there */
    assert_true(tgl__file_exists(path));
    snprintf(outside, sizeof outside, "%s/outside", (char *)*state);
    assert_int_equal(tgl__make_dirs(outside, &err), TGL_OK);
    snprintf(path, sizeof path, "%s/outside/kept", (char *)*state);
    assert_int_equal(tgl__file_write(path, "x", 1, &err), TGL_OK);
    snprintf(link_name, sizeof link_name, "%s/a/b/link", (char *)*state);
    assert_int_equal(symlink(outside, link_name), 0);
    snprintf(link_name, sizeof link_name, "%s/a", (char *)*state);
    assert_int_equal(tgl__remove_tree(link_name, &err), TGL_OK);
    assert_false(tgl__file_exists(link_name));
    check_content(path, "x"); /* a link is removed, what it points to is not */
    assert_int_equal(tgl__remove_tree(link_name, &err), TGL_OK); /* nothing there */
    snprintf(link_name, sizeof link_name, "%s/sub", path);       /* below a file */
    assert_int_equal(tgl__make_dirs(link_name, &err), TGL_EIO);
}

static void paths(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < 4; i++) {
        char *joined = tgl__path_join(cases[i][0], cases[i][1]);
        assert_string_equal(joined, cases[i][2]);
        tgl__free(joined);
    }
    char *sh = tgl__find_program("sh");
    assert_non_null(sh);
    assert_int_equal(sh[0], '/');
    tgl__free(sh);
    assert_null(tgl__find_program("no-program-of-this-name"));
    assert_null(tgl__find_program("/no/program"));
}

/* ---- outside programs ---- */

static tgl_status shell(tgl_subprocess_result *out, const char *script, double timeout_s,
                        size_t memory_limit, const tgl_progress *progress, tgl_error *err)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    tgl_subprocess process = {.argv = argv,
                              .timeout_s = timeout_s,
                              .memory_limit = memory_limit,
                              .progress = progress};
    return tgl__subprocess_run(out, &process, err);
}

static void exit_codes_and_output(void **state)
{
    (void)state;
    tgl_subprocess_result r;
    assert_int_equal(shell(&r, "echo out; echo err >&2; exit 7", 0, 0, NULL, NULL),
                     TGL_OK);
    assert_int_equal(r.exit_code, 7);
    assert_string_equal(r.output, "out\nerr\n");
    assert_false(r.timed_out);
    tgl__free(r.output);
    assert_int_equal(shell(&r, "kill -9 $$", 0, 0, NULL, NULL), TGL_OK);
    assert_int_equal(r.exit_code, 128 + SIGKILL);
    tgl__free(r.output);
    /* no input: a program that reads ends at once */
    assert_int_equal(shell(&r, "cat", 0, 0, NULL, NULL), TGL_OK);
    assert_string_equal(r.output, "");
    tgl__free(r.output);
    /* the end of a long output is what is kept */
    assert_int_equal(shell(&r, "seq 1 200000", 0, 0, NULL, NULL), TGL_OK);
    assert_true(strlen(r.output) >= 64 * 1024 && strlen(r.output) <= 128 * 1024);
    assert_string_equal(r.output + strlen(r.output) - 7, "200000\n");
    tgl__free(r.output);
}

static void files_and_directory(void **state)
{
    char *in = tgl__path_join(*state, "in"), *log = tgl__path_join(*state, "log");
    const char *argv[] = {"sh", "-c", "cat; pwd", NULL};
    tgl_subprocess process = {
        .argv = argv, .directory = *state, .stdin_path = in, .output_path = log};
    tgl_subprocess_result r;
    char want[300];
    assert_int_equal(tgl__file_write(in, "hello\n", 6, NULL), TGL_OK);
    assert_int_equal(tgl__subprocess_run(&r, &process, NULL), TGL_OK);
    assert_int_equal(r.exit_code, 0);
    assert_null(r.output);
    snprintf(want, sizeof want, "hello\n%s\n", (char *)*state);
    check_content(log, want);
    tgl__free(in);
    tgl__free(log);
}

static void missing_program(void **state)
{
    (void)state;
    const char *argv[] = {"no-program-of-this-name", NULL};
    tgl_subprocess process = {.argv = argv};
    tgl_subprocess_result r;
    tgl_error err;
    assert_int_equal(tgl__subprocess_run(&r, &process, &err), TGL_EMISSING);
    assert_non_null(strstr(err.message, "no-program-of-this-name"));
    assert_null(r.output);
}

/* The child starts one of its own that would write a file a second later: with the whole
 * group killed, the file never comes. */
static void check_group_dies(void **state, double timeout_s, const tgl_progress *progress,
                             tgl_status want)
{
    char script[400];
    tgl_subprocess_result r;
    tgl_error err;
    snprintf(script, sizeof script, "cd %s; (sleep 2; : >late) & echo a; sleep 60",
             (char *)*state);
    double start = now_s();
    assert_int_equal(shell(&r, script, timeout_s, 0, progress, &err), want);
    assert_true(now_s() - start < 20);
    assert_int_equal(r.timed_out, timeout_s > 0);
    if (want == TGL_OK)
        assert_int_equal(r.exit_code, 128 + SIGTERM);
    tgl__free(r.output);
    sleep(3);
    assert_int_equal(count_entries(*state), 0);
}

static void timeout_kills_the_group(void **state)
{
    check_group_dies(state, 0.5, NULL, TGL_OK);
}

static int asked_twice(void *user)
{
    return ++*(int *)user > 2;
}

static void cancelling_kills_the_group(void **state)
{
    int asked = 0;
    const tgl_progress progress = {NULL, asked_twice, &asked};
    check_group_dies(state, 0, &progress, TGL_ECANCELLED);
}

static void memory_is_limited(void **state)
{
    (void)state;
    tgl_subprocess_result r;
    /* dd allocates its block: 400 MB do not fit into 200 MB */
    static const char script[] = "dd if=/dev/zero of=/dev/null bs=400M count=1 2>&1";
    assert_int_equal(shell(&r, script, 60, 200 << 20, NULL, NULL), TGL_OK);
    assert_int_not_equal(r.exit_code, 0);
    tgl__free(r.output);
}

/* ---- the pool ---- */

enum { N_ITEM = 5000 };

typedef struct tally {
    atomic_int seen[N_ITEM];
    atomic_size_t most_worker;
    size_t fails_from;
} tally;

static tgl_status count_item(void *context, size_t index, size_t worker, tgl_error *err)
{
    tally *t = context;
    atomic_fetch_add(&t->seen[index], 1);
    if (worker > atomic_load(&t->most_worker))
        atomic_store(&t->most_worker, worker);
    if (index >= t->fails_from)
        return tgl__fail(err, TGL_EFORMAT, "item %zu", index);
    return TGL_OK;
}

static void every_item_once(void **state)
{
    (void)state;
    for (size_t n_thread = 0; n_thread <= 7; n_thread++) {
        tally *t = calloc(1, sizeof *t);
        assert_non_null(t);
        t->fails_from = SIZE_MAX;
        assert_int_equal(tgl__parallel(N_ITEM, n_thread, count_item, t, NULL), TGL_OK);
        for (size_t i = 0; i < N_ITEM; i++)
            assert_int_equal(t->seen[i], 1);
        assert_true(t->most_worker < tgl__thread_count(n_thread));
        free(t);
    }
    assert_int_equal(tgl__parallel(0, 4, count_item, NULL, NULL), TGL_OK);
    assert_int_equal(tgl__thread_count(3), 3);
    assert_true(tgl__thread_count(0) >= 1);
}

/* Items are handed out in order, so the lowest failing index is always among those seen:
 * the answer does not depend on the threads. */
static void first_failure_wins(void **state)
{
    (void)state;
    for (size_t n_thread = 1; n_thread <= 8; n_thread++)
        for (int again = 0; again < 20; again++) {
            tally *t = calloc(1, sizeof *t);
            tgl_error err = {0};
            assert_non_null(t);
            t->fails_from = 100;
            assert_int_equal(tgl__parallel(N_ITEM, n_thread, count_item, t, &err),
                             TGL_EFORMAT);
            assert_string_equal(err.message, "item 100");
            for (size_t i = 0; i < 100; i++)
                assert_int_equal(t->seen[i], 1);
            assert_int_equal(t->seen[N_ITEM - 1], 0); /* and it stopped */
            free(t);
        }
    tgl__alloc_fail_after(0);
    tgl_status status = tgl__parallel(3, 2, count_item, NULL, NULL);
    tgl__alloc_fail_after(-1);
    assert_int_equal(status, TGL_ENOMEM);
}

/* ---- names ---- */

static void near_names(void **state)
{
    (void)state;
    static const char *const names[] = {"convert", "train", "L1Jet_hwPt"};
    assert_string_equal(tgl__near_name("trian", names, 3), "train");
    assert_string_equal(tgl__near_name("CONVRT", names, 3), "convert");
    assert_string_equal(tgl__near_name("l1jet_hwpt", names, 3), "L1Jet_hwPt");
    assert_null(tgl__near_name("something else", names, 3));
    assert_null(tgl__near_name("x", names, 0));
    char longest[500];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const others[] = {longest};
    assert_string_equal(tgl__near_name(longest, others, 1), longest);
}

static void globs(void **state)
{
    (void)state;
    assert_true(tgl__glob_match("L1*_hwPt", "L1Jet_hwPt"));
    assert_true(tgl__glob_match("n?[a-c]", "nxb"));
    assert_false(tgl__glob_match("L1*_hwPt", "L1Jet_hwPt2"));
    assert_false(tgl__glob_match("[a-c]", "d"));
    assert_true(tgl__glob_match("", ""));
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows),
        cmocka_unit_test(buffer_remembers_failure),
        cmocka_unit_test(arena_and_sizes),
        cmocka_unit_test(errors_are_one_line),
        IN_DIRECTORY(writer_is_atomic),
        IN_DIRECTORY(writer_keeps_to_the_umask),
        IN_DIRECTORY(failed_write_leaves_nothing),
        IN_DIRECTORY(writer_cannot_open),
        IN_DIRECTORY(reading),
        IN_DIRECTORY(trees),
        cmocka_unit_test(paths),
        cmocka_unit_test(exit_codes_and_output),
        IN_DIRECTORY(files_and_directory),
        cmocka_unit_test(missing_program),
        IN_DIRECTORY(timeout_kills_the_group),
        IN_DIRECTORY(cancelling_kills_the_group),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(every_item_once),
        cmocka_unit_test(first_failure_wins),
        cmocka_unit_test(near_names),
        cmocka_unit_test(globs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
