#!/usr/bin/env python3
"""Make examples/data/jets.root: 50,000 jets of five classes with 16 high-level features.

    pip install pythia8mc==8.317.2 fastjet==3.5.2.0 uproot awkward numpy
    python make_jets.py [--out FILE] [--workers N] [--jets N]

Anti-kT jets (R = 0.8) of 800 to 1300 GeV, |eta| < 2.5, the two leading ones of an event;
particle level, no detector, no pile-up. The names of the features are those of the jets that
the hls4ml papers use (j_zlogz, j_c1_b0_mmdt, ...); definitions in docs/example-data.md. Chunk k
of class c has the Pythia seed SEED + 1000 * c + k; the order of the jets is shuffled by SEED.
"""
import argparse
import itertools
import multiprocessing
import os
import sys
import time

import awkward as ak
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20_270_100
CLASSES = ("g", "q", "w", "z", "t")  # labels 0 .. 4
CHUNK = 2_500  # jets
BATCH = 250    # events
RADIUS, Z_CUT = 0.8, 0.1
PT_MIN, PT_MAX = 800.0, 1300.0
N_LEADING = 40  # constituents of the groomed jet that enter the correlation functions
FEATURES = ("j_zlogz", "j_c1_b0_mmdt", "j_c1_b1_mmdt", "j_c1_b2_mmdt", "j_c2_b1_mmdt", "j_c2_b2_mmdt",
            "j_d2_b1_mmdt", "j_d2_b2_mmdt", "j_d2_a1_b1_mmdt", "j_d2_a1_b2_mmdt", "j_m2_b1_mmdt",
            "j_m2_b2_mmdt", "j_n2_b1_mmdt", "j_n2_b2_mmdt", "j_mass_mmdt", "j_multiplicity")
TRIPLES = np.array(list(itertools.combinations(range(N_LEADING), 3)))


def start_pythia(name, seed):
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for card in ("jets", "jets_" + name):
        with open(os.path.join(HERE, "cards", card + ".cmnd"), encoding="ascii") as lines:
            for line in lines:
                line = line.split("!")[0].strip()
                if line and not pythia.readString(line):
                    raise RuntimeError(f"card {card}: Pythia refuses '{line}'")
    for line in ("Random:setSeed = on", f"Random:seed = {seed}"):
        pythia.readString(line)
    if not pythia.init():
        raise RuntimeError(f"jets of class {name}: Pythia does not start")
    return pythia


def find_jets(batch):
    """The constituents (jets of all events in one list) of the leading two jets in range."""
    import fastjet

    prt = batch.prt[batch.prt.status > 0]
    a_id = abs(prt.id)
    prt = prt[(a_id != 12) & (a_id != 14) & (a_id != 16)]
    four = ak.zip({"px": prt.p.px, "py": prt.p.py, "pz": prt.p.pz, "E": prt.p.e}, with_name="Momentum4D")
    cluster = fastjet.ClusterSequence(four, fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS))
    jets, parts = cluster.inclusive_jets(min_pt=300.0), cluster.constituents(min_pt=300.0)
    pt = np.hypot(jets.px, jets.py)
    order = ak.argsort(pt, ascending=False, axis=1)[:, :2]
    pt, parts, pz = pt[order], parts[order], jets.pz[order]
    good = (pt > PT_MIN) & (pt < PT_MAX) & (abs(np.arcsinh(pz / pt)) < 2.5)
    return ak.flatten(parts[good], axis=1)


def groom(parts):
    """Modified mass drop (soft drop with beta = 0, z_cut = 0.1): (mass, constituents)."""
    import fastjet

    parts = ak.with_name(ak.zip({c: parts[c] for c in ("px", "py", "pz", "E")}), "Momentum4D")
    cluster = fastjet.ClusterSequence(parts, fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0))
    out = cluster.exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=Z_CUT, R0=RADIUS)
    return out


def kinematics(parts):
    pt = np.hypot(parts.px, parts.py)
    return pt, np.arcsinh(parts.pz / pt), np.arctan2(parts.py, parts.px)


def padded(values, order):
    return np.asarray(ak.to_numpy(ak.fill_none(ak.pad_none(values[order], N_LEADING, clip=True), 0.0)))


