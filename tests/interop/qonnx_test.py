"""QONNX models against qonnx's own executor: the codes of the graph's evaluator and of the emulator are what execute_onnx gives in
float32, exactly, on inputs that lie on the named grid: random ones, corners, and values on and beside the quantisers' steps. Models made
here (every rounding mode, signs, narrow ranges, zero points, scales that are no powers of two, batch normalisation, convolutions with
strides, padding, groups and dilations, pools, merges, reshapes) and those of the shared test data."""
import os
import pathlib
import sys
import tempfile
import time
import warnings

build = pathlib.Path(os.environ.get("TGL_BUILD_DIR", "build/release")).resolve()
source = pathlib.Path(os.environ.get("TGL_SOURCE_DIR", ".")).resolve()
os.environ.setdefault("TRIGLINE_BUILD", str(build))
sys.path.insert(0, str(source / "bindings/python/src"))
warnings.filterwarnings("ignore")
try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    import trigline
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)

QONNX, BREVITAS = "qonnx.custom_op.general", "onnx.brevitas"
N_EVENT = 2000
failures = 0


def bad(text):
    global failures
    failures += 1
    print(f"FAILED: {text}")


class Builder:
    """A model, node by node."""

    def __init__(self, shape, seed=1):
        self.nodes, self.tensors, self.shape = [], [], shape
        self.rng, self.last, self.n = np.random.default_rng(seed), "x", 0

    def constant(self, array, dtype=np.float32):
        self.n += 1
        self.tensors.append(numpy_helper.from_array(np.asarray(array, dtype), f"c{self.n}"))
        return f"c{self.n}"

    def node(self, op, *inputs, domain="", **attributes):
        self.n += 1
        self.nodes.append(helper.make_node(op, list(inputs), [f"v{self.n}"], name=f"{op}_{self.n}", domain=domain, **attributes))
        self.last = f"v{self.n}"
        return self.last

    def quant(self, x, scale, bits, signed=1, narrow=0, mode="ROUND", zero=0.0):
        return self.node("Quant", x, self.constant(scale), self.constant(zero), self.constant(float(bits)), domain=QONNX, signed=signed,
                         narrow=narrow, rounding_mode=mode)

    def weights(self, *shape, scale=0.125, bits=4, **options):
        return self.quant(self.constant(self.rng.normal(0, 0.4, shape)), scale, bits, **options)

    def save(self, path):
        graph = helper.make_graph(self.nodes, "made here", [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
                                  [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)], self.tensors)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)], ir_version=8), path)


def rounding(b):
    x, parts = "x", []
    for mode in ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"):
        for signed in (0, 1):
            for narrow in (0, 1):
                parts.append(b.quant(x, 0.5, 4, signed, narrow, mode))
    parts += [b.quant(x, 0.3, 4), b.quant(x, 0.7, 3, 0, 0, "FLOOR"), b.quant(x, 0.5, 4, 0, zero=3.0), b.quant(x, 0.37, 5, 1, zero=-2.0),
              b.quant(x, 0.5, 1), b.node("BipolarQuant", x, b.constant(0.25), domain=QONNX)]
    b.node("Concat", *[b.quant(p, 0.25, 10) for p in parts], axis=1)


def dense(b):
    x = b.quant("x", 0.25, 6)
    x = b.node("Add", b.node("MatMul", x, b.weights(8, 12)), b.quant(b.constant(b.rng.normal(0, 1, 12)), 0.03125, 8))
    x = b.quant(b.node("Relu", x), 0.125, 6, 0)
    b.node("Gemm", x, b.weights(5, 12), b.quant(b.constant(b.rng.normal(0, 1, 5)), 0.015625, 9), transB=1)


