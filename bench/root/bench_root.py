"""Opening a tree and reading every column: trigline against uproot, in the same run, on the same
columns, medians of ROUNDS, one thread each and two threads each. JSON on stdout.

    tools/peer-python bench/root/bench_root.py [--rounds N] [--work DIR] [FILE[:TREE] ...]

Without files: scikit-hep's many-branch files from TGL_SHARED_DIR, and trees of 10^6 rows that
uproot writes into DIR (17 branches, jagged ones among them; zlib, LZ4, ZSTD). uproot's import is
not in its figures (it stands beside them); trigline's are taken inside one process, and the whole
process of one round stands beside them. uproot is given what makes it fastest here: no caches,
one call for all branches, its own thread pools.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

begin = time.perf_counter()
import awkward as ak
import numpy as np
import uproot

IMPORT_S = time.perf_counter() - begin
HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("TGL_BUILD_DIR", os.path.join(HERE, "..", "..", "build", "release"))
DUMP, BENCH = (os.path.join(BUILD, "bench", "root", n) for n in ("root_dump", "root_bench"))
MANY_BRANCHES = ["nanoAOD_2015_CMS_Open_Data_ttbar.root:Events", "uproot-issue-951.root:CollectionTree",
                 "uproot-issue-798.root:CollectionTree", "uproot-issue513.root:Delphes",
                 "uproot-issue327.root:DstTree", "uproot-HZZ-zlib.root:events"]


def write_example(path, codec, n=1_000_000):
    """Rows like the example generator's: event numbers and leaf-count jagged integer objects."""
    rng = np.random.default_rng(1)
    types = {"run": "uint32", "luminosityBlock": "uint32", "bunchCrossing": "int32", "event": "uint64",
             "truePileup": "float32", "Gen_ht": "float32"}
    groups = {"L1Mu": 1, "L1EG": 4, "L1Jet": 6}
    for g in groups:
        types[g] = "var * {hwPt: int16, hwEta: int16, hwPhi: int16}"
    with uproot.recreate(path, compression=codec) as f:
        tree = f.mktree("Events", types)
        for first in range(0, n, n // 10):
            rows = np.arange(first, first + n // 10)
            data = {"run": np.full(len(rows), 1, "u4"), "luminosityBlock": (rows // 1000).astype("u4"),
                    "bunchCrossing": rng.integers(0, 3564, len(rows)).astype("i4"), "event": rows.astype("u8"),
                    "truePileup": rng.poisson(50, len(rows)).astype("f4"),
                    "Gen_ht": rng.exponential(100, len(rows)).astype("f4")}
            for g, mean in groups.items():
                counts = rng.poisson(mean, len(rows))
                total = int(counts.sum())
                parts = {"hwPt": rng.exponential(40, total), "hwEta": rng.integers(-115, 116, total),
                         "hwPhi": rng.integers(0, 144, total)}
                data[g] = ak.unflatten(ak.zip({k: v.astype("i2") for k, v in parts.items()}), counts)
            tree.extend(data)


def our_columns(path, tree):
    """Names both are to read: what trigline reads, as uproot names it."""
    run = subprocess.run([DUMP, "--fields", path, tree], capture_output=True, check=True)
    return [f["name"] for f in json.loads(run.stdout)["fields"] if "refusal" not in f]


def readable_by_uproot(path, tree, names):
    """Both read the same set: columns uproot cannot read drop out for trigline too."""
    good = []
    with uproot.open(path) as f:
        t = f[tree]
        for n in names:
            try:
                b = t[n]
                b.array(library="np", entry_stop=1)
                good.append(b.object_path)
            except Exception:
                pass
    return set(good)


def uproot_round(path, tree, wanted, pool):
    begin = time.perf_counter()
    options = {} if pool is None else {"decompression_executor": pool, "interpretation_executor": pool}
    with uproot.open(path, object_cache=None, array_cache=None, num_workers=1) as f:
        t = f[tree]
        opened = time.perf_counter()
        arrays = t.arrays(filter_branch=lambda b: b.object_path in wanted, library="np", **options)
    end = time.perf_counter()
    return opened - begin, end - opened, len(arrays)


def uproot_round_ak(path, tree, wanted, pool):
    begin = time.perf_counter()
    options = {} if pool is None else {"decompression_executor": pool, "interpretation_executor": pool}
    with uproot.open(path, object_cache=None, array_cache=None, num_workers=1) as f:
        t = f[tree]
        opened = time.perf_counter()
        arrays = t.arrays(filter_branch=lambda b: b.object_path in wanted, library="ak", how=dict, **options)
    end = time.perf_counter()
    return opened - begin, end - opened, len(arrays)


def measure_uproot(path, tree, wanted, threads, rounds):
    """The faster of its NumPy and Awkward forms."""
    best = None
    for name, form in (("numpy", uproot_round), ("awkward", uproot_round_ak)):
        pool = None if threads == 1 else uproot.ThreadPoolExecutor(threads)
        try:
            times = [form(path, tree, wanted, pool) for _ in range(rounds)]
        except Exception as e:
            print(f"uproot {name} on {path}: {str(e)[:200]!r}", file=sys.stderr)
            continue
        finally:
            if pool is not None:
                pool.shutdown()
        total = statistics.median(o + r for o, r, _ in times)
        if best is None or total < best["total_s"]:
            best = {"form": name, "total_s": total, "open_s": statistics.median(t[0] for t in times),
                    "read_s": statistics.median(t[1] for t in times), "n_array": times[0][2]}
    return best


def measure_trigline(path, tree, threads, rounds):
    run = subprocess.run([BENCH, path, tree, str(threads), str(rounds)], capture_output=True, check=True)
    out = json.loads(run.stdout)
    times = out.pop("rounds")
    begin = time.perf_counter()
    subprocess.run([BENCH, path, tree, str(threads), "1"], capture_output=True, check=True)
    return {**out, "total_s": statistics.median(t["open_s"] + t["read_s"] for t in times),
            "open_s": statistics.median(t["open_s"] for t in times),
            "read_s": statistics.median(t["read_s"] for t in times),
            "process_s": time.perf_counter() - begin}


def measure(path, tree, rounds):
    wanted = readable_by_uproot(path, tree, our_columns(path, tree))
    result = {"file": os.path.basename(path), "tree": tree, "bytes": os.path.getsize(path)}
    for threads in (1, 2):
        theirs = measure_uproot(path, tree, wanted, threads, rounds)
        ours = measure_trigline(path, tree, threads, rounds)
        result[f"threads_{threads}"] = {"uproot": theirs, "trigline": ours,
                                        "ratio": theirs["total_s"] / ours["total_s"] if theirs else None}
        if theirs:
            print(f"{result['file']}: {threads} thread(s): uproot {theirs['total_s'] * 1e3:.1f} ms ({theirs['form']}), "
                  f"trigline {ours['total_s'] * 1e3:.2f} ms, ratio {theirs['total_s'] / ours['total_s']:.1f}",
                  file=sys.stderr)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", default=os.path.join(BUILD, "bench", "root", "data"))
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    jobs = [f.partition(":")[::2] for f in args.files]
    if not jobs:
        shared = os.path.join(os.environ.get("TGL_SHARED_DIR", "../shared"), "testdata", "root")
        jobs = [(os.path.join(shared, f), t) for f, t in (m.split(":") for m in MANY_BRANCHES)]
        os.makedirs(args.work, exist_ok=True)
        for word, codec in (("zlib", uproot.ZLIB(1)), ("lz4", uproot.LZ4(4)), ("zstd", uproot.ZSTD(5))):
            path = os.path.join(args.work, f"million_{word}.root")
            if not os.path.exists(path):
                write_example(path, codec)
            jobs.append((path, "Events"))
    results = [measure(path, tree or "Events", args.rounds) for path, tree in jobs]
    print(json.dumps({"uproot": uproot.__version__, "uproot_import_s": IMPORT_S, "rounds": args.rounds,
                      "processors": len(os.sched_getaffinity(0)), "results": results}, indent=1))


main()
