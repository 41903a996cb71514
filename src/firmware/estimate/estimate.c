/* Resources in closed form from the scheduled netlist: a LUT per adder bit (both inputs
 * of a carry cell), half a LUT per bit of a choice of two, and so on; registers counted
 * exactly. Calibrated against Yosys in docs/firmware.md. */
#include <stdio.h>
#include <string.h>

#include "firmware/bank.h"
#include "firmware/firmware.h"

static uint32_t argument_width(const tgl__netlist *n, const tgl__node *node, uint32_t i)
{
    return tgl__node_width(&n->nodes[tgl__arg(n, node, i)]);
}

/* Bits on which both operands of an adder live; below them one is passed through. */
static double adder_bits(const tgl__node *node)
{
    uint32_t width = tgl__node_width(node);
    uint32_t skip = node->shift_a > node->shift_b ? node->shift_a : node->shift_b;
    if (node->negate_b && node->shift_b < node->shift_a)
        skip = 0; /* the subtrahend's low bits still borrow */
    return width > skip ? width - skip : 1;
}

static double table_luts(const tgl__netlist *n, const tgl__node *node)
{
    const tgl_table_data *table = tgl_program_table(n->program, node->ref);
    double per_bit = table->count <= 64 ? 1 : (double)table->count / 64 * 1.2;
    return per_bit * tgl__node_width(node) / (table->count <= 32 ? 2 : 1);
}

static double quant_luts(const tgl__netlist *n, const tgl__node *node)
{
    double width = tgl__node_width(node), luts = 0;
    if (node->drop > 0 && node->round != TGL_TRN)
        luts += width + (double)node->drop / 6;
    if (node->overflow != TGL_WRAP) {
        double above = (double)argument_width(n, node, 0) - node->drop - width;
        luts += width / 2 + (above > 0 ? above / 6 : 0) + 1;
    }
    return luts;
}

static double node_luts(const tgl__netlist *n, const tgl__node *node, double *dsp)
{
    double width = tgl__node_width(node);
    switch (node->kind) {
    case TGL__NODE_ADD:
        return adder_bits(node);
    case TGL__NODE_NEG:
        return width;
    case TGL__NODE_MUL: {
        uint32_t a = argument_width(n, node, 0), b = argument_width(n, node, 1);
        if (a < 3 || b < 3 || a + b < 12) /* too small for a DSP */
            return 1.1 * a * b;
        *dsp += (double)((a + 25) / 26) * ((b + 16) / 17);
        return 0;
    }
    case TGL__NODE_QUANT:
        return quant_luts(n, node);
    case TGL__NODE_COMPARE:
        return (argument_width(n, node, 0) + argument_width(n, node, 1)) / 4.0 + 1;
    case TGL__NODE_SELECT:
        return width / 2;
    case TGL__NODE_MIN:
    case TGL__NODE_MAX:
        return tgl__node_constant(n, tgl__arg(n, node, 1)) ? width / 2 : 1.5 * width;
    case TGL__NODE_PICK:
        return width * (node->n_arg - 1) / 3.0;
    case TGL__NODE_TABLE:
        return table_luts(n, node);
    case TGL__NODE_AND:
    case TGL__NODE_OR:
    case TGL__NODE_XOR:
        return width / 2;
    case TGL__NODE_SHIFT_VALUE: {
        uint32_t by = argument_width(n, node, 1);
        return width * (by > 5 ? 5 : by) / 2.0;
    }
    default:
        return 0;
    }
}

/* Registers: one bit per value and boundary; runs of three and more without a reader
 * become shift registers in LUTs, which Yosys counts as such. */
void tgl__estimate_netlist(tgl_resources *out, const tgl__netlist *n)
{
    double lut = 0, ff = n->n_stage, dsp = 0;
    for (uint32_t i = 0; i < n->n_node; i++) {
        const tgl__node *node = &n->nodes[i];
        if (!node->live || node->kind == TGL__NODE_CONST || node->kind == TGL__NODE_SLOT)
            continue;
        lut += node_luts(n, node, &dsp);
        ff += (double)tgl__node_width(node) * (node->last_stage - node->stage);
    }
    for (uint32_t u = 0; u < n->n_use; u++) /* active bank */
        ff += tgl_program_slot(n->program, n->uses[u].slot)->type.width;
    for (uint32_t s = 0; s < tgl_program_n_slot(n->program); s++) { /* shadow bank */
        const tgl_slot *slot = tgl_program_slot(n->program, s);
        ff += (double)slot->type.width * slot->count;
        lut += (double)slot->type.width * slot->count * 0.7; /* read-back */
    }
    *out = (tgl_resources){.lut = (int64_t)(lut + 0.5),
                           .ff = (int64_t)(ff + 0.5),
                           .dsp = (int64_t)dsp,
                           .bram = 0,
                           .latency_cycles = n->n_stage,
                           .clock_mhz = n->clock_mhz,
                           .power_w = -1};
    snprintf(out->source, sizeof out->source, "estimate");
}

tgl_status tgl_firmware_estimate(tgl_resources *out, const tgl_program *program,
                                 const tgl_firmware_options *options, tgl_error *err)
{
    tgl__netlist n;
    tgl_status status = tgl__netlist_build(&n, program, options, err);
    if (status == TGL_OK)
        tgl__estimate_netlist(out, &n);
    tgl__netlist_clear(&n);
    return status;
}
