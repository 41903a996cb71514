"""Projects that hls4ml writes (Vivado and Vitis back ends, latency and resource, parallel and stream), compiled by g++ as they
stand, against the graph read from the same directory: thousands of random events and corner values each, 0 differing codes.
TGL_CAMPAIGN=1 adds the widths, strategies and variants that would take minutes."""
import contextlib
import ctypes
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def skip(why):
    print("skipped:", why)
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)


try:
    import numpy as np
    import keras
    import hls4ml
    from keras import layers as L
    if shutil.which("g++") is None:
        raise ImportError("no g++")
except ImportError as missing:
    skip(missing)

CAMPAIGN = os.environ.get("TGL_CAMPAIGN") == "1"
N_EVENT = 2000
HEADERS = os.path.join(os.path.dirname(hls4ml.__file__), "templates", "vivado")
# layers without a handler of their own go to the older one, not to a compiler of logic
hls4ml.converters.parse_keras_v3_model.__defaults__ = (False, True)
for kind in ("separable_conv1d.SeparableConv1D", "separable_conv2d.SeparableConv2D"):  # 1.3's newer handler fails on these
    sys.modules["hls4ml.converters.keras_v3_to_hls"].v3_layer_handlers.pop("keras.src.layers.convolutional." + kind)


# ---- networks ----


class Network:
    """A Keras model, and how hls4ml converts it. `layers` are configuration entries by layer name."""
    all = []

    def __init__(self, name, build, io_type="io_parallel", backend="Vitis", strategy="Latency", precision="ap_fixed<12,5>", reuse=1,
                 layers=None, campaign=False, events=N_EVENT, grid=None):
        self.name, self.build, self.io_type, self.backend, self.strategy = name, build, io_type, backend, strategy
        self.precision, self.reuse, self.layers, self.events, self.grid = precision, reuse, layers or {}, events, grid
        # with a namespace hls4ml 1.3 writes calls of distributed arithmetic that do not compile
        self.space = "" if strategy in ("distributed_arithmetic", "resource_unrolled") else "ns_" + name
        if CAMPAIGN or not campaign:
            Network.all.append(self)

    def write(self, directory, rng):
        keras.utils.set_random_seed(int(rng.integers(1 << 30)))
        x, y = self.build()
        model = keras.Model(x, y)
        for layer in model.layers:  # weights that use the types' range, and biases that are not zero
            layer.set_weights([rng.normal(0, 0.6, w.shape) if "variance" not in v.path else np.abs(rng.normal(1, 0.3, w.shape)) + 0.1
                               for w, v in zip(layer.get_weights(), layer.weights)])
            if self.grid:  # distributed arithmetic multiplies by the weights as they are
                layer.set_weights([np.rint(w * self.grid) / self.grid for w in layer.get_weights()])
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=self.backend, default_precision=self.precision,
                                                      default_reuse_factor=self.reuse)
        for layer in model.layers:
            if self.strategy != "distributed_arithmetic" or isinstance(layer, (L.Dense, L.Conv1D, L.Conv2D)):
                config["LayerName"][layer.name]["Strategy"] = self.strategy
        if self.strategy != "distributed_arithmetic":
            config["Model"]["Strategy"] = self.strategy
        for name, entries in self.layers.items():
            entry = config["LayerName"][name]
            for key, value in entries.items():
                if isinstance(value, dict):
                    entry.setdefault(key, {})
                    entry[key] = {**(entry[key] if isinstance(entry[key], dict) else {}), **value}
                else:
                    entry[key] = value
        self.hls = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, output_dir=os.path.join(directory, self.name), backend=self.backend, io_type=self.io_type,
            project_name=self.name, namespace=self.space or None, bit_exact=False, allow_da_fallback=False, allow_v2_fallback=True)
        self.hls.write()
        self.directory = os.path.join(directory, self.name)


def zoo(n_in, branches, fan=0):
    """Many small networks on one input, side by side: compiling is what takes the time. A stream cannot be copied more than seven
    times: with `fan`, so many branches share a dense layer of their own."""
    def build():
        x = L.Input((n_in,), name="x")
        outputs = []
        for k, (name, layers) in enumerate(branches.items()):
            if fan and k % fan == 0:
                shared = L.Dense(n_in, name=f"shared_{k // fan}")(x)
            y = shared if fan else x
            for i, layer in enumerate(layers):
                y = layer(f"{name}_{i}")(y)
            outputs.append(y)
        return x, outputs
    return build


