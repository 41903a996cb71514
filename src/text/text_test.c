#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "text/json.h"

typedef tgl_status (*parser)(tgl_json **, const char *, size_t, const char *,
                             tgl_error *);

/* The tree's canonical text, or the message. Release with tgl__free. */
static char *read_as(parser parse, const char *text, size_t n)
{
    tgl_json *value = NULL;
    tgl_error err = {0};
    char *out = NULL;
    if (parse(&value, text, n, "t", &err) != TGL_OK) {
        assert_null(value);
        assert_int_not_equal(err.code, TGL_OK);
        return tgl__strdup(err.message);
    }
    assert_int_equal(tgl__json_dump(&out, NULL, value, &err), TGL_OK);
    tgl__json_free(value);
    return out;
}

static void check(parser parse, const char *text, const char *want)
{
    char *found = read_as(parse, text, strlen(text));
    assert_string_equal(found, want);
    tgl__free(found);
}

static void check_refused(parser parse, const char *text, size_t n, const char *part)
{
    char *found = read_as(parse, text, n);
    if (strncmp(found, "t:", 2) != 0 || strstr(found, part) == NULL)
        fail_msg("expected a message with '%s', found '%s'", part, found);
    tgl__free(found);
}

static void json_canonical(void **state)
{
    (void)state;
    check(tgl__json_parse, " {\"b\": [1, -0.5, true, null], \"a\": \"\\u00e9\\n\"} ",
          "{\"a\":\"\303\251\\n\",\"b\":[1,-0.5,true,null]}");
    check(tgl__json_parse, "9223372036854775807", "9223372036854775807");
    check(tgl__json_parse, "0.1", "0.10000000000000001");
    check(tgl__json_parse, "\"x\"", "\"x\"");
    /* the order of keys in the source does not show */
    check(tgl__json_parse, "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}");
    check(tgl__json_parse, "{\"b\":2,\"a\":1}", "{\"a\":1,\"b\":2}");
}

static void json_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "t:1"},
        {"{\"a\": 1,\n \"a\": 2}", "t:2:"},
        {"{\"a\": 1} x", "t:1:"},
        {"[1,\n2,\n,]", "t:3:"},
        {"\"\377\376\"", "decode byte 0xff"},
        {"\"\300\200\"", "decode byte 0xc0"}, /* an overlong zero */
        {"\"\\ud800\"", "t:1:"},              /* half of a surrogate pair */
        {"\"\\u0000\"", "t:1:"},
        {"9223372036854775808", "t:1:"},
        {"1e999", "t:1:"},
        {"nan", "t:1:"},
        {"[01]", "t:1:"},
        {"{\"a\"}", "t:1:"},
        {"\"open", "t:1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_refused(tgl__json_parse, cases[i].text, strlen(cases[i].text),
                      cases[i].part);
    check_refused(tgl__json_parse, "[1]\0[", 5, "t:1");
}

static void check_depth(parser parse, size_t allowed)
{
    tgl_buffer text = TGL_BUFFER_INIT;
    for (size_t depth = allowed; depth <= allowed + 1; depth++) {
        text.size = 0;
        for (size_t i = 0; i < depth; i++)
            tgl__buffer_text(&text, "[");
        for (size_t i = 0; i < depth; i++)
            tgl__buffer_text(&text, "]");
        assert_false(text.failed);
        if (depth > allowed) {
            check_refused(parse, text.bytes, text.size, "nested");
        } else {
            char *same = read_as(parse, text.bytes, text.size);
            assert_string_equal(same, text.bytes);
            tgl__free(same);
        }
    }
    tgl__buffer_release(&text);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    check_depth(tgl__json_parse, 256);
    check_depth(tgl__yaml_parse, 65);
    char *deep = malloc(1000000);
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    check_refused(tgl__json_parse, deep, 1000000, "nested");
    check_refused(tgl__yaml_parse, deep, 1000000, "t:1: nested");
    free(deep);
}

static void yaml_scalars(void **state)
{
    (void)state;
    check(tgl__yaml_parse, "[1, -2, 0x1F, 1.5, 1e3, .5, +7]",
          "[1,-2,31,1.5,1000.0,0.5,7]");
    check(tgl__yaml_parse, "[true, False, null, ~, '', \"1\", yes, no, 1.2.3, 12ab]",
          "[true,false,null,null,\"\",\"1\",\"yes\",\"no\",\"1.2.3\",\"12ab\"]");
    check(tgl__yaml_parse, "[0x, -, ., e, .inf, 99999999999999999999]",
          "[\"0x\",\"-\",\".\",\"e\",\".inf\",1e20]");
    check(tgl__yaml_parse, "a: |\n  x\n  y\nb: >\n  x\n  y\n",
          "{\"a\":\"x\\ny\\n\",\"b\":\"x y\\n\"}");
    check(tgl__yaml_parse, "a:\n", "{\"a\":null}");
}

