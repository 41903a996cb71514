/* The pipeline as Verilog-2001: one group of wires per stage, one always block per stage
 * boundary. Every operand is written as a signed expression, so that sign extension
 * follows from the width of the wire it is assigned to; left shifts are concatenations,
 * which lose nothing in any context. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "firmware/verilog.h"

typedef struct writer {
    tgl_buffer *out;
    const tgl__netlist *n;
    const tgl__hardware_names *names;
    uint32_t stage;
} writer;

/* A constant as a signed literal wide enough for its sign. */
static void put_literal(writer *w, tgl_wide code, uint32_t shift)
{
    code = tgl__wide_shl(code, shift);
    uint32_t width = 1;
    for (tgl_wide m = code < 0 ? -(code + 1) : code; m > 0; m >>= 1)
        width++;
    tgl_uwide pattern = (tgl_uwide)code & (((tgl_uwide)1 << width) - 1);
    uint64_t high = (uint64_t)(pattern >> 64), low = (uint64_t)pattern;
    if (high)
        tgl__buffer_printf(w->out, "%u'sh%llx%016llx", width, (unsigned long long)high,
                           (unsigned long long)low);
    else
        tgl__buffer_printf(w->out, "%u'sh%llx", width, (unsigned long long)low);
}

/* node << shift as a signed expression */
static void put_ref(writer *w, uint32_t id, uint32_t shift)
{
    const tgl__node *node = &w->n->nodes[id];
    char name[TGL__NODE_NAME];
    if (node->kind == TGL__NODE_CONST) {
        put_literal(w, node->imm, shift);
        return;
    }
    tgl__node_name(name, w->n, w->names, id, w->stage);
    const char *zero = tgl__node_signed(node) ? "" : "1'b0, ";
    if (shift)
        tgl__buffer_printf(w->out, "$signed({%s%s, %u'd0})", zero, name, shift);
    else if (tgl__node_signed(node))
        tgl__buffer_text(w->out, name);
    else
        tgl__buffer_printf(w->out, "$signed({%s%s})", zero, name);
}

static void put_declaration(writer *w, const char *kind, bool is_signed, uint32_t width,
                            const char *name)
{
    tgl__buffer_printf(w->out, "%s %s[%u:0] %s", kind, is_signed ? "signed " : "",
                       width - 1, name);
}

static void put_add(writer *w, const tgl__node *node, const uint32_t *args)
{
    put_ref(w, args[0], node->shift_a);
    tgl__buffer_text(w->out, node->negate_b ? " - " : " + ");
    put_ref(w, args[1], node->shift_b);
}

static void put_relation(writer *w, const tgl__node *node, const uint32_t *args,
                         const char *relation)
{
    put_ref(w, args[0], node->shift_a);
    tgl__buffer_printf(w->out, " %s ", relation);
    put_ref(w, args[1], node->shift_b);
}

static void put_min_max(writer *w, const tgl__node *node, const uint32_t *args)
{
    tgl__buffer_text(w->out, "(");
    put_relation(w, node, args, node->kind == TGL__NODE_MIN ? "<" : ">");
    tgl__buffer_text(w->out, ") ? ");
    put_ref(w, args[0], node->shift_a);
    tgl__buffer_text(w->out, " : ");
    put_ref(w, args[1], node->shift_b);
}

/* A balanced tree of choices over the bits of the index. `from` to `to`: the positions
 * this subtree can select; bit: the next index bit to test. */
static void put_pick(writer *w, const tgl__node *node, const uint32_t *args,
                     const char *index, uint64_t from, uint32_t bit)
{
    uint64_t first = (uint64_t)node->imm, last = first + node->n_arg - 2;
    uint64_t span = UINT64_C(1) << bit; /* positions from … from + span - 1 */
    uint64_t lo = from < first ? first : from;
    uint64_t hi = from + span - 1 > last ? last : from + span - 1;
    if (lo >= hi) { /* one position, or none that is ever reached */
        put_ref(w, args[1 + (lo > last ? last : lo) - first], 0);
        return;
    }
    uint64_t middle = from + span / 2;
    if (hi < middle || lo >= middle) {
        put_pick(w, node, args, index, hi < middle ? from : middle, bit - 1);
        return;
    }
    tgl__buffer_printf(w->out, "(%s[%u] ? ", index, bit - 1);
    put_pick(w, node, args, index, middle, bit - 1);
    tgl__buffer_text(w->out, " : ");
    put_pick(w, node, args, index, from, bit - 1);
    tgl__buffer_text(w->out, ")");
}

