"""The generator's files: the same bytes with any number of threads and again, the same values in
uproot and in trigline, and what the objects promise (order, numbers, ranges, sections)."""

import os
import subprocess
import sys
import tempfile


def skip(why):
    print("skipped:", why)
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)


try:
    import awkward as ak
    import numpy as np
    import uproot
except ImportError as e:
    skip(f"{e.name} is not installed")

generator = os.path.join(os.environ["TGL_BUILD_DIR"], "examples", "generator", "trigline-generate")
dump = os.path.join(os.environ["TGL_BUILD_DIR"], "bench", "root", "root_dump")
command = os.environ["TGL_COMMAND"]
SAMPLES = ("zerobias_test", "signal_ttbar", "drift_deadhot", "sections")
EVENTS = 45_000  # three clusters of zerobias_test, the last one short


def generate(out, *options, code=0):
    run = subprocess.run([generator, "--out", out, *options], capture_output=True, text=True, timeout=600)
    assert run.returncode == code, (options, run.returncode, run.stderr)
    return run.stderr


def same_as_trigline(path, arrays, folder):
    """Every branch bit by bit against trigline's own reader, by way of an NPZ."""
    npz = os.path.join(folder, "columns.npz")
    subprocess.run([command, "data", "convert", "-q", "-z", "1", path, npz], check=True, timeout=300)
    columns = np.load(npz)
    for name in arrays.fields:
        ours, theirs = columns[name], arrays[name]
        if theirs.ndim == 2:
            offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(theirs)))])
            assert np.array_equal(columns[name + "__offsets"], offsets), name
            theirs = ak.flatten(theirs)
        theirs = ak.to_numpy(theirs)
        assert ours.dtype == theirs.dtype.newbyteorder("="), (name, ours.dtype, theirs.dtype)
        assert ours.tobytes() == theirs.astype(ours.dtype).tobytes(), (path, name)
    return len(arrays.fields)


def check_events(a, is_signal):
    assert ak.all(a.event[1:] > a.event[:-1])
    for name, most, top in (("L1Mu", 8, 511), ("L1EG", 12, 511), ("L1Tau", 12, 511), ("L1Jet", 12, 2047)):
        pt = a[name + "_hwPt"]
        assert ak.all(ak.num(pt) == a["n" + name]) and ak.max(a["n" + name]) <= most
        assert ak.all(pt[:, 1:] <= pt[:, :-1]), f"{name} not sorted"
        assert ak.min(pt) > 0 and ak.max(pt) <= top
        phi = 576 if name == "L1Mu" else 144
        assert ak.min(a[name + "_hwPhi"]) >= 0 and ak.max(a[name + "_hwPhi"]) < phi
    assert ak.max(abs(a.L1Jet_hwEta)) <= 116 and ak.max(abs(a.L1EG_hwEta)) <= 69
    assert ak.all(a.nL1EtSum == 5) and ak.all(a.L1EtSum_etSumType == [[0, 1, 2, 3, 8]])
    central = (a.L1Jet_hwPt >= 60) & (abs(a.L1Jet_hwEta) <= 57)
    ht = ak.sum(ak.values_astype(a.L1Jet_hwPt[central], np.int64), axis=1)
    assert ak.all(a.L1EtSum_hwPt[:, 1] == np.minimum(ak.to_numpy(ht), 4095)), "HTT is not the sum of its jets"
    assert 45 < ak.mean(a.truePileup) < 55
    assert ak.all((a.run == 1) == is_signal)


def check_sections(folder, a):
    s = uproot.open(os.path.join(folder, "sections.root"))["sections"].arrays(library="np")
    rows = {(r, l): p for r, l, p in zip(s["run"], s["luminosityBlock"], s["pileup"])}
    assert len(rows) == len(s["run"]), "a section stands twice"
    assert np.all(s["nCollidingBunches"] == 2352)
    keys, first = np.unique(np.stack([ak.to_numpy(a.run), ak.to_numpy(a.luminosityBlock)]), axis=1, return_inverse=True)
    pileup = ak.to_numpy(a.truePileup)
    for i, key in enumerate(keys.T):
        mean = pileup[first.ravel() == i].mean()
        assert abs(mean / rows[tuple(key)] - 1) < 0.02, (key, mean, rows[tuple(key)])