def D(n):
    return lambda name: L.Dense(n, name=name)


def A(function):
    return lambda name: L.Activation(function, name=name)


def types(**precision):
    return {"Precision": precision}


def softmax(form, **more):
    return {"Implementation": form, **types(result="ap_fixed<16,4>", **more)}


NARROW = types(accum="ap_fixed<10,5,AP_RND_CONV,AP_SAT>", result="ap_fixed<9,4,AP_TRN_ZERO,AP_SAT_SYM>", weight="ap_fixed<7,2,AP_RND,AP_SAT>",
               bias="ap_fixed<11,3>")
SMALL = types(result="ap_fixed<12,4>")
DENSE = {"plain": [D(7), A("relu"), D(6)], "narrow": [D(6), A("relu"), D(5)], "stable": [D(5), A("softmax")], "latency": [D(5), A("softmax")],
         "legacy": [D(4), A("softmax")], "argmax": [D(5), A("softmax")], "sigmoid": [D(3), A("sigmoid")], "tanh": [D(3), A("tanh")],
         "softplus": [D(3), A("softplus")], "softsign": [D(3), A("softsign")], "selu": [D(3), A("selu")], "elu": [D(3), A("elu")],
         "hard": [D(3), A("hard_sigmoid")], "leaky": [D(3), lambda name: L.LeakyReLU(negative_slope=0.3, name=name)],
         "prelu": [D(3), lambda name: L.PReLU(name=name)], "elus": [D(3), lambda name: L.ELU(alpha=0.7, name=name)]}
SHARED = {f"shared_{i}": SMALL for i in range(4)}
DENSE_TYPES = {"narrow_0": NARROW, "narrow_2": NARROW, "narrow_1": types(result="ap_ufixed<7,3,AP_RND,AP_SAT>"),
               "stable_0": SMALL, "stable_1": softmax("stable"), "latency_0": SMALL, "latency_1": softmax("latency"),
               "legacy_1": softmax("legacy"), "argmax_1": softmax("argmax")}

def R(*shape):
    return lambda name: L.Reshape(shape, name=name)


def layer(kind, *args, **more):
    return lambda name: kind(*args, name=name, **more)


C1, C2, DC1, DC2, S1, S2 = L.Conv1D, L.Conv2D, L.DepthwiseConv1D, L.DepthwiseConv2D, L.SeparableConv1D, L.SeparableConv2D
FLAT = layer(L.Flatten)
IMAGE, SERIES = R(6, 4, 2), R(12, 4)  # of 48 inputs
CONV_1D = {"c1": [SERIES, layer(C1, 3, 3, strides=2, padding="same"), A("relu"), layer(L.MaxPooling1D, 2), FLAT],
        "c1v": [SERIES, layer(C1, 2, 4), layer(L.BatchNormalization), layer(L.AveragePooling1D, 3), FLAT],
        "pw1": [SERIES, layer(C1, 5, 1), layer(L.GlobalAveragePooling1D)], "gmp1": [SERIES, layer(L.GlobalMaxPooling1D)],
        "dw1": [SERIES, layer(DC1, 3), FLAT], "s1": [SERIES, layer(S1, 3, 3), FLAT]}
# apart from the other: the headers of both share an include guard in hls4ml 1.3
CONV_2D = {"c2": [IMAGE, layer(C2, 3, 3, padding="same"), A("relu"), layer(L.MaxPooling2D, 2), FLAT],
        "c2v": [IMAGE, layer(C2, 2, (3, 2), strides=(2, 1)), layer(L.AveragePooling2D, (1, 3)), FLAT],
        "pw2": [IMAGE, layer(C2, 3, 1), layer(L.GlobalMaxPooling2D)],
        "gap2": [IMAGE, layer(L.GlobalAveragePooling2D)],
        "dw2": [IMAGE, layer(DC2, (3, 2), padding="same"), FLAT],
        "s2": [IMAGE, layer(S2, 3, 2), FLAT],
        "pad": [IMAGE, layer(L.ZeroPadding2D, ((1, 0), (0, 2))), FLAT], "up": [IMAGE, layer(L.UpSampling2D, (2, 1)), FLAT]}
