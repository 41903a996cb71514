/* JSON (first byte even) and YAML (odd): whatever is accepted prints canonically, reads
 * back equal and prints to the same bytes; whatever is refused says so in one line that
 * names the text. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "text/json.h"

static void demand(int holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    tgl_error err = {0};
    tgl_json *value = NULL, *again = NULL;
    tgl_status status = data[0] & 1
                            ? tgl__yaml_parse(&value, text, size - 1, "fuzz", &err)
                            : tgl__json_parse(&value, text, size - 1, "fuzz", &err);
    if (status != TGL_OK) {
        demand(value == NULL && err.code == status);
        demand(strncmp(err.message, "fuzz:", 5) == 0);
        return 0;
    }
    char *first, *second;
    size_t n, m;
    demand(tgl__json_dump(&first, &n, value, &err) == TGL_OK);
    demand(tgl__json_parse(&again, first, n, "again", &err) == TGL_OK);
    demand(tgl__json_equal(value, again));
    demand(tgl__json_dump(&second, &m, again, &err) == TGL_OK);
    demand(n == m && memcmp(first, second, n) == 0);
    const char *const path[] = {"a", "0", "b"};
    demand(tgl__yaml_line(text, size - 1, path, 3) <= size);
    tgl__free(first);
    tgl__free(second);
    tgl__json_free(value);
    tgl__json_free(again);
    return 0;
}
