"""NPZ and HDF5 against NumPy, h5py and pyarrow, bit for bit, both ways: what trigline
writes they read back equal, what they write trigline reads equal."""

import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib


def skip(why):
    print("skipped:", why)
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)


try:
    import h5py
    import numpy as np
except ImportError as e:
    skip(f"{e.name} is not installed")

command = os.environ["TGL_COMMAND"]
count = 0


def run(*args, code=0):
    """stdout of a trigline command that must end with `code`."""
    done = subprocess.run([command, *args], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (args, done.returncode, done.stderr)
    assert code == 0 or done.stderr.count("trigline: ") == 1, done.stderr
    return done.stdout if code == 0 else done.stderr


def same_bits(what, a, b):
    global count
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, (what, a.shape, b.shape)
    assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("="), (what, a.dtype, b.dtype)
    native = lambda x: np.ascontiguousarray(x.astype(x.dtype.newbyteorder("=")))
    assert native(a).tobytes() == native(b).tobytes(), what
    count += 1


def odd_floats(dtype, n):
    """-0.0, infinities, NaNs with payloads and sign, subnormals, then random bit patterns."""
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    bits = np.random.default_rng(1).integers(0, np.iinfo(unsigned).max, n, dtype=unsigned, endpoint=True)
    ones, mantissa = (0xFF, 23) if dtype == np.float32 else (0x7FF, 52)
    sign = 1 << (8 * unsigned().itemsize - 1)
    special = [sign, ones << mantissa, sign | ones << mantissa, (ones << mantissa) | 1,
               sign | (ones << mantissa) | (1 << (mantissa - 1)) | 0x12345, 1, sign | 1]
    bits[: len(special)] = special
    return bits.view(dtype)


def sample(n):
    """One array of every type and of several shapes, rows first."""
    random = np.random.default_rng(2)
    arrays = {"f4": odd_floats(np.float32, n), "f8": odd_floats(np.float64, n)}
    for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
        info = np.iinfo(kind)
        arrays[kind] = random.integers(info.min, info.max, n, dtype=kind, endpoint=True)
    arrays["b"] = random.integers(0, 2, n).astype(bool)
    arrays["matrix"] = random.integers(-9, 9, (n, 3, 2), dtype="i2")
    arrays["cube"] = odd_floats(np.float32, n * 24).reshape(n, 2, 3, 4)
    return arrays


def foreign_npz(folder, n):
    """Byte orders, memory orders, compression, text, and things that are refused."""
    arrays = sample(n)
    stored = {}
    for name, array in arrays.items():
        stored[name] = array
        stored["big_" + name] = array.astype(array.dtype.newbyteorder(">"))
        stored["fortran_" + name] = np.asfortranarray(array)
    lengths = np.random.default_rng(3).integers(0, 5, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    stored["jets"] = odd_floats(np.float32, offsets[-1] * 2).reshape(-1, 2)
    stored["jets__offsets"] = offsets
    text = np.array(["é%d" % i if i % 3 else "" for i in range(n)])
    stored["text"] = text
    stored["ascii"] = np.char.encode(text, "utf-8")
    refused = {"complex": np.zeros(n, "c8"), "short": np.zeros(n - 1), "scalar": np.float64(1),
               "record": np.zeros(n, [("a", "i4"), ("b", "f4")])}
    for save in (np.savez, np.savez_compressed):
        path, back = os.path.join(folder, "foreign.npz"), os.path.join(folder, "back.npz")
        save(path, **stored, **refused)
        run("data", "convert", path, back)
        with np.load(back) as z:
            for name, array in stored.items():
                if name == "text" or name == "ascii":
                    values, at = z[name].tobytes(), z[name + "__offsets"]
                    got = [values[at[i]:at[i + 1]].decode() for i in range(n)]
                    assert got == list(text), name
                else:
                    same_bits(name, z[name], array)
            assert not set(refused) & set(z.files), z.files
        info = json.loads(run("data", "info", path, "--json"))
        for column in info["columns"]:
            assert ("refusal" in column) == (column["name"] in refused), column
        assert "cannot be read" in run("data", "convert", path, back, "-c", "complex", code=3)


def own_files(folder, n):
    """NPZ to HDF5 and back, read by NumPy and h5py on the way; ranges agree with slices."""
    arrays = sample(n)
    lengths = np.random.default_rng(4).integers(0, 5, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    arrays["jagged"] = odd_floats(np.float64, offsets[-1])
    arrays["jagged__offsets"] = offsets
    first, h5, last, part = (os.path.join(folder, x) for x in ("a.npz", "a.h5", "b.npz", "part.npz"))
    np.savez(first, **arrays)
    for level in ("0", "3", "12"):
        run("data", "convert", first, h5, "-z", level)
        run("data", "convert", h5, last, "-z", level)
        with np.load(last) as z, h5py.File(h5) as f:
            for name, array in arrays.items():
                same_bits("npz " + name, z[name], array)
                same_bits("hdf5 " + name, f[name][()], array)
            provenance = json.loads(f.attrs["trigline.provenance"])
            assert provenance["sources"][0]["name"] == "a.npz", provenance
            document = json.loads(z["trigline.json"])
            assert document["rows"] == n
        check_zip(last, level)
        report = json.loads(run("data", "diff", first, last, "--json"))
        assert report["equal"], report
    begin, end = n // 3, n // 2
    for path in (h5, last):
        run("data", "convert", path, part, "--begin", str(begin), "--end", str(end))
        with np.load(part) as z:
            for name, array in arrays.items():
                if name == "jagged__offsets":
                    same_bits(name, z[name], offsets[begin:end + 1] - offsets[begin])
                elif name == "jagged":
                    same_bits(name, z[name], array[offsets[begin]:offsets[end]])
                else:
                    same_bits(name, z[name], array[begin:end])


def check_zip(path, level):
    """Stored arrays begin at a multiple of 64 bytes; dates are fixed."""
    import zipfile
    with zipfile.ZipFile(path) as z, open(path, "rb") as f:
        assert z.testzip() is None
        for info in z.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            f.seek(info.header_offset + 26)
            n_name, n_extra = struct.unpack("<HH", f.read(4))
            begin = info.header_offset + 30 + n_name + n_extra
            assert info.compress_type != 0 or begin % 64 == 0, info


def foreign_hdf5(folder, n):
    """Layouts, filters, byte orders, nested groups, compounds and strings as h5py writes them."""
    arrays = sample(n)
    path, back = os.path.join(folder, "foreign.h5"), os.path.join(folder, "back.npz")
    record = np.zeros(n, [("pt", "f4"), ("n", "i2"), ("good", "?")])
    record["pt"], record["n"], record["good"] = arrays["f4"], arrays["i2"], arrays["b"]
    with h5py.File(path, "w") as f:
        for name, array in arrays.items():
            f.create_dataset("plain/" + name, data=array)
            f.create_dataset("packed/" + name, data=array, compression="gzip", shuffle=True, fletcher32=True)
            big = array if array.dtype == bool else array.astype(array.dtype.newbyteorder(">"))
            f.create_dataset("big/" + name, data=big)
        f["record"] = record
        f["words"] = np.array(["é%d" % i for i in range(n)], dtype=h5py.string_dtype())
        f["fixed"] = np.array([b"abc%d" % i for i in range(n)])
        f["loop"] = f["plain"]
        f["plain/up"] = f["/"]
        f["link"] = h5py.ExternalLink("elsewhere.h5", "/x")
        f["lzf"] = np.arange(n)
    run("data", "convert", path, back, "-c", "plain/*", "-c", "packed/*", "-c", "big/*", "-c", "record/*", "-c", "words", "-c", "fixed")
    with np.load(back) as z:
        for name, array in arrays.items():
            for folder_name in ("plain", "packed", "big"):
                same_bits(folder_name + name, z[folder_name + "/" + name], array)
        for name in record.dtype.names:
            same_bits(name, z["record/" + name], record[name])
        at = z["words__offsets"]
        words = z["words"].tobytes()
        assert [words[at[i]:at[i + 1]].decode() for i in range(n)] == ["é%d" % i for i in range(n)]
        assert z["fixed"].tobytes() == b"".join(b"abc%d" % i for i in range(n))


def broken_npz(folder):
    """Wrong bytes get one line and exit code 3, and leave no output."""
    good, bad, out = (os.path.join(folder, x) for x in ("good.npz", "bad.npz", "out.npz"))
    np.savez_compressed(good, x=np.arange(1000.0))
    data = bytearray(open(good, "rb").read())
    cases = {"cut": data[: len(data) // 2], "empty": b"", "text": b"hello, world\n" * 50}
    flipped = bytearray(data)
    flipped[200] ^= 0x40
    cases["flipped"] = flipped
    raw = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,), }".ljust(0x75) + b"\n"
    member = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 33, zlib.crc32(raw), len(raw), len(raw), 5, 0) + b"x.npy" + raw
    central = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 33, zlib.crc32(raw), len(raw), len(raw), 5, 0, 0, 0, 0, 0, 0) + b"x.npy"
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(member), 0)
    cases["shape"] = member + central + end
    for name, content in cases.items():
        open(bad, "wb").write(content)
        message = run("data", "convert", bad, out, code=3)
        assert message.strip().count("\n") == 0 and "bad.npz" in message, (name, message)
        assert not os.path.exists(out) and len(os.listdir(folder)) == 2, (name, os.listdir(folder))


