/* Program to netlist, one operation after the other. */
#include <string.h>

#include "base/error.h"
#include "firmware/netlist.h"

static int frac_of(const tgl__netlist *n, uint32_t value)
{
    return tgl_program_value_type(n->program, value).frac;
}

static void take_range(tgl__node *node, const tgl__netlist *n, const tgl_op *op)
{
    int64_t lo, hi;
    tgl_program_value_range(n->program, op->first_value, &lo, &hi);
    node->lo = lo;
    node->hi = hi;
}

/* Left shifts that bring two arguments to their common binary point. */
static tgl_status align(uint16_t shift[2], const tgl__netlist *n, const tgl_op *op,
                        tgl_error *err)
{
    int fa = frac_of(n, op->args[0]), fb = frac_of(n, op->args[1]);
    int frac = fa > fb ? fa : fb;
    if (frac - fa > 120 || frac - fb > 120)
        return tgl__fail(err, TGL_EUNSUPPORTED,
                         "value %u: binary points %d and %d are too far apart",
                         op->first_value, fa, fb);
    shift[0] = (uint16_t)(frac - fa);
    shift[1] = (uint16_t)(frac - fb);
    return TGL_OK;
}

static tgl_status expand_sum(tgl__netlist *n, uint32_t *id, const tgl_op *op,
                             const uint32_t *args, tgl_error *err)
{
    tgl__summand terms[2] = {{args[0], 0, op->code == TGL_OP_NEG}};
    if (op->code == TGL_OP_NEG)
        return tgl__add_sum(n, id, terms, 1, err);
    uint16_t shift[2];
    TGL_TRY(align(shift, n, op, err));
    terms[0].shift = shift[0];
    terms[1] = (tgl__summand){args[1], shift[1], op->code == TGL_OP_SUB};
    return tgl__add_sum(n, id, terms, 2, err);
}

/* Operations that map to one node with the program's own bounds. */
static tgl_status expand_plain(tgl__netlist *n, uint32_t *id, const tgl_op *op,
                               const uint32_t *args, tgl_error *err)
{
    static const tgl__node_kind kinds[] = {[TGL_OP_COMPARE] = TGL__NODE_COMPARE,
                                           [TGL_OP_SELECT] = TGL__NODE_SELECT,
                                           [TGL_OP_MIN] = TGL__NODE_MIN,
                                           [TGL_OP_MAX] = TGL__NODE_MAX,
                                           [TGL_OP_TABLE] = TGL__NODE_TABLE,
                                           [TGL_OP_AND] = TGL__NODE_AND,
                                           [TGL_OP_OR] = TGL__NODE_OR,
                                           [TGL_OP_XOR] = TGL__NODE_XOR,
                                           [TGL_OP_NOT] = TGL__NODE_NOT,
                                           [TGL_OP_SHIFT_VALUE] = TGL__NODE_SHIFT_VALUE};
    tgl__node node = {.kind = kinds[op->code], .relation = op->relation, .ref = op->ref};
    take_range(&node, n, op);
    if (op->code == TGL_OP_COMPARE || op->code == TGL_OP_MIN || op->code == TGL_OP_MAX) {
        uint16_t shift[2];
        TGL_TRY(align(shift, n, op, err));
        node.shift_a = shift[0];
        node.shift_b = shift[1];
    }
    if (op->code == TGL_OP_SHIFT_VALUE)
        node.imm = op->shift_hi > 0 ? op->shift_hi : 0;
    if (op->code == TGL_OP_SELECT && tgl__node_constant(n, args[0])) {
        *id = n->nodes[args[0]].imm ? args[1] : args[2];
        return TGL_OK;
    }
    return tgl__add_node(n, id, &node, args, op->n_arg, err);
}

/* A product with a constant is a shift-and-add network of its own. */
static tgl_status expand_product(tgl__netlist *n, uint32_t *id, const tgl_op *op,
                                 const uint32_t *args, tgl_error *err)
{
    uint32_t x = args[0], c = args[1];
    if (tgl__node_constant(n, x)) {
        x = args[1];
        c = args[0];
    }
    if (!tgl__node_constant(n, c) || tgl__node_width(&n->nodes[x]) > 62) {
        tgl__node node = {.kind = TGL__NODE_MUL};
        take_range(&node, n, op);
        return tgl__add_node(n, id, &node, args, 2, err);
    }
    return tgl__add_multiple(n, id, x, n->nodes[c].imm, err);
}

static tgl_status expand_pick(tgl__netlist *n, uint32_t *id, const tgl_op *op,
                              const uint32_t *args, tgl_error *err)
{
    const tgl__node *index = &n->nodes[args[0]];
    uint32_t from = (uint32_t)index->lo, to = (uint32_t)index->hi;
    if (from == to) {
        *id = args[1 + from];
        return TGL_OK;
    }
    uint32_t count = to - from + 1;
    uint32_t *used = tgl__calloc(count + 1, sizeof *used);
    if (!used)
        return tgl__fail_nomem(err);
    used[0] = args[0];
    memcpy(used + 1, args + 1 + from, count * sizeof *used);
    tgl__node node = {.kind = TGL__NODE_PICK, .imm = from};
    take_range(&node, n, op);
    tgl_status status = tgl__add_node(n, id, &node, used, count + 1, err);
    tgl__free(used);
    return status;
}