PADDED_1D = {"padded": [SERIES, layer(L.AveragePooling1D, 3, strides=2, padding="same"), FLAT]}
PADDED_2D = {"perm": [IMAGE, layer(L.Permute, (3, 1, 2)), FLAT], "padmax": [IMAGE, layer(L.MaxPooling2D, 3, strides=2, padding="same"), FLAT]}
TYPES_1D, TYPES_2D = {"c1_1": NARROW, "dw1_1": NARROW}, {"c2v_1": NARROW}

Network("conv1d", zoo(48, {**CONV_1D, **PADDED_1D}), layers=TYPES_1D, precision="ap_fixed<10,4>")
Network("conv2d", zoo(48, {**CONV_2D, **PADDED_2D}), layers=TYPES_2D, precision="ap_fixed<10,4>")
Network("conv1d_stream", zoo(48, CONV_1D, 5), layers={**TYPES_1D, "shared_0": SMALL, "shared_1": SMALL}, io_type="io_stream", precision="ap_fixed<10,4>", backend="Vivado")
Network("conv2d_stream", zoo(48, CONV_2D, 5), layers={**TYPES_2D, "shared_0": SMALL, "shared_1": SMALL}, io_type="io_stream", precision="ap_fixed<10,4>",
        campaign=True)


def merges():
    x = L.Input((6,), name="x")
    a, b = L.Dense(5, name="a")(x), L.Dense(5, name="b", activation="relu")(x)
    outputs = [kind(name=kind.__name__.lower())([a, b]) for kind in (L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate)]
    return x, outputs + [L.Dot(1, name="dot")([a, b])]


SETS = R(4, 6)  # of 24 inputs
WIDER = types(accum="ap_fixed<20,8>", result="ap_fixed<14,6>")
Network("attention", zoo(24, {"rows": [SETS, layer(L.EinsumDense, "abc,cd->abd", (4, 5), bias_axes="d"), FLAT],
                              "own": [SETS, layer(L.EinsumDense, "abc,cd->abd", (4, 3), bias_axes="bd"), FLAT],
                              "sets": [SETS, layer(L.EinsumDense, "abc,bcd->adb", (2, 4), bias_axes="d"), FLAT],
                              "norm": [SETS, layer(L.LayerNormalization, axis=2), FLAT],
                              "heads": [SETS, layer(L.Softmax, axis=1), FLAT]}),
        layers={"rows_1": WIDER, "own_1": NARROW, "norm_1": types(accum="ap_fixed<18,8>", result="ap_fixed<14,6>", scale="ap_fixed<10,3>", bias="ap_fixed<10,3>")},
        precision="ap_fixed<10,4>")


STEPS = R(4, 3)  # of 12 inputs
SAME = types(accum="ap_fixed<12,4>", result="ap_fixed<12,4>")  # what the C++ of an LSTM compiles with
CELL = types(accum="ap_fixed<16,6>", result="ap_fixed<12,4>")
Network("recurrent", zoo(12, {"lstm": [STEPS, layer(L.LSTM, 3)], "gru": [STEPS, layer(L.GRU, 3, return_sequences=True), FLAT],
                              "bi": [STEPS, lambda name: L.Bidirectional(L.LSTM(2, name="inner"), name=name)]}),
        layers={"lstm_1": SAME, "gru_1": CELL, "bi_1": SAME}, precision="ap_fixed<12,4>", campaign=True)


def embedded():
    x = L.Input((3,), name="x")
    return x, L.Embedding(16, 5, name="e")(x)


