/* The C++ around the Verilated top: reads codes, drives one event per clock (with gaps on
 * request), writes what comes out, talks to the register bus by a script, and in its
 * debug form dumps every program value of one event at its pipeline time. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "firmware/simulate.h"

static const char head[] =
    "#include <cstdint>\n#include <cstdio>\n#include <cstdlib>\n#include <cstring>\n"
    "#include <vector>\n#include \"Vmodel.h\"\n#include \"verilated.h\"\n"
    "%s"
    "static Vmodel *top;\n"
    "static inline uint64_t low(int64_t v, int w) { return (uint64_t)v & (~0ull >> (64 - "
    "w)); }\n"
    "static inline int64_t sext(uint64_t v, int w) { return (int64_t)(v << (64 - w)) >> "
    "(64 - w); }\n"
    "static inline int64_t zext(uint64_t v, int) { return (int64_t)v; }\n";

static const char bus_text[] =
    "static int strobe_left;\n"
    "static void edge() { top->clk = 1; top->eval(); top->clk = 0; top->eval(); }\n"
    "static void idle() { top->in_valid = 0; edge(); }\n"
    "static void bus_edge() { top->bus_clk = 1; top->eval(); top->bus_clk = 0; "
    "top->eval(); idle(); idle(); }\n"
    "static bool bus(bool write, uint32_t addr, uint32_t data, uint32_t *got) {\n"
    "    top->bus_addr = addr; top->bus_wdata = data; top->bus_we = write; top->bus_re = "
    "!write;\n"
    "    for (long k = 0; k < 2000000; k++) {\n"
    "        bus_edge();\n"
    "        if (!top->bus_ack) continue;\n"
    "        *got = top->bus_rdata; top->bus_we = top->bus_re = 0; bus_edge();\n"
    "        return true;\n"
    "    }\n"
    "    return false;\n"
    "}\n"
    "/* w ADDR DATA, r ADDR, i COUNT (idle bus clocks), s (strobe, then idle) */\n"
    "static int script(const char *path, const char *answers) {\n"
    "    FILE *f = fopen(path, \"r\"), *o = fopen(answers, \"w\");\n"
    "    if (!f || !o) return 3;\n"
    "    char op; unsigned addr, data; uint32_t got = 0;\n"
    "    while (fscanf(f, \" %c %x %x\", &op, &addr, &data) == 3) {\n"
    "        if (op == 'w' && !bus(true, addr, data, &got)) return 4;\n"
    "        if (op == 'r') { if (!bus(false, addr, 0, &got)) return 4; fprintf(o, "
    "\"%08x\\n\", got); }\n"
    "        if (op == 'i' || op == 's') {\n"
    "            top->strobe = op == 's';\n"
    "            for (unsigned k = 0; k < addr; k++) bus_edge();\n"
    "            top->strobe = 0;\n"
    "        }\n"
    "    }\n"
    "    fclose(f); fclose(o);\n"
    "    return 0;\n"
    "}\n";