/* A table in a slot: its elements are picked by the index. */
static tgl_status expand_slot_table(tgl__netlist *n, uint32_t *id, const tgl_op *op,
                                    const uint32_t *args, tgl_error *err)
{
    const tgl_table_data *table = tgl_program_table(n->program, op->ref);
    const tgl_slot *slot = tgl_program_slot(n->program, table->slot);
    uint32_t from = (uint32_t)n->nodes[args[0]].lo, to = (uint32_t)n->nodes[args[0]].hi;
    uint32_t count = to - from + 1;
    uint32_t *used = tgl__calloc(count + 1, sizeof *used);
    if (!used)
        return tgl__fail_nomem(err);
    tgl_status status = TGL_OK;
    used[0] = args[0];
    for (uint32_t i = 0; i < count && status == TGL_OK; i++) {
        tgl__node element = {.kind = TGL__NODE_SLOT,
                             .ref = table->slot,
                             .element = from + i,
                             .lo = slot->lo,
                             .hi = slot->hi};
        status = tgl__add_node(n, &used[1 + i], &element, NULL, 0, err);
    }
    tgl__node node = {.kind = TGL__NODE_PICK, .imm = from};
    take_range(&node, n, op);
    if (status == TGL_OK && count == 1)
        *id = used[1];
    else if (status == TGL_OK)
        status = tgl__add_node(n, id, &node, used, count + 1, err);
    tgl__free(used);
    return status;
}

static tgl_status expand_op(tgl__netlist *n, uint32_t *id, const tgl_op *op,
                            const uint32_t *args, tgl_error *err)
{
    tgl__node node = {0};
    take_range(&node, n, op);
    switch (op->code) {
    case TGL_OP_INPUT:
        node.kind = TGL__NODE_INPUT;
        node.ref = (uint32_t)op->imm;
        return tgl__add_node(n, id, &node, NULL, 0, err);
    case TGL_OP_CONST:
        return tgl__add_const(n, id, op->imm, err);
    case TGL_OP_PARAM:
        node.kind = TGL__NODE_SLOT;
        node.ref = op->ref;
        node.element = op->element;
        return tgl__add_node(n, id, &node, NULL, 0, err);
    case TGL_OP_ADD:
    case TGL_OP_SUB:
    case TGL_OP_NEG:
        return expand_sum(n, id, op, args, err);
    case TGL_OP_MUL:
        return expand_product(n, id, op, args, err);
    case TGL_OP_QUANTISE: {
        tgl_quant quant = {op->type, op->round, op->overflow};
        return tgl__add_quant(n, id, args[0], frac_of(n, op->args[0]), &quant, err);
    }
    case TGL_OP_SHIFT: /* the same code */
        *id = args[0];
        return TGL_OK;
    case TGL_OP_PICK:
        return expand_pick(n, id, op, args, err);
    case TGL_OP_TABLE:
        if (tgl_program_table(n->program, op->ref)->slot != TGL_NONE)
            return expand_slot_table(n, id, op, args, err);
        return expand_plain(n, id, op, args, err);
    default:
        return expand_plain(n, id, op, args, err);
    }
}

static tgl_status expand_one(tgl__netlist *n, uint32_t index, tgl_error *err)
{
    const tgl_op *op = tgl_program_op(n->program, index);
    n->op = index;
    n->serial = 0;
    if (op->code == TGL_OP_AFFINE)
        return tgl__expand_affine(n, op, err);
    uint32_t small[8], *args = small, id = 0;
    if (op->n_arg > 8) {
        args = tgl__calloc(op->n_arg, sizeof *args);
        if (!args)
            return tgl__fail_nomem(err);
    }
    for (uint32_t i = 0; i < op->n_arg; i++)
        args[i] = n->value_node[op->args[i]];
    tgl_status status = expand_op(n, &id, op, args, err);
    if (status == TGL_OK)
        n->value_node[op->first_value] = id;
    if (args != small)
        tgl__free(args);
    return status;
}

static void name_values(tgl__netlist *n)
{
    for (uint32_t v = tgl_program_n_value(n->program); v-- > 0;)
        n->nodes[n->value_node[v]].value = v; /* the first value wins the name */
}

tgl_status tgl__netlist_build(tgl__netlist *out, const tgl_program *program,
                              const tgl_firmware_options *options, tgl_error *err)
{
    memset(out, 0, sizeof *out);
    out->program = program;
    out->clock_mhz =
        options && options->clock_mhz > 0 ? options->clock_mhz : TGL__DEFAULT_CLOCK_MHZ;
    out->ns_per_level =
        options && options->ns_per_level > 0 ? options->ns_per_level : TGL__NS_PER_LEVEL;
    out->value_node = tgl__calloc(tgl_program_n_value(program) + 1, sizeof(uint32_t));
    if (!out->value_node)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < tgl_program_n_op(program); i++)
        TGL_TRY(expand_one(out, i, err));
    name_values(out);
    return tgl__schedule(out, err);
}