def parquet(folder, n):
    """COPY ... TO parquet through DuckDB, read by pyarrow; skipped inside where either is missing."""
    try:
        import pyarrow.parquet
    except ImportError:
        return "no pyarrow"
    npz, out = os.path.join(folder, "p.npz"), os.path.join(folder, "p.parquet")
    arrays = {k: v for k, v in sample(n).items() if v.ndim == 1 and v.dtype.kind != "f"}
    np.savez(npz, **arrays)
    done = subprocess.run([command, "data", "query", f"COPY (FROM '{npz}') TO '{out}'"], capture_output=True, text=True)
    if "fetch-duckdb" in done.stderr:
        return "no DuckDB"
    assert done.returncode == 0, done.stderr
    table = pyarrow.parquet.read_table(out)
    for name, array in arrays.items():
        same_bits("parquet " + name, table[name].to_numpy(), array)
    return "compared"


for rows in (7, 5000):
    with tempfile.TemporaryDirectory() as folder:
        foreign_npz(folder, rows)
    with tempfile.TemporaryDirectory() as folder:
        own_files(folder, rows)
    with tempfile.TemporaryDirectory() as folder:
        foreign_hdf5(folder, rows)
with tempfile.TemporaryDirectory() as folder:
    broken_npz(folder)
with tempfile.TemporaryDirectory() as folder:
    verdict = parquet(folder, 3000)
    print("parquet:", verdict)
    assert verdict == "compared" or os.environ.get("TGL_REQUIRE_SHARED") != "1", verdict
print(f"{count} arrays equal bit for bit with NumPy {np.__version__} and h5py {h5py.__version__}")