static const char *const relations[] = {"==", "!=", "<", "<=", ">", ">="};

/* ---- QUANT: x is the argument as a named wire with its bits at hand ---- */

typedef struct quant_wire {
    char x[TGL__NODE_NAME + 4];
    uint32_t width; /* of x, signed */
    bool negative;  /* x can be below zero */
} quant_wire;

/* Name the argument; a helper wire where it is unsigned, constant or too narrow to drop
 * bits from. */
static void put_quant_x(writer *w, quant_wire *q, const tgl__node *node, const char *name,
                        uint32_t arg)
{
    const tgl__node *a = &w->n->nodes[arg];
    uint32_t width = tgl__node_width(a) + (tgl__node_signed(a) ? 0 : 1);
    uint32_t need = node->drop > 0 ? (uint32_t)node->drop + 1 : 1;
    q->width = width > need ? width : need;
    q->negative = tgl__node_signed(a);
    if (tgl__node_signed(a) && q->width == width) {
        tgl__node_name(q->x, w->n, w->names, arg, w->stage);
        return;
    }
    tgl__buffer_printf(w->out, "    wire signed [%u:0] %s_x = ", q->width - 1, name);
    put_ref(w, arg, 0);
    tgl__buffer_text(w->out, ";\n");
    memcpy(q->x, name, strlen(name) + 1);
    memcpy(q->x + strlen(name), "_x", 3);
}

/* The rounding increment, from the sign s, first dropped bit b, the rest r and the
 * lowest kept bit l (ap_fixed_base.h, quantization_adjust). */
static void put_increment(writer *w, const quant_wire *q, tgl_round round, uint32_t drop)
{
    char rest[TGL__NODE_NAME + 40] = "1'b0";
    tgl_buffer *o = w->out;
    uint32_t s = q->width - 1, b = drop - 1;
    if (!q->negative) /* the sign is 0: simpler equivalents */
        round = round == TGL_TRN_ZERO   ? TGL_TRN
                : round == TGL_RND_ZERO ? TGL_RND_MIN_INF
                : round == TGL_RND_INF  ? TGL_RND
                                        : round;
    if (drop > 2)
        snprintf(rest, sizeof rest, "(|%s[%u:0])", q->x, drop - 2);
    else if (drop == 2)
        snprintf(rest, sizeof rest, "%s[0]", q->x);
    switch (round) {
    case TGL_TRN:
        tgl__buffer_text(o, "1'b0");
        break;
    case TGL_TRN_ZERO:
        tgl__buffer_printf(o, "%s[%u] & (%s[%u] | %s)", q->x, s, q->x, b, rest);
        break;
    case TGL_RND:
        tgl__buffer_printf(o, "%s[%u]", q->x, b);
        break;
    case TGL_RND_ZERO:
        tgl__buffer_printf(o, "%s[%u] & (%s[%u] | %s)", q->x, b, q->x, s, rest);
        break;
    case TGL_RND_INF:
        tgl__buffer_printf(o, "%s[%u] & (~%s[%u] | %s)", q->x, b, q->x, s, rest);
        break;
    case TGL_RND_MIN_INF:
        tgl__buffer_printf(o, "%s[%u] & %s", q->x, b, rest);
        break;
    case TGL_RND_CONV:
        tgl__buffer_printf(o, "%s[%u] & (%s[%u] | %s)", q->x, b, q->x, drop, rest);
        break;
    }
}

/* y: rounded, before overflow; answers its width. */
static uint32_t put_quant_y(writer *w, const quant_wire *q, const tgl__node *node,
                            const char *name)
{
    tgl_buffer *o = w->out;
    uint32_t width;
    if (node->drop <= 0) {
        uint32_t up = (uint32_t)-node->drop;
        width = q->width + up;
        tgl__buffer_printf(o, "    wire signed [%u:0] %s_y = ", width - 1, name);
        if (up)
            tgl__buffer_printf(o, "$signed({%s, %u'd0});\n", q->x, up);
        else
            tgl__buffer_printf(o, "%s;\n", q->x);
        return width;
    }
    uint32_t drop = (uint32_t)node->drop;
    bool rounds = node->round != TGL_TRN;
    width = q->width - drop + (rounds ? 1 : 0);
    tgl__buffer_printf(o, "    wire signed [%u:0] %s_y = $signed(%s[%u:%u])", width - 1,
                       name, q->x, q->width - 1, drop);
    if (rounds) {
        tgl__buffer_text(o, " + $signed({1'b0, ");
        put_increment(w, q, node->round, drop);
        tgl__buffer_text(o, "})");
    }
    tgl__buffer_text(o, ";\n");
    return width;
}

