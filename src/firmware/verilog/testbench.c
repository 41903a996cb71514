/* A self-checking test bench for Icarus Verilog and Verilator: vectors with the
 * reference's outputs through the core, then a swap that must be refused and one that
 * must succeed. */
#include <string.h>
#include <trigline/emulate.h>

#include "base/error.h"
#include "base/file.h"
#include "firmware/bank.h"
#include "firmware/verilog.h"

enum { N_VECTOR = 64 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Vector 0 all lowest, 1 all highest, 2 zero (or the nearest), others random. */
static int64_t input_code(tgl_type type, uint32_t vector, uint64_t *state)
{
    int64_t lo = tgl_type_min(type), hi = tgl_type_max(type);
    uint64_t r = next_random(state);
    if (vector < 3)
        return vector == 0 ? lo : vector == 1 ? hi : 0;
    return (int64_t)((uint64_t)lo + r % ((uint64_t)hi - (uint64_t)lo + 1));
}

/* Bits of one vector, most significant digit first, as $readmemh wants them. */
typedef struct bit_line {
    uint8_t *bits;
    uint32_t n;
} bit_line;

static void put_bits(bit_line *line, int64_t code, uint32_t width)
{
    for (uint32_t b = 0; b < width; b++)
        line->bits[line->n++] = (uint8_t)((uint64_t)code >> b & 1);
}

static void put_line(tgl_buffer *out, const bit_line *line)
{
    for (uint32_t digit = (line->n + 3) / 4; digit-- > 0;) {
        unsigned v = 0;
        for (uint32_t b = 4; b-- > 0;)
            v = v << 1 | (4 * digit + b < line->n ? line->bits[4 * digit + b] : 0u);
        tgl__buffer_printf(out, "%x", v);
    }
    tgl__buffer_text(out, "\n");
}

static uint32_t total_width(const tgl_program *p, bool inputs)
{
    uint32_t n = inputs ? tgl_program_n_input(p) : tgl_program_n_output(p), sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += inputs ? tgl_program_input(p, i)->type.width
                      : tgl_program_output(p, i)->type.width;
    return sum;
}

static tgl_status make_vectors(tgl_buffer *out, const tgl_program *p,
                               const tgl_payload *payload, tgl_error *err)
{
    uint32_t n_in = tgl_program_n_input(p), n_out = tgl_program_n_output(p);
    uint32_t width = total_width(p, true) + total_width(p, false);
    int64_t *in = tgl__calloc((size_t)n_in + 1, sizeof *in);
    int64_t *values = tgl__calloc(tgl_program_n_value(p), sizeof *values);
    bit_line line = {tgl__calloc((size_t)width + 8, 1), 0};
    uint64_t state = UINT64_C(0x2545f4914f6cdd1d);
    tgl_status status = TGL_OK;
    if (!in || !values || !line.bits) {
        status = tgl__fail_nomem(err);
        goto out;
    }
    for (uint32_t v = 0; v < N_VECTOR; v++) {
        for (uint32_t i = 0; i < n_in; i++)
            in[i] = input_code(tgl_program_input(p, i)->type, v, &state);
        TGL_TRY_GOTO(tgl_emulate_reference(values, p, payload, in, err));
        line.n = 0;
        for (uint32_t i = 0; i < n_in; i++)
            put_bits(&line, in[i], tgl_program_input(p, i)->type.width);
        for (uint32_t o = 0; o < n_out; o++)
            put_bits(&line, values[tgl_program_output(p, o)->value],
                     tgl_program_output(p, o)->type.width);
        put_line(out, &line);
    }
out:
    tgl__free(in);
    tgl__free(values);
    tgl__free(line.bits);
    return status;
}

static void put_declarations(tgl_buffer *out, const tgl_program *p,
                             const tgl__hardware_names *names)
{
    uint32_t n_in = total_width(p, true), n_out = total_width(p, false), bit = 0;
    tgl__buffer_printf(
        out,
        "`timescale 1ns / 1ps\n"
        "/* verilator lint_off WIDTH */\n"
        "// Run where the .hex file lies: iverilog -g2005 %s*.v && ./a.out\n"
        "module %s_tb;\n"
        "    reg clk, bus_clk, rst, in_valid, strobe, bus_we, bus_re;\n"
        "    reg [19:0] bus_addr;\n    reg [31:0] bus_wdata, got;\n"
        "    wire [31:0] bus_rdata;\n    wire bus_ack, out_valid;\n"
        "    reg [%u:0] vectors [0:%d];\n    reg [%u:0] in;\n    wire [%u:0] out;\n"
        "    integer sent, received, errors;\n"
        "    always #2 clk = ~clk;\n    always #5 bus_clk = ~bus_clk;\n"
        "    %s dut (.clk(clk), .rst(rst), .in_valid(in_valid), .out_valid(out_valid),\n"
        "        .strobe(strobe), .bus_clk(bus_clk), .bus_we(bus_we), .bus_re(bus_re),\n"
        "        .bus_addr(bus_addr), .bus_wdata(bus_wdata), .bus_rdata(bus_rdata),\n"
        "        .bus_ack(bus_ack)",
        names->module, names->module, n_in + n_out - 1, N_VECTOR - 1, n_in ? n_in - 1 : 0,
        n_out - 1, names->module);
    for (uint32_t i = 0; i < tgl_program_n_input(p); i++) {
        uint32_t width = tgl_program_input(p, i)->type.width;
        tgl__buffer_printf(out, ",\n        .%s(in[%u:%u])", names->inputs[i],
                           bit + width - 1, bit);
        bit += width;
    }
    bit = 0;
    for (uint32_t o = 0; o < tgl_program_n_output(p); o++) {
        uint32_t width = tgl_program_output(p, o)->type.width;
        tgl__buffer_printf(out, ",\n        .%s(out[%u:%u])", names->outputs[o],
                           bit + width - 1, bit);
        bit += width;
    }
    tgl__buffer_text(out, ");\n");
}

static const char tasks[] =
    "    task bus_write(input [19:0] addr, input [31:0] data);\n"
    "        begin\n"
    "            @(negedge bus_clk);\n"
    "            bus_addr = addr; bus_wdata = data; bus_we = 1;\n"
    "            @(negedge bus_clk);\n"
    "            while (!bus_ack) @(negedge bus_clk);\n"
    "            bus_we = 0;\n"
    "        end\n"
    "    endtask\n"
    "    task bus_read(input [19:0] addr);\n"
    "        begin\n"
    "            @(negedge bus_clk);\n"
    "            bus_addr = addr; bus_re = 1;\n"
    "            @(negedge bus_clk);\n"
    "            while (!bus_ack) @(negedge bus_clk);\n"
    "            got = bus_rdata;\n"
    "            bus_re = 0;\n"
    "        end\n"
    "    endtask\n"
    "    task expect_word(input [19:0] addr, input [31:0] word);\n"
    "        begin\n"
    "            bus_read(addr);\n"
    "            if (got !== word) begin\n"
    "                $display(\"bus address %h: expected %h, found %h\", addr, word, "
    "got);\n"
    "                errors = errors + 1;\n"
    "            end\n"
    "        end\n"
    "    endtask\n";

static void put_run(tgl_buffer *out, uint32_t n_in, uint32_t n_out)
{
    tgl__buffer_printf(
        out,
        "    always @(negedge clk) if (out_valid && !rst) begin\n"
        "        if (out !== vectors[received][%u:%u]) begin\n"
        "            $display(\"vector %%0d: expected %%h, found %%h\", received,\n"
        "                vectors[received][%u:%u], out);\n"
        "            errors = errors + 1;\n"
        "        end\n"
        "        received = received + 1;\n"
        "    end\n",
        n_in + n_out - 1, n_in, n_in + n_out - 1, n_in);
    tgl__buffer_printf(
        out,
        "    task stream;\n"
        "        begin\n"
        "            received = 0;\n"
        "            for (sent = 0; sent < %d; sent = sent + 1) begin\n"
        "                @(negedge clk); in_valid = 1; in = vectors[sent][%u:0];\n"
        "                if (sent %% 5 == 3) begin @(negedge clk); in_valid = 0; in = "
        "~in; "
        "end\n"
        "            end\n"
        "            @(negedge clk); in_valid = 0;\n"
        "        end\n"
        "    endtask\n",
        N_VECTOR, n_in ? n_in - 1 : 0);
}

static void put_swap(tgl_buffer *out, const uint32_t *image, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        tgl__buffer_printf(out, "        bus_write(20'h%x, 32'h%x);\n",
                           i < 8 ? TGL__REG_SHADOW_DIGEST + i : TGL__BANK_SHADOW + i - 8,
                           image[i]);
    uint32_t crc = tgl__bank_crc(image, n);
    tgl__buffer_printf(
        out,
        "        bus_write(20'h5, 32'h%x); bus_write(20'h3, 32'd1);\n"
        "        expect_word(20'h4, 32'd4); // a wrong CRC is refused\n"
        "        bus_write(20'h5, 32'h%x); bus_write(20'h3, 32'd3);\n"
        "        expect_word(20'h4, 32'd1); // armed\n"
        "        strobe = 1; repeat (200) @(negedge bus_clk); strobe = 0;\n"
        "        expect_word(20'h4, 32'd8); // swapped\n        expect_word(20'h7, "
        "32'd1);\n",
        crc ^ 1, crc);
    for (uint32_t i = 0; i < n; i++)
        tgl__buffer_printf(out, "        expect_word(20'h%x, 32'h%x);\n",
                           i < 8 ? TGL__REG_ACTIVE_DIGEST + i : TGL__BANK_ACTIVE + i - 8,
                           image[i]);
}

static void put_main(tgl_buffer *out, const tgl__hardware_names *names,
                     const uint32_t *image, uint32_t n, uint32_t n_stage)
{
    tgl__buffer_printf(
        out,
        "    initial begin\n"
        "        $readmemh(\"%s_tb.hex\", vectors);\n"
        "        clk = 0; bus_clk = 0; rst = 1; in_valid = 0; strobe = 0; in = 0;\n"
        "        bus_we = 0; bus_re = 0; bus_addr = 0; bus_wdata = 0;\n"
        "        errors = 0; received = 0;\n"
        "        repeat (20) @(negedge bus_clk);\n        rst = 0;\n"
        "        repeat (20) @(negedge bus_clk);\n"
        "        expect_word(20'h0, 32'h54474c31);\n        stream;\n"
        "        repeat (%u) @(negedge clk);\n"
        "        if (received != %d) begin errors = errors + 1;\n"
        "            $display(\"expected %d events, found %%0d\", received); end\n",
        names->module, n_stage + 4, N_VECTOR, N_VECTOR);
    put_swap(out, image, n);
    tgl__buffer_printf(
        out,
        "        stream;\n        repeat (%u) @(negedge clk);\n"
        "        if (errors == 0) $display(\"PASS: 2 x %d vectors, payload swap\");\n"
        "        else $display(\"FAIL: %%0d errors\", errors);\n        $finish;\n"
        "    end\nendmodule\n",
        n_stage + 4, N_VECTOR);
}

static tgl_status write_file(const char *directory, const char *module,
                             const char *suffix, const tgl_buffer *text, tgl_error *err)
{
    tgl_buffer path = TGL_BUFFER_INIT;
    tgl__buffer_printf(&path, "%s/%s%s", directory, module, suffix);
    tgl_status status = path.failed || text->failed
                            ? tgl__fail_nomem(err)
                            : tgl__file_write(path.bytes, text->bytes, text->size, err);
    tgl__buffer_release(&path);
    return status;
}

tgl_status tgl__verilog_testbench(const char *directory, const tgl__netlist *n,
                                  const tgl__hardware_names *names,
                                  const tgl__verilog_identity *identity, tgl_error *err)
{
    const tgl_program *p = n->program;
    tgl_buffer hex = TGL_BUFFER_INIT, out = TGL_BUFFER_INIT;
    uint32_t *image = NULL, n_image;
    tgl_status status = TGL_OK;
    TGL_TRY_GOTO(tgl__bank_image(&image, &n_image, p, identity->payload,
                                 identity->payload_digest, err));
    TGL_TRY_GOTO(make_vectors(&hex, p, identity->payload, err));
    put_declarations(&out, p, names);
    tgl__buffer_text(&out, tasks);
    put_run(&out, total_width(p, true), total_width(p, false));
    put_main(&out, names, image, n_image, n->n_stage);
    TGL_TRY_GOTO(write_file(directory, names->module, "_tb.hex", &hex, err));
    TGL_TRY_GOTO(write_file(directory, names->module, "_tb.v", &out, err));
out:
    tgl__free(image);
    tgl__buffer_release(&hex);
    tgl__buffer_release(&out);
    return status;
}
