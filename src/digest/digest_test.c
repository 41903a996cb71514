#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest/digest.h"

static void check_text(const tgl_sha256 *digest, const char *hex)
{
    char text[TGL_DIGEST_TEXT];
    tgl__sha256_format(text, digest);
    assert_int_equal(strlen(text), TGL_DIGEST_TEXT - 1);
    assert_memory_equal(text, "sha256:", 7);
    assert_string_equal(text + 7, hex);
}

/* FIPS 180-4, the examples of one block, two blocks and the empty message. */
static const struct {
    const char *message, *hex;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_known(void **state)
{
    (void)state;
    tgl_sha256 digest;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(
            tgl__sha256(&digest, known[i].message, strlen(known[i].message), NULL),
            TGL_OK);
        check_text(&digest, known[i].hex);
    }
    assert_int_equal(tgl__sha256(&digest, NULL, 0, NULL), TGL_OK);
    check_text(&digest, known[0].hex);
}

/* A million times "a" (FIPS 180-4's long example), in pieces of every kind of length. */
static void sha256_stream(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 63, 64, 65, 1000, 4096};
    static const char hex[] =
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    char *text = malloc(1000000);
    assert_non_null(text);
    memset(text, 'a', 1000000);
    tgl_sha256_stream *stream;
    tgl_sha256 digest, whole;
    assert_int_equal(tgl__sha256_new(&stream, NULL), TGL_OK);
    size_t at = 0;
    for (size_t i = 0; at < 1000000; i++) {
        size_t n = pieces[i % 6] < 1000000 - at ? pieces[i % 6] : 1000000 - at;
        assert_int_equal(tgl__sha256_update(stream, text + at, n, NULL), TGL_OK);
        at += n;
    }
    assert_int_equal(tgl__sha256_update(stream, text, 0, NULL), TGL_OK);
    assert_int_equal(tgl__sha256_final(&digest, stream, NULL), TGL_OK);
    tgl__sha256_free(stream);
    check_text(&digest, hex);
    assert_int_equal(tgl__sha256(&whole, text, 1000000, NULL), TGL_OK);
    assert_true(tgl__sha256_equal(&digest, &whole));
    whole.bytes[31] ^= 1;
    assert_false(tgl__sha256_equal(&digest, &whole));
    free(text);
    tgl__sha256_free(NULL);
}

static void sha256_file(void **state)
{
    (void)state;
    char path[] = "/tmp/tgl_digest_testXXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    tgl_sha256 digest;
    tgl_error err;
    uint64_t size = 1;
    assert_int_equal(tgl__sha256_file(&digest, &size, path, &err), TGL_OK);
    assert_int_equal(size, 0);
    check_text(&digest, known[0].hex);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_int_equal(tgl__sha256_file(&digest, &size, path, &err), TGL_OK);
    assert_int_equal(size, 3);
    check_text(&digest, known[1].hex);
    unlink(path);
    assert_int_equal(tgl__sha256_file(&digest, &size, path, &err), TGL_ENOTFOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(tgl__sha256_file(&digest, &size, "/tmp", &err), TGL_EIO);
}

static void parse_and_format(void **state)
{
    (void)state;
    char text[TGL_DIGEST_TEXT + 1], again[TGL_DIGEST_TEXT];
    tgl_sha256 digest, parsed, kept;
    tgl_error err;
    for (int i = 0; i < TGL_SHA256_SIZE; i++)
        digest.bytes[i] = (uint8_t)(i * 37 + 11);
    tgl__sha256_format(again, &digest);
    assert_int_equal(tgl__sha256_parse(&parsed, again, &err), TGL_OK);
    assert_true(tgl__sha256_equal(&parsed, &digest));
    kept = parsed;
    static const struct {
        size_t at;
        char c;
    } faults[] = {{0, 'S'}, {6, '-'}, {7, 'g'}, {70, 'F'}, {40, ' '}, {70, '\0'}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        memcpy(text, again, sizeof again);
        text[faults[i].at] = faults[i].c;
        assert_int_equal(tgl__sha256_parse(&parsed, text, &err), TGL_EFORMAT);
        assert_true(tgl__sha256_equal(&parsed, &kept)); /* untouched on failure */
    }
    snprintf(text, sizeof text, "%s0", again); /* a digit too many */
    assert_int_equal(tgl__sha256_parse(&parsed, text, &err), TGL_EFORMAT);
    assert_int_equal(tgl__sha256_parse(&parsed, "", &err), TGL_EFORMAT);
    assert_int_equal(tgl__sha256_parse(&parsed, "sha256:", &err), TGL_EFORMAT);
}

/* The xxHash specification's test values. */
static void xxh_known(void **state)
{
    (void)state;
    assert_true(tgl__xxh64("", 0, 0) == 0xef46db3751d8e999u);
    assert_true(tgl__xxh64("abc", 3, 0) == 0x44bc2cf5ad770999u);
    assert_true(tgl__xxh64("", 0, 1) == 0xd5afba1336a3be4bu);
    assert_true(tgl__xxh64("Nobody inspects the spammish repetition", 39, 0) ==
                0xfbcea83c8a378bf1u);
    assert_true(tgl__xxh3("", 0) == 0x2d06800538d394c2u);
    assert_true(tgl__xxh3("abc", 3) == 0x78af5f94892f3950u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known), cmocka_unit_test(sha256_stream),
        cmocka_unit_test(sha256_file),  cmocka_unit_test(parse_and_format),
        cmocka_unit_test(xxh_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
