"""Converting and comparing a file with less memory than its columns take: the data segment is limited
(RLIMIT_DATA) to less than reading everything at once needs, which is tried too."""

import os
import resource
import subprocess
import sys
import tempfile

generator = os.path.join(os.environ["TGL_BUILD_DIR"], "examples", "generator", "trigline-generate")
command = os.environ["TGL_COMMAND"]
EVENTS = 200_000  # 80 MB of columns, 34 MB on disk
LIMIT = 48 << 20


def data(*arguments, limit=None):
    bound = (lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))) if limit else None
    return subprocess.run([command, "data", *arguments, "-q"], capture_output=True, text=True, preexec_fn=bound, timeout=600)


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        return x.read() == y.read()


def main():
    with open(command, "rb") as f:
        if b"__asan_init" in f.read():
            print("skipped: the address sanitizer's own memory is above any such limit")
            sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([generator, "--out", folder, "--events", str(EVENTS), "--only", "zerobias_test"], check=True,
                       capture_output=True, timeout=600)
        tree = f"{folder}/zerobias_test.root"
        for ending in ("npz", "h5"):
            free, bound = f"{folder}/free.{ending}", f"{folder}/bound.{ending}"
            assert data("convert", tree, free).returncode == 0
            at_once = data("convert", "-j", "1", tree, bound, limit=LIMIT)
            assert at_once.returncode == 3 and "out of memory" in at_once.stderr, "the limit does not bind"
            assert not os.path.exists(bound)
            run = data("convert", "-j", "1", "--batch", "1000000", tree, bound, limit=LIMIT)
            assert run.returncode == 0, run.stderr
            assert same(free, bound), f"batches change the {ending}"
        assert sorted(os.listdir(folder)) == ["bound.h5", "bound.npz", "free.h5", "free.npz", "zerobias_test.root"]
        print(f"{os.path.getsize(tree)} bytes converted within {LIMIT} bytes of data, the same bytes as without a limit")


if __name__ == "__main__":
    main()