static void yaml_merge(void **state)
{
    (void)state;
    check(tgl__yaml_parse, "base: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\n",
          "{\"base\":{\"x\":1,\"y\":2},\"c\":{\"x\":1,\"y\":3}}");
    check(tgl__yaml_parse, "c: {y: 3, <<: {x: 1, y: 2}}", "{\"c\":{\"x\":1,\"y\":3}}");
    check(tgl__yaml_parse, "c: {<<: [{x: 1}, {x: 2, y: 2}]}",
          "{\"c\":{\"x\":1,\"y\":2}}");
    check(tgl__yaml_parse, "{\"<<\": 1}", "{\"<<\":1}"); /* quoted: a key like another */
    check_refused(tgl__yaml_parse, "a: 1\n<<: 3\n", 11, "t:2:1: '<<'");
    check_refused(tgl__yaml_parse, "{<<: {a: 1}, <<: {b: 1}}", 24, "twice");
}

static void yaml_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "empty"},
        {"# nothing\n", "empty"},
        {"a: 1\nb: 2\na: 3\n", "t:3:1: the same key twice"},
        {"a: [1, 2\n", "t:2:1:"},
        {"a: 1\n\tb: 2\n", "t:2:"},
        {"? [a]\n: 1\n", "expected a plain key"},
        {"a: *b\n", "t:1:4:"},
        {"a: \"\377\"\n", "UTF-8"},
        {"a: \"\\0\"\n", "t:1:4: text with a zero byte"},
        {"a: 1\n---\nb: 2\n", "t:3: a second document"},
        {"a: !!python/object:os.system x\n", "t:1:4: tags"},
        {"a: &x [*x]\n", "nested too deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_refused(tgl__yaml_parse, cases[i].text, strlen(cases[i].text),
                      cases[i].part);
}

static void alias_bomb_ends(void **state)
{
    (void)state;
    tgl_buffer text = TGL_BUFFER_INIT;
    tgl__buffer_text(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 12; i++) {
        tgl__buffer_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            tgl__buffer_printf(&text, "%s*a%d", j > 0 ? "," : "", i - 1);
        tgl__buffer_text(&text, "]\n");
    }
    assert_false(text.failed);
    check_refused(tgl__yaml_parse, text.bytes, text.size, "too large");
    tgl__buffer_release(&text);
}

/* Duplicate and merge checks are linear in the keys: a wide mapping is no hang. */
static void wide_mapping(void **state)
{
    (void)state;
    tgl_buffer text = TGL_BUFFER_INIT;
    tgl__buffer_text(&text, "a: &a\n");
    for (int i = 0; i < 100000; i++)
        tgl__buffer_printf(&text, "  k%d: %d\n", i, i);
    tgl__buffer_text(&text, "b:\n  <<: *a\n  k0: x\n");
    tgl_json *value;
    assert_int_equal(tgl__yaml_parse(&value, text.bytes, text.size, "t", NULL), TGL_OK);
    tgl_json *b = tgl__json_get(value, "b");
    assert_int_equal(tgl__json_size(b), 100000);
    assert_string_equal(tgl__json_string(tgl__json_get(b, "k0"), ""), "x");
    assert_int_equal(tgl__json_int(tgl__json_get(b, "k99999"), -1), 99999);
    tgl__json_free(value);
    tgl__buffer_release(&text);
}

static void anchors_are_bounded(void **state)
{
    (void)state;
    tgl_buffer text = TGL_BUFFER_INIT;
    for (int i = 0; i <= 1000; i++)
        tgl__buffer_printf(&text, "- &a%d x\n", i);
    check_refused(tgl__yaml_parse, text.bytes, text.size, "t:1001: more than 1000");
    tgl__buffer_release(&text);
}

static void lines_are_found(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb:\n  c:\n    - x\n    - y: 2\n";
    const char *const path[] = {"b", "c", "1", "y"};
    static const size_t want[] = {2, 3, 5, 5};
    for (size_t n = 1; n <= 4; n++)
        assert_int_equal(tgl__yaml_line(text, sizeof text - 1, path, n), want[n - 1]);
    const char *const nowhere[] = {"b", "d"}, *const outside[] = {"b", "c", "2"};
    assert_int_equal(tgl__yaml_line(text, sizeof text - 1, nowhere, 2), 0);
    assert_int_equal(tgl__yaml_line(text, sizeof text - 1, outside, 3), 0);
    assert_int_equal(tgl__yaml_line("[", 1, nowhere, 1), 0);
}

