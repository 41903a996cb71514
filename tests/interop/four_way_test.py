"""Four ways to the same codes, for both templates: training's own fake-quantised forward pass, hls4ml compiled from the
same weights and types, the emulator and Verilated firmware, each held against the graph's evaluator on the same 10,000
events (0 differing codes). Half the events are example data, half random over the inputs' types."""
import copy
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
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
except ImportError as missing:
    skip(missing)
if not shutil.which("verilator"):
    skip("verilator is not installed")

N_EVENT = 10_000
BUILD = os.environ["TGL_BUILD_DIR"]
JETS = os.path.join(os.environ["TGL_SOURCE_DIR"], "examples", "data", "jets.root")
GENERATOR = os.path.join(BUILD, "examples", "generator", "trigline-generate")


def library():
    return ctypes.CDLL(os.path.join(BUILD, "libtrigline.so"))


# ---- trigline's side, through the public C interface ----


class TrainOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("config", ctypes.c_char_p), ("train", ctypes.c_void_p), ("validation", ctypes.c_void_p),
                ("n_thread", ctypes.c_size_t), ("isa", ctypes.c_int), ("progress", ctypes.c_void_p)]


class Simulation(ctypes.Structure):
    _fields_ = [("n_event", ctypes.c_uint64), ("n_different", ctypes.c_uint64), ("first_event", ctypes.c_uint64),
                ("first_difference", ctypes.c_char * 512), ("latency_cycles", ctypes.c_uint32),
                ("compile_s", ctypes.c_double), ("run_s", ctypes.c_double)]


def call(function, *arguments):
    error = ctypes.create_string_buffer(512)
    status = function(*arguments, error)
    if status != 0:
        raise RuntimeError(error.raw[16:].split(b"\0")[0].decode())


def pointer(array):
    assert array.dtype == np.int64 and array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.c_void_p)


class Model:
    """A template trained on a file, and every way of running it that trigline has."""

    def __init__(self, config, path):
        self.lib = library()
        self.table, self.training, self.graph, self.program = (ctypes.c_void_p() for _ in range(4))
        call(self.lib.tgl_data_load, ctypes.byref(self.table), path.encode(), None, ctypes.c_size_t(0), None)
        options = TrainOptions(ctypes.sizeof(TrainOptions), json.dumps(config).encode(), self.table, None, 2, 0, None)
        call(self.lib.tgl_train, ctypes.byref(self.training), ctypes.byref(options))
        self.graph = ctypes.c_void_p(self.lib.tgl_training_graph(self.training))
        text, size = ctypes.c_void_p(), ctypes.c_size_t()
        call(self.lib.tgl_graph_print, ctypes.byref(text), ctypes.byref(size), self.graph)
        self.json = json.loads(ctypes.string_at(text, size.value))
        call(self.lib.tgl_lower, ctypes.byref(self.program), self.graph)
        self.nodes = {node["name"]: node for node in self.json["nodes"]}
        self.first, self.n_value = {}, 0
        for node in self.json["nodes"]:
            self.first[node["name"]] = self.n_value
            self.n_value += node["n_element"]
        self.outputs = []
        for i in range(self.lib.tgl_graph_n_output(self.graph)):
            self.outputs.append(self.lib.tgl_graph_output(self.graph, i, None).decode())
        self.widths = [self.nodes[name]["n_element"] for name in self.outputs]

    def data_codes(self, n):
        """The last rows of the file, which training held out, as input codes."""
        rows = self.lib.tgl_table_n_row(self.table)
        assert rows >= 5 * n, (rows, n)
        codes = np.zeros((n, self.nodes["input"]["n_element"]), np.int64)
        call(self.lib.tgl_convention_extract, pointer(codes), None, self.lib.tgl_graph_convention(self.graph), self.table,
             ctypes.c_uint64(rows - n), ctypes.c_uint64(rows))
        return codes

    def split(self, codes):
        return dict(zip(self.outputs, np.split(codes, np.cumsum(self.widths)[:-1], axis=1)))

    def forward(self, codes):
        """Training's fake-quantised forward pass: the first output."""
        out = np.zeros((len(codes), self.widths[0]), np.int64)
        call(self.lib.tgl_training_forward, pointer(out), self.training, pointer(codes), ctypes.c_size_t(len(codes)))
        return out

    def evaluate(self, codes):
        """The graph's own evaluator: all nodes."""
        values = np.zeros((len(codes), self.n_value), np.int64)
        for event, row in enumerate(codes):
            call(self.lib.tgl_graph_eval, pointer(values[event]), self.graph, pointer(row))
        return {name: values[:, at:at + self.nodes[name]["n_element"]] for name, at in self.first.items()}

    def emulate(self, codes):
        emulator = ctypes.c_void_p()
        call(self.lib.tgl_emulator_new, ctypes.byref(emulator), self.program, None, None)
        out = np.zeros((len(codes), sum(self.widths)), np.int64)
        call(self.lib.tgl_emulator_run_parallel, pointer(out), emulator, pointer(codes), ctypes.c_size_t(len(codes)),
             ctypes.c_size_t(2), None)
        return self.split(out)

    def simulate(self, directory, codes, expected):
        """Verilated firmware against `expected`, all outputs of each event: the simulation with these expectations, and one
        with a single bit of the last event's expectations flipped, which must be found."""
        call(self.lib.tgl_firmware_build, directory.encode(), self.program, None, None)
        results = []
        for flip in (0, 1):
            wanted = expected.copy()
            wanted[-1, -1] ^= flip
            results.append(Simulation())
            call(self.lib.tgl_firmware_simulate, ctypes.byref(results[-1]), directory.encode(), (directory + "/work").encode(), self.program, None,
                 pointer(codes),
                 pointer(wanted), ctypes.c_size_t(len(codes)), None)
        return results


