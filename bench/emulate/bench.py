"""The batch emulator against hls4ml's compiled emulator: 16-64-32-32-5, ap_fixed<16,6>, stable softmax.

Run by tools/peer-python after a release build:
    tools/peer-python bench/emulate/bench.py [--build build/release] [--events 20000] [--json FILE]

Both sides get the same weights, types and tables and must agree on every output bit before anything is timed.
hls4ml's library is called in a C loop, which is its fastest use (its own predict() loops in Python). Prints JSON.
Exit 1 when outputs differ, 77 without hls4ml.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "jax")
SIZES = [16, 64, 32, 32, 5]
FRAC = 10
REPEATS = 7


def skip(why):
    print(f"skipped: {why}")
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)


def load_weights(np, path):
    """Per layer (n_out, n_in) codes and (n_out) bias codes, as bench_emulate wrote them."""
    codes, layers = np.fromfile(path, dtype=np.int64), []
    for n_in, n_out in zip(SIZES, SIZES[1:]):
        weights, codes = codes[: n_in * n_out].reshape(n_out, n_in), codes[n_in * n_out :]
        bias, codes = codes[:n_out], codes[n_out:]
        layers.append((weights, bias))
    return layers


def make_hls4ml(np, layers, directory):
    """hls4ml's project with every type set by hand, its weights on the grid; its generated C++ is checked for those types."""
    import hls4ml
    import keras

    names = ["fc1", "fc2", "fc3", "output"]
    stack = [keras.layers.Input((SIZES[0],))]
    for i, name in enumerate(names):
        stack.append(keras.layers.Dense(SIZES[i + 1], name=name))
        stack.append(keras.layers.Activation("softmax" if i == 3 else "relu", name=f"act{i + 1}"))
    model = keras.Sequential(stack)
    for name, (weights, bias) in zip(names, layers):
        model.get_layer(name).set_weights([weights.T / 2.0**FRAC, bias / 2.0**FRAC])
    config = hls4ml.utils.config_from_keras_model(
        model, granularity="name", backend="Vitis", default_precision="ap_fixed<16,6>", default_reuse_factor=1
    )
    config["Model"]["Strategy"] = "Latency"
    for layer in config["LayerName"].values():
        for key, value in layer["Precision"].items():
            if value == "auto":  # 'auto' would widen the softmax's input and flatten its output
                layer["Precision"][key] = "ap_fixed<16,6>"
    project = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, output_dir=str(directory), io_type="io_parallel", backend="Vitis"
    )
    project.compile()
    defines = (directory / "firmware" / "defines.h").read_text()
    parameters = (directory / "firmware" / "parameters.h").read_text()
    for want, text in [
        (r"typedef ap_fixed<16,6> fc1_accum_t", defines),
        (r"typedef ap_fixed<16,6> output_weight_t", defines),
        (r"typedef ap_fixed<18,8,AP_RND,AP_SAT,0> \w+_exp_table_t", defines),
        (r"typedef ap_fixed<18,8,AP_RND,AP_SAT,0> \w+_inv_inp_t", defines),
        (r"typedef ap_ufixed<15, ?5> inp_norm_t", parameters),
        (r"exp_table_size = 1024", parameters),
        (r"softmax_implementation::stable", parameters),
    ]:
        if not re.search(want, text):
            sys.exit(f"hls4ml's project changed: no '{want}' in its headers")
    return project, hls4ml.__version__


DUMP = """
#include <cstdio>
#include "firmware/myproject.h"
#include "firmware/parameters.h"
typedef CONFIG C;
int main() {
    static C::exp_table_t e[C::exp_table_size];
    static C::inv_table_t v[C::inv_table_size];
    nnet::init_exp_table<C::inp_norm_t, C>(e, true);
    nnet::init_invert_table<C::inv_inp_t, C>(v);
    for (unsigned i = 0; i < C::exp_table_size; i++) printf("%.17g\\n", e[i].to_double());
    for (unsigned i = 0; i < C::inv_table_size; i++) printf("%.17g\\n", v[i].to_double());
}
"""


