"""Both templates, trained here, then compiled by hls4ml from the same weights and types: the graph's evaluator, the
emulator and hls4ml's C++ must give the same codes on 10,000 events (0 differing)."""
import copy
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
try:
    import numpy as np
    import keras
    import hls4ml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)

N_EVENT = 10_000
COMMAND = os.environ["TGL_COMMAND"]
BUILD = os.environ["TGL_BUILD_DIR"]


def library():
    return ctypes.CDLL(os.path.join(BUILD, "libtrigline.so"))


# ---- data: seeded samples in the layout of NPZ files ----


def jets(path, n, rng):
    label = rng.integers(0, 5, n).astype(np.int32)
    centres = np.random.default_rng(5).uniform(-1, 1, (5, 16))
    x = (centres[label] + rng.normal(size=(n, 16))) * np.arange(1, 17) + 10 * np.arange(16)
    np.savez(path, label=label, **{f"f{j:02d}": x[:, j].astype(np.float32) for j in range(16)})


def crossings(path, n, rng):
    columns = {}

    def jagged(name, counts, values):
        columns[name] = values.astype(np.int16)
        columns[name + "__offsets"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    for prefix, most, pt, eta, phi in (("L1EG", 6, 511, 69, 143), ("L1Mu", 3, 511, 225, 575), ("L1Jet", 12, 2047, 114, 143)):
        counts = rng.integers(0, most + 1, n)
        m = counts.sum()
        jagged(prefix + "_hwPt", counts, np.minimum(4 / rng.uniform(1e-3, 1, m), pt))
        jagged(prefix + "_hwEta", counts, rng.integers(-eta, eta + 1, m))
        jagged(prefix + "_hwPhi", counts, rng.integers(0, phi + 1, m))
    three = np.full(n, 3)
    jagged("L1EtSum_hwPt", three, np.minimum(12 / rng.uniform(1e-3, 1, 3 * n), 2047))
    jagged("L1EtSum_hwPhi", three, rng.integers(0, 144, 3 * n))
    jagged("L1EtSum_etSumType", three, np.tile([0, 2, 1], n))
    np.savez(path, **columns)


def train(config, data, directory):
    path = os.path.join(directory, "train.json")
    with open(path, "w") as f:
        json.dump(config, f)
    subprocess.run([COMMAND, "train", "--config", path, data, "--out", directory, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(directory, "graph.json"), "rb") as f:
        return f.read()


# ---- trigline's side, through the public C interface ----


class Graph:
    def __init__(self, text):
        self.lib = library()
        self.json = json.loads(text)
        self.nodes = {node["name"]: node for node in self.json["nodes"]}
        self.first, self.n_value = {}, 0
        for node in self.json["nodes"]:
            self.first[node["name"]] = self.n_value
            self.n_value += node["n_element"]
        self.graph = ctypes.c_void_p()
        self.check(self.lib.tgl_graph_parse(ctypes.byref(self.graph), text, ctypes.c_size_t(len(text)), b"graph.json", self.error()))

    def error(self):
        self.err = ctypes.create_string_buffer(1024)
        return self.err

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.err.raw[16:].split(b"\0")[0].decode())

    def evaluate(self, codes):
        values = np.zeros((len(codes), self.n_value), np.int64)
        for event, row in enumerate(codes):
            self.check(self.lib.tgl_graph_eval(values[event].ctypes.data_as(ctypes.c_void_p), self.graph,
                                               row.ctypes.data_as(ctypes.c_void_p), self.error()))
        return {name: values[:, at:at + self.nodes[name]["n_element"]] for name, at in self.first.items()}

    def emulate(self, codes, outputs):
        program, emulator = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.lib.tgl_lower(ctypes.byref(program), self.graph, self.error()))
        self.check(self.lib.tgl_emulator_new(ctypes.byref(emulator), program, None, None, self.error()))
        widths = [self.nodes[name]["n_element"] for name in outputs]
        out = np.zeros((len(codes), sum(widths)), np.int64)
        self.check(self.lib.tgl_emulator_run_parallel(out.ctypes.data_as(ctypes.c_void_p), emulator, codes.ctypes.data_as(ctypes.c_void_p),
                                                      ctypes.c_size_t(len(codes)), ctypes.c_size_t(2), None, self.error()))
        return dict(zip(outputs, np.split(out, np.cumsum(widths)[:-1], axis=1)))


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


def compare(what, ours, theirs):
    different = int((ours != theirs).sum())
    spread = int(theirs.max() - theirs.min())
    print(f"{what}: {len(ours)} events, {different} differing codes of {ours.size} (codes span {spread})")
    if different:
        event = int(np.argwhere((ours != theirs).any(axis=1))[0][0])
        print(f"  first: event {event}: {ours[event].tolist()} against {theirs[event].tolist()}")
    if different or spread < 10:
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


def check_jets(directory, rng):
    data = os.path.join(directory, "jets.npz")
    jets(data, 20_000, rng)
    graph = Graph(train({"template": "jet-tagger", "epochs": 6, "batch": 512}, data, directory))
    codes = random_codes(graph.nodes["input"], N_EVENT, rng)
    ours = graph.evaluate(codes)
    emulated = graph.emulate(codes, ["logits", "probability", "class"])
    for name in emulated:
        if name != "class":
            compare(f"jet-tagger {name}, emulator", ours[name], emulated[name])
    logits = compile_hls4ml(graph, "input", "logits", os.path.join(directory, "logits"))
    compare("jet-tagger logits, hls4ml", ours["logits"], logits(codes))
    softmax = compile_hls4ml(graph, "input", "logits", os.path.join(directory, "softmax"))
    compare("jet-tagger probability, hls4ml", ours["probability"], softmax(codes))


def check_anomaly(directory, rng):
    data = os.path.join(directory, "crossings.npz")
    crossings(data, 20_000, rng)
    config = {"template": "anomaly-trigger", "epochs": 6, "batch": 512, "threshold": {"rates_khz": [100, 1000]}}
    graph = Graph(train(config, data, directory))
    codes = random_codes(graph.nodes["input"], N_EVENT, rng)
    ours = graph.evaluate(codes)
    emulated = graph.emulate(codes, ["mean", "score", "accept"])
    for name in ("mean", "score"):
        compare(f"anomaly-trigger {name}, emulator", ours[name], emulated[name])
    scaled = python_scale(codes, graph)
    compare("anomaly-trigger scaling, Python", ours["scale"], scaled)
    encoder = compile_hls4ml(graph, "scale", "mean", os.path.join(directory, "encoder"))
    mean = encoder(scaled)
    compare("anomaly-trigger mean, hls4ml", ours["mean"], mean)
    compare("anomaly-trigger score, hls4ml", ours["score"], (mean * mean).sum(axis=1, keepdims=True))


def main():
    rng = np.random.default_rng(2026)
    for check in (check_jets, check_anomaly):
        with tempfile.TemporaryDirectory() as directory:
            check(directory, rng)


main()
