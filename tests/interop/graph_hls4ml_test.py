"""hls4ml's own C++ layers (nnet_dense_latency.h, nnet_activation.h over ap_types), compiled for random types with every rounding
and overflow mode, against the graph's evaluator and the emulator: dense, ReLU, dense, softmax, 20 networks of 500 events. The
softmax tables are hls4ml's, taken over as data."""
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import importlib.util
    import numpy as np
    spec = importlib.util.find_spec("hls4ml")
    if spec is None:
        raise ImportError("no module named hls4ml")
    if shutil.which("g++") is None:
        raise ImportError("no g++")
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)

N_NETWORK, N_EVENT = 20, 500
HEADERS = os.path.join(spec.submodule_search_locations[0], "templates", "vivado")
ROUNDS = ["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
OVERFLOWS = ["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]


class Type:
    def __init__(self, signed, width, integer, rounding="TRN", overflow="WRAP"):
        self.signed, self.width, self.integer, self.rounding, self.overflow = signed, width, integer, rounding, overflow

    def cpp(self):
        return f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer},AP_{self.rounding},AP_{self.overflow}>"

    def text(self, modes=True, rounding=None):
        rounding = rounding or self.rounding
        tail = f",{rounding},{self.overflow}" if modes and (rounding, self.overflow) != ("TRN", "WRAP") else ""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{tail}>"

    def bounds(self):
        return (-(1 << (self.width - 1)), (1 << (self.width - 1)) - 1) if self.signed else (0, (1 << self.width) - 1)

    def codes(self, rng, shape):
        lo, hi = self.bounds()
        return rng.integers(lo, hi + 1, shape)


def draw(rng, k):
    """Narrow accumulators, so that products round and sums overflow; every mode comes up."""
    mode = lambda i: (ROUNDS[(k + i) % 7], OVERFLOWS[(k + 2 * i) % 4])
    n = [int(v) for v in rng.integers(2, 8, 3)]
    net = {"n": n}
    net["x"] = Type(True, 8, int(rng.integers(2, 6)))
    for i in (0, 1):
        net[f"w{i}"] = Type(True, 6, int(rng.integers(1, 4)))
        net[f"acc{i}"] = Type(True, int(rng.integers(9, 15)), int(rng.integers(5, 8)), *mode(i))
        net[f"b{i}"] = Type(True, net[f"acc{i}"].width - 3, net[f"acc{i}"].integer - 3)  # on the accumulator's grid
        net[f"out{i}"] = Type(True, int(rng.integers(8, 12)), int(rng.integers(4, 7)), *mode(i + 3))
        net[f"weights{i}"] = net[f"w{i}"].codes(rng, (n[i + 1], n[i]))
        net[f"bias{i}"] = net[f"b{i}"].codes(rng, n[i + 1])
    net["act"] = Type(False, int(rng.integers(6, 10)), int(rng.integers(3, 6)), *mode(5))
    net["norm"] = Type(k % 2 == 0, int(rng.integers(8, 12)), int(rng.integers(5, 8)), *mode(2))
    net["exp"] = Type(False, 10, 1, "RND", "SAT")
    net["soft"] = Type(False, int(rng.integers(8, 14)), 3, *mode(4))
    net["sum"] = Type(False, int(rng.integers(8, 11)), 4, *mode(6))
    net["inv"] = Type(False, 10, 3, "RND", "SAT")
    net["p"] = Type(False, int(rng.integers(6, 12)), 1, *mode(1))
    net["n_exp"], net["n_inv"] = 1 << int(rng.integers(5, net["norm"].width + 1)), 1 << int(rng.integers(5, net["sum"].width + 1))
    net["in"] = net["x"].codes(rng, (N_EVENT, n[0])).astype(np.int64)
    return net


def cpp_network(k, net):
    n = net["n"]
    lines = [f"namespace net{k} {{"]
    for name in ("x", "w0", "w1", "b0", "b1", "out0", "out1", "act", "norm", "exp", "soft", "sum", "inv", "p", "acc0", "acc1"):
        lines.append(f"typedef {net[name].cpp()} {name}_t;")
    for i in (0, 1):
        # hls4ml's layout is [n_in][n_out]
        flat = ",".join(str(v) for v in net[f"weights{i}"].T.reshape(-1))
        lines += [f"const long weights{i}[] = {{{flat}}};", f"const long bias{i}[] = {{{','.join(str(v) for v in net[f'bias{i}'])}}};",
                  f"struct dense{i} : nnet::dense_config {{ typedef b{i}_t bias_t; typedef w{i}_t weight_t; typedef acc{i}_t accum_t;",
                  f"static const unsigned n_in = {n[i]}, n_out = {n[i + 1]}; static const unsigned strategy = nnet::latency; }};"]
    lines += [f"struct relu : nnet::activ_config {{ static const unsigned n_in = {n[1]}; }};",
              f"struct softmax : nnet::activ_config {{ static const unsigned n_in = {n[2]}, n_slice = {n[2]}, n_outer = 1, n_inner = 1;",
              f"static const unsigned exp_table_size = {net['n_exp']}, inv_table_size = {net['n_inv']}; static constexpr float exp_scale = 1.0;",
              "typedef exp_t exp_table_t; typedef inv_t inv_table_t; typedef soft_t accum_t; typedef norm_t inp_norm_t; typedef sum_t inv_inp_t;",
              "static const nnet::softmax_implementation implementation = nnet::softmax_implementation::stable; };",
              "void tables() { static exp_t e[softmax::exp_table_size]; static inv_t v[softmax::inv_table_size];",
              "nnet::init_exp_table<norm_t, softmax>(e, true); nnet::init_invert_table<sum_t, softmax>(v);",
              "for (auto &x : e) put(x); for (auto &x : v) put(x); }",
              "void run() {",
              f"static w0_t w0[{n[0] * n[1]}]; static w1_t w1[{n[1] * n[2]}]; static b0_t b0[{n[1]}]; static b1_t b1[{n[2]}];",
              "static bool ready = false; if (!ready) { fill(w0, weights0); fill(w1, weights1); fill(b0, bias0); fill(b1, bias1); ready = true; }",
              f"x_t x[{n[0]}]; out0_t d0[{n[1]}]; act_t a[{n[1]}]; out1_t d1[{n[2]}]; p_t p[{n[2]}];",
              "for (auto &v : x) get(v);",
              "nnet::dense_latency<x_t, out0_t, dense0>(x, d0, w0, b0);",
              "nnet::relu<out0_t, act_t, relu>(d0, a);",
              "nnet::dense_latency<act_t, out1_t, dense1>(a, d1, w1, b1);",
              "nnet::softmax_stable<out1_t, p_t, softmax>(d1, p);",
              "for (auto &v : d0) put(v); for (auto &v : a) put(v); for (auto &v : d1) put(v); for (auto &v : p) put(v); }",
              "}"]
    return "\n".join(lines)


CPP_HEAD = """
#include <cstdio>
#include <cmath>
#include "nnet_utils/nnet_common.h"
#include "nnet_utils/nnet_dense_latency.h"
#include "nnet_utils/nnet_dense.h"
#include "nnet_utils/nnet_activation.h"
static FILE *in;
template <class T> void set(T &x, long code) { ap_uint<T::width> bits = code; x(T::width - 1, 0) = bits(T::width - 1, 0); }
template <class T, int N> void fill(T (&x)[N], const long *codes) { for (int i = 0; i < N; i++) set(x[i], codes[i]); }
template <class T> void get(T &x) { long code; if (fread(&code, sizeof code, 1, in) != 1) throw 1; set(x, code); }
template <class T> void put(const T &x) {
    T y = x;
    ap_uint<T::width> bits = y(T::width - 1, 0);
    long code = bits.to_long();
    if (y < 0) code -= 1L << T::width;
    fwrite(&code, sizeof code, 1, stdout);
}
"""


def run_hls4ml(networks, directory):
    source, binary, data = (os.path.join(directory, name) for name in ("nets.cpp", "nets", "in.bin"))
    calls = "\n".join(f"net{k}::tables(); for (int i = 0; i < {N_EVENT}; i++) net{k}::run();" for k in range(len(networks)))
    with open(source, "w") as f:
        f.write(CPP_HEAD + "\n".join(cpp_network(k, net) for k, net in enumerate(networks)))
        f.write(f"\nint main(int, char **argv) {{ in = fopen(argv[1], \"rb\"); {calls} return 0; }}\n")
    subprocess.run(["g++", "-std=c++17", "-O1", "-w", f"-I{HEADERS}", f"-I{HEADERS}/ap_types", source, "-o", binary], check=True)
    np.concatenate([net["in"].reshape(-1) for net in networks]).astype(np.int64).tofile(data)
    return np.frombuffer(subprocess.run([binary, data], check=True, stdout=subprocess.PIPE).stdout, np.int64)


def graph_json(k, net, exp_codes, inv_codes):
    node = lambda name, op, inputs, n, out, **more: dict(name=name, op=op, inputs=inputs, n_element=n, out=[out.text()], **more)

    def dense(i, before):
        acc = net[f"acc{i}"]
        return node(f"dense_{i + 1}", "dense", [before], net["n"][i + 1], net[f"out{i}"], weights=net[f"weights{i}"].tolist(),
                    weight_type=net[f"w{i}"].text(False), bias=net[f"bias{i}"].tolist(), bias_type=net[f"b{i}"].text(False),
                    term=acc.text(), acc=acc.text(rounding="TRN"), term_exact=False)

    n = net["n"]
    nodes = [node("x", "input", [], n[0], net["x"]), dense(0, "x"), node("relu", "relu", ["dense_1"], n[1], net["act"]), dense(1, "relu"),
             node("p", "softmax", ["dense_2"], n[2], net["p"], softmax_diff=net["norm"].text(), softmax_sum=net["sum"].text(),
                  acc=net["soft"].text(), exp_table=dict(type=net["exp"].text(False), codes=exp_codes.tolist()),
                  inv_table=dict(type=net["inv"].text(False), codes=inv_codes.tolist()))]
    outputs = [dict(name=name, node=name) for name in ("dense_1", "relu", "dense_2", "p")]
    return json.dumps(dict(format="trigline.graph", version=1, name=f"net{k}", nodes=nodes, outputs=outputs)).encode()


class Library:
    def __init__(self):
        self.lib = ctypes.CDLL(os.path.join(os.environ["TGL_BUILD_DIR"], "libtrigline.so"))
        self.err = ctypes.create_string_buffer(1024)

    def call(self, name, *args):
        if getattr(self.lib, name)(*args, self.err) != 0:
            raise RuntimeError(f"{name}: {self.err.raw[16:].split(bytes(1))[0].decode()}")

    def run(self, text, codes, n_value):
        """(events, n_value - n_in) codes by the evaluator and by the emulator."""
        graph, program, emulator = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        pointer = lambda a: a.ctypes.data_as(ctypes.c_void_p)
        self.call("tgl_graph_parse", ctypes.byref(graph), text, ctypes.c_size_t(len(text)), b"net")
        n, n_in = codes.shape
        slow, fast = np.zeros((n, n_value), np.int64), np.zeros((n, n_value - n_in), np.int64)
        for event in range(n):
            self.call("tgl_graph_eval", pointer(slow[event]), graph, pointer(codes[event]))
        self.call("tgl_lower", ctypes.byref(program), graph)
        self.call("tgl_emulator_new", ctypes.byref(emulator), program, None, None)
        self.call("tgl_emulator_run_parallel", pointer(fast), emulator, pointer(codes), ctypes.c_size_t(n), ctypes.c_size_t(2), None)
        for name, handle in (("tgl_emulator_free", emulator), ("tgl_program_free", program), ("tgl_graph_free", graph)):
            getattr(self.lib, name)(handle)
        return slow[:, n_in:], fast


def main():
    rng = np.random.default_rng(20261120)
    networks = [draw(rng, k) for k in range(N_NETWORK)]
    with tempfile.TemporaryDirectory() as directory:
        theirs = run_hls4ml(networks, directory)
    library, at, differing, total, distinct = Library(), 0, 0, 0, 0
    for k, net in enumerate(networks):
        exp_codes, inv_codes = theirs[at:at + net["n_exp"]], theirs[at + net["n_exp"]:at + net["n_exp"] + net["n_inv"]]
        at += net["n_exp"] + net["n_inv"]
        n = net["n"]
        n_out = 2 * n[1] + 2 * n[2]
        expected = theirs[at:at + N_EVENT * n_out].reshape(N_EVENT, n_out)
        at += N_EVENT * n_out
        slow, fast = library.run(graph_json(k, net, exp_codes, inv_codes), net["in"], n[0] + n_out)
        for name, ours in (("evaluator", slow), ("emulator", fast)):
            wrong = np.argwhere(ours != expected)
            if len(wrong):
                event, j = wrong[0]
                print(f"network {k}, {name}: {len(wrong)} codes differ; first: event {event}, output {j}: "
                      f"hls4ml {expected[event, j]}, ours {ours[event, j]}")
            differing += len(wrong)
        total += expected.size
        distinct += len(np.unique(expected))
    assert at == len(theirs)
    assert distinct > 50 * N_NETWORK, "the networks answer too few different codes to mean anything"
    print(f"{N_NETWORK} networks, {N_NETWORK * N_EVENT} events, {total} codes of hls4ml: {differing} differing")
    return 1 if differing else 0


sys.exit(main())
