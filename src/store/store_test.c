#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/store.h"

typedef struct fixture {
    char base[64], store[96];
    tgl_store *handle;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    snprintf(f->base, sizeof f->base, "/tmp/tgl_store_testXXXXXX");
    if (f == NULL || mkdtemp(f->base) == NULL)
        return 1;
    snprintf(f->store, sizeof f->store, "%s/.trigline", f->base);
    *state = f;
    return tgl_store_open(&f->handle, f->store, 1, NULL) == TGL_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    tgl_store_close(f->handle);
    int bad = tgl__remove_tree(f->base, NULL) != TGL_OK;
    free(f);
    return bad;
}

static void reopen(fixture *f)
{
    tgl_store_close(f->handle);
    f->handle = NULL;
    assert_int_equal(tgl_store_open(&f->handle, f->store, 0, NULL), TGL_OK);
}

static const tgl_member members[] = {
    {"program.tglp", NULL, "PROGRAM", 7, NULL},
    {"graph.json", NULL, "{}", 2, NULL},
    {"firmware/core.v", NULL, "module", 6, NULL},
};

static void make(fixture *f, char digest[72], const char *name, const char *parent)
{
    tgl_error err = {0};
    tgl_status s =
        tgl_store_package(digest, f->handle, name, members, 3, NULL, parent, &err);
    if (s != TGL_OK)
        print_error("%s\n", err.message);
    assert_int_equal(s, TGL_OK);
}

static void blob_file(const fixture *f, const char *digest, char path[200])
{
    snprintf(path, 200, "%s/blobs/sha256/%s", f->store, digest + 7);
}

static void overwrite(const char *path, const char *bytes)
{
    unlink(path);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs(bytes, out);
    fclose(out);
}

static void objects_round_trip(void **state)
{
    fixture *f = *state;
    char a[72], b[72];
    uint8_t *bytes;
    size_t size;
    assert_int_equal(tgl_store_put(a, f->handle, "hello", 5, NULL), TGL_OK);
    assert_string_equal(
        a, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_int_equal(tgl_store_put(b, f->handle, "hello", 5, NULL), TGL_OK);
    assert_string_equal(a, b);
    assert_true(tgl_store_has(f->handle, a));
    assert_int_equal(tgl_store_get(&bytes, &size, f->handle, a, NULL), TGL_OK);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "hello", 5);
    tgl_free(bytes);
    assert_int_equal(tgl_store_put(a, f->handle, "", 0, NULL), TGL_OK);
    assert_int_equal(tgl_store_get(&bytes, &size, f->handle, a, NULL), TGL_OK);
    assert_int_equal(size, 0);
    tgl_free(bytes);
    b[10] = b[10] == 'a' ? 'b' : 'a';
    assert_false(tgl_store_has(f->handle, b));
    assert_int_equal(tgl_store_get(&bytes, &size, f->handle, b, NULL), TGL_ENOTFOUND);
    assert_int_equal(tgl_store_get(&bytes, &size, f->handle, "../../etc/passwd", NULL),
                     TGL_EFORMAT);
}

static void files_are_copied_never_linked(void **state)
{
    fixture *f = *state;
    char path[200], digest[72], blob[200];
    snprintf(path, sizeof path, "%s/in.bin", f->base);
    overwrite(path, "first");
    assert_int_equal(tgl_store_put_file(digest, f->handle, path, NULL), TGL_OK);
    FILE *in_place = fopen(path, "r+b"); /* the user edits the file */
    assert_non_null(in_place);
    fputs("XXXXX", in_place);
    fclose(in_place);
    uint8_t *bytes;
    size_t size;
    assert_int_equal(tgl_store_get(&bytes, &size, f->handle, digest, NULL), TGL_OK);
    assert_memory_equal(bytes, "first", 5);
    tgl_free(bytes);
    struct stat info;
    blob_file(f, digest, blob);
    assert_int_equal(stat(blob, &info), 0);
    assert_int_equal(info.st_nlink, 1);
    assert_int_equal(tgl_store_put_file(digest, f->handle, f->base, NULL), TGL_EIO);
    assert_int_equal(tgl_store_put_file(digest, f->handle, "/nonexistent/x", NULL),
                     TGL_ENOTFOUND);
}

