"""docs/benchmarks.md from the JSON that bench/run collected: table.py JSON_DIR OUT.md"""
import datetime
import json
import os
import pathlib
import platform
import sys

folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def load(name):
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def machine():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]) + "\n"


def human(x):
    return f"{x / 1e6:.2f} M" if x >= 1e6 else f"{x:,.0f}"


def emulate(r):
    rows = [[isa, human(v["events_per_s"]), f"{r['ratio'][isa]:.0f}", f"{1e6 / v['events_per_s_batch_1']:.2f}", f"{r['ratio_single_event'][isa]:.0f}"]
            for isa, v in r["ours"].items()]
    return (f"## Emulator\n\n{r['network']}; one thread; {r['peer']}: {human(r['peer_events_per_s'])} events/s, "
            f"{1e6 / r['peer_events_per_s']:.1f} us an event. {r['compared_events']:,} events compared before anything was timed: "
            f"{r['differing_events']} differ. Aims: 300 in batch, 30 for single events.\n\n"
            + table(["kernels", "events/s in batch", "ratio", "single event [us]", "ratio"], rows))


def networks(r):
    rows = []
    for name, v in r["networks"].items():
        best = max(v["ours"].values(), key=lambda o: o["events_per_s"])["events_per_s"]
        rows.append([name, f"{v['multiply_adds']:,}", human(best), f"{v['ratio_openblas']:.2f}", f"{v['ratio_sgemm_alone']:.2f}",
                     f"{v['ratio_onnxruntime']:.2f}", f"{v['of_limit']:.2f}"])
    return ("## Exact integers against float32\n\nDense networks of 8-bit (or 12-bit) integers, 32-bit sums, ReLU and a rounding, saturating conversion after each "
            "layer; the peers compute the same network in float32 without conversions. One thread; each side at its fastest batch, the best of three rounds; every output held "
            f"against 64-bit integer arithmetic before. OpenBLAS is NumPy {r['numpy']}'s (the sgemm calls alone beside the whole network); ONNX Runtime {r['onnxruntime']}. "
            "*Limit*: how much faster the machine's 16-bit multiply-adds alone would be. Aims: 1 against both, 2 for the limit.\n\n"
            + table(["network", "multiply-adds", "events/s", "OpenBLAS", "sgemm alone", "ONNX Runtime", "limit"], rows))


def load_files(r):
    rows = [[name, f"{v['file_bytes']:,}", f"{v['first_us']:.0f}", f"{v['median_us']:.0f}", f"{v['open_all_ms']:.0f}", f"{v['bytes_each'] / 1024:.0f}"]
            for name, v in r["models"].items()]
    return ("## Loading\n\nA run-time file through libtrigline-run: mapped, checked, verified, compiled for the machine. Aim: below 1 ms, a thousand "
            "versions at once.\n\n"
            + table(["model", "file [bytes]", "first load of the process [us]", "median [us]", "1,000 opened [ms]", "memory each [KiB]"], rows))


def root(r):
    rows = []
    for f in r["files"]:
        for t in f["threads"]:
            rows.append([f["file"], t["threads"], f"{t['ours_ms']:.1f}", f"{t['uproot_ms']:.1f}", f"{t['ratio']:.1f}",
                         f"{f['unpack_ms']:.1f}" if t["threads"] == 1 else "",
                         f"{t['uproot_ms'] / f['unpack_ms']:.1f}" if t["threads"] == 1 else ""])
    return (f"## ROOT reading\n\nOpen and read every readable column into arrays, warm page cache; uproot {r['uproot']} (its faster way each "
            f"time; its import, {r['uproot_import_s']:.1f} s, is not counted); `bench/run root`, medians of {r['rounds']} (uproot's of 3 above 2 s), on {r['date']}, {r['machine']}. Aim: 5.\n\n"
            + table(["file", "threads", "trigline [ms]", "uproot [ms]", "ratio", "unpacking alone [ms]", "highest ratio"], rows)
            + "\n`zerobias_test.root` is the example data as the generator writes them (LZ4, 32,000-byte baskets); `zerobias_test_zstd.root` "
            "are 200,000 of the same crossings as ZSTD in large baskets. *Unpacking alone* is the codec's share: the same baskets through liblz4, "
            "libzstd or libdeflate, checksums included, on one thread, and nothing done with them; *highest ratio* is what a reader would have on "
            "one thread that took no time but that. Large ZSTD baskets do not reach the aim: uproot spends its time in the same library there.\n")


def train(r):
    rows = []
    for cores, row in r["cores"].items():
        ours = row["trigline"]
        for name, peer in row["peers"].items():
            if isinstance(peer, dict):
                rows.append([cores, name, f"{1e3 * ours['seconds']:.1f}", f"{1e3 * peer['seconds']:.1f}", f"{peer['ratio']:.1f}",
                             f"{peer['processor_ratio']:.1f}"])
    return ("## Training\n\nOne epoch of the jet tagger (16-64-32-32-5, 50,000 jets, batch 1024, Adam). trigline trains with every quantiser "
            "in place; the peers train the plain float32 network, their easiest case. Compilation is not counted. Aim: 3.\n\n"
            + table(["cores", "peer", "trigline [ms]", "peer [ms]", "ratio", "ratio of processor time"], rows))


def firmware(r):
    rows = [[label, r["trigline"].get(key), r["peer"].get(key), r["ratio"].get(key, "–")]
            for key, label in (("lut", "LUT"), ("ff", "flip-flops"), ("stages", "pipeline stages"), ("build_s", "time to Verilog [s]"))]
    return (f"## Firmware\n\n{r['network']}, seeded 6-bit weights, 8-bit activations, the same for both; {r['peer_name']} with its defaults; the same "
            "Yosys command for both. Below 1 is better; nothing is claimed below 1 yet for LUTs.\n\n"
            + table(["", "trigline", "peer", "ratio"], rows))


parts = [f"# Benchmarks\n\nMade by `bench/run` on {datetime.date.today().isoformat()}: {machine()}, {os.cpu_count()} processors, a shared virtual machine. "
         "Peers are measured in the same run; ratios are what counts, absolute times move. Benches are never timed tests.\n"]
for name, describe in (("emulate", emulate), ("networks", networks), ("load", load_files), ("root", root), ("train", train), ("firmware", firmware)):
    result = load(name)
    if result is not None:
        parts.append(describe(result))
out.write_text("\n".join(parts))
print(f"wrote {out}")
