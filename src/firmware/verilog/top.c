/* The top module: reset synchronisers, bank and core. */
#include "base/error.h"
#include "firmware/verilog.h"

static void put_port(tgl_buffer *out, const char *direction, tgl_type type,
                     const char *name)
{
    tgl__buffer_printf(out, "    %s wire %s[%u:0] %s,\n", direction,
                       type.is_signed ? "signed " : "", type.width - 1u, name);
}

static void put_connections(tgl_buffer *out, const tgl__netlist *n,
                            const tgl__hardware_names *names)
{
    for (uint32_t i = 0; i < tgl_program_n_input(n->program); i++)
        tgl__buffer_printf(out, "        .%s(%s),\n", names->inputs[i], names->inputs[i]);
    if (n->slot_bits)
        tgl__buffer_text(out, "        .slots(slots),\n");
    for (uint32_t o = 0; o < tgl_program_n_output(n->program); o++)
        tgl__buffer_printf(out, "        .%s(%s),\n", names->outputs[o],
                           names->outputs[o]);
}

tgl_status tgl__verilog_top(tgl_buffer *out, const tgl__netlist *n,
                            const tgl__hardware_names *names, tgl_error *err)
{
    const tgl_program *p = n->program;
    tgl__buffer_printf(out,
                       "module %s (\n    input wire clk,\n    input wire rst,\n"
                       "    input wire in_valid,\n",
                       names->module);
    for (uint32_t i = 0; i < tgl_program_n_input(p); i++)
        put_port(out, "input", tgl_program_input(p, i)->type, names->inputs[i]);
    for (uint32_t o = 0; o < tgl_program_n_output(p); o++)
        put_port(out, "output", tgl_program_output(p, o)->type, names->outputs[o]);
    tgl__buffer_text(
        out, "    output wire out_valid,\n    input wire strobe,\n"
             "    input wire bus_clk,\n    input wire bus_we,\n    input wire bus_re,\n"
             "    input wire [19:0] bus_addr,\n    input wire [31:0] bus_wdata,\n"
             "    output wire [31:0] bus_rdata,\n    output wire bus_ack\n);\n"
             "    reg core_rst_1, core_rst, bus_rst_1, bus_rst;\n"
             "    always @(posedge clk) {core_rst, core_rst_1} <= {core_rst_1, rst};\n"
             "    always @(posedge bus_clk) {bus_rst, bus_rst_1} <= {bus_rst_1, rst};\n");
    if (n->slot_bits)
        tgl__buffer_printf(out, "    wire [%u:0] slots;\n", n->slot_bits - 1);
    tgl__buffer_printf(out,
                       "    %s_bank bank (\n        .bus_clk(bus_clk),\n"
                       "        .bus_rst(bus_rst),\n        .bus_we(bus_we),\n"
                       "        .bus_re(bus_re),\n        .bus_addr(bus_addr),\n"
                       "        .bus_wdata(bus_wdata),\n        .bus_rdata(bus_rdata),\n"
                       "        .bus_ack(bus_ack),\n%s        .clk(clk),\n"
                       "        .rst(core_rst),\n        .strobe(strobe)\n    );\n",
                       names->module, n->slot_bits ? "        .slots(slots),\n" : "");
    tgl__buffer_printf(out,
                       "    %s_core core (\n        .clk(clk),\n        .rst(core_rst),\n"
                       "        .in_valid(in_valid),\n",
                       names->module);
    put_connections(out, n, names);
    tgl__buffer_text(out, "        .out_valid(out_valid)\n    );\nendmodule\n");
    return out->failed ? tgl__fail_nomem(err) : TGL_OK;
}