static void needs_say_what(void **state)
{
    (void)state;
    static const char text[] = "{\"n\": 5, \"s\": \"x\", \"r\": 1.5, \"l\": [1]}";
    static const char *const allowed[] = {"n", "s", "r", "lists"};
    tgl_json *o, *l;
    tgl_error err;
    int64_t n;
    double r;
    const char *s;
    assert_int_equal(tgl__json_parse(&o, text, strlen(text), "t", &err), TGL_OK);
    assert_int_equal(tgl__json_need_int(&n, o, "n", 0, 5, "w", &err), TGL_OK);
    assert_int_equal(n, 5);
    assert_int_equal(tgl__json_need_real(&r, o, "n", "w", &err), TGL_OK);
    assert_int_equal(tgl__json_need_int(&n, o, "n", 0, 4, "w", &err), TGL_EFORMAT);
    assert_string_equal(err.message, "w: 'n': expected 0 to 4, found 5");
    assert_int_equal(tgl__json_need_int(&n, o, "r", 0, 4, "w", &err), TGL_EFORMAT);
    assert_string_equal(err.message, "w: 'r': expected an integer, found a number");
    assert_int_equal(tgl__json_need_string(&s, o, "q", "w", &err), TGL_EFORMAT);
    assert_string_equal(err.message, "w: expected a string 'q', found nothing");
    assert_int_equal(tgl__json_need_real(&r, o, "s", "w", &err), TGL_EFORMAT);
    assert_int_equal(tgl__json_need(&l, o, "l", TGL_JSON_ARRAY, "w", &err), TGL_OK);
    assert_null(tgl__json_at(l, 1));
    assert_int_equal(tgl__json_only_keys(o, allowed, 4, "w", &err), TGL_EFORMAT);
    assert_string_equal(err.message, "w: unknown key 'l' (did you mean 'n'?)");
    tgl__json_free(o);
}

static void building(void **state)
{
    (void)state;
    tgl_json *o = tgl__json_object();
    char *text;
    assert_null(tgl__json_new_string("\377"));
    assert_false(tgl__json_put(o, "bad", tgl__json_new_string("\377")));
    assert_true(tgl__json_put(o, "z", tgl__json_new_real(1.0 / 0.0)));
    assert_true(tgl__json_put(o, "a", tgl__json_new_bool(true)));
    assert_int_equal(tgl__json_dump_pretty(&text, NULL, o, NULL), TGL_OK);
    assert_string_equal(text, "{\n  \"z\": null,\n  \"a\": true\n}");
    tgl__free(text);
    tgl_json *copy = tgl__json_copy(o);
    assert_true(tgl__json_equal(o, copy));
    tgl__json_put(copy, "a", tgl__json_new_bool(false));
    assert_false(tgl__json_equal(o, copy));
    tgl__json_free(copy);
    tgl__json_free(o);
    /* nothing is a value that reads as null */
    assert_int_equal(tgl__json_kind(NULL), TGL_JSON_NULL);
    assert_int_equal(tgl__json_size(NULL), 0);
    assert_int_equal(tgl__json_int(tgl__json_get(NULL, "x"), 7), 7);
}

static void allocation_failure(void **state)
{
    (void)state;
    char path[] = "/tmp/tgl_text_testXXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\": 1}", 8), 8);
    close(fd);
    tgl_error err;
    for (int yaml = 0; yaml < 2; yaml++)
        for (long n = 0;; n++) {
            assert_true(n < 100);
            tgl_json *value = NULL;
            char *text = NULL;
            tgl__alloc_fail_after(n);
            tgl_status status = yaml ? tgl__yaml_read(&value, path, &err)
                                     : tgl__json_read(&value, path, &err);
            if (status == TGL_OK)
                status = tgl__json_dump(&text, NULL, value, &err);
            tgl__alloc_fail_after(-1);
            tgl__json_free(value);
            tgl__free(text);
            if (status == TGL_OK) {
                assert_true(n > 0);
                break;
            }
            assert_int_equal(status, TGL_ENOMEM);
        }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_canonical),      cmocka_unit_test(json_refusals),
        cmocka_unit_test(depth_is_bounded),    cmocka_unit_test(yaml_scalars),
        cmocka_unit_test(yaml_merge),          cmocka_unit_test(yaml_refusals),
        cmocka_unit_test(alias_bomb_ends),     cmocka_unit_test(wide_mapping),
        cmocka_unit_test(anchors_are_bounded), cmocka_unit_test(lines_are_found),
        cmocka_unit_test(needs_say_what),      cmocka_unit_test(building),
        cmocka_unit_test(allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
