#include "physics/sections.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

static uint64_t key_of(const tgl_column *run, const tgl_column *section, uint64_t row)
{
    return (uint64_t)tgl_column_int(run, row) << 32 |
           ((uint64_t)tgl_column_int(section, row) & UINT32_MAX);
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const tgl_section *)a)->key, y = ((const tgl_section *)b)->key;
    return x < y ? -1 : x > y;
}

static tgl_status load(tgl_section **out, const tgl_table *sections, tgl_error *err)
{
    const tgl_column *run, *section, *colliding, *column;
    TGL_TRY(tgl_table_find(&run, sections, "run", err));
    TGL_TRY(tgl_table_find(&section, sections, "luminosityBlock", err));
    TGL_TRY(tgl_table_find(&colliding, sections, "nCollidingBunches", err));
    TGL_TRY(tgl_table_find(&column, sections, "prescaleColumn", err));
    uint64_t n = tgl_table_n_row(sections);
    tgl_section *list = tgl__calloc(n, sizeof *list);
    if (list == NULL)
        return tgl__fail_nomem(err);
    for (uint64_t i = 0; i < n; i++)
        list[i] = (tgl_section){key_of(run, section, i), tgl_column_double(colliding, i),
                                (uint32_t)tgl_column_int(column, i)};
    qsort(list, n, sizeof *list, by_key);
    for (uint64_t i = 1; i < n; i++)
        if (list[i].key == list[i - 1].key) {
            tgl_status status = tgl__fail(
                err, TGL_EFORMAT, "sections: run %llu section %llu stands there twice",
                (unsigned long long)(list[i].key >> 32),
                (unsigned long long)(list[i].key & UINT32_MAX));
            tgl__free(list);
            return status;
        }
    *out = list;
    return TGL_OK;
}

static tgl_status join(tgl_section *section, const tgl_table *events,
                       const tgl_section *list, uint64_t n, tgl_error *err)
{
    const tgl_column *run, *number;
    TGL_TRY(tgl_table_find(&run, events, "run", err));
    TGL_TRY(tgl_table_find(&number, events, "luminosityBlock", err));
    const tgl_section *last =
        NULL; /* events come section by section: look up only on a change */
    for (uint64_t i = 0; i < tgl_table_n_row(events); i++) {
        tgl_section wanted = {.key = key_of(run, number, i)};
        if (last == NULL || last->key != wanted.key)
            last = bsearch(&wanted, list, n, sizeof *list, by_key);
        unsigned long long r = wanted.key >> 32, s = wanted.key & UINT32_MAX;
        if (last == NULL)
            return tgl__fail(
                err, TGL_ENOTFOUND,
                "event %llu: run %llu section %llu is not in the section table",
                (unsigned long long)i, r, s);
        if (!(last->colliding > 0))
            return tgl__fail(
                err, TGL_EFORMAT,
                "run %llu section %llu: a rate needs colliding bunches, found %g", r, s,
                last->colliding);
        section[i] = *last;
    }
    return TGL_OK;
}

tgl_status tgl__sections_join(tgl_section *section, const tgl_table *events,
                              const tgl_table *sections, double colliding, tgl_error *err)
{
    if (sections == NULL) {
        if (!(colliding > 0) || colliding > 3564)
            return tgl__fail(err, TGL_EUSAGE,
                             "a rate in kHz needs the number of colliding bunches: give "
                             "a section table or "
                             "'colliding_bunches' (1 to 3564)");
        for (uint64_t i = 0; i < tgl_table_n_row(events); i++)
            section[i] = (tgl_section){0, colliding, 0};
        return TGL_OK;
    }
    tgl_section *list = NULL;
    TGL_TRY(load(&list, sections, err));
    tgl_status status = join(section, events, list, tgl_table_n_row(sections), err);
    tgl__free(list);
    return status;
}