def scales(b):
    """Scales that are no powers of two, batch normalisation of both signs, leaky rectifier: thresholds."""
    x = b.quant("x", 0.3, 5)
    x = b.node("MatMul", x, b.weights(8, 10, scale=1.0, bits=4))
    gamma = b.rng.normal(0, 1, 10)
    x = b.node("BatchNormalization", x, b.constant(gamma), b.constant(b.rng.normal(0, 1, 10)), b.constant(b.rng.normal(0, 2, 10)),
               b.constant(b.rng.uniform(0.5, 9, 10)))
    x = b.quant(b.node("LeakyRelu", x, alpha=0.1), 0.17, 4)
    x = b.node("Mul", x, b.constant(1 / 0.17))
    x = b.quant(x, 1.0, 5)
    b.node("MatMul", x, b.weights(10, 4, scale=1.0, bits=3, narrow=1))


def convolution(b):
    x = b.quant("x", 0.25, 5)
    x = b.node("Conv", x, b.weights(6, 3, 3, 2), b.quant(b.constant(b.rng.normal(0, 1, 6)), 0.03125, 8), strides=[2, 1], pads=[1, 0, 1, 1])
    x = b.quant(b.node("Relu", x), 0.125, 5, 0)
    x = b.node("MaxPool", x, kernel_shape=[2, 2], strides=[1, 1], pads=[0, 1, 0, 0])
    x = b.quant(b.node("Conv", x, b.weights(6, 1, 2, 2), group=6, dilations=[1, 2]), 0.25, 6)
    y = b.quant(b.node("Conv", x, b.weights(6, 3, 1, 1), group=2), 0.25, 6)
    x = b.node("Add", x, y)
    x = b.node("Flatten", b.node("Transpose", x, perm=[0, 2, 3, 1]))
    b.node("Squeeze", b.node("Unsqueeze", x, b.constant([1], np.int64)), b.constant([1], np.int64))


def convolution_1d(b):
    x = b.node("Transpose", b.quant("x", 0.5, 5), perm=[0, 2, 1])
    x = b.quant(b.node("Conv", x, b.weights(5, 4, 3), pads=[1, 1]), 0.25, 5, 0)
    x = b.node("MaxPool", x, kernel_shape=[2], strides=[2])
    x = b.node("Reshape", x, b.constant([0, -1], np.int64))
    b.node("MatMul", x, b.weights(25, 3))


MADE = [("rounding", rounding, [1, 4], "fixed<8,4>"), ("dense", dense, [1, 8], "fixed<10,5>"), ("scales", scales, [1, 8], "fixed<9,4>"),
        ("convolution", convolution, [1, 3, 6, 7], "fixed<7,3>"), ("convolution_1d", convolution_1d, ["n", 10, 4], "fixed<7,4>")]
SHARED = [("qkeras_jettagging.onnx", "fixed<12,5>", "Softmax"), ("TFC_1W1A.onnx", "ufixed<8,0>", "Pow"), ("TFC_1W2A.onnx", "ufixed<8,0>", "Pow"),
          ("TFC_2W2A.onnx", "ufixed<8,0>", "Pow"), ("bnn_model_fc_1layer.onnx", "fixed<6,3>", None)]


def cut_at(model, op):
    """The model up to the first of its last operators, which the importer leaves out: their input is the output."""
    if op is None:
        return model
    nodes = list(model.graph.node)
    consumers = [n for n in nodes if n.op_type == op]
    first = consumers[-1] if op == "Softmax" else nodes[max(i for i, n in enumerate(nodes) if n.op_type in ("MatMul", "Gemm"))]
    output = first.input[0] if op == "Softmax" else first.output[0]
    index = nodes.index(first) + (0 if op == "Softmax" else 1)
    del model.graph.node[index:]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    return model


