"""Opening a tree and reading every column into arrays: trigline against uproot, in the same run,
on the same columns, with 1 and 2 threads each. Medians of ROUNDS, warm page cache. JSON on stdout.

    tools/peer-python bench/root/bench.py [--rounds N] [FILE:TREE ...]

Without files: two of scikit-hep's many-branch files (TGL_SHARED_DIR) and the example data,
build/demo/data/zerobias_test.root (where that is absent the generator makes 200,000 crossings), and
200,000 crossings packed the other way, ZSTD in large baskets, where both sides wait for libzstd.
"unpack" is the time one thread takes to unpack the same baskets and do nothing else.
uproot's import is not in its figures (it stands beside them). uproot is tried in each way its users
have (all branches at once into NumPy or Awkward arrays, branch by branch; with more threads, with its
executors and without) and its fastest counts; its caches are off, as the same data are read again.
Trigline's rounds run inside one process too.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time

begin = time.perf_counter()
import uproot

IMPORT_S = time.perf_counter() - begin
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("TGL_SOURCE_DIR", os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("TGL_BUILD_DIR", os.path.join(SOURCE, "build", "release"))
DUMP, BENCH, UNPACK = (os.path.join(BUILD, "bench", "root", n) for n in ("root_dump", "root_bench", "root_unpack"))
MANY_BRANCHES = ["nanoAOD_2015_CMS_Open_Data_ttbar.root:Events", "uproot-issue513.root:Delphes"]


def example_data():
    path = os.path.join(SOURCE, "build", "demo", "data", "zerobias_test.root")
    if os.path.exists(path):
        return path
    return generated("zerobias_test.root")


def generated(name, *options):
    out = os.path.join(BUILD, "bench", "root", "data")
    path = os.path.join(out, name)
    if not os.path.exists(path):
        os.makedirs(out + ".new", exist_ok=True)
        os.makedirs(out, exist_ok=True)
        generator = os.path.join(BUILD, "examples", "generator", "trigline-generate")
        subprocess.run([generator, "--out", out + ".new", "--events", "200000", "--only", "zerobias_test", *options],
                       check=True, stdout=sys.stderr)
        os.rename(os.path.join(out + ".new", "zerobias_test.root"), path)
    return path


def our_columns(path, tree):
    """What trigline reads, as uproot names it."""
    run = subprocess.run([DUMP, "--fields", path, tree], capture_output=True, check=True)
    return [f["name"] for f in json.loads(run.stdout)["fields"] if "refusal" not in f]


def readable_by_uproot(path, tree, names):
    """Of those, what uproot reads: it is timed on no column that makes it fail."""
    good = []
    with uproot.open(path) as f:
        t = f[tree]
        for n in names:
            try:
                t[n].array(library="np", entry_stop=1)
                good.append(t[n].object_path)
            except Exception:
                pass
    return set(good)


def at_once(library):
    def read(t, wanted, options):
        how = {"how": dict} if library == "ak" else {}
        return len(t.arrays(filter_branch=lambda b: b.object_path in wanted, library=library, **how, **options))

    return read


def branch_by_branch(t, wanted, options):
    arrays = [b.array(library="np", **options) for b in t.itervalues(recursive=True) if b.object_path in wanted]
    return len(arrays)


LONG_S = 2  # a round of more gets 3 repetitions
WAYS = {"all branches, NumPy": at_once("np"), "all branches, Awkward": at_once("ak"),
        "branch by branch, NumPy": branch_by_branch}


def uproot_round(path, tree, wanted, read, pool):
    options = {} if pool is None else {"decompression_executor": pool, "interpretation_executor": pool}
    begin, cpu = time.perf_counter(), time.process_time()
    with uproot.open(path, object_cache=None, array_cache=None) as f:
        n = read(f[tree], wanted, options)
    return time.perf_counter() - begin, time.process_time() - cpu, n


def pinned(threads):
    """Keeps a side to as many cores as it has threads."""
    return set(sorted(ALL_CORES)[:threads])


def measure_uproot(path, tree, wanted, threads, rounds):
    """Its fastest way: each tried once, the best two of them (of long rounds: the best) measured."""
    os.sched_setaffinity(0, pinned(threads))
    pool = uproot.ThreadPoolExecutor(threads)
    tries = []
    for name, read in WAYS.items():
        for with_pool in (None,) if threads == 1 else (None, pool):
            try:
                seconds, _, n = uproot_round(path, tree, wanted, read, with_pool)
                tries.append((seconds, name + (", executors" if with_pool else ""), read, with_pool, n))
            except Exception as e:
                print(f"uproot {name}: {str(e)[:200]!r}", file=sys.stderr)
    tries.sort(key=lambda t: t[0])
    best = None
    slow = tries[0][0] > LONG_S
    for _, name, read, with_pool, n in tries[: 1 if slow else 2]:
        times = [uproot_round(path, tree, wanted, read, with_pool) for _ in range(min(rounds, 3) if slow else rounds)]
        row = {"way": name, "wall_s": statistics.median(t[0] for t in times),
               "cpu_s": statistics.median(t[1] for t in times), "n_array": n}
        if best is None or row["wall_s"] < best["wall_s"]:
            best = row
    pool.shutdown()
    os.sched_setaffinity(0, ALL_CORES)
    return best


def measure_trigline(path, tree, threads, rounds):
    cores = pinned(threads)
    run = subprocess.run([BENCH, path, tree, str(threads), str(rounds + 1)], capture_output=True, check=True,
                         preexec_fn=lambda: os.sched_setaffinity(0, cores))
    out = json.loads(run.stdout)
    times = out.pop("rounds")[1:]  # the first warms, as uproot's tries do
    return {**out, "wall_s": statistics.median(t["open_s"] + t["read_s"] for t in times),
            "cpu_s": statistics.median(t["cpu_s"] for t in times)}


def measure_unpack(path, tree, rounds):
    run = subprocess.run([UNPACK, path, tree, str(rounds + 1)], capture_output=True, check=True,
                         preexec_fn=lambda: os.sched_setaffinity(0, pinned(1)))
    return statistics.median(json.loads(run.stdout)[1:])


def machine():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def measure(path, tree, rounds):
    names = our_columns(path, tree)
    wanted = readable_by_uproot(path, tree, names)
    result = {"file": os.path.basename(path), "tree": tree, "bytes": os.path.getsize(path),
              "n_column_trigline": len(names), "n_column_uproot": len(wanted), "threads": []}
    for threads in (1, 2):
        theirs = measure_uproot(path, tree, wanted, threads, rounds)
        ours = measure_trigline(path, tree, threads, rounds)
        if threads == 1:  # right after, as the machine's speed moves
            result["unpack_ms"] = 1e3 * measure_unpack(path, tree, rounds)
        row = {"threads": threads, "ours_ms": 1e3 * ours["wall_s"], "uproot_ms": 1e3 * theirs["wall_s"],
               "ratio": theirs["wall_s"] / ours["wall_s"], "cpu_ratio": theirs["cpu_s"] / ours["cpu_s"],
               "ours": ours, "uproot": theirs}
        result["threads"].append(row)
        print(f"{result['file']}: {threads} thread(s): uproot {row['uproot_ms']:.1f} ms ({theirs['way']}), trigline "
              f"{row['ours_ms']:.2f} ms, ratio {row['ratio']:.1f}, of processor time {row['cpu_ratio']:.1f}", file=sys.stderr)
    return result


ALL_CORES = os.sched_getaffinity(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("files", nargs="*", help="FILE:TREE")
    args = parser.parse_args()
    jobs = args.files
    if not jobs:
        shared = os.path.join(os.environ.get("TGL_SHARED_DIR", os.path.join(SOURCE, "..", "shared")), "testdata", "root")
        jobs = [os.path.join(shared, f) for f in MANY_BRANCHES] + [
            example_data() + ":Events",
            generated("zerobias_test_zstd.root", "--codec", "zstd", "--basket", "16000000") + ":Events"]
    files = [measure(*job.rsplit(":", 1), args.rounds) for job in jobs]
    print(json.dumps({"date": datetime.date.today().isoformat(), "machine": machine(), "uproot": uproot.__version__, "uproot_import_s": IMPORT_S, "rounds": args.rounds,
                      "processors": len(ALL_CORES), "files": files}, indent=1))


main()