/* Conditions "above" and "below" on y's bits; empty text: impossible. `bits`: magnitude
 * bits of the target type. */
static void overflow_conditions(char above[256], char below[512], const char *name,
                                uint32_t width, const tgl__node *node)
{
    uint32_t top = width - 1;
    uint32_t bits = node->type.width - (uint32_t)node->type.is_signed;
    above[0] = below[0] = '\0';
    if (top > bits)
        snprintf(above, 256, "~%s_y[%u] & |%s_y[%u:%u]", name, top, name, top - 1, bits);
    if (!node->type.is_signed) {
        snprintf(below, 512, "%s_y[%u]", name, top);
        return;
    }
    if (node->overflow == TGL_SAT_SYM) { /* the lowest code itself counts as below */
        if (bits == 0)
            snprintf(below, 512, "%s_y[%u]", name, top);
        else if (top > bits)
            snprintf(below, 512, "%s_y[%u] & ~(&%s_y[%u:%u] & |%s_y[%u:0])", name, top,
                     name, top - 1, bits, name, bits - 1);
        else if (top == bits)
            snprintf(below, 512, "%s_y[%u] & ~(|%s_y[%u:0])", name, top, name, bits - 1);
        return;
    }
    if (top > bits)
        snprintf(below, 512, "%s_y[%u] & ~(&%s_y[%u:%u])", name, top, name, top - 1,
                 bits);
}

static void put_quant_result(writer *w, const tgl__node *node, const char *name,
                             uint32_t width)
{
    tgl_buffer *o = w->out;
    char above[256], below[512];
    int64_t hi = tgl_type_max(node->type), lo = tgl_type_min(node->type);
    if (node->overflow == TGL_SAT_SYM && node->type.is_signed)
        lo = -hi;
    if (node->overflow == TGL_SAT_ZERO)
        lo = hi = 0;
    if (node->overflow != TGL_WRAP) {
        overflow_conditions(above, below, name, width, node);
        if (above[0]) {
            tgl__buffer_printf(o, "(%s) ? ", above);
            put_literal(w, hi, 0);
            tgl__buffer_text(o, " : ");
        }
        if (below[0]) {
            tgl__buffer_printf(o, "(%s) ? ", below);
            put_literal(w, lo, 0);
            tgl__buffer_text(o, " : ");
        }
    }
    tgl__buffer_printf(o, "%s_y", name);
}

static void put_expression(writer *w, const tgl__node *node, const uint32_t *args)
{
    char index[TGL__NODE_NAME];
    tgl_buffer *o = w->out;
    switch (node->kind) {
    case TGL__NODE_ADD:
        put_add(w, node, args);
        break;
    case TGL__NODE_SHL:
        put_ref(w, args[0], node->shift_a);
        break;
    case TGL__NODE_NEG:
        tgl__buffer_text(o, "-");
        put_ref(w, args[0], node->shift_a);
        break;
    case TGL__NODE_MUL:
        put_relation(w, node, args, "*");
        break;
    case TGL__NODE_COMPARE:
        put_relation(w, node, args, relations[node->relation]);
        break;
    case TGL__NODE_SELECT:
        tgl__buffer_text(o, "(|");
        put_ref(w, args[0], 0);
        tgl__buffer_text(o, ") ? ");
        put_ref(w, args[1], 0);
        tgl__buffer_text(o, " : ");
        put_ref(w, args[2], 0);
        break;
    case TGL__NODE_MIN:
    case TGL__NODE_MAX:
        put_min_max(w, node, args);
        break;
    case TGL__NODE_PICK:
        tgl__node_name(index, w->n, w->names, args[0], w->stage);
        put_pick(w, node, args, index, 0, tgl__node_width(&w->n->nodes[args[0]]));
        break;
    case TGL__NODE_TABLE:
        tgl__node_name(index, w->n, w->names, args[0], w->stage);
        tgl__buffer_printf(o, "table%u[%s]", node->ref, index);
        break;
    case TGL__NODE_AND:
    case TGL__NODE_OR:
    case TGL__NODE_XOR:
        put_relation(w, node, args,
                     node->kind == TGL__NODE_AND  ? "&"
                     : node->kind == TGL__NODE_OR ? "|"
                                                  : "^");
        break;
    case TGL__NODE_NOT:
        tgl__buffer_text(o, "~");
        put_ref(w, args[0], 0);
        break;
    case TGL__NODE_SHIFT_VALUE:
        put_ref(w, args[0], 0);
        tgl__buffer_text(o, " <<< ");
        break;
    default:
        break;
    }
}

