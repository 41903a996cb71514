/* A whole ROOT file from memory: open (the newest tree, whatever its name), list, read.
 */
#include "base/memory.h"
#include "data/root/root.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ROW = 1 << 16, MAX_FIELD = 64 };

/* Any one tree: an input with several is tried under its first tree's name. */
static tgl_status open_some(tgl_reader **out, const uint8_t *data, size_t size)
{
    tgl_source_options options = TGL_SOURCE_OPTIONS_INIT;
    options.n_thread = 1;
    tgl_status status =
        tgl__root_open_memory(out, data, size, "fuzz.root", &options, NULL);
    if (status != TGL_EUSAGE)
        return status;
    tgl_root_file file = {.bytes = data, .size = size, .name = "fuzz.root"};
    tgl_root_listing list = {0};
    tgl_arena arena = TGL_ARENA_INIT;
    status = tgl__root_header(&file, NULL);
    if (status == TGL_OK)
        status = tgl__root_list(&list, &file, &arena, NULL);
    if (status == TGL_OK) {
        options.object = list.entries[0].path;
        status = tgl__root_open_memory(out, data, size, "fuzz.root", &options, NULL);
    }
    tgl__root_listing_release(&list);
    tgl__arena_release(&arena);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tgl_reader *reader = NULL;
    if (open_some(&reader, data, size) != TGL_OK)
        return 0;
    uint64_t n_row = reader->n_row < MAX_ROW ? reader->n_row : MAX_ROW;
    size_t n_read = 0;
    for (size_t i = 0; i < reader->n_field && n_read < MAX_FIELD; i++) {
        tgl_table *table = NULL;
        if (reader->fields[i].refusal != NULL || tgl_table_new(&table, n_row, NULL))
            continue;
        tgl_status status = reader->read(reader, table, &i, 1, 0, n_row, NULL, NULL);
        (void)status;
        tgl_table_free(table);
        n_read++;
    }
    reader->close(reader);
    return 0;
}
