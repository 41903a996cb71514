/* The few calls of cmocka that our unit tests make, for targets that have no cmocka: the
 * cross-compiled ones. A failing assertion ends the program. */
#ifndef TESTS_CMOCKA_SMALL_H
#define TESTS_CMOCKA_SMALL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*setup)(void **state);
    int (*teardown)(void **state);
} CMUnitTest;

static const char *small_running;

#define cmocka_unit_test(f)                                                              \
    {                                                                                    \
#f, f, NULL, NULL                                                                \
    }
#define cmocka_unit_test_setup_teardown(f, before, after)                                \
    {                                                                                    \
#f, f, before, after                                                             \
    }

#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...)                                                                    \
    do {                                                                                 \
        printf("%s failed, %s:%d: ", small_running, __FILE__, __LINE__);                 \
        printf(__VA_ARGS__);                                                             \
        printf("\n");                                                                    \
        exit(1);                                                                         \
    } while (0)
#define small_require(holds, text)                                                       \
    do {                                                                                 \
        if (!(holds))                                                                    \
            fail_msg("%s", text);                                                        \
    } while (0)
#define fail()                     fail_msg("reached")
#define skip()                     return
#define assert_true(c)             small_require(c, #c)
#define assert_false(c)            small_require(!(c), "not " #c)
#define assert_null(p)             small_require((p) == NULL, #p " is NULL")
#define assert_non_null(p)         small_require((p) != NULL, #p " is not NULL")
#define assert_ptr_equal(a, b)     small_require((a) == (b), #a " == " #b)
#define assert_ptr_not_equal(a, b) small_require((a) != (b), #a " != " #b)
#define assert_int_not_equal(a, b)                                                       \
    small_require((unsigned long long)(a) != (unsigned long long)(b), #a " != " #b)
#define assert_string_not_equal(a, b) small_require(strcmp(a, b) != 0, #a " != " #b)
#define assert_memory_equal(a, b, n)                                                     \
    small_require(memcmp(a, b, n) == 0, #a " and " #b " differ")
#define assert_int_equal(a, b)                                                           \
    do {                                                                                 \
        unsigned long long small_a = (unsigned long long)(a),                            \
                           small_b = (unsigned long long)(b);                            \
        if (small_a != small_b)                                                          \
            fail_msg(#a " is %lld, expected %lld", (long long)small_a,                   \
                     (long long)small_b);                                                \
    } while (0)
#define assert_string_equal(a, b)                                                        \
    do {                                                                                 \
        const char *small_a = (a), *small_b = (b);                                       \
        if (strcmp(small_a, small_b) != 0)                                               \
            fail_msg(#a " is '%s', expected '%s'", small_a, small_b);                    \
    } while (0)

static inline int small_run(const char *group, const CMUnitTest *tests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        void *state = NULL;
        small_running = tests[i].name;
        if (tests[i].setup != NULL && tests[i].setup(&state) != 0)
            fail_msg("the setup");
        tests[i].test(&state);
        if (tests[i].teardown != NULL && tests[i].teardown(&state) != 0)
            fail_msg("the teardown");
    }
    printf("%s: %zu tests passed\n", group, n);
    return 0;
}
#define cmocka_run_group_tests_name(name, tests, before, after)                          \
    small_run(name, tests, sizeof(tests) / sizeof(tests)[0])
#define cmocka_run_group_tests(tests, before, after)                                     \
    small_run(#tests, tests, sizeof(tests) / sizeof(tests)[0])

#endif