Network("embedding", embedded, layers={"x": types(result="ap_uint<4>")}, campaign=True)
Network("merges", merges, layers={"dot": types(accum="ap_fixed<15,8,AP_RND,AP_SAT>", result="ap_fixed<12,7>")})
Network("parallel", zoo(8, DENSE), layers=DENSE_TYPES)
Network("stream", zoo(8, DENSE, 4), io_type="io_stream", backend="Vivado", layers={**DENSE_TYPES, **SHARED})
Network("resource", zoo(12, {"a": [D(8), A("relu"), D(6)], "b": [D(4), D(6)]}), strategy="Resource", reuse=4,
        layers={"a_0": NARROW, "a_2": NARROW, "b_0": NARROW, "b_1": {**NARROW, "ReuseFactor": 8}})

Network("arithmetic", zoo(24, {"a": [D(5), A("relu"), D(4)], "c": [R(8, 3), layer(C1, 3, 3, padding="same"), FLAT],
                               "i": [R(4, 3, 2), layer(C2, 2, 2), FLAT]}), strategy="distributed_arithmetic", grid=8, precision="ap_fixed<10,6>")
RESOURCE = {"c1": [R(12, 2), layer(C1, 4, 3), FLAT], "c2": [R(4, 3, 2), layer(C2, 3, (3, 2)), A("relu"), FLAT]}
for flow in ("io_parallel", "io_stream"):
    Network("conv_resource_" + flow, zoo(24, RESOURCE), strategy="Resource", reuse=3, io_type=flow, campaign=True,
            layers={"c1_1": NARROW, "c2_1": NARROW})
Network("recurrent_stream", zoo(12, {"lstm": [STEPS, layer(L.LSTM, 3)], "gru": [STEPS, layer(L.GRU, 3, return_sequences=True), FLAT]}),
        layers={"lstm_1": SAME, "gru_1": CELL}, precision="ap_fixed<12,4>", io_type="io_stream", campaign=True)
Network("unrolled", zoo(12, {"a": [D(8), A("relu"), D(6)], "c": [R(6, 2), layer(C1, 4, 3), FLAT]}), strategy="resource_unrolled", reuse=2, campaign=True,
        layers={"a_0": NARROW, "a_2": NARROW, "c_1": NARROW})
Network("arithmetic_stream", zoo(24, {"a": [D(5), A("relu"), D(4)], "c": [R(8, 3), layer(C1, 3, 3, padding="same"), FLAT]}),
        strategy="distributed_arithmetic", grid=8, io_type="io_stream", precision="ap_fixed<10,6>", campaign=True)


# ---- hls4ml's side: the project compiled as it stands, with codes in and out ----

DRIVER_HEAD = """
#include <cstdint>
#include <cstddef>
template <class T> void set(T &x, int64_t code) { ap_uint<T::width> bits = code; x(T::width - 1, 0) = bits(T::width - 1, 0); }
template <class T> int64_t get(const T &x) {
    T y = x;
    ap_uint<T::width> bits = y(T::width - 1, 0);
    int64_t code = bits.to_long();
    if (y < 0 && T::width < 64) code -= int64_t(1) << T::width;
    return code;
}
template <class T> void fill(hls::stream<T> &s, const int64_t *&in, int n) {
    for (int i = 0; i < n; i += T::size) { T pack; for (unsigned j = 0; j < T::size; j++) set(pack[j], *in++); s.write(pack); }
}
template <class T> void drain(hls::stream<T> &s, int64_t *&out, int n) {
    for (int i = 0; i < n; i += T::size) { T pack = s.read(); for (unsigned j = 0; j < T::size; j++) *out++ = get(pack[j]); }
}
template <class T> void fill(T *x, const int64_t *&in, int n) { for (int i = 0; i < n; i++) set(x[i], *in++); }
template <class T> void drain(T *x, int64_t *&out, int n) { for (int i = 0; i < n; i++) *out++ = get(x[i]); }
"""


def size_of(variable):
    return int(np.prod(variable.shape))


def driver(net):
    """One translation unit: the project's own source, and a loop over events."""
    space, lines = net.space, []
    variables = net.hls.get_input_variables(), net.hls.get_output_variables()
    for group in variables:
        for v in group:
            lines.append(f"hls::stream<{space}::{v.type.name}> {v.name};" if net.io_type == "io_stream" else
                         f"static {space}::{v.type.name} {v.name}[{size_of(v)}];")
    lines += [f"fill({v.name}, in, {size_of(v)});" for v in variables[0]]
    lines.append(f"{space}::{net.name}({', '.join(v.name for g in variables for v in g)});")
    lines += [f"drain({v.name}, out, {size_of(v)});" for v in variables[1]]
    body = "\n".join(lines)
    return (f'#include "firmware/{net.name}.cpp"\n{DRIVER_HEAD}\n'
            f'extern "C" void run(const int64_t *in, int64_t *out, long n) {{\nfor (long event = 0; event < n; event++) {{\n{body}\n}}\n}}\n')


