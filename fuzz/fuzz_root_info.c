/* Streamer info: any bytes as an unpacked list of class descriptions; then the classes a
 * tree needs are looked up in it. */
#include "base/memory.h"
#include "data/root/root.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"TTree",  "TBranch", "TBranchElement",
                                        "TLeafI", "TNamed",  "No"};
    tgl_arena arena = TGL_ARENA_INIT;
    tgl_root_schema schema = {.arena = &arena};
    tgl_status status = tgl__root_schema_parse(&schema, data, size, NULL);
    (void)status;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tgl_root_text name = {names[i], (uint32_t)strlen(names[i])};
        for (int32_t version = -1; version < 21; version += 11)
            (void)tgl__root_class_find(&schema, name, version);
    }
    tgl__root_schema_release(&schema);
    tgl__arena_release(&arena);
    return 0;
}
