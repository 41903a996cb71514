"""Writes the small ROOT files of tests/data/root with uproot's writer. Their values are simple
formulas of the row, which tests/golden/root_golden_test.c repeats. Run with tools/peer-python;
the committed files were made with uproot 5.7.7."""

import os
import sys

import awkward as ak
import numpy as np
import uproot

N = 100  # rows per chunk; two chunks, so two baskets per branch
FEW = ("i32", "f32", "list_f")  # enough to try a codec


def columns(first):
    row = np.arange(first, first + N)
    lists = [[r * 10 + k for k in range(r % 4)] for r in row]
    return {
        "flag": (row % 3 == 0),
        "i8": (row % 100 - 20).astype("i1"),
        "u8": (row % 80 * 3).astype("u1"),
        "i16": (row * -101).astype("i2"),
        "u16": (row * 311).astype("u2"),
        "i32": (row * -100003).astype("i4"),
        "u32": (row % 80 * 53000000).astype("u4"),
        "i64": row.astype("i8") * -10000000019,
        "u64": row.astype("u8") * np.uint64(90000000000000011),
        "f32": (row * 0.375 - 3).astype("f4"),
        "f64": row / 7.0,
        "grid": (row[:, None, None] * 6 + np.arange(6).reshape(1, 2, 3)).astype("i4"),
        "list_i": ak.values_astype(ak.Array(lists), "int32"),
        "list_f": ak.values_astype(ak.Array(lists), "float32"),
        "list_s": ak.values_astype(ak.Array(lists), "int16"),
    }


def fill(directory, name, wanted):
    first = columns(0)
    types = {k: v.dtype if isinstance(v, np.ndarray) and v.ndim == 1 else None for k, v in first.items()}
    types["grid"] = np.dtype(("i4", (2, 3)))
    for k, word in (("list_i", "int32"), ("list_f", "float32"), ("list_s", "int16")):
        types[k] = f"var * {word}"
    tree = directory.mktree(name, {k: t for k, t in types.items() if wanted is None or k in wanted})
    for chunk in range(2):
        values = columns(chunk * N)
        tree.extend({k: v for k, v in values.items() if wanted is None or k in wanted})


def main():
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "root")
    os.makedirs(out, exist_ok=True)
    codecs = {"raw": None, "zlib": uproot.ZLIB(6), "lzma": uproot.LZMA(6), "lz4": uproot.LZ4(4), "zstd": uproot.ZSTD(5)}
    for word, codec in codecs.items():
        with uproot.recreate(os.path.join(out, f"{word}.root"), compression=codec) as f:
            fill(f, "Events", None if word == "zlib" else FEW)
    with uproot.recreate(os.path.join(out, "several.root"), compression=uproot.ZLIB(6)) as f:
        f["notes"] = "not a tree"
        for name, n in (("first", 3), ("dir/second", 4), ("dir/inner/third", 5)):
            tree = f.mktree(name, {"x": "int32"})
            tree.extend({"x": np.arange(n, dtype="i4")})
        for n in (7, 6):  # the second replaces the first: a second cycle
            tree = f.mktree("again", {"x": "int32"})
            tree.extend({"x": np.arange(n, dtype="i4")})


main()