def compile_cpp(directory, flags, binary):
    """driver.cpp into a library, in its own directory with relative paths, so that a compiler cache knows it again."""
    cache = [shutil.which("ccache")] if shutil.which("ccache") else []
    subprocess.run([*cache, "g++", "-std=c++17", "-O1", "-w", "-fPIC", "-fno-gnu-unique", *flags, "-c", "driver.cpp", "-o", "driver.o"], check=True, cwd=directory)
    subprocess.run(["g++", "-shared", "driver.o", "-o", binary], check=True, cwd=directory)


def run_cpp(directory, binary, codes, n_out):
    """(events, n_out) codes; weights are read from text files below the directory."""
    out, before = np.zeros((len(codes), n_out), np.int64), os.getcwd()
    os.chdir(directory)
    ctypes.CDLL(binary).run(pointer(codes), pointer(out), ctypes.c_long(len(codes)))
    os.chdir(before)
    return out


def compile_project(net):
    source, binary = os.path.join(net.directory, "driver.cpp"), os.path.join(net.directory, "driver.so")
    with open(source, "w") as f:
        f.write(driver(net))
    begin = time.time()
    compile_cpp(net.directory, ["-I.", "-Ifirmware", "-Ifirmware/ap_types", f"-I{HEADERS}/ap_types", '-DWEIGHTS_DIR="firmware/weights"'], binary)
    net.compile_s = time.time() - begin
    return binary


def pointer(array):
    assert array.dtype == np.int64 and array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.c_void_p)


# ---- ours ----


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t)] + [(name, ctypes.c_char_p) for name in ("format", "variant", "inputs", "scores", "settings", "weights")] \
        + [("report", ctypes.POINTER(ctypes.c_void_p))]


LIB = ctypes.CDLL(os.path.join(os.environ["TGL_BUILD_DIR"], "libtrigline.so"))


def call(name, *args):
    error = ctypes.create_string_buffer(1024)
    if getattr(LIB, name)(*args, error) != 0:
        raise RuntimeError(f"{name}: {error.raw[16:].split(bytes(1))[0].decode()}")


class Ours:
    """The graph read from the directory, its evaluator and its emulator."""

    def __init__(self, directory, settings=None, variant=None):
        self.graph, self.program = ctypes.c_void_p(), ctypes.c_void_p()
        options = Options(ctypes.sizeof(Options), settings=settings and settings.encode(), variant=variant and variant.encode())
        begin = time.time()
        call("tgl_model_import", ctypes.byref(self.graph), directory.encode(), ctypes.byref(options))
        self.import_ms = (time.time() - begin) * 1e3
        text, size = ctypes.c_void_p(), ctypes.c_size_t()
        call("tgl_graph_print", ctypes.byref(text), ctypes.byref(size), self.graph)
        self.json = json.loads(ctypes.string_at(text, size.value))
        call("tgl_lower", ctypes.byref(self.program), self.graph)
        self.nodes = {node["name"]: node for node in self.json["nodes"]}
        self.first, self.n_value = {}, 0
        for node in self.json["nodes"]:
            self.first[node["name"]] = self.n_value
            self.n_value += node["n_element"]
        self.n_out = sum(self.nodes[output["node"]]["n_element"] for output in self.json["outputs"])

    def emulate(self, codes):
        emulator, out = ctypes.c_void_p(), np.zeros((len(codes), self.n_out), np.int64)
        call("tgl_emulator_new", ctypes.byref(emulator), self.program, None, None)
        call("tgl_emulator_run_parallel", pointer(out), emulator, pointer(codes), ctypes.c_size_t(len(codes)), ctypes.c_size_t(2), None)
        LIB.tgl_emulator_free(emulator)
        return out

    def evaluate(self, codes):
        values = np.zeros((len(codes), self.n_value), np.int64)
        for event, row in enumerate(codes):
            call("tgl_graph_eval", pointer(values[event]), self.graph, pointer(np.ascontiguousarray(row)))
        return np.concatenate([values[:, self.first[o["node"]]:self.first[o["node"]] + self.nodes[o["node"]]["n_element"]]
                               for o in self.json["outputs"]], axis=1)


