"""Loading of run-time files: the 16-64-32-32-5 classifier of the emulator's bench and, where the shared data are, the
deployed network. JSON on stdout. Aim: below 1 ms each, 1,000 versions at once."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

build = pathlib.Path(os.environ["TGL_BUILD_DIR"])
shared = pathlib.Path(os.environ.get("TGL_SHARED_DIR", "/nowhere"))


def program(name):
    return next(p for p in build.rglob(name) if p.is_file())


def measure(path):
    runs = [json.loads(subprocess.run([program("bench_load"), path], check=True, capture_output=True).stdout) for _ in range(5)]
    runs.sort(key=lambda r: r["median_us"])
    result = runs[len(runs) // 2]
    result["first_us"] = sorted(r["first_us"] for r in runs)[len(runs) // 2]
    result["file_bytes"] = os.path.getsize(path)
    return result


with tempfile.TemporaryDirectory() as work:
    files = {"16-64-32-32-5, softmax": f"{work}/classifier.tglr"}
    subprocess.run([program("bench_emulate"), "file", "-", files["16-64-32-32-5, softmax"]], check=True)
    network = shared / "testdata/l1/axol1tl_v4.json"
    if network.exists():
        files["deployed, 57-28-15-8"] = f"{work}/axol1tl.tglr"
        subprocess.run([build / "trigline", "model", "export", network, files["deployed, 57-28-15-8"], "--variant", "halved",
                        "--quiet"], check=True)
    else:
        print(f"no deployed network at {network}", file=sys.stderr)
    print(json.dumps({"models": {name: measure(path) for name, path in files.items()}}, indent=1))
