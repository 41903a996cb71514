/* The slot bank: a register bus with its own clock writes the shadow bank; a correct
 * CRC-32 arms the swap; the strobe, in the core's clock, copies shadow to active. Active
 * values read in pipeline stage k follow k clocks later, so no event sees two payloads.
 */
#include <stdio.h>

#include "base/error.h"
#include "firmware/bank.h"
#include "firmware/verilog.h"

typedef struct writer {
    tgl_buffer *out;
    const tgl__netlist *n;
    const tgl_program *p;
    const char *module;
    const tgl__verilog_identity *id;
} writer;

static uint64_t reset_code(const writer *w, uint32_t slot, uint32_t element)
{
    const int64_t *codes = w->id->payload ? tgl_payload_get(w->id->payload, slot)
                                          : tgl_program_slot_default(w->p, slot);
    unsigned width = tgl_program_slot(w->p, slot)->type.width;
    return (uint64_t)codes[element] & ((UINT64_C(1) << width) - 1);
}

static void put_ports(writer *w)
{
    tgl__buffer_printf(
        w->out,
        "/* verilator lint_off WIDTH */\n"
        "/* verilator lint_off UNUSED */\n"
        "module %s_bank (\n"
        "    input wire bus_clk,\n    input wire bus_rst,\n"
        "    input wire bus_we,\n    input wire bus_re,\n"
        "    input wire [19:0] bus_addr,\n    input wire [31:0] bus_wdata,\n"
        "    output reg [31:0] bus_rdata,\n    output reg bus_ack,\n",
        w->module);
    if (w->n->slot_bits)
        tgl__buffer_printf(w->out, "    output wire [%u:0] slots,\n",
                           w->n->slot_bits - 1);
    tgl__buffer_text(w->out, "    input wire clk,\n    input wire rst,\n"
                             "    input wire strobe\n);\n");
}

static void put_digest(writer *w, const char *name, const uint8_t digest[32])
{
    tgl__buffer_printf(w->out, "    localparam [255:0] %s = 256'h", name);
    for (int i = 31; i >= 0; i--)
        tgl__buffer_printf(w->out, "%02x", digest[i]);
    tgl__buffer_text(w->out, "; // byte 0 lowest\n");
}

/* a<slot>_<element>, the one that is read back, or with _s<stage> a further one. */
static void put_active_register(writer *w, uint32_t s, uint32_t e, uint32_t stage,
                                bool first, const tgl__slot_use *use)
{
    uint32_t width = tgl_program_slot(w->p, s)->type.width;
    char name[64];
    if (first)
        snprintf(name, sizeof name, "a%u_%u", s, e);
    else
        snprintf(name, sizeof name, "a%u_%u_s%u", s, e, stage);
    tgl__buffer_printf(w->out,
                       "    reg [%u:0] %s;\n    always @(posedge clk)\n"
                       "        if (rst) %s <= %u'h%llx; else if (swap[%u]) %s <= "
                       "sh%u_%u;\n",
                       width - 1, name, name, width,
                       (unsigned long long)reset_code(w, s, e), stage, name, s, e);
    if (use)
        tgl__buffer_printf(w->out, "    assign slots[%u:%u] = %s;\n",
                           use->bit + width - 1, use->bit, name);
}

/* Active registers of the core's clock: one per (element, stage) that reads it, and one
 * for an element that nothing reads. */