def bounds(text):
    unsigned = text.startswith("u")
    width = int(text.split("<")[1].split(",")[0])
    return (0, (1 << width) - 1) if unsigned else (-(1 << (width - 1)), (1 << (width - 1)) - 1)


def random_codes(node, n, rng):
    """All zero, all least, all greatest, single corners, then uniform ones and ones near zero."""
    types = node["out"] * (node["n_element"] if len(node["out"]) == 1 else 1)
    columns = []
    for j, text in enumerate(types):
        lo, hi = bounds(text)
        wide = rng.integers(lo, hi + 1, n)
        near = np.clip(np.rint(rng.normal(0, (hi - lo) / 16, n)), lo, hi).astype(np.int64)
        column = np.where(np.arange(n) % 2 == 0, wide, near)
        corner = rng.choice([lo, hi, 0, min(1, hi), max(-1, lo)], n)
        column = np.where(np.arange(n) % 5 == 3, corner, column)
        column[:3] = 0, lo, hi
        columns.append(column)
    return np.ascontiguousarray(np.stack(columns, axis=1).astype(np.int64))


def check(net, binary, rng):
    ours = Ours(net.directory)
    codes = random_codes(ours.json["nodes"][0], net.events, rng)
    n_out = sum(size_of(v) for v in net.hls.get_output_variables())
    assert n_out == ours.n_out, f"{net.name}: {n_out} outputs of hls4ml, {ours.n_out} of ours"
    theirs = run_cpp(net.directory, binary, codes, n_out)
    wrong = 0
    n_slow = min(len(codes), 250)
    for way, mine, expected in (("emulator", ours.emulate(codes), theirs), ("evaluator", ours.evaluate(codes[:n_slow]), theirs[:n_slow])):
        different = np.argwhere(mine != expected)
        wrong += len(different)
        if len(different):
            event, j = different[0]
            print(f"{net.name}, {way}: {len(different)} of {expected.size} codes differ; first: event {event}, output {j}: "
                  f"hls4ml {expected[event, j]}, ours {mine[event, j]}; inputs {codes[event].tolist()[:12]}")
    spread = len(np.unique(theirs))
    print(f"MODEL importer=hls4ml model={net.name} import_ms={ours.import_ms:.1f} operators={len(ours.json['nodes'])} events={len(codes)} "
          f"differing={wrong} codes={spread} compile_s={net.compile_s:.1f}")
    if spread < 10:
        print(f"{net.name}: hls4ml answers only {spread} different codes")
        wrong += 1
    return wrong


# ---- the deployed anomaly network: as numbers in JSON, and as a project in the form of its deployment ----


def cpp_type(entry):
    modes = f",AP_{entry['rounding']},AP_{entry['overflow']}" if (entry["rounding"], entry["overflow"]) != ("TRN", "WRAP") else ""
    return f"ap_{'' if entry['signed'] else 'u'}fixed<{entry['width']},{entry['integer']}{modes}>"