def library():
    lib = ctypes.CDLL(os.path.join(BUILD, "libtrigline.so"))
    lib.tgl_training_graph.restype = lib.tgl_graph_convention.restype = ctypes.c_void_p
    lib.tgl_training_graph.argtypes = lib.tgl_graph_convention.argtypes = [ctypes.c_void_p]
    lib.tgl_graph_output.restype = ctypes.c_char_p
    lib.tgl_graph_output.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p]
    lib.tgl_table_n_row.restype = ctypes.c_uint64
    lib.tgl_convention_extract.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_uint64] * 2 + [ctypes.c_char_p]
    return lib


def parse(text):
    """'ufixed<8,5,RND_CONV,SAT>' as sign, width, fraction and the name hls4ml takes."""
    sign, width, integer, modes = re.fullmatch(r"(u?)fixed<(\d+),(-?\d+)((?:,\w+)*)>", text).groups()
    return sign == "", int(width), int(width) - int(integer), f"{sign}fixed<{width},{integer}{modes}>"


def random_codes(node, n, rng):
    """Half uniform over each type, half near its middle: saturations and ordinary values."""
    columns = []
    types = [parse(t) for t in node["out"]]
    if len(types) == 1:
        types *= node["n_element"]
    for signed, width, _, _ in types:
        lo, hi = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
        wide = rng.integers(lo, hi + 1, n)
        near = np.clip(np.rint(rng.normal(0, (hi - lo) / 8, n)), lo, hi).astype(np.int64)
        columns.append(np.where(np.arange(n) % 2 == 0, wide, near))
    return np.ascontiguousarray(np.stack(columns, axis=1).astype(np.int64))


# ---- hls4ml's side ----


def set_softmax(hls, node):
    """The types and table sizes that hls4ml 1.3 has no configuration key for. Left alone, it takes a difference type one bit
    narrower than the logits, which wraps when two logits are more than half their range apart."""
    attributes = hls.graph["n_probability"].attributes

    def set_type(name, text, modes=("RND_CONV", "SAT")):
        signed, width, fraction, _ = parse(text)
        precision = copy.copy(attributes[name].precision)
        precision.signed, precision.width, precision.integer = signed, width, width - fraction
        precision.rounding_mode = hls4ml.model.types.RoundingMode[modes[0]]
        precision.saturation_mode = hls4ml.model.types.SaturationMode[modes[1]]
        attributes[name].precision = precision

    set_type("exp_table_t", node["exp_table"]["type"])
    set_type("inv_table_t", node["inv_table"]["type"])
    set_type("inv_inp_t", node["softmax_sum"])
    difference = "ap_" + re.sub(r",(RND_CONV|SAT)", r",AP_\1", node["softmax_diff"])
    text = attributes["config_cpp"]  # already written out at this point
    for pattern, value in ((r"(exp_table_size =) \d+;", f"\\1 {len(node['exp_table']['codes'])};"),
                           (r"(inv_table_size =) \d+;", f"\\1 {len(node['inv_table']['codes'])};"),
                           (r"typedef [^;]* inp_norm_t;", f"typedef {difference} inp_norm_t;")):
        text, n = re.subn(pattern, value, text)
        assert n == 1, f"hls4ml's softmax configuration has no {pattern}"
    attributes["config_cpp"] = text