static void same_members_same_digest(void **state)
{
    fixture *f = *state;
    char a[72], b[72], c[72];
    make(f, a, "model", NULL);
    const tgl_member shuffled[] = {members[1], members[2], members[0]};
    assert_int_equal(
        tgl_store_package(b, f->handle, "model", shuffled, 3, NULL, NULL, NULL), TGL_OK);
    assert_string_equal(a, b);
    make(f, c, "model", a);
    assert_string_not_equal(a, c);
    char *json;
    assert_int_equal(tgl_store_list(&json, f->handle, NULL), TGL_OK);
    assert_non_null(strstr(json, a));
    assert_non_null(strstr(json, c));
    tgl_free(json);
    assert_int_equal(tgl_store_show(&json, f->handle, "model", NULL), TGL_OK);
    assert_non_null(strstr(json, c)); /* the name has moved on … */
    assert_non_null(strstr(json, a)); /* … and its lineage names the parent */
    assert_non_null(strstr(json, "firmware/core.v"));
    tgl_free(json);
    char prefix[16];
    snprintf(prefix, sizeof prefix, "%.8s", a + 7);
    assert_int_equal(tgl_store_show(&json, f->handle, prefix, NULL), TGL_OK);
    tgl_free(json);
    prefix[7] = '\0';
    assert_int_equal(tgl_store_show(&json, f->handle, prefix, NULL), TGL_EUSAGE);
    assert_int_equal(tgl_store_show(&json, f->handle, "nobody", NULL), TGL_ENOTFOUND);
}

static void members_are_read_by_name(void **state)
{
    fixture *f = *state;
    char a[72];
    uint8_t *bytes;
    size_t size;
    make(f, a, "model", NULL);
    assert_int_equal(
        tgl_store_member(&bytes, &size, f->handle, "model", "program.tglp", NULL),
        TGL_OK);
    assert_int_equal(size, 7);
    assert_memory_equal(bytes, "PROGRAM", 7);
    tgl_free(bytes);
    assert_int_equal(tgl_store_member(&bytes, &size, f->handle, a, "nothing", NULL),
                     TGL_ENOTFOUND);
}

static void unsafe_names_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {"../x", "/x", "a/../b", "", "a//b", ".", "a\nb"};
    char digest[72];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const tgl_member m = {bad[i], NULL, "x", 1, NULL};
        assert_int_equal(
            tgl_store_package(digest, f->handle, "m", &m, 1, NULL, NULL, NULL),
            TGL_EUSAGE);
    }
    const tgl_member twice[] = {{"a", NULL, "x", 1, NULL}, {"a", NULL, "y", 1, NULL}};
    assert_int_equal(
        tgl_store_package(digest, f->handle, "m", twice, 2, NULL, NULL, NULL),
        TGL_EUSAGE);
    assert_int_equal(
        tgl_store_package(digest, f->handle, "a b", members, 3, NULL, NULL, NULL),
        TGL_EUSAGE);
    assert_int_equal(
        tgl_store_package(digest, f->handle, "m", members, 3, "{\"a\":1}", NULL, NULL),
        TGL_EUSAGE);
}

static const char record_text[] =
    "{\"ended\":2.0,\"exit_status\":0,\"host\":\"h\",\"inputs\":{},\"metrics\":{},"
    "\"outputs\":{},\"params\":{},\"schema\":\"trigline.record/1\",\"started\":1.0,"
    "\"step\":\"train\",\"tools\":{}}";