def write_deployed(net, directory):
    """defines.h, parameters.h, the top function, weights.h; input scaling and score by hand, in functions of their own."""
    n_in = len(net["inputs"])
    types = {"input_t": net["scaled_type"], "unscaled_t": net["unscaled_type"], "ad_offset_t": net["offset_type"],
             "ad_shift_t": net["shift_type"], "square_t": net["score"]["sum_type"]}
    config, weights, calls, before, before_t = [], [], [], "x", "input_t"
    for i, layer in enumerate(net["layers"], 1):
        last = i == len(net["layers"])
        types.update({f"accum{i}_t": layer["accumulator"], f"dense{i}_t": layer["accumulator"], f"weight{i}_t": layer["weight_type"],
                      f"bias{i}_t": layer["bias_type"], ("result_t" if last else f"relu{i}_t"): layer["output"]})
        for kind in ("weight", "bias"):
            lsb = layer[kind + "_lsb"]
            values = ", ".join(repr(v * lsb) for v in layer[kind])
            weights.append(f"{kind}{i}_t {kind[0]}{i}[{len(layer[kind])}] = {{{values}}};")
        config.append(f"struct config{i} : nnet::dense_config {{ static const unsigned n_in = {layer['n_in']}, n_out = {layer['n_out']};\n"
                      "static const unsigned io_type = nnet::io_parallel; static const unsigned strategy = nnet::latency;\n"
                      f"static const unsigned reuse_factor = 1; typedef accum{i}_t accum_t; typedef bias{i}_t bias_t; typedef weight{i}_t weight_t;\n"
                      "template<class data_T, class res_T, class CONFIG_T> using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;\n"
                      "template<class x_T, class y_T> using product = nnet::product::mult<x_T, y_T>; };\n"
                      f"struct activ{i} : nnet::activ_config {{ static const unsigned n_in = N_{i}; }};")
        out = "y" if last else f"layer{i}b"
        calls.append(f"dense{i}_t layer{i}[N_{i}];\nnnet::dense<{before_t}, dense{i}_t, config{i}>({before}, layer{i}, w{i}, b{i}); // dense_{i}")
        after_t = "result_t" if last else f"relu{i}_t"
        if not last:
            calls.append(f"{after_t} {out}[N_{i}];")
        calls.append(f"nnet::{'linear' if last else 'relu'}<dense{i}_t, {after_t}, activ{i}>(layer{i}, {out}); // "
                     f"{'bits' if last else 'relu'}_{i}")
        before, before_t = out, after_t
    n_out = net["layers"][-1]["n_out"]
    sizes = [f"#define N_INPUT {n_in}"] + [f"#define N_{i} {layer['n_out']}" for i, layer in enumerate(net["layers"], 1)]
    namespace = lambda text: "namespace deployed {\n" + text + "\n}\n"
    typedefs = "\n".join(f"typedef {cpp_type(entry)} {name};" for name, entry in types.items())
    listed = lambda key: ", ".join(str(v) for v in net[key])
    files = {
        "NN/defines.h": '#pragma once\n#include "ap_fixed.h"\n#include "nnet_utils/nnet_types.h"\n' + "\n".join(sizes) + "\n" + namespace(typedefs),
        "NN/weights.h": '#pragma once\n#include "defines.h"\n' + namespace("\n".join(weights)),
        "NN/parameters.h": '#pragma once\n#include <cassert>\n#include "nnet_utils/nnet_dense.h"\n#include "nnet_utils/nnet_activation.h"\n'
                           '#include "defines.h"\n#include "weights.h"\n' + namespace("\n".join(config)),
        "NN/deployed.cpp": '#include "parameters.h"\n' + namespace(f"void deployed(input_t x[N_INPUT], result_t y[{n_out}]) {{\n" + "\n".join(calls) + "\n}"),
        "scales.h": '#pragma once\n#include "NN/defines.h"\n' + namespace(
            f"const ad_shift_t ad_shift[{n_in}] = {{{listed('shift')}}};\nconst ad_offset_t ad_offsets[{n_in}] = {{{listed('offset')}}};"),
        "around.cpp": '#include "NN/deployed.cpp"\n#include "scales.h"\n' + namespace(
            "void scale(unscaled_t raw[N_INPUT], input_t scaled[N_INPUT]) {\nfor (int i = 0; i < N_INPUT; i++) {\n"
            "unscaled_t moved = raw[i] - deployed::ad_offsets[i];\ninput_t shifted = moved >> deployed::ad_shift[i];\nscaled[i] = shifted;\n}\n}\n"
            f"square_t score(result_t mean[{n_out}]) {{\nsquare_t squares[{n_out}];\nsquare_t total;\n"
            f"for (int i = 0; i < {n_out}; i++) {{ squares[i] = mean[i] * mean[i]; }}\nnnet::Op_add<square_t> op;\n"
            f"total = nnet::reduce<square_t, {n_out}, nnet::Op_add<square_t>>(squares, op);\nreturn total;\n}}")}
    for name, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(directory, name)), exist_ok=True)
        with open(os.path.join(directory, name), "w") as f:
            f.write(text)