def compile_hls4ml(graph, input_name, last, directory):
    """The dense chain up to `last` (and a softmax behind it when the graph has one)."""
    nodes, layers, precision = graph.nodes, [], {}
    before = nodes[input_name]
    fraction = parse(before["out"][0])[2]
    precision["x"] = {"Precision": {"result": parse(before["out"][0])[3]}}
    x = keras.Input((before["n_element"],), name="x")
    y, weights = x, []
    for node in graph.json["nodes"]:
        name = "n_" + node["name"]
        if node["op"] == "dense":
            y = keras.layers.Dense(node["n_element"], name=name)(y)
            w = np.array(node["weights"]).reshape(node["n_element"], -1).T / 2.0 ** parse(node["weight_type"])[2]
            weights.append((name, [w, np.array(node["bias"]) / 2.0 ** parse(node["bias_type"])[2]]))
            precision[name] = {"Precision": {"weight": parse(node["weight_type"])[3], "bias": parse(node["bias_type"])[3],
                                             "accum": parse(node["acc"])[3], "result": parse(node["out"][0])[3]}}
            if node["name"] == last:
                break
        elif node["op"] == "relu":
            y = keras.layers.Activation("relu", name=name)(y)
            precision[name] = {"Precision": {"result": parse(node["out"][0])[3]}}
    fraction_out = parse(nodes[last]["out"][0])[2]
    if "probability" in nodes and directory.endswith("softmax"):
        node = nodes["probability"]
        y = keras.layers.Activation("softmax", name="n_probability")(y)
        precision["n_probability"] = {"Precision": {"result": parse(node["out"][0])[3], "accum": parse(node["acc"])[3]},
                                      "Implementation": "stable"}
        fraction_out = parse(node["out"][0])[2]
    model = keras.Model(x, y)
    for name, values in weights:
        model.get_layer(name).set_weights(values)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    for name, extra in precision.items():
        config["LayerName"].setdefault(name, {}).setdefault("Precision", {})
        config["LayerName"][name]["Precision"] = {**extra.pop("Precision")}
        config["LayerName"][name].update(extra)
    hls = hls4ml.converters.convert_from_keras_model(model, hls_config=config, io_type="io_parallel", backend="Vitis", output_dir=directory)
    if "n_probability" in precision:
        set_softmax(hls, nodes["probability"])
    hls.compile()

    def run(codes):
        out = hls.predict(np.ascontiguousarray((codes / 2.0 ** fraction).astype(np.float32)))
        scaled = out.astype(np.float64).reshape(len(codes), -1) * 2.0 ** fraction_out
        assert (scaled == np.rint(scaled)).all(), "an output of hls4ml is not on the grid"
        return scaled.astype(np.int64)

    return run


# ---- comparisons ----


def compare(what, ours, theirs, least_span=10):
    different = int((ours != theirs).sum())
    spread = int(theirs.max() - theirs.min())
    print(f"{what}: {len(ours)} events, {different} differing codes of {ours.size} (codes span {spread})")
    if different:
        event = int(np.argwhere((ours != theirs).any(axis=1))[0][0])
        print(f"  first: event {event}: {ours[event].tolist()} against {theirs[event].tolist()}")
    if different or spread < least_span:
        sys.exit(1)