def events(rng, shape, width, signed, n):
    lo, hi = (-(1 << width - 1), (1 << width - 1) - 1) if signed else (0, (1 << width) - 1)
    codes = rng.integers(lo, hi + 1, (n, int(np.prod(shape))))
    codes[0], codes[1], codes[2] = 0, lo, hi
    codes[3:n // 4] = np.clip(np.rint(rng.normal(0, (hi - lo) / 12, codes[3:n // 4].shape)), lo, hi)
    return codes.astype(np.int64)


def check(name, path, input_type, cut, n):
    begin = time.perf_counter()
    graph = trigline.import_model(str(path), format="onnx", inputs=input_type)
    import_ms = 1e3 * (time.perf_counter() - begin)
    session = trigline.Session(graph)
    model = cut_at(onnx.load(path), cut)
    operators = len(model.graph.node)
    graph_input = [i for i in model.graph.input if i.name not in {t.name for t in model.graph.initializer}][0]
    dims = graph_input.type.tensor_type.shape.dim
    shape = [d.dim_value or 1 for d in dims]
    width, integer = (int(v) for v in input_type[input_type.index("<") + 1:-1].split(","))
    codes = events(np.random.default_rng(7), shape[1:], width, not input_type.startswith("u"), n)
    # all events in one batch: the executor starts a session for every node of every call
    dims[0].dim_value = n
    del model.graph.value_info[:]
    wrapper = ModelWrapper(model).transform(InferShapes())
    x = (codes * 2.0 ** (integer - width)).astype(np.float32).reshape([n] + shape[1:])
    expected = next(iter(execute_onnx(wrapper, {graph_input.name: x}).values())).reshape(n, -1).astype(np.float64)
    found = session.run(codes)
    exact = expected / np.array([2.0 ** -port.type.frac for port in session.get_outputs()])
    differs = (exact != found).any(axis=1) if exact.shape == found.shape else np.ones(n, bool)
    if differs.any():
        i = int(np.argmax(differs))
        bad(f"{name}: {int(differs.sum())} events differ, the first is {i}: expected {exact[i][:8]}, found {found[i][:8]}")
    if (graph.evaluate(codes[:64]) != found[:64]).any():
        bad(f"{name}: the evaluator and the emulator differ")
    print(f"MODEL importer=onnx model={name} import_ms={import_ms:.1f} operators={operators} events={n} differing={int(differs.sum())}")
    return graph


def refusals(folder):
    def refused(builder, words, **options):
        path = folder / "bad.onnx"
        builder.save(path)
        try:
            trigline.import_model(str(path), format="onnx", **{"inputs": "fixed<8,4>", **options})
            bad(f"taken: {words}")
        except trigline.Error as error:
            for word in words:
                if word not in str(error):
                    bad(f"expected '{word}' in '{error}'")

    b = Builder([1, 4])
    b.node("Erf", b.node("Selu", "x"))
    b.node("MatMul", "x", b.constant(b.rng.normal(0, 1, (4, 2))))
    refused(b, ["Selu_1", "floating-point numbers: quantise the model"])  # all at once
    b = Builder([1, 4])
    b.quant("x", 0.5, 4, mode="STOCHASTIC")
    refused(b, ["rounding mode 'STOCHASTIC'"])
    b = Builder([1, 4])
    b.node("FloatQuant", "x", domain=QONNX)
    refused(b, ["floating-point codes"])
    b = Builder([1, 4])
    b.quant("x", 0.5, 4)
    refused(b, ["--inputs"], inputs=None)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for case, make, shape, input_type in MADE:
            b = Builder(shape)
            make(b)
            b.save(folder / f"{case}.onnx")
            check(case, folder / f"{case}.onnx", input_type, None, N_EVENT)
        refusals(folder)
    shared = pathlib.Path(os.environ.get("TGL_SHARED_DIR", source / "../shared")) / "testdata/models/onnx"
    if not shared.is_dir():
        print("no shared test data: its models are not compared")
        if os.environ.get("TGL_REQUIRE_SHARED") == "1":
            bad("no shared test data")
    else:
        for file, input_type, cut in SHARED:
            check(file, shared / file, input_type, cut, 500 if "TFC" in file else N_EVENT)
    sys.exit(1 if failures else 0)


main()