static void put_active(writer *w)
{
    const tgl__netlist *n = w->n;
    tgl__buffer_printf(w->out,
                       "\n    // ---- core clock: the swap, and the active bank ----\n"
                       "    reg strobe_1, strobe_2, strobe_3, armed_1, armed_2, busy;\n"
                       "    reg done_toggle;\n    reg [%u:0] swap_later;\n"
                       "    wire go = strobe_2 & ~strobe_3 & armed_2 & ~busy;\n"
                       "    wire [%u:0] swap = {swap_later, go};\n"
                       "    always @(posedge clk) begin\n"
                       "        strobe_1 <= strobe;\n        strobe_2 <= strobe_1;\n"
                       "        strobe_3 <= rst ? 1'b1 : strobe_2;\n"
                       "        armed_1 <= rst ? 1'b0 : armed;\n"
                       "        armed_2 <= rst ? 1'b0 : armed_1;\n"
                       "        busy <= rst ? 1'b0 : go | (busy & armed_2);\n"
                       "        swap_later <= rst ? %u'd0 : swap[%u:0];\n"
                       "        done_toggle <= rst ? 1'b0 : done_toggle ^ swap[%u];\n"
                       "    end\n",
                       n->n_stage - 1, n->n_stage, n->n_stage, n->n_stage - 1,
                       n->n_stage);
    uint32_t u = 0;
    for (uint32_t s = 0; s < tgl_program_n_slot(w->p); s++)
        for (uint32_t e = 0; e < tgl_program_slot(w->p, s)->count; e++) {
            uint32_t first = u;
            for (; u < n->n_use && n->uses[u].slot == s && n->uses[u].element == e; u++)
                put_active_register(w, s, e, n->uses[u].stage, u == first, &n->uses[u]);
            if (u == first)
                put_active_register(w, s, e, 0, true, NULL);
        }
}

/* Words are sign-extended codes. */
static void put_word(writer *w, const char *prefix, uint32_t s, uint32_t e, uint32_t half)
{
    tgl_type type = tgl_program_slot(w->p, s)->type;
    uint32_t width = type.width;
    char name[48];
    snprintf(name, sizeof name, "%s%u_%u", prefix, s, e);
    uint32_t lo = 32 * half, hi = width - 1 < lo + 31 ? width - 1 : lo + 31;
    uint32_t fill = 31 - (hi - lo);
    if (fill == 0)
        tgl__buffer_printf(w->out, "%s[%u:%u]", name, hi, lo);
    else if (type.is_signed)
        tgl__buffer_printf(w->out, "{{%u{%s[%u]}}, %s[%u:%u]}", fill, name, width - 1,
                           name, hi, lo);
    else
        tgl__buffer_printf(w->out, "{%u'd0, %s[%u:%u]}", fill, name, hi, lo);
}

static void put_reader(writer *w, const char *wire, const char *index, const char *prefix)
{
    tgl__buffer_printf(w->out,
                       "    reg [31:0] %s;\n    always @* begin\n"
                       "        %s = 32'd0;\n        case (%s)\n",
                       wire, wire, index);
    uint32_t word = 0;
    for (uint32_t s = 0; s < tgl_program_n_slot(w->p); s++) {
        const tgl_slot *slot = tgl_program_slot(w->p, s);
        for (uint32_t e = 0; e < slot->count; e++)
            for (uint32_t half = 0; half < tgl__slot_words(slot); half++) {
                tgl__buffer_printf(w->out, "        18'd%u: %s = ", word++, wire);
                put_word(w, prefix, s, e, half);
                tgl__buffer_text(w->out, ";\n");
            }
    }
    tgl__buffer_text(w->out, "        default: ;\n        endcase\n    end\n");
}

static void put_shadow(writer *w)
{
    tgl__buffer_text(w->out, "\n    // ---- bus clock: the shadow bank ----\n");
    uint32_t word = 0;
    for (uint32_t s = 0; s < tgl_program_n_slot(w->p); s++) {
        const tgl_slot *slot = tgl_program_slot(w->p, s);
        uint32_t width = slot->type.width;
        tgl__buffer_printf(w->out, "    // slot %u: %s\n", s, slot->name);
        for (uint32_t e = 0; e < slot->count; e++) {
            tgl__buffer_printf(w->out,
                               "    reg [%u:0] sh%u_%u;\n    always @(posedge bus_clk) "
                               "if (bus_rst) sh%u_%u <= %u'h%llx; else if (write_shadow) "
                               "begin\n",
                               width - 1, s, e, s, e, width,
                               (unsigned long long)reset_code(w, s, e));
            for (uint32_t half = 0; half < tgl__slot_words(slot); half++) {
                uint32_t lo = 32 * half, hi = width - 1 < lo + 31 ? width - 1 : lo + 31;
                tgl__buffer_printf(w->out,
                                   "        if (bus_addr[17:0] == 18'd%u) sh%u_%u[%u:%u] "
                                   "<= bus_wdata[%u:0];\n",
                                   word++, s, e, hi, lo, hi - lo);
            }
            tgl__buffer_text(w->out, "    end\n");
        }
    }
    put_reader(w, "shadow_word", "checking ? check_index - 18'd8 : bus_addr[17:0]", "sh");
}

