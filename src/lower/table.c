/* Tables: into the program, and read at the top bits of a code. */
#include <stdio.h>

#include "base/error.h"
#include "lower/lower.h"

tgl_status tgl__add_table(tgl__lowering *l, uint32_t *number, const char *member,
                          const tgl_graph_table *table, uint32_t slot)
{
    char name[256];
    int n = snprintf(name, sizeof name, "%s.%s", l->node->name, member);
    if (n < 0 || (size_t)n >= sizeof name)
        return tgl__fail(l->err, TGL_ELIMIT, "node '%.60s': the name is too long",
                         l->node->name);
    tgl_table_data data = {name, table->type, table->count, table->codes, slot};
    return tgl_program_add_table(l->program, &data, number, l->err);
}

/* As two's complement: dropping the low bits and wrapping into an unsigned type is
 * exactly that. */
tgl_status tgl__look_up(tgl__lowering *l, uint32_t *out, uint32_t table, uint32_t x,
                        tgl_type type, const char *role)
{
    uint32_t count = tgl_program_table(l->program, table)->count, index;
    uint8_t bits = 0;
    while (bits < 31 && (UINT32_C(1) << bits) < count)
        bits++;
    if (bits == 0) {
        TGL_TRY(tgl__emit_const(l, &index, 0, (tgl_type){0, 1, 0}, "index"));
        return tgl__emit_table(l, out, table, index, role);
    }
    tgl_quant top = {
        {0, bits, (int16_t)(type.frac - (type.width - bits))}, TGL_TRN, TGL_WRAP};
    TGL_TRY(tgl__emit_cast(l, &index, x, &top, "index"));
    TGL_TRY(tgl__emit_shift(l, &index, index, top.type.frac, "index"));
    return tgl__emit_table(l, out, table, index, role);
}

tgl_status tgl__lower_lookup(tgl__lowering *l, uint32_t *result)
{
    const tgl_node *node = l->node;
    tgl_type type = node->table.type;
    uint32_t table, slot = TGL_NONE;
    if (node->slot_table)
        TGL_TRY(tgl__make_slot(l, &slot, "table", TGL_SLOT_TABLE, type,
                               tgl_type_min(type), tgl_type_max(type), node->table.count,
                               node->table.codes));
    TGL_TRY(tgl__add_table(l, &table, "table", &node->table, slot));
    for (uint32_t j = 0; j < node->n_element; j++) {
        uint32_t x = tgl__input(l, 0, j);
        l->element = (int32_t)j;
        TGL_TRY(tgl__emit_cast(l, &x, x, &node->index, "index"));
        TGL_TRY(tgl__look_up(l, &x, table, x, node->index.type, "entry"));
        TGL_TRY(tgl__emit_cast(l, &result[j], x, &node->out[node->n_out == 1 ? 0 : j],
                               "cast"));
    }
    return TGL_OK;
}