static const char main_text[] =
    "int main(int argc, char **argv) {\n"
    "    if (argc != 10) return 2;\n"
    "    const char *in_path = argv[1], *out_path = argv[2];\n"
    "    const uint64_t n = strtoull(argv[3], 0, 10), gaps = strtoull(argv[4], 0, 10);\n"
    "    const int64_t strobe_at = strtoll(argv[7], 0, 10), dump_at = strtoll(argv[8], "
    "0, "
    "10);\n"
    "    const char *dump_path = argv[9];\n"
    "    top = new Vmodel;\n"
    "    top->clk = 0; top->bus_clk = 0; top->rst = 1; top->in_valid = 0; top->strobe = "
    "0;\n"
    "    top->bus_we = 0; top->bus_re = 0; top->bus_addr = 0; top->bus_wdata = 0;\n"
    "    top->eval();\n"
    "    for (int k = 0; k < 8 + STAGES; k++) bus_edge();\n"
    "    top->rst = 0;\n"
    "    for (int k = 0; k < 8; k++) bus_edge();\n"
    "    if (argv[5][0]) { int rc = script(argv[5], argv[6]); if (rc) return rc; }\n"
    "    FILE *in = fopen(in_path, \"rb\"), *out = fopen(out_path, \"wb\");\n"
    "    if (!in || !out) return 3;\n"
    "    enum { CHUNK = 4096 };\n"
    "    std::vector<int64_t> rows((size_t)CHUNK * (N_IN ? N_IN : 1)), junk(N_IN ? N_IN "
    ": 1);\n"
    "    std::vector<int64_t> results((size_t)CHUNK * N_OUT);\n"
    "    size_t have = 0, at = 0, kept = 0;\n"
    "    uint64_t sent = 0, received = 0, state = 88172645463325252ull, cycle = 0;\n"
    "    uint64_t first_in = 0, first_out = 0; int64_t dump_cycle = -1;\n"
    "    const uint64_t give_up = 4 * n + STAGES + 1000;\n"
    "    while ((received < n || (dump_at >= 0 && dump_cycle < 0)) && cycle < give_up) "
    "{\n"
    "        state ^= state << 13; state ^= state >> 7; state ^= state << 17;\n"
    "        bool gap = sent < gaps && (state & 3) == 0;\n"
    "        if (sent < n && !gap) {\n"
    "            if (at == have) {\n"
    "                size_t want = n - sent < CHUNK ? (size_t)(n - sent) : CHUNK;\n"
    "                if (N_IN && fread(rows.data(), sizeof(int64_t) * N_IN, want, in) != "
    "want) return 3;\n"
    "                have = want; at = 0;\n"
    "            }\n"
    "            if ((int64_t)sent == strobe_at) strobe_left = 8;\n"
    "            if (sent == 0) first_in = cycle;\n"
    "            if ((int64_t)sent == dump_at) dump_cycle = (int64_t)cycle;\n"
    "            set_inputs(rows.data() + at * N_IN); at++; sent++;\n"
    "            top->in_valid = 1;\n"
    "        } else {\n"
    "            for (auto &j : junk) { state ^= state << 13; state ^= state >> 7; state "
    "^= state << 17; j = (int64_t)state; }\n"
    "            set_inputs(junk.data());\n"
    "            top->in_valid = 0;\n"
    "        }\n"
    "        top->strobe = strobe_left > 0; strobe_left -= strobe_left > 0;\n"
    "        if (dump_cycle >= 0) { top->eval(); dump_stage((int64_t)cycle - "
    "dump_cycle); }\n"
    "        edge(); cycle++;\n"
    "        if (top->out_valid) {\n"
    "            if (received == 0) first_out = cycle;\n"
    "            if (received < n) get_outputs(results.data() + kept * N_OUT);\n"
    "            received++;\n"
    "            if (++kept == CHUNK) { fwrite(results.data(), 8 * N_OUT, kept, out); "
    "kept = 0; }\n"
    "        }\n"
    "    }\n"
    "    fwrite(results.data(), 8 * N_OUT, kept, out);\n"
    "    if (fclose(out)) return 3;\n"
    "    if (dump_path[0]) write_dump(dump_path);\n"
    "    uint32_t swaps = 0;\n"
    "    for (int k = 0; k < 32; k++) bus_edge();\n"
    "    if (!bus(false, 7, 0, &swaps)) return 4;\n"
    "    top->final();\n"
    "    fprintf(stdout, \"received %llu latency %llu swaps %u\\n\",\n"
    "        (unsigned long long)received,\n"
    "        (unsigned long long)(first_out - first_in), swaps);\n"
    "    return received == n ? 0 : 5;\n"
    "}\n";

