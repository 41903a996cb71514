/* index.json, manifests, step entries and tree documents from anywhere: parsed or refused
 * with a message, never a crash. */
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_status (*const parsers[])(tgl_json **, const char *, size_t, const char *,
                                  tgl_error *) = {tgl__layout_parse, tgl__manifest_parse,
                                                  tgl__step_parse, tgl__tree_parse};
    for (size_t i = 0; i < sizeof parsers / sizeof parsers[0]; i++) {
        tgl_json *root = NULL;
        tgl_error err = {0};
        tgl_status status = parsers[i](&root, (const char *)data, size, "input", &err);
        if (status != TGL_OK && (root != NULL || err.message[0] == '\0'))
            __builtin_trap();
        tgl__json_free(root);
    }
    return 0;
}