DEPLOYED_DRIVER = '#include "around.cpp"\n#include "hls_stream.h"\n' + DRIVER_HEAD + """
extern "C" void run(const int64_t *in, int64_t *out, long n) {
    using namespace deployed;
    static unscaled_t raw[N_INPUT]; static input_t x[N_INPUT]; static result_t mean[N_OUT];
    for (long event = 0; event < n; event++) {
        fill(raw, in, N_INPUT); scale(raw, x); deployed::deployed(x, mean); drain(mean, out, N_OUT); *out++ = get(score(mean));
    }
}
"""


def digest(program):
    text = ctypes.create_string_buffer(72)
    call("tgl_model_program_digest", None, text, program)
    return text.value.decode()


def check_deployed(directory, rng):
    path = os.path.join(os.environ.get("TGL_SHARED_DIR", ""), "testdata", "l1", "axol1tl_v4.json")
    if not os.path.exists(path):
        print(f"skipped: {path} is absent")
        return int(os.environ.get("TGL_REQUIRE_SHARED") == "1")
    with open(path) as f:
        net = json.load(f)
    directory = os.path.join(directory, "deployed")
    write_deployed(net, directory)
    as_json = Ours(path, variant="unscaled")
    seeds = as_json.nodes["seeds"]
    settings = os.path.join(directory, "settings.json")
    with open(settings, "w") as f:
        json.dump({"name": net["name"], "inputs": net["inputs"], "outputs": {"y": "mean"},
                   "thresholds": {name: code / 16 for name, code in zip(seeds["labels"], seeds["threshold"])}}, f)
    project = Ours(directory, settings)
    digests = digest(as_json.program), digest(project.program)
    print(f"deployed network: program {digests[0]} of the JSON, {digests[1]} of the project")
    wrong = int(digests[0] != digests[1])
    with open(os.path.join(directory, "driver.cpp"), "w") as f:
        f.write(DEPLOYED_DRIVER.replace("N_OUT", str(net["layers"][-1]["n_out"])))
    binary = os.path.join(directory, "driver.so")
    compile_cpp(directory, ["-I.", "-INN", f"-I{HEADERS}", f"-I{HEADERS}/ap_types"], binary)
    codes = random_codes(project.json["nodes"][0], 5 * N_EVENT, rng)
    n_out = net["layers"][-1]["n_out"] + 1
    theirs = run_cpp(directory, binary, codes, n_out)
    different = int((project.emulate(codes)[:, :n_out] != theirs).sum())
    print(f"MODEL importer=hls4ml model=axol1tl_v4 import_ms={project.import_ms:.1f} operators={len(project.json['nodes'])} events={len(codes)} "
          f"differing={different} codes={len(np.unique(theirs))}")
    return wrong + different


def main():
    rng = np.random.default_rng(20261127)
    wanted = sys.argv[1:]
    networks = [net for net in Network.all if not wanted or net.name in wanted]
    unknown = set(wanted) - {net.name for net in networks} - {"deployed"}
    if unknown:
        sys.exit(f"no such project: {', '.join(sorted(unknown))} (TGL_CAMPAIGN=1 has more)")
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        if wanted:
            directory = os.environ.get("TGL_KEEP", directory)
        with ThreadPoolExecutor(2) as pool:
            compiled = []
            for net in networks:  # g++ works on one while Keras makes the next
                with contextlib.redirect_stdout(io.StringIO()):
                    net.write(directory, rng)
                compiled.append(pool.submit(compile_project, net))
            for net, binary in zip(networks, compiled):
                try:
                    wrong += check(net, binary.result(), rng)
                except RuntimeError as error:
                    print(f"{net.name}: {error}")
                    wrong += 1
            if not wanted or "deployed" in wanted:
                wrong += check_deployed(directory, rng)
    print(f"{len(networks)} projects: {'all codes equal' if not wrong else f'{wrong} wrong'}")
    return 1 if wrong else 0


sys.exit(main())