static void put_ports(tgl_buffer *out, const tgl_program *p,
                      const tgl__hardware_names *names)
{
    tgl__buffer_printf(out, "enum { N_IN = %u, N_OUT = %u };\n", tgl_program_n_input(p),
                       tgl_program_n_output(p));
    tgl__buffer_text(out, "static inline void set_inputs(const int64_t *row) {\n"
                          "    (void)row;\n");
    for (uint32_t i = 0; i < tgl_program_n_input(p); i++)
        tgl__buffer_printf(out, "    top->%s = low(row[%u], %u);\n", names->inputs[i], i,
                           tgl_program_input(p, i)->type.width);
    tgl__buffer_text(out, "}\nstatic inline void get_outputs(int64_t *row) {\n");
    for (uint32_t o = 0; o < tgl_program_n_output(p); o++) {
        tgl_type type = tgl_program_output(p, o)->type;
        tgl__buffer_printf(out, "    row[%u] = %s(top->%s, %u);\n", o,
                           type.is_signed ? "sext" : "zext", names->outputs[o],
                           type.width);
    }
    tgl__buffer_text(out, "}\n");
}

/* Values that are wires of the core (constants, inputs and slots cannot differ). */
static bool dumped(const tgl__netlist *n, uint32_t value)
{
    const tgl__node *node = &n->nodes[n->value_node[value]];
    return node->live && node->value == value && node->kind != TGL__NODE_CONST &&
           node->kind != TGL__NODE_INPUT && node->kind != TGL__NODE_SLOT;
}

static void put_dump(tgl_buffer *out, const tgl__netlist *n,
                     const tgl__hardware_names *names)
{
    uint32_t n_value = tgl_program_n_value(n->program);
    tgl__buffer_printf(out,
                       "static int64_t dump_values[%u]; static uint8_t dump_known[%u];\n",
                       n_value, n_value);
    for (uint32_t k = 0; k < n->n_stage; k++) {
        tgl__buffer_printf(out, "static void dump_%u() {\n    auto *r = top->rootp;\n",
                           k);
        for (uint32_t v = 0; v < n_value; v++) {
            const tgl__node *node = &n->nodes[n->value_node[v]];
            if (!dumped(n, v) || node->stage != k)
                continue;
            tgl__buffer_printf(out,
                               "    dump_values[%u] = %s(r->%s__DOT__core__DOT__v%u, "
                               "%u); dump_known[%u] = 1;\n",
                               v, tgl__node_signed(node) ? "sext" : "zext", names->module,
                               v, tgl__node_width(node), v);
        }
        tgl__buffer_text(out, "    (void)r;\n}\n");
    }
    tgl__buffer_text(out, "static void dump_stage(int64_t k) {\n    switch (k) {\n");
    for (uint32_t k = 0; k < n->n_stage; k++)
        tgl__buffer_printf(out, "    case %u: dump_%u(); break;\n", k, k);
    tgl__buffer_printf(out,
                       "    }\n}\nstatic void write_dump(const char *path) {\n"
                       "    FILE *f = fopen(path, \"wb\");\n    if (!f) return;\n"
                       "    fwrite(dump_values, 8, %u, f); fwrite(dump_known, 1, %u, f); "
                       "fclose(f);\n}\n",
                       n_value, n_value);
}

tgl_status tgl__simulate_harness(tgl_buffer *out, const tgl__netlist *n,
                                 const tgl__hardware_names *names, bool debug,
                                 tgl_error *err)
{
    tgl__buffer_printf(out, head, debug ? "#include \"Vmodel___024root.h\"\n" : "");
    tgl__buffer_printf(out, "enum { STAGES = %u };\n", n->n_stage);
    put_ports(out, n->program, names);
    tgl__buffer_text(out, bus_text);
    if (debug)
        put_dump(out, n, names);
    else
        tgl__buffer_text(out, "static void dump_stage(int64_t) {}\n"
                              "static void write_dump(const char *) {}\n");
    tgl__buffer_text(out, main_text);
    return out->failed ? tgl__fail_nomem(err) : TGL_OK;
}