/* The shift amount imm - b >= 0 as an unsigned wire of its own. */
static void put_amount(writer *w, const tgl__node *node, const uint32_t *args,
                       const char *name)
{
    tgl__buffer_printf(w->out, "    wire signed [9:0] %s_n = ", name);
    put_literal(w, node->imm, 0);
    tgl__buffer_text(w->out, " - ");
    put_ref(w, args[1], 0);
    tgl__buffer_text(w->out, ";\n");
}

static void put_origin(writer *w, const tgl__node *node)
{
    const tgl_op *op = tgl_program_op(w->n->program, node->op);
    if (node->value == TGL_NONE)
        return;
    tgl__buffer_printf(w->out, " // %s", tgl_opcode_name(op->code));
    if (op->origin.layer && op->origin.layer[0])
        tgl__buffer_printf(w->out, " %s", op->origin.layer);
    if (op->origin.element >= 0) {
        uint32_t within = op->n_value > 1 ? node->value - op->first_value : 0;
        tgl__buffer_printf(w->out, "[%u]", (uint32_t)op->origin.element + within);
    }
    if (op->origin.role && op->origin.role[0])
        tgl__buffer_printf(w->out, " %s", op->origin.role);
}

static void put_node(writer *w, uint32_t id)
{
    const tgl__node *node = &w->n->nodes[id];
    const uint32_t *args = w->n->args + node->first_arg;
    char name[TGL__NODE_NAME];
    tgl__node_name(name, w->n, w->names, id, w->stage);
    uint32_t y = 0;
    if (node->kind == TGL__NODE_QUANT) {
        quant_wire q;
        put_quant_x(w, &q, node, name, args[0]);
        y = put_quant_y(w, &q, node, name);
    }
    if (node->kind == TGL__NODE_SHIFT_VALUE)
        put_amount(w, node, args, name);
    tgl__buffer_text(w->out, "    ");
    put_declaration(w, "wire", tgl__node_signed(node), tgl__node_width(node), name);
    tgl__buffer_text(w->out, " = ");
    if (node->kind == TGL__NODE_QUANT)
        put_quant_result(w, node, name, y);
    else
        put_expression(w, node, args);
    if (node->kind == TGL__NODE_SHIFT_VALUE)
        tgl__buffer_printf(w->out, "%s_n", name);
    tgl__buffer_text(w->out, ";");
    put_origin(w, node);
    tgl__buffer_text(w->out, "\n");
}

/* ---- stages ---- */

static bool is_wire(const tgl__node *node)
{
    return node->live && node->kind != TGL__NODE_CONST && node->kind != TGL__NODE_SLOT &&
           node->kind != TGL__NODE_INPUT;
}

static bool in_pipeline(const tgl__node *node)
{
    return is_wire(node) || (node->live && node->kind == TGL__NODE_INPUT);
}

static void put_stage_slots(writer *w)
{
    const tgl__netlist *n = w->n;
    for (uint32_t u = 0; u < n->n_use; u++) {
        const tgl__slot_use *use = &n->uses[u];
        if (use->stage != w->stage)
            continue;
        const tgl_slot *slot = tgl_program_slot(n->program, use->slot);
        tgl__node probe = {.lo = slot->lo, .hi = slot->hi};
        char name[TGL__NODE_NAME];
        snprintf(name, sizeof name, "p%u_%u_s%u", use->slot, use->element, use->stage);
        uint32_t width = tgl__node_width(&probe);
        tgl__buffer_text(w->out, "    ");
        put_declaration(w, "wire", tgl__node_signed(&probe), width, name);
        tgl__buffer_printf(w->out, " = slots[%u:%u]; // slot %s[%u]\n",
                           use->bit + width - 1, use->bit, slot->name, use->element);
    }
}

