"""Dense networks of exact integers against float32: one thread, the same processor, the same run; JSON on stdout.

    tools/peer-python bench/networks/bench.py [--build build/release]

Every layer takes integers that fit 16 bits, no product rounds, sums fit 32 bits; after a layer a ReLU and a conversion back to
8 (or 12) bits, by rounding and saturation. The emulator takes the input codes as 64-bit integers, row by row, and gives them back so, at the
fastest of several batches.
The peers do less: float32 in, float32 out, weights as they are, ReLU, no conversions.
- OpenBLAS: NumPy's own, one sgemm a layer with its bias and ReLU in place, at the fastest of several batches; the sgemm calls alone beside it.
- ONNX Runtime: the same network as Gemm and Relu nodes, one thread, at the fastest of several batches.
Before anything is timed the emulator's codes are held against 64-bit integer arithmetic in NumPy. A float32 product of two codes that
fit 16 bits is exact; where sums stay below 2^24 the peers compute the same first layer. Each side is measured in three rounds, in turn, and its best round counts. `limit` is what 16-bit multiply-adds in pairs
(vpmaddwd) on this machine could do at most, measured by a loop that does nothing else."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
NETWORKS = {  # sizes, bits of activations and of weights
    "57-28-15-8": ([57, 28, 15, 8], 8, 8),
    "16-64-32-32-5": ([16, 64, 32, 32, 5], 8, 8),
    "16-64-32-32-5, 12 bits": ([16, 64, 32, 32, 5], 12, 10),
    "64-128-64-32-10": ([64, 128, 64, 32, 10], 8, 8),
    "16-100-100-100-100-100-5": ([16, 100, 100, 100, 100, 100, 5], 8, 8),
    "784-100-50-10": ([784, 100, 50, 10], 8, 8),
    "256-256-128": ([256, 256, 128], 8, 8),
}
BATCHES, ROUNDS = (64, 256, 1024, 4096), 3


def make(np, sizes, activation, weight):
    """Weights, biases and the shift back to the activations' grid, by layer; codes are integers."""
    rng = np.random.default_rng(sum(sizes))
    layers, half = [], 1 << weight - 1
    for a, b in zip(sizes, sizes[1:]):
        w = np.clip(np.rint(rng.normal(0, half / 3, (a, b))), -half, half - 1).astype(np.int64)
        bias = rng.integers(-(1 << activation), 1 << activation, b)
        shift = weight - 1 + int(np.ceil(np.log2(a) / 2)) - 1
        layers.append((w, bias, shift))
    return layers


def graph_json(name, sizes, layers, activation, weight):
    nodes = [{"name": "x", "op": "input", "inputs": [], "n_element": sizes[0], "out": [f"ufixed<{activation},{activation}>"]}]
    for i, (w, bias, shift) in enumerate(layers):
        acc = "fixed<32,32>"
        last = i == len(layers) - 1
        nodes.append({"name": f"dense_{i}", "op": "dense", "inputs": [nodes[-1]["name"]], "n_element": w.shape[1],
                      "out": [acc], "weights": w.T.tolist(), "weight_type": f"fixed<{weight},{weight}>",
                      "bias": bias.tolist(), "bias_type": f"fixed<{activation + 1},{activation + 1}>", "term": acc, "acc": acc,
                      "term_exact": True})
        if last:
            break
        # the binary point moves left by `shift`, then back to integers by rounding and saturation
        nodes.append({"name": f"scaled_{i}", "op": "rescale", "inputs": [f"dense_{i}"], "n_element": w.shape[1],
                      "out": [f"fixed<32,{32 - shift}>"], "shift": [shift] * w.shape[1]})
        nodes.append({"name": f"relu_{i}", "op": "relu", "inputs": [f"scaled_{i}"], "n_element": w.shape[1],
                      "out": [f"ufixed<{activation},{activation},RND,SAT>"]})
    return {"format": "trigline.graph", "version": 1, "name": "network", "nodes": nodes, "outputs": [{"name": "y", "node": nodes[-1]["name"]}]}


def reference(np, x, layers, activation):
    for i, (w, bias, shift) in enumerate(layers):
        x = x @ w + bias
        assert np.abs(x).max() < 2**31
        if i < len(layers) - 1:
            x = np.clip((np.maximum(x, 0) + (1 << shift - 1)) >> shift, 0, (1 << activation) - 1)
    return x


def median_rate(call, n, seconds=0.2):
    """Events per second: the median of many calls that each do n events."""
    call()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return n / statistics.median(times)