def correlations(z, eta, phi):
    """(e2[b], e3[b], 1e3[b], 2e3[b]) with b = 0, 1, 2 for e2 and 1, 2 for the others; z, eta, phi
    are (n_jet, N_LEADING), z zero where there is no constituent."""
    d_phi = np.abs(phi[:, :, None] - phi[:, None, :])
    d_phi = np.minimum(d_phi, 2 * np.pi - d_phi)
    angle = np.sqrt((eta[:, :, None] - eta[:, None, :]) ** 2 + d_phi**2)
    zz = z[:, :, None] * z[:, None, :]
    off = 1 - np.eye(z.shape[1])
    e2 = [0.5 * np.sum(zz * off * angle**b, axis=(1, 2)) for b in (0, 1, 2)]
    e3 = []
    for b in (1, 2):
        w = angle**b
        e3.append(np.sum(zz * w * np.matmul(w * z[:, None, :], w), axis=(1, 2)) / 6)
    i, j, k = TRIPLES.T
    small = angle.astype(np.float32)
    sides = np.sort(np.stack([small[:, i, j], small[:, i, k], small[:, j, k]]), axis=0)
    zzz = (z[:, i] * z[:, j] * z[:, k]).astype(np.float32)
    one = [np.sum(zzz * sides[0] ** b, axis=1, dtype=np.float64) for b in (1, 2)]
    two = [np.sum(zzz * (sides[0] * sides[1]) ** b, axis=1, dtype=np.float64) for b in (1, 2)]
    return e2, e3, one, two


def features(parts):
    """(n_jet, 16) of the jets whose constituents are given."""
    pt = kinematics(parts)[0]
    z = pt / ak.sum(pt, axis=1)
    groomed = groom(parts)
    inner = groomed.constituents
    pt, eta, phi = kinematics(inner)
    order = ak.argsort(pt, ascending=False, axis=1)
    share = padded(pt / ak.sum(pt, axis=1), order)
    out = []
    for begin in range(0, len(share), 64):
        cut = slice(begin, begin + 64)
        e2, e3, one, two = correlations(share[cut], padded(eta, order)[cut], padded(phi, order)[cut])
        safe = lambda a, b: np.divide(a, b, out=np.zeros_like(a), where=b > 0)
        out.append(np.stack([
            e2[0], e2[1], e2[2], safe(e3[0], e2[1] ** 2), safe(e3[1], e2[2] ** 2),
            safe(e3[0], e2[1] ** 3), safe(e3[1], e2[2] ** 3), safe(e3[0], e2[1] ** 3),
            safe(e3[0], e2[2] ** 1.5), safe(one[0], e2[1]), safe(one[1], e2[2]),
            safe(two[0], e2[1] ** 2), safe(two[1], e2[2] ** 2)], axis=1))
    entropy = ak.to_numpy(ak.sum(z * np.log(z), axis=1))
    mass = ak.to_numpy(ak.flatten(groomed.msoftdrop, axis=None))
    count = ak.to_numpy(ak.num(parts.px)).astype(np.float64)
    return np.column_stack([entropy, np.concatenate(out), mass, count])


def make_chunk(job):
    name, seed, n_jet = job
    pythia = start_pythia(name, seed)
    rows = []
    while sum(map(len, rows)) < n_jet:
        rows.append(features(find_jets(pythia.nextBatch(BATCH))))
    return np.concatenate(rows)[:n_jet]


def truncate(values, bits):
    shift = 23 - bits
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return (((raw + (1 << (shift - 1))) >> shift) << shift).astype(np.uint32).view(np.float32)


def main():
    args = argparse.ArgumentParser(description="Make the jets of the jet-tagger example (Pythia 8).")
    args.add_argument("--out", default=os.path.join(HERE, "..", "data", "jets.root"))
    args.add_argument("--workers", type=int, default=2)
    args.add_argument("--jets", type=int, default=50_000)
    args = args.parse_args()
    per_class, start, parts = args.jets // len(CLASSES), time.time(), []
    jobs = [(name, SEED + 1000 * c + k, min(CHUNK, per_class - k * CHUNK))
            for c, name in enumerate(CLASSES) for k in range(-(-per_class // CHUNK))]
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for rows in pool.imap(make_chunk, jobs):
            parts.append(rows)
            print(f"jets: {sum(map(len, parts))}/{args.jets}, {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    rows = np.concatenate(parts)
    label = np.repeat(np.arange(len(CLASSES)), per_class).astype(np.int32)
    order = np.random.Generator(np.random.PCG64(SEED)).permutation(len(rows))
    rows, label = truncate(rows[order], 12), label[order]
    import uproot

    columns = {name: rows[:, i].copy() for i, name in enumerate(FEATURES)} | {"label": label}
    with uproot.recreate(args.out, compression=uproot.LZMA(9)) as file:
        file.mktree("Jets", {k: v.dtype for k, v in columns.items()}).extend(columns)
    print(f"{args.out}: {os.path.getsize(args.out)} bytes")
    for i, name in enumerate(FEATURES):
        print(f"  {name:18}", *(f"{c} {rows[label == k, i].mean():9.4f}" for k, c in enumerate(CLASSES)))


if __name__ == "__main__":
    main()