static void records_hang_on_packages(void **state)
{
    fixture *f = *state;
    char a[72], r1[72], r2[72], *json;
    make(f, a, "model", NULL);
    for (int twice = 0; twice < 2; twice++)
        assert_int_equal(tgl_store_attach(r1, f->handle, a, TGL_TYPE_RECORD, record_text,
                                          sizeof record_text - 1, NULL),
                         TGL_OK);
    assert_int_equal(
        tgl_store_attach(r2, f->handle, a, "application/x-signature", "s", 1, NULL),
        TGL_OK);
    assert_int_equal(tgl_store_show(&json, f->handle, a, NULL), TGL_OK);
    assert_non_null(strstr(json, r1));
    assert_non_null(strstr(json, r2));
    assert_non_null(strstr(json, "\"step\": \"train\""));
    tgl_free(json);
    assert_int_equal(tgl_store_list(&json, f->handle, NULL), TGL_OK);
    assert_non_null(strstr(json, "\"attached\": 2")); /* attaching twice is once */
    tgl_free(json);
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, NULL), TGL_OK);
    tgl_free(json);
}

static void steps_are_remembered_and_survive_the_index(void **state)
{
    fixture *f = *state;
    char key[72], old[72], record[72], outputs[200], *got, *kept, path[200];
    assert_int_equal(tgl_store_put(key, f->handle, "spec", 4, NULL), TGL_OK);
    assert_int_equal(tgl_store_put(old, f->handle, "old", 3, NULL), TGL_OK);
    assert_int_equal(
        tgl_store_put(record, f->handle, record_text, sizeof record_text - 1, NULL),
        TGL_OK);
    assert_int_equal(tgl_store_recall(&got, &kept, f->handle, key, NULL), TGL_ENOTFOUND);
    snprintf(outputs, sizeof outputs, "{\"out\":\"%s\"}", old);
    assert_int_equal(tgl_store_remember(f->handle, key, outputs, record, NULL), TGL_OK);
    snprintf(path, sizeof path, "%s/index.sqlite", f->store);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(tgl_store_recall(&got, &kept, f->handle, key, NULL), TGL_OK);
        assert_non_null(strstr(got, old));
        assert_string_equal(kept, record);
        tgl_free(got);
        tgl_free(kept);
        char last[72];
        assert_int_equal(tgl__step_last_key(last, f->handle, "train", NULL), TGL_OK);
        assert_string_equal(last, key);
        tgl_store_close(f->handle);
        f->handle = NULL;
        if (round == 0)
            unlink(path); /* lost */
        else
            overwrite(path, "this is no database, and it is longer than a header of "
                            "one hundred bytes would have to be to count as one at all");
        assert_int_equal(tgl_store_open(&f->handle, f->store, 0, NULL), TGL_OK);
    }
    blob_file(f, old, path); /* an output is gone: the step counts as never run */
    unlink(path);
    assert_int_equal(tgl_store_recall(&got, &kept, f->handle, key, NULL), TGL_ENOTFOUND);
}

static void damage_is_named(void **state)
{
    fixture *f = *state;
    char a[72], path[200], *json, blob[72];
    tgl_error err;
    uint8_t *bytes;
    size_t size;
    make(f, a, "model", NULL);
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, NULL), TGL_OK);
    tgl_free(json);
    assert_int_equal(tgl_store_put(blob, f->handle, "PROGRAM", 7, NULL), TGL_OK);
    blob_file(f, blob, path);
    overwrite(path, "PRoGRAM"); /* one bit flipped */
    assert_int_equal(tgl_store_get(&bytes, &size, f->handle, blob, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "damaged"));
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, &err), TGL_EMISMATCH);
    assert_non_null(strstr(json, blob));
    assert_non_null(strstr(err.message, "1 problem"));
    tgl_free(json);
    overwrite(path, "PROG"); /* truncated */
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, NULL), TGL_EMISMATCH);
    tgl_free(json);
    unlink(path); /* missing */
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, &err), TGL_EMISMATCH);
    assert_non_null(strstr(err.message, "missing"));
    tgl_free(json);
    snprintf(path, sizeof path, "%s/index.json", f->store);
    overwrite(path, "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:12\"}]}");
    reopen(f);
    assert_int_equal(tgl_store_list(&json, f->handle, &err), TGL_EFORMAT);
    assert_non_null(strstr(err.message, "index.json"));
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, &err), TGL_EMISMATCH);
    tgl_free(json);
    overwrite(path, "");
    assert_int_equal(tgl_store_list(&json, f->handle, &err), TGL_EFORMAT);
}

