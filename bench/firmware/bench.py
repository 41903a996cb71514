"""LUTs (Yosys), pipeline stages and build time of trigline's Verilog against da4ml's for the same weights; JSON on stdout.

    tools/peer-python bench/firmware/bench.py [--build build/release] [--seed 1] [--no-synth]

A 16-64-32-32-5 network: seeded random 6-bit weights (unit 1/16), 8-bit inputs and activations, ReLU, exact sums. da4ml traces, solves
and writes Verilog with its defaults, staged with its latency cutoff of 5 levels; trigline at 364 MHz, which is 5 levels too. Both cores
(without trigline's slot bank) go through the same Yosys command and the same count: LUT1 to LUT6 and LUTs used as shift registers."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

SIZES = (16, 64, 32, 32, 5)


def make_weights(seed):
    import numpy as np
    rng = np.random.default_rng(seed)
    return [rng.integers(-31, 32, (n_out, n_in)) for n_in, n_out in zip(SIZES, SIZES[1:])]


def run_ours(program, weights, folder):
    path = os.path.join(folder, "weights.txt")
    with open(path, "w") as file:
        for w in weights:
            file.write(" ".join(str(v) for v in w.reshape(-1)) + "\n")
    out = os.path.join(folder, "ours")
    result = json.loads(subprocess.run([program, path, out, "364"], check=True, capture_output=True, text=True).stdout)
    return result, [os.path.join(out, "tagger_core.v")], "tagger_core"


def run_da4ml(weights, folder):
    from da4ml.codegen import RTLModel
    from da4ml.trace import FixedVariableArrayInput, comb_trace
    begin = time.perf_counter()
    x = FixedVariableArrayInput(SIZES[0])
    v = x.quantize(1, 3, 4)
    for layer, w in enumerate(weights):
        v = v @ (w.T / 16.0)
        if layer + 1 < len(weights):
            v = v.relu(i=[4] * w.shape[0], f=[4] * w.shape[0])
    solution = comb_trace(x, v)
    solved = time.perf_counter() - begin
    model = RTLModel(solution, "tagger", os.path.join(folder, "da4ml"), flavor="verilog", latency_cutoff=5)
    model.write()
    total = time.perf_counter() - begin
    sources = [os.path.join(at, f) for at, _, files in os.walk(os.path.join(folder, "da4ml", "src"))
               for f in files if f.endswith(".v") and "wrapper" not in f and f != "lookup_table.v"]  # no tables here; it names a file
    result = {"build_s": round(total, 3), "solve_s": round(solved, 3), "stages": len(model._pipe.solutions),
              "estimate_lut": int(solution.cost)}
    return result, sorted(sources), "tagger"


def synthesise(sources, top, folder):
    stat = os.path.join(folder, top + ".stat")
    script = "".join(f"read_verilog -sv {s}; " for s in sources)
    script += f"synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {top}; tee -o {stat} stat"
    begin = time.perf_counter()
    subprocess.run(["yosys", "-q", "-p", script], check=True, cwd=folder)
    counts = {}
    for line in open(stat):
        found = re.match(r"\s+([A-Z][A-Z0-9_]+)\s+(\d+)\s*$", line)
        if found:
            counts[found[1]] = int(found[2])
    lut = sum(n for k, n in counts.items() if re.fullmatch(r"LUT[1-6]|SRL.*", k))
    ff = sum(n for k, n in counts.items() if k.startswith("FD"))
    dsp = sum(n for k, n in counts.items() if k.startswith("DSP"))
    return {"lut": lut, "ff": ff, "dsp": dsp, "synth_s": round(time.perf_counter() - begin, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-synth", action="store_true")
    args = parser.parse_args()
    program = os.path.join(args.build, "bench", "firmware", "bench_firmware")
    weights = make_weights(args.seed)
    import da4ml
    with tempfile.TemporaryDirectory() as folder:
        ours, our_sources, our_top = run_ours(program, weights, folder)
        peer, peer_sources, peer_top = run_da4ml(weights, folder)
        if not args.no_synth:
            ours.update(synthesise(our_sources, our_top, folder))
            peer.update(synthesise(peer_sources, peer_top, folder))
    ratio = {k: round(ours[k] / peer[k], 4) for k in ("build_s", "stages", "lut", "ff", "estimate_lut") if ours.get(k) and peer.get(k)}
    json.dump({"bench": "firmware", "network": "16-64-32-32-5", "peer_name": f"da4ml {da4ml.__version__}", "seed": args.seed,
               "trigline": ours, "peer": peer, "ratio": ratio}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