static const char declarations_text[] =
    "\n"
    "    // ---- bus clock: registers, CRC check, arming ----\n"
    "    reg armed, checking, refused, swapped, write_lost;\n"
    "    reg [31:0] expected_crc, computed_crc, crc, swap_count, refused_count;\n"
    "    reg [17:0] check_index;\n"
    "    reg [255:0] active_digest, shadow_digest;\n"
    "    reg done_1, done_2, done_3;\n"
    "    wire request = (bus_we | bus_re) & ~bus_ack & ~checking;\n"
    "    wire write = request & bus_we;\n"
    "    wire write_shadow = write & ~armed & (bus_addr[19:18] == 2'd1);\n";

static const char check_text[] =
    "\n"
    "    wire [31:0] check_word =\n"
    "        check_index < 18'd8 ? shadow_digest[32 * check_index[2:0] +: 32] : "
    "shadow_word;\n"
    "    function [31:0] crc_word(input [31:0] start, input [31:0] data);\n"
    "        integer i;\n"
    "        begin\n"
    "            crc_word = start ^ data;\n"
    "            for (i = 0; i < 32; i = i + 1)\n"
    "                crc_word = {1'b0, crc_word[31:1]} ^ (crc_word[0] ? 32'hedb88320 : "
    "32'd0);\n"
    "        end\n"
    "    endfunction\n"
    "    wire [31:0] crc_next = crc_word(crc, check_word);\n"
    "    reg [31:0] register_word;\n"
    "    always @* begin\n"
    "        register_word = 32'd0;\n"
    "        case (bus_addr[17:0])\n"
    "            18'h0: register_word = 32'h54474c31;\n"
    "            18'h1: register_word = 32'd1;\n"
    "            18'h2: register_word = N_WORD;\n"
    "            18'h4: register_word = {27'd0, write_lost, swapped, refused, checking, "
    "armed};\n"
    "            18'h5: register_word = expected_crc;\n"
    "            18'h6: register_word = computed_crc;\n"
    "            18'h7: register_word = swap_count;\n"
    "            18'h8: register_word = refused_count;\n"
    "            18'h9: register_word = LATENCY;\n"
    "            default:\n"
    "                if (bus_addr[17:3] == 15'd2)\n"
    "                    register_word = PROGRAM_DIGEST[32 * bus_addr[2:0] +: 32];\n"
    "                else if (bus_addr[17:3] == 15'd3)\n"
    "                    register_word = active_digest[32 * bus_addr[2:0] +: 32];\n"
    "                else if (bus_addr[17:3] == 15'd4)\n"
    "                    register_word = shadow_digest[32 * bus_addr[2:0] +: 32];\n"
    "        endcase\n"
    "    end\n";

