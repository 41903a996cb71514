"""Files that uproot writes here and trigline reads: seeks above 2^31 and 2^32 (sparse files), records above
16 MiB (chains of compressed blocks) in every codec, strings."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile

dump = os.path.join(os.environ.get("TGL_BUILD_DIR", ""), "bench", "root", "root_dump")


def skip(why):
    print("skipped:", why)
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)


try:
    import awkward
    import numpy
    import uproot
except ImportError as e:
    skip(f"{e.name} is not installed")

N_LONG = 4_500_000  # 18,000,000 bytes of int32: two blocks
bad = []


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def ours(path, tree):
    run = subprocess.run([dump, path, tree], capture_output=True, timeout=300)
    answer = json.loads(run.stdout)
    if "error" in answer:
        raise SystemExit(f"{path}: {answer['error']}")
    return {f["name"]: f for f in answer["fields"]}


def check(what, field, values, offsets=None):
    if field.get("values") != sha(values.tobytes()):
        bad.append(f"{what}: other values: {field}")
    if offsets is not None and field.get("offsets") != sha(numpy.asarray(offsets, "i8").tobytes()):
        bad.append(f"{what}: other offsets: {field}")


def write_at(path, end):
    """A tree whose records lie behind byte `end`: uproot is told that the file is that long."""
    x = numpy.arange(1000, dtype="i4") * 7
    lists = awkward.Array([[k * 0.5 for k in range(i % 4)] for i in range(1000)])
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as f:
        if end is not None:
            data = f._cascading.freesegments.data
            data.end = end
        tree = f.mktree("big", {"x": "int32", "l": "var * float64"})
        for part in range(2):
            tree.extend({"x": x[part * 500 : part * 500 + 500], "l": lists[part * 500 : part * 500 + 500]})
    return x, lists


def seeks(directory):
    for end in (None, (1 << 31) - 2000, 5 << 30):
        path = os.path.join(directory, "far.root")
        try:
            x, lists = write_at(path, end)
        except OSError as e:
            print(f"not tried: the disk takes no sparse file of {end} bytes: {e}")
            continue
        size = os.path.getsize(path)
        if end is not None and size <= end:
            bad.append(f"the file meant to pass {end} has {size} bytes")
        fields = ours(path, "big")
        check(f"x behind {end}", fields["x"], x)
        flat = awkward.to_numpy(awkward.flatten(lists))
        check(f"l behind {end}", fields["l"], flat, numpy.concatenate([[0], numpy.cumsum(awkward.num(lists))]))
        print(f"seeks behind {end}: file of {size} bytes, {os.stat(path).st_blocks * 512} on disk")
        os.remove(path)


def long_records(directory):
    x = (numpy.arange(N_LONG, dtype="i8") * 2654435761 % 1000).astype("i4")
    codecs = {"zlib": uproot.ZLIB(1), "lzma": uproot.LZMA(1), "lz4": uproot.LZ4(1), "zstd": uproot.ZSTD(1)}
    for name, codec in codecs.items():
        path = os.path.join(directory, f"{name}.root")
        with uproot.recreate(path, compression=codec) as f:
            f.mktree("long", {"x": "int32"}).extend({"x": x})
        with uproot.open(path) as f:
            basket = f["long/x"].basket(0)
            if basket.uncompressed_bytes <= 1 << 24 or basket.compressed_bytes >= basket.uncompressed_bytes:
                bad.append(f"{name}: no chain of blocks was written")
        check(name, ours(path, "long")["x"], x)
        print(f"record of {4 * N_LONG} bytes in {name}: equal")
        os.remove(path)


def strings(directory):
    path = os.path.join(directory, "text.root")
    words = ["", "a", "µ", "trigger" * 50] * 25 + ["x" * 254, "y" * 255, "z" * 256]  # the length byte's borders
    try:
        with uproot.recreate(path) as f:
            tree = f.mktree("t", {"s": "string"})
            tree.extend({"s": awkward.Array(words)})
    except Exception as e:
        print(f"strings: this uproot writes none ({type(e).__name__}: {str(e)[:80]!r})")
        return
    flat = b"".join(w.encode() for w in words)
    offsets = numpy.concatenate([[0], numpy.cumsum([len(w.encode()) for w in words])])
    check("strings", ours(path, "t")["s"], numpy.frombuffer(flat, "u1"), offsets)
    print(f"strings: {len(words)} compared")


with tempfile.TemporaryDirectory() as directory:
    seeks(directory)
    long_records(directory)
    strings(directory)
for line in bad:
    print("BAD", line)
sys.exit(1 if bad else 0)
