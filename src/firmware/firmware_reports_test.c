#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/bank.h"
#include "firmware/firmware.h"
#include "firmware/synth.h"
#include "program/wire.h"

static const char report[] = "5. Printing statistics.\n\n=== other ===\n\n"
                             "     LUT2                            9\n\n=== top ===\n\n"
                             "   Number of wires:               8656\n"
                             "   Number of cells:              23213\n"
                             "     CARRY4                       2456\n"
                             "     DSP48E2                         8\n"
                             "     FDRE                         5147\n"
                             "     FDSE                          165\n"
                             "     INV                           744\n"
                             "     LUT1                           66\n"
                             "     LUT6                         2238\n"
                             "     MUXF7                         267\n"
                             "     RAM32M                          2\n"
                             "     RAMB18E2                        3\n"
                             "     SRLC32E                         5\n"
                             "     URAM288                         4\n"
                             "     $_NOR_                         17\n";

static void counts(void **state)
{
    (void)state;
    tgl_resources r = {0};
    assert_int_equal(tgl__yosys_stat(&r, report, strlen(report), "top", NULL), TGL_OK);
    assert_int_equal(r.lut, 66 + 2238 + 8 + 5);
    assert_int_equal(r.ff, 5147 + 165);
    assert_int_equal(r.dsp, 8);
    assert_int_equal(r.bram, 2);
    assert_string_equal(r.not_counted, "URAM288 4, $_NOR_ 17");
}

/* More kinds than there is room for: the names that fit, then dots. */
static void many_unknown_cells(void **state)
{
    (void)state;
    char text[8192];
    int n = snprintf(text, sizeof text, "=== top ===\n");
    for (int i = 0; i < 100; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "   STRANGE_CELL%d %d\n", i, i);
    tgl_resources r = {0};
    assert_int_equal(tgl__yosys_stat(&r, text, (size_t)n, "top", NULL), TGL_OK);
    size_t length = strlen(r.not_counted);
    assert_true(length < sizeof r.not_counted && length > 200);
    assert_string_equal(r.not_counted + length - 3, "...");
}

static void a_report_without_the_module(void **state)
{
    (void)state;
    tgl_resources r = {.lut = -1};
    tgl_error err;
    assert_int_equal(tgl__yosys_stat(&r, report, strlen(report), "to", &err),
                     TGL_EFORMAT);
    assert_non_null(strstr(err.message, "=== to ==="));
    assert_int_equal(r.lut, -1);
}

static void crc_is_the_usual_one(void **state)
{
    (void)state;
    const uint32_t words[] = {0x34333231, 0x38373635};
    assert_int_equal(tgl__bank_crc(words, 2), tgl__crc32("12345678", 8));
}

static void descriptions(void **state)
{
    (void)state;
    tgl__description d;
    tgl_error err;
    static const char good[] =
        "{\"format\":\"trigline-firmware/"
        "1\",\"module\":\"m\",\"program_digest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000\","
        "\"payload_digest\":\"sha256:"
        "0000000000000000000000000000000000000000000000000000000000000000\","
        "\"clock_mhz\":360,\"ns_per_level\":0.55,\"latency_cycles\":8,\"slot_words\":7}";
    assert_int_equal(tgl__description_parse(&d, good, strlen(good), "f", &err), TGL_OK);
    assert_int_equal(d.latency, 8);
    assert_int_equal(tgl__description_parse(&d, "{}", 2, "f", &err), TGL_EFORMAT);
    char bad[sizeof good];
    memcpy(bad, good, sizeof good);
    *strstr(bad, "\"m\"") = ' ';
    assert_int_not_equal(tgl__description_parse(&d, bad, strlen(bad), "f", &err), TGL_OK);
    memcpy(bad, good, sizeof good);
    strstr(bad, "\"m\"")[1] = '/'; /* a module name is not a path */
    assert_int_equal(tgl__description_parse(&d, bad, strlen(bad), "f", &err),
                     TGL_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts), cmocka_unit_test(many_unknown_cells),
        cmocka_unit_test(a_report_without_the_module),
        cmocka_unit_test(crc_is_the_usual_one), cmocka_unit_test(descriptions)};
    return cmocka_run_group_tests_name("firmware_stat", tests, NULL, NULL);
}