static const char bus_text[] =
    "    always @(posedge bus_clk) begin\n"
    "        done_1 <= done_toggle;\n"
    "        done_2 <= done_1;\n"
    "        done_3 <= done_2;\n"
    "        bus_ack <= request & ~bus_rst;\n"
    "        if (request) case (bus_addr[19:18])\n"
    "            2'd1: bus_rdata <= shadow_word;\n"
    "            2'd2: bus_rdata <= active_word;\n"
    "            default: bus_rdata <= register_word;\n"
    "        endcase\n"
    "        if (write & bus_addr[19:18] == 2'd0) case (bus_addr[17:0])\n"
    "            18'h3: begin\n"
    "                if (bus_wdata[1]) begin\n"
    "                    refused <= 1'b0;\n"
    "                    swapped <= 1'b0;\n"
    "                    write_lost <= 1'b0;\n"
    "                end\n"
    "                if (bus_wdata[0] & ~armed) begin\n"
    "                    checking <= 1'b1;\n"
    "                    check_index <= 18'd0;\n"
    "                    crc <= 32'hffffffff;\n"
    "                end\n"
    "            end\n"
    "            18'h5: expected_crc <= bus_wdata;\n"
    "            18'h20, 18'h21, 18'h22, 18'h23, 18'h24, 18'h25, 18'h26, 18'h27:\n"
    "                if (~armed) shadow_digest[32 * bus_addr[2:0] +: 32] <= bus_wdata;\n"
    "            default: ;\n"
    "        endcase\n"
    "        if (write & armed & (bus_addr[19:18] == 2'd1 | bus_addr[19:3] == 17'h4))\n"
    "            write_lost <= 1'b1;\n";

static const char state_text[] =
    "        if (checking) begin\n"
    "            crc <= crc_next;\n"
    "            check_index <= check_index + 18'd1;\n"
    "            if (check_index == LAST_WORD) begin\n"
    "                checking <= 1'b0;\n"
    "                computed_crc <= ~crc_next;\n"
    "                if (~crc_next == expected_crc)\n"
    "                    armed <= 1'b1;\n"
    "                else begin\n"
    "                    refused <= 1'b1;\n"
    "                    refused_count <= refused_count + 32'd1;\n"
    "                end\n"
    "            end\n"
    "        end\n"
    "        if (armed & (done_2 != done_3)) begin\n"
    "            armed <= 1'b0;\n"
    "            swapped <= 1'b1;\n"
    "            swap_count <= swap_count + 32'd1;\n"
    "            active_digest <= shadow_digest;\n"
    "        end\n"
    "        if (bus_rst) begin\n"
    "            {armed, checking, refused, swapped, write_lost} <= 5'd0;\n"
    "            {done_1, done_2, done_3} <= 3'd0;\n"
    "            {expected_crc, computed_crc, swap_count, refused_count} <= 128'd0;\n"
    "            active_digest <= PAYLOAD_DIGEST;\n"
    "            shadow_digest <= PAYLOAD_DIGEST;\n"
    "        end\n"
    "    end\n";

tgl_status tgl__verilog_bank(tgl_buffer *out, const tgl__netlist *n,
                             const tgl__hardware_names *names,
                             const tgl__verilog_identity *identity, tgl_error *err)
{
    writer w = {out, n, n->program, names->module, identity};
    uint32_t size = tgl__bank_size(n->program);
    if (size > TGL__BANK_MAX_WORD - 8)
        return tgl__fail(err, TGL_ELIMIT,
                         "program '%s': the slots need more than %d words of the bank",
                         tgl_program_name(n->program), TGL__BANK_MAX_WORD - 8);
    put_ports(&w);
    put_digest(&w, "PROGRAM_DIGEST", identity->program_digest);
    put_digest(&w, "PAYLOAD_DIGEST", identity->payload_digest);
    tgl__buffer_printf(out,
                       "    localparam [31:0] N_WORD = 32'd%u, LATENCY = 32'd%u;\n"
                       "    localparam [17:0] LAST_WORD = 18'd%u;\n",
                       size, n->n_stage, size + 7);
    tgl__buffer_text(out, declarations_text);
    put_shadow(&w);
    put_active(&w);
    put_reader(&w, "active_word", "bus_addr[17:0]", "a");
    tgl__buffer_text(out, check_text);
    tgl__buffer_text(out, bus_text);
    tgl__buffer_text(out, state_text);
    tgl__buffer_text(out, "endmodule\n");
    return out->failed ? tgl__fail_nomem(err) : TGL_OK;
}