static void trees_round_trip(void **state)
{
    fixture *f = *state;
    char dir[200], file[260], a[72], b[72], other[200];
    snprintf(dir, sizeof dir, "%s/tree", f->base);
    snprintf(file, sizeof file, "%s/sub/deep", dir);
    assert_int_equal(tgl__make_dirs(file, NULL), TGL_OK);
    snprintf(file, sizeof file, "%s/sub/deep/a.txt", dir);
    overwrite(file, "a");
    snprintf(file, sizeof file, "%s/b.txt", dir);
    overwrite(file, "b");
    assert_int_equal(tgl__tree_digest(a, f->handle, dir, false, NULL, NULL), TGL_OK);
    assert_false(tgl__tree_has(f->handle, a, true));
    assert_int_equal(tgl__tree_digest(b, f->handle, dir, true, NULL, NULL), TGL_OK);
    assert_string_equal(a, b);
    assert_true(tgl__tree_has(f->handle, a, true));
    snprintf(other, sizeof other, "%s/restored", f->base);
    assert_int_equal(tgl__tree_restore(f->handle, a, true, other, NULL), TGL_OK);
    assert_int_equal(tgl__tree_digest(b, f->handle, other, false, NULL, NULL), TGL_OK);
    assert_string_equal(a, b);
    overwrite(file, "B"); /* same size, same name */
    assert_int_equal(tgl__tree_digest(b, f->handle, dir, false, NULL, NULL), TGL_OK);
    assert_string_not_equal(a, b);
    static const char evil[] =
        "{\"files\":{\"../x\":{\"digest\":\"\"}},\"type\":\"tree\"}";
    assert_int_equal(tgl_store_put(b, f->handle, evil, sizeof evil - 1, NULL), TGL_OK);
    assert_int_equal(tgl__tree_restore(f->handle, b, true, other, NULL), TGL_EFORMAT);
}

static void running_out_of_memory_leaves_a_good_store(void **state)
{
    fixture *f = *state;
    char digest[72], *json;
    bool done = false;
    for (long n = 0; !done && n < 2000; n++) {
        tgl_error err;
        char name[32];
        snprintf(name, sizeof name, "m%ld", n);
        tgl__alloc_fail_after(n);
        tgl_status s =
            tgl_store_package(digest, f->handle, name, members, 3, NULL, NULL, &err);
        tgl__alloc_fail_after(-1);
        assert_true(s == TGL_OK || s == TGL_ENOMEM);
        done = s == TGL_OK;
    }
    assert_true(done);
    done = false;
    for (long n = 0; !done && n < 2000; n++) {
        tgl__alloc_fail_after(n);
        tgl_status s =
            tgl_store_attach(digest, f->handle, digest, "x/y", &n, sizeof n, NULL);
        tgl__alloc_fail_after(-1);
        done = s == TGL_OK;
    }
    assert_true(done);
    assert_int_equal(tgl_store_verify(&json, f->handle, NULL, NULL), TGL_OK);
    tgl_free(json);
}

/* A child that publishes as fast as it can, until it is killed. */
static _Noreturn void write_for_ever(const char *directory, unsigned seed)
{
    tgl_store *store;
    if (tgl_store_open(&store, directory, 0, NULL) != TGL_OK)
        _exit(1);
    for (unsigned i = 0;; i++) {
        char digest[72], text[64], name[32];
        int n = snprintf(text, sizeof text, "content %u %u", seed, i);
        snprintf(name, sizeof name, "model%u", i % 3);
        const tgl_member m = {"x.txt", NULL, text, (size_t)n, NULL};
        if (tgl_store_package(digest, store, name, &m, 1, NULL, NULL, NULL) != TGL_OK ||
            tgl_store_attach(digest, store, digest, "x/y", text, (size_t)n, NULL) !=
                TGL_OK)
            _exit(1);
    }
}