def python_scale(codes, graph):
    """The scaling by its definition, in Python's integers."""
    node = graph.nodes["scale"]
    signed, width, fraction, _ = parse(node["cast"])
    _, out_width, out_fraction, _ = parse(node["out"][0])
    wrap = lambda v: ((v + (1 << (width - 1))) & ((1 << width) - 1)) - (1 << (width - 1))
    result = np.zeros_like(codes)
    for j in range(codes.shape[1]):
        source = parse(graph.nodes["input"]["out"][j])[2]
        t = wrap((codes[:, j] - node["offset"][j] * (1 << source)) << (fraction - source))
        u = t >> node["shift"][j]
        down = fraction - out_fraction
        floor = u >> down
        rest = u - (floor << down)
        half = 1 << (down - 1)
        rounded = floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))
        result[:, j] = np.clip(rounded, -(1 << (out_width - 1)), (1 << (out_width - 1)) - 1)
    return result


class FourWays:
    """One template's events, the graph's codes for them, and every other way held against these."""

    def __init__(self, name, config, path, directory, rng):
        self.name, self.directory = name, directory
        self.model = Model(config, path)
        n = N_EVENT // 2
        random = random_codes(self.model.nodes["input"], N_EVENT - n, rng)
        self.codes = np.ascontiguousarray(np.concatenate([self.model.data_codes(n), random]))
        self.graph = self.model.evaluate(self.codes)
        expected = np.ascontiguousarray(np.concatenate([self.graph[output] for output in self.model.outputs], axis=1))
        self.pool = ThreadPoolExecutor(1)  # Verilator compiles while hls4ml does
        self.firmware = self.pool.submit(self.model.simulate, os.path.join(directory, "firmware"), self.codes, expected)

    def hls4ml(self, input_name, last, folder="hls"):
        return compile_hls4ml(self.model, input_name, last, os.path.join(self.directory, folder))

    def same(self, way, output, codes):
        least_span = 1 if output in ("class", "accept") else 10
        compare(f"{self.name} {output}, {way}", self.graph[output], codes, least_span)

    def same_in_trigline(self):
        for output, codes in self.model.emulate(self.codes).items():
            self.same("emulator", output, codes)
        self.same("training's forward pass", self.model.outputs[0], self.model.forward(self.codes))
        good, planted = self.firmware.result()
        self.pool.shutdown()
        print(f"{self.name} all outputs, Verilated firmware: {good.n_event} events, {good.n_different} differing events "
              f"(compiled in {good.compile_s:.0f} s, run in {good.run_s:.1f} s, latency {good.latency_cycles} clocks)")
        if good.n_event != N_EVENT or good.n_different:
            sys.exit(f"firmware: {good.first_difference.decode()}")
        if planted.n_different != 1 or planted.first_event != N_EVENT - 1:
            sys.exit(f"one planted difference, {planted.n_different} found")


def check_jets(directory, rng):
    ways = FourWays("jet-tagger", {"template": "jet-tagger", "epochs": 4}, JETS, directory, rng)
    logits = ways.hls4ml("input", "logits")(ways.codes)
    ways.same("hls4ml", "logits", logits)
    ways.same("hls4ml", "class", logits.argmax(axis=1)[:, None])
    ways.same("hls4ml", "probability", ways.hls4ml("input", "logits", "softmax")(ways.codes))
    ways.same_in_trigline()


def check_anomaly(directory, rng):
    subprocess.run([GENERATOR, "--out", directory, "--only", "zerobias_test", "--events", str(3 * N_EVENT)], check=True,
                   stderr=subprocess.DEVNULL)
    config = {"template": "anomaly-trigger", "epochs": 4, "threshold": {"rates_khz": [100, 1000]}}
    ways = FourWays("anomaly-trigger", config, os.path.join(directory, "zerobias_test.root"), directory, rng)
    scaled = python_scale(ways.codes, ways.model)
    ways.same("Python's integers", "scale", scaled)
    mean = ways.hls4ml("scale", "mean")(scaled)
    score = (mean * mean).sum(axis=1, keepdims=True)
    ways.same("hls4ml", "mean", mean)
    ways.same("hls4ml", "score", score)
    ways.same("hls4ml", "accept", (score >= np.array(ways.model.nodes["accept"]["threshold"])).astype(np.int64))
    ways.same_in_trigline()


def main():
    rng = np.random.default_rng(2026)
    for check in (check_jets, check_anomaly):
        with tempfile.TemporaryDirectory() as directory:
            check(directory, rng)


main()