def blas_rates(np, layers, n_in):
    best, best_gemm = 0.0, 0.0
    weights = [w.astype(np.float32) for w, _, _ in layers]
    biases = [b.astype(np.float32) for _, b, _ in layers]
    for n in BATCHES:
        x = np.random.default_rng(1).integers(0, 256, (n, n_in)).astype(np.float32)
        outs = [np.empty((n, w.shape[1]), np.float32) for w in weights]

        def gemms():
            y = x
            for w, out in zip(weights, outs):
                y = np.matmul(y, w, out=out)

        def whole():
            y = x
            for i, (w, b, out) in enumerate(zip(weights, biases, outs)):
                y = np.matmul(y, w, out=out)
                y += b
                if i < len(weights) - 1:
                    np.maximum(y, 0, out=y)

        best, best_gemm = max(best, median_rate(whole, n)), max(best_gemm, median_rate(gemms, n))
    return best, best_gemm


def onnx_rate(np, layers, n_in, folder):
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    nodes, tensors, last = [], [], "x"
    for i, (w, b, _) in enumerate(layers):
        tensors += [numpy_helper.from_array(w.astype(np.float32), f"w{i}"), numpy_helper.from_array(b.astype(np.float32), f"b{i}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{i}", f"b{i}"], [f"g{i}"]))
        last = f"g{i}"
        if i < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [last], [f"r{i}"]))
            last = f"r{i}"
    graph = helper.make_graph(nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", n_in])],
                              [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", layers[-1][0].shape[1]])], tensors)
    path = folder / "network.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    best = 0.0
    for n in BATCHES:
        x = np.random.default_rng(1).integers(0, 256, (n, n_in)).astype(np.float32)
        best = max(best, median_rate(lambda: session.run(None, {"x": x}), n))
    return best, onnxruntime.__version__


def limit(build):
    """16-bit multiply-adds a second of each instruction set."""
    done = subprocess.run([build / "bench/networks/bench_limit"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("TGL_BUILD_DIR", "build/release"))
    options = parser.parse_args()
    try:
        import numpy as np
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error}")
        sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    build = pathlib.Path(options.build).resolve()
    program = build / "bench/networks/bench_networks"
    peaks = limit(build)
    result = {"networks": {}, "limit_multiply_adds_per_s": peaks, "numpy": np.__version__}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for name, (sizes, activation, weight) in NETWORKS.items():
            layers = make(np, sizes, activation, weight)
            (folder / "graph.json").write_text(json.dumps(graph_json(name, sizes, layers, activation, weight)))
            x = np.random.default_rng(2).integers(0, 1 << activation, (16384, sizes[0]))
            x.tofile(folder / "in")
            subprocess.run([program, "run", folder / "graph.json", folder / "in", folder / "out"], check=True)
            found = np.fromfile(folder / "out", np.int64).reshape(len(x), -1)
            differing = int((found != reference(np, x, layers, activation)).any(axis=1).sum())
            if differing:
                sys.exit(f"{name}: {differing} of {len(x)} events differ from integer arithmetic")
            ours, blas, gemm, ort = {}, 0.0, 0.0, 0.0
            for _ in range(ROUNDS):  # in turn; each side's best round counts
                for n in BATCHES:
                    for isa, found in json.loads(subprocess.run([program, "time", folder / "graph.json", folder / "in", str(n)], check=True,
                                                                capture_output=True, text=True).stdout).items():
                        if found["events_per_s"] > ours.get(isa, {"events_per_s": 0})["events_per_s"]:
                            ours[isa] = found
                blas, gemm = map(max, (blas, gemm), blas_rates(np, layers, sizes[0]))
                rate, version = onnx_rate(np, layers, sizes[0], folder)
                ort = max(ort, rate)
            result["onnxruntime"] = version
            macs = sum(a * b for a, b in zip(sizes, sizes[1:]))
            best = max(v["events_per_s"] for v in ours.values())
            isa = max(ours, key=lambda k: ours[k]["events_per_s"])
            result["networks"][name] = {
                "multiply_adds": macs, "compared_events": len(x), "differing_events": differing, "ours": ours,
                "openblas_events_per_s": blas, "openblas_sgemm_alone_events_per_s": gemm, "onnxruntime_events_per_s": ort,
                "ratio_openblas": best / blas, "ratio_sgemm_alone": best / gemm, "ratio_onnxruntime": best / ort,
                "of_limit": peaks[isa] / macs / best}
    print(json.dumps(result, indent=2))


main()