/* Registers between stage k and k + 1. */
static void put_boundary(writer *w, const uint32_t *alive, uint32_t n_alive)
{
    const tgl__netlist *n = w->n;
    char name[TGL__NODE_NAME], from[TGL__NODE_NAME];
    uint32_t next = w->stage + 1;
    for (uint32_t i = 0; i < n_alive; i++) {
        const tgl__node *node = &n->nodes[alive[i]];
        tgl__node_name(name, n, w->names, alive[i], next);
        tgl__buffer_text(w->out, "    ");
        put_declaration(w, "reg", tgl__node_signed(node), tgl__node_width(node), name);
        tgl__buffer_text(w->out, ";\n");
    }
    tgl__buffer_text(w->out, "    always @(posedge clk) begin\n");
    for (uint32_t i = 0; i < n_alive; i++) {
        tgl__node_name(name, n, w->names, alive[i], next);
        tgl__node_name(from, n, w->names, alive[i], w->stage);
        tgl__buffer_printf(w->out, "        %s <= %s;\n", name, from);
    }
    tgl__buffer_text(w->out, "    end\n");
}

/* Nodes sorted by stage: `order`, with `start[k]` the first of stage k. */
static tgl_status by_stage(uint32_t **order, uint32_t **start, const tgl__netlist *n,
                           tgl_error *err)
{
    *order = tgl__calloc((size_t)n->n_node + 1, sizeof **order);
    *start = tgl__calloc((size_t)n->n_stage + 2, sizeof **start);
    if (!*order || !*start)
        return tgl__fail_nomem(err);
    for (uint32_t i = 0; i < n->n_node; i++)
        if (in_pipeline(&n->nodes[i]))
            (*start)[n->nodes[i].stage + 1]++;
    for (uint32_t k = 0; k <= n->n_stage; k++)
        (*start)[k + 1] += (*start)[k];
    for (uint32_t i = 0; i < n->n_node; i++)
        if (in_pipeline(&n->nodes[i]))
            (*order)[(*start)[n->nodes[i].stage]++] = i;
    for (uint32_t k = n->n_stage + 1; k > 0; k--)
        (*start)[k] = (*start)[k - 1];
    (*start)[0] = 0;
    return TGL_OK;
}

static tgl_status put_stages(writer *w, tgl_error *err)
{
    const tgl__netlist *n = w->n;
    uint32_t *order = NULL, *start = NULL, *alive = NULL, n_alive = 0;
    tgl_status status = TGL_OK;
    alive = tgl__calloc((size_t)n->n_node + 1, sizeof *alive);
    if (!alive) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    TGL_TRY_GOTO(by_stage(&order, &start, n, err));
    for (uint32_t k = 0; k < n->n_stage; k++) {
        w->stage = k;
        tgl__buffer_printf(w->out, "\n    // ---- stage %u ----\n", k);
        put_stage_slots(w);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n_alive; i++) /* still read after this stage */
            if (n->nodes[alive[i]].last_stage > k)
                alive[kept++] = alive[i];
        n_alive = kept;
        for (uint32_t i = start[k]; i < start[k + 1]; i++) {
            if (is_wire(&n->nodes[order[i]]))
                put_node(w, order[i]);
            if (n->nodes[order[i]].last_stage > k)
                alive[n_alive++] = order[i];
        }
        put_boundary(w, alive, n_alive);
    }
out:
    tgl__free(order);
    tgl__free(start);
    tgl__free(alive);
    return status;
}

/* ---- module ---- */

static void put_ports(writer *w)
{
    const tgl_program *p = w->n->program;
    tgl__buffer_printf(w->out,
                       "module %s_core (\n    input wire clk,\n    input wire rst,\n"
                       "    input wire in_valid,\n",
                       w->names->module);
    for (uint32_t i = 0; i < tgl_program_n_input(p); i++) {
        tgl_type type = tgl_program_input(p, i)->type;
        tgl__buffer_text(w->out, "    ");
        put_declaration(w, "input wire", type.is_signed, type.width, w->names->inputs[i]);
        tgl__buffer_text(w->out, ",\n");
    }
    if (w->n->slot_bits)
        tgl__buffer_printf(w->out, "    input wire [%u:0] slots,\n", w->n->slot_bits - 1);
    for (uint32_t o = 0; o < tgl_program_n_output(p); o++) {
        tgl_type type = tgl_program_output(p, o)->type;
        tgl__buffer_text(w->out, "    ");
        put_declaration(w, "output wire", type.is_signed, type.width,
                        w->names->outputs[o]);
        tgl__buffer_text(w->out, ",\n");
    }
    tgl__buffer_text(w->out, "    output wire out_valid\n);\n");
}