static void killed_writers_leave_a_good_store(void **state)
{
    fixture *f = *state;
    tgl_store_close(f->handle);
    f->handle = NULL;
    unsigned random = 12345;
    for (unsigned round = 0; round < 12; round++) {
        pid_t child = fork();
        if (child == 0)
            write_for_ever(f->store, round);
        random = random * 1664525u + 1013904223u;
        struct timespec nap = {0, (long)(5 + random % 80) * 1000000};
        nanosleep(&nap, NULL);
        kill(child, SIGKILL);
        int raw;
        waitpid(child, &raw, 0);
        assert_true(WIFSIGNALED(raw));
        char *json;
        tgl_error err = {0};
        assert_int_equal(tgl_store_open(&f->handle, f->store, 0, &err), TGL_OK);
        tgl_status s = tgl_store_verify(&json, f->handle, NULL, &err);
        if (s != TGL_OK)
            print_error("%s\n", err.message);
        assert_int_equal(s, TGL_OK);
        tgl_free(json);
        assert_int_equal(tgl_store_list(&json, f->handle, &err), TGL_OK);
        tgl_free(json);
        tgl_store_close(f->handle);
        f->handle = NULL;
    }
    assert_int_equal(tgl_store_open(&f->handle, f->store, 0, NULL), TGL_OK);
}

static void two_publishers_lose_nothing(void **state)
{
    fixture *f = *state;
    pid_t children[2];
    for (unsigned c = 0; c < 2; c++) {
        children[c] = fork();
        if (children[c] != 0)
            continue;
        tgl_store *store;
        if (tgl_store_open(&store, f->store, 0, NULL) != TGL_OK)
            _exit(1);
        for (unsigned i = 0; i < 20; i++) {
            char digest[72], name[32];
            snprintf(name, sizeof name, "p%u-%u", c, i);
            if (tgl_store_package(digest, store, name, members, 3, NULL, NULL, NULL) !=
                TGL_OK)
                _exit(1);
        }
        tgl_store_close(store);
        _exit(0);
    }
    for (unsigned c = 0; c < 2; c++) {
        int raw;
        waitpid(children[c], &raw, 0);
        assert_true(WIFEXITED(raw) && WEXITSTATUS(raw) == 0);
    }
    char *json;
    assert_int_equal(tgl_store_list(&json, f->handle, NULL), TGL_OK);
    for (unsigned c = 0; c < 2; c++)
        for (unsigned i = 0; i < 20; i++) {
            char name[32];
            snprintf(name, sizeof name, "\"p%u-%u\"", c, i);
            assert_non_null(strstr(json, name));
        }
    tgl_free(json);
}

static void opening_says_what_is_wrong(void **state)
{
    fixture *f = *state;
    tgl_store *store;
    tgl_error err;
    char path[200];
    assert_int_equal(tgl_store_open(&store, f->base, 0, &err), TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, "is not a store"));
    snprintf(path, sizeof path, "%s/oci-layout", f->store);
    overwrite(path, "{\"imageLayoutVersion\":\"9\"}");
    assert_int_equal(tgl_store_open(&store, f->store, 0, &err), TGL_EUNSUPPORTED);
    overwrite(path, "{");
    assert_int_equal(tgl_store_open(&store, f->store, 0, &err), TGL_EFORMAT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(objects_round_trip),
        T(files_are_copied_never_linked),
        T(same_members_same_digest),
        T(members_are_read_by_name),
        T(unsafe_names_are_refused),
        T(records_hang_on_packages),
        T(steps_are_remembered_and_survive_the_index),
        T(damage_is_named),
        T(trees_round_trip),
        T(running_out_of_memory_leaves_a_good_store),
        T(killed_writers_leave_a_good_store),
        T(two_publishers_lose_nothing),
        T(opening_says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