def hot_and_dead(reference, drift):
    """The drift is where the samples' table puts it."""
    def share(a):
        eta, phi = ak.flatten(a.L1Jet_hwEta), ak.flatten(a.L1Jet_hwPhi)
        dead = np.mean((eta > 20) & (eta < 36) & (phi > 40) & (phi < 64))
        hot = np.mean((eta > -44) & (eta < -34) & (phi > 118) & (phi < 126))
        return float(dead), float(hot)

    (dead0, hot0), (dead1, hot1) = share(reference), share(drift)
    assert dead1 < 0.1 * dead0 and hot1 > 1.5 * hot0, (dead0, dead1, hot0, hot1)


LAYOUTS = {"as always": (), "zstd in large baskets": ("--codec", "zstd", "--basket", "16000000"),
           "one row to a basket, or few": ("--basket", "97"), "odd boundaries": ("--codec", "zstd", "--basket", "5003")}


def range_digests(path, begin, end):
    """Digests of every column's values and offsets in rows [begin, end)."""
    run = subprocess.run([dump, "--range", str(begin), str(end), path, "Events"], capture_output=True, check=True)
    return run.stdout.decode()


def other_layouts(out, folder):
    """Codec and basket size change no value."""
    n_column, n_basket, expected, ranges = 0, set(), None, set()
    for name, options in LAYOUTS.items():
        generate(out, "--events", "2500", "--only", "zerobias_test", *options)
        with uproot.open(f"{out}/zerobias_test.root") as f:
            n_basket.add(f["Events/L1Jet_hwPt"].num_baskets)
            arrays = f["Events"].arrays()
        expected = arrays if expected is None else expected
        for field in arrays.fields:
            assert ak.to_list(arrays[field]) == ak.to_list(expected[field]), (name, field)
        n_column += same_as_trigline(f"{out}/zerobias_test.root", arrays, folder)
        ranges.add(tuple(range_digests(f"{out}/zerobias_test.root", *r) for r in ((0, 2500), (1, 2), (777, 2099))))
    assert len(ranges) == 1 and len(set(ranges.pop())) == 3, "the layout shows in a range of rows"
    assert len(n_basket) == 4 and 1 in n_basket, n_basket
    assert "lzo" in generate(out, "--codec", "lzo", code=2)
    return n_column


def main():
    if not os.path.exists(generator):
        raise SystemExit(f"no {generator}")
    with tempfile.TemporaryDirectory() as folder:
        one, three = os.path.join(folder, "one"), os.path.join(folder, "three")
        options = ["--events", str(EVENTS), "--only", *SAMPLES]
        generate(one, *options, "--threads", "1")
        generate(three, *options, "--threads", "3")
        for name in SAMPLES:
            with open(f"{one}/{name}.root", "rb") as a, open(f"{three}/{name}.root", "rb") as b:
                assert a.read() == b.read(), f"{name}: threads change the bytes"
        n_column, events = 0, {}
        for name in SAMPLES[:3]:
            path = f"{one}/{name}.root"
            events[name] = uproot.open(path)["Events"].arrays()
            n_column += same_as_trigline(path, events[name], folder)
            check_events(events[name], name.startswith("signal"))
        assert len(events["zerobias_test"]) == EVENTS
        check_sections(one, events["zerobias_test"])
        hot_and_dead(events["zerobias_test"], events["drift_deadhot"])
        signal, base = events["signal_ttbar"], events["zerobias_test"]
        assert ak.mean(signal.L1EtSum_hwPt[:, 1]) > 5 * ak.mean(base.L1EtSum_hwPt[:, 1])

        n_column += other_layouts(three, folder)

        generate(three, "--seed", "2", "--events", "1000", "--only", "zerobias_test")
        other = uproot.open(f"{three}/zerobias_test.root")["Events"].arrays()
        assert not ak.all(other.truePileup == base.truePileup[:1000]), "the seed changes nothing"
        assert "no_such" in generate(three, "--only", "no_such", code=2)
        error = generate(three, "--library", f"{folder}/none", code=3)
        assert error.count("\n") == 1, error
        print(f"{n_column} columns equal in uproot and trigline, {sum(map(len, events.values()))} crossings")


if __name__ == "__main__":
    main()