static bool table_used(const tgl__netlist *n, uint32_t table)
{
    for (uint32_t i = 0; i < n->n_node; i++)
        if (n->nodes[i].live && n->nodes[i].kind == TGL__NODE_TABLE &&
            n->nodes[i].ref == table)
            return true;
    return false;
}

static void put_tables(writer *w)
{
    const tgl_program *p = w->n->program;
    for (uint32_t t = 0; t < tgl_program_n_table(p); t++) {
        const tgl_table_data *table = tgl_program_table(p, t);
        if (table->slot != TGL_NONE || !table_used(w->n, t))
            continue;
        tgl__buffer_printf(w->out, "    reg %s[%u:0] table%u [0:%u]; // %s\n",
                           table->type.is_signed ? "signed " : "", table->type.width - 1u,
                           t, table->count - 1, table->name);
        tgl__buffer_text(w->out, "    initial begin\n");
        uint64_t mask = (UINT64_C(1) << table->type.width) - 1;
        for (uint32_t i = 0; i < table->count; i++)
            tgl__buffer_printf(w->out, "        table%u[%u] = %u'h%llx;\n", t, i,
                               table->type.width,
                               (unsigned long long)((uint64_t)table->codes[i] & mask));
        tgl__buffer_text(w->out, "    end\n");
    }
}

static void put_valid(writer *w)
{
    uint32_t s = w->n->n_stage;
    tgl__buffer_printf(w->out, "\n    reg [%u:0] valid;\n    always @(posedge clk)\n",
                       s - 1);
    if (s > 1)
        tgl__buffer_printf(w->out,
                           "        valid <= rst ? %u'd0 : {valid[%u:0], in_valid};\n", s,
                           s - 2);
    else
        tgl__buffer_text(w->out, "        valid <= rst ? 1'b0 : in_valid;\n");
    tgl__buffer_printf(w->out, "    assign out_valid = valid[%u];\n", s - 1);
}

static void put_outputs(writer *w)
{
    const tgl__netlist *n = w->n;
    for (uint32_t o = 0; o < tgl_program_n_output(n->program); o++) {
        uint32_t id = n->value_node[tgl_program_output(n->program, o)->value];
        const tgl__node *node = &n->nodes[id];
        const char *port = w->names->outputs[o];
        if (node->kind == TGL__NODE_SLOT) {
            char name[TGL__NODE_NAME];
            w->stage = n->n_stage - 1;
            tgl__node_name(name, n, w->names, id, w->stage);
            tgl__buffer_text(w->out, "    ");
            put_declaration(w, "reg", tgl__node_signed(node), tgl__node_width(node),
                            name);
            tgl__buffer_printf(w->out,
                               "_o%u;\n    always @(posedge clk) %s_o%u <= %s;\n"
                               "    assign %s = %s_o%u;\n",
                               o, name, o, name, port, name, o);
            continue;
        }
        w->stage = n->n_stage;
        tgl__buffer_printf(w->out, "    assign %s = ", port);
        put_ref(w, id, 0);
        tgl__buffer_text(w->out, ";\n");
    }
}

tgl_status tgl__verilog_core(tgl_buffer *out, const tgl__netlist *n,
                             const tgl__hardware_names *names, tgl_error *err)
{
    writer w = {out, n, names, 0};
    tgl__buffer_printf(out,
                       "// Program '%s': %u stages, one event per clock.\n"
                       "/* verilator lint_off WIDTH */\n"
                       "/* verilator lint_off UNUSED */\n",
                       tgl_program_name(n->program), n->n_stage);
    put_ports(&w);
    put_tables(&w);
    TGL_TRY(put_stages(&w, err));
    put_valid(&w);
    put_outputs(&w);
    tgl__buffer_text(out, "endmodule\n");
    return out->failed ? tgl__fail_nomem(err) : TGL_OK;
}