def dump_tables(np, directory, path):
    """The softmax tables as hls4ml's own C++ computes them."""
    config = re.search(r"struct (softmax_config\d+)", (directory / "firmware" / "parameters.h").read_text()).group(1)
    (directory / "dump.cpp").write_text(DUMP.replace("CONFIG", config))
    flags = ["-O3", "-std=c++11", "-Ifirmware/ap_types", f'-DWEIGHTS_DIR="{directory}/firmware/weights"']
    bridge = "namespace nnet { bool trace_enabled = false; std::map<std::string, void *> *trace_outputs; size_t trace_type_size; }\n"
    (directory / "dump.cpp").write_text("#include <map>\n#include <string>\n" + bridge + (directory / "dump.cpp").read_text())
    subprocess.run(["g++", *flags, "dump.cpp", "-o", "dump"], cwd=directory, check=True)
    values = np.array(subprocess.run(["./dump"], cwd=directory, check=True, capture_output=True, text=True).stdout.split(), dtype=np.float64)
    codes = np.rint(values * 2.0**FRAC).astype(np.int64)
    assert codes.size == 2048 and (codes / 2.0**FRAC == values).all()
    codes.tofile(path)


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--events", type=int, default=20000)
    parser.add_argument("--json")
    args = parser.parse_args()
    try:
        import numpy as np
        import hls4ml  # noqa: F401
        import keras  # noqa: F401
    except ImportError as error:
        skip(f"{error}")
    bench = pathlib.Path(args.build).resolve() / "bench" / "emulate"
    ours, peer = bench / "bench_emulate", bench / "bench_emulate_peer"
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        subprocess.run([ours, "weights", work / "weights"], check=True)
        layers = load_weights(np, work / "weights")
        project, version = make_hls4ml(np, layers, work / "hls4ml")
        dump_tables(np, work / "hls4ml", work / "tables")

        rng = np.random.default_rng(1)
        codes = np.clip(np.rint(rng.normal(0, 1.5, (args.events, SIZES[0])) * 2**FRAC), -(2**15), 2**15 - 1).astype(np.int64)
        codes[:64] = rng.integers(-(2**15), 2**15, (64, SIZES[0]))  # full scale, so that accumulators wrap
        codes.tofile(work / "in.codes")
        (codes / 2.0**FRAC).astype(np.float32).tofile(work / "in.floats")
        subprocess.run([ours, "run", work / "tables", work / "in.codes", work / "out.codes"], check=True)
        library = sorted((work / "hls4ml" / "firmware").glob("*.so"))[0]
        loop = [peer, library, "myproject_float", work / "in.floats", work / "out.floats", str(args.events), "16", "5"]
        subprocess.run([*loop, "1"], check=True, capture_output=True)
        found = np.fromfile(work / "out.codes", dtype=np.int64).reshape(-1, 5)
        expected = np.rint(np.fromfile(work / "out.floats", dtype=np.float32).astype(np.float64) * 2**FRAC).astype(np.int64).reshape(-1, 5)
        differing = int((found != expected).any(axis=1).sum())

        timed = 10000
        loop[5] = str(timed)
        seconds = [float(s) for s in subprocess.run([*loop, str(REPEATS)], check=True, capture_output=True, text=True).stdout.split()]
        rates = json.loads(subprocess.run([ours, "time", work / "tables"], check=True, capture_output=True, text=True).stdout)
        floats = (codes[:2000] / 2.0**FRAC).astype(np.float32)
        begin = time.perf_counter()
        project.predict(floats)
        predict = 2000 / (time.perf_counter() - begin)
    peer_rate = timed / statistics.median(seconds)
    result = {
        "bench": "emulate",
        "network": "16-64-32-32-5, ap_fixed<16,6>, cast per product, stable softmax",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": cpu(),
        "processors": os.cpu_count(),
        "threads": 1,
        "compared_events": args.events,
        "differing_events": differing,
        "distinct_outputs": int(np.unique(found, axis=0).shape[0]),
        "peer": f"hls4ml {version}, its compiled library in a C loop",
        "peer_events_per_s": round(peer_rate),
        "peer_predict_events_per_s": round(predict),
        "ours": rates["rates"],
        "ratio": {name: round(r["events_per_s"] / peer_rate, 1) for name, r in rates["rates"].items()},
        "ratio_single_event": {name: round(r["events_per_s_batch_1"] / peer_rate, 1) for name, r in rates["rates"].items()},
    }
    text = json.dumps(result, indent=1)
    print(text)
    if args.json:
        pathlib.Path(args.json).write_text(text + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
