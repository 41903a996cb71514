/* A record that is read prints to bytes that read back to the same bytes. */
#include <string.h>
#include <trigline/record.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_record *record = NULL, *again = NULL;
    char *text = NULL, *second = NULL;
    size_t n = 0, m = 0;
    if (tgl_record_parse(&record, (const char *)data, size, NULL) != TGL_OK)
        return 0;
    if (tgl_record_print(&text, &n, record, NULL) != TGL_OK ||
        tgl_record_parse(&again, text, n, NULL) != TGL_OK ||
        tgl_record_print(&second, &m, again, NULL) != TGL_OK || n != m ||
        memcmp(text, second, n) != 0)
        __builtin_trap();
    tgl_record_free(record);
    tgl_record_free(again);
    tgl_free(text);
    tgl_free(second);
    return 0;
}
