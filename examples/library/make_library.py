#!/usr/bin/env python3
"""Make the library of single proton-proton collisions that the generator overlays.

    pip install pythia8mc==8.317.2 fastjet==3.5.2.0 uproot awkward numpy
    python make_library.py [--out DIR] [--workers N] [--only NAME...]

Each sample is cut into chunks of CHUNK events with seeds of their own, so the files do not
depend on the number of workers. Cards are in cards/; the random seed of chunk k of sample s
is SEED + 1000 * s + k (Pythia's Random:seed), and the same number seeds the rounding.

What is kept of a collision is in docs/example-data.md.
"""
import argparse
import multiprocessing
import os
import sys
import time

import awkward as ak
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20_260_100
CHUNK = 5_000
BATCH = 500
SAMPLES = {  # name: (index in the seed, events)
    "minbias": (0, 100_000),
    "ttbar": (1, 20_000),
    "higgs4l": (2, 20_000),
    "higgs4b": (3, 20_000),
    "softjets": (4, 20_000),
    "displaced": (5, 20_000),
    "hardqcd": (6, 12_000),
}

# A minimum-bias collision with a jet above this (GeV) is drawn from "hardqcd" by weight instead:
# the same share of collisions, but a tail that 100,000 collisions do not reach.
HARD_JET = 25.0

# Detector surfaces (mm), field (T), towers: 0.174 x 2 pi / 36.
R_BARREL, Z_ENDCAP, FIELD = 1290.0, 3150.0, 3.8
R_CALO_OUT, Z_CALO_OUT, R_MUON, Z_MUON = 2950.0, 5500.0, 4000.0, 5700.0
# The forward calorimeter (rings 18..29 of each side) has 18 towers in phi; even iphi only.
TOWER_ETA, N_RING, N_CENTRAL, N_PHI = 0.174, 29, 17, 36
FINE_ETA, FINE_PHI = 0.087, 2 * np.pi / 72
ET_LSB = 0.5
EG_MIN, MUON_MIN = (2.0, 5.0), 2.0  # GeV; e/gamma: minimum bias, signals
STEP = np.array([[1, 2], [6, 8]])  # see round_towers: (minimum bias, signals) x (central, forward)


def card_lines(name):
    for part in ("common", name):
        with open(os.path.join(HERE, "cards", part + ".cmnd"), encoding="ascii") as card:
            for line in card:
                line = line.split("!")[0].strip()
                if line:
                    yield line


def start_pythia(name, seed):
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for line in card_lines(name):
        if not pythia.readString(line):
            raise RuntimeError(f"card {name}: Pythia refuses '{line}'")
    for line in ("Random:setSeed = on", f"Random:seed = {seed}"):
        pythia.readString(line)
    if not pythia.init():
        raise RuntimeError(f"card {name}: Pythia does not start")
    charge = {}

    def charges(ids):
        unique, inverse = np.unique(ids, return_inverse=True)
        table = [charge.setdefault(int(i), pythia.particleData.chargeType(int(i)) / 3) for i in unique]
        return np.array(table)[inverse]

    return pythia, charges


def propagate(px, py, pz, q, x0, y0, z0):
    """(eta, phi, reaches) where a particle meets the calorimeter: along a helix from its
    vertex to the barrel cylinder or the endcap plane; low-momentum loopers are lost."""
    pt = np.maximum(np.hypot(px, py), 1e-6)
    ux, uy, slope = px / pt, py / pt, pz / pt
    r0 = np.hypot(x0, y0)
    along = x0 * ux + y0 * uy
    d = -along + np.sqrt(np.maximum(along**2 + R_BARREL**2 - r0**2, 0.0))
    curve = np.where(q == 0, 0.0, 0.3e-3 * FIELD * np.abs(q) / pt)  # 1 / bending radius, 1/mm
    ratio = 0.5 * d * curve
    arc = np.where(ratio > 1e-6, 2 / np.maximum(curve, 1e-12) * np.arcsin(np.minimum(ratio, 1)), d)
    z_barrel = z0 + slope * arc
    barrel = (ratio < 1) & (np.abs(z_barrel) < Z_ENDCAP)
    arc_end = (np.where(slope > 0, Z_ENDCAP, -Z_ENDCAP) - z0) / np.where(np.abs(slope) < 1e-9, 1e-9, slope)
    phase = np.where(barrel, 0.5 * arc * curve, 0.5 * arc_end * curve)
    path = np.where(barrel, arc, arc_end)
    chord = path * np.sinc(phase / np.pi)
    turn = -np.sign(q) * phase
    x = x0 + chord * (ux * np.cos(turn) - uy * np.sin(turn))
    y = y0 + chord * (uy * np.cos(turn) + ux * np.sin(turn))
    z = np.where(barrel, z_barrel, np.sign(slope) * Z_ENDCAP)
    inside = (r0 < R_BARREL) & (np.abs(z0) < Z_ENDCAP)
    # Made inside the calorimeter: deposited where it was made; beyond it: nowhere.
    x, y, z = (np.where(inside, a, b) for a, b in ((x, x0), (y, y0), (z, z0)))
    reaches = np.where(inside, barrel | ((np.abs(phase) < np.pi) & (arc_end > 0)),
                       (r0 < R_CALO_OUT) & (np.abs(z0) < Z_CALO_OUT))
    return np.arcsinh(z / np.maximum(np.hypot(x, y), 1e-3)), np.arctan2(y, x), reaches


def grouped(event, key, weight, n_key):
    """Sum `weight` over equal (event, key): sorted arrays (event, key, sum)."""
    code = event.astype(np.int64) * n_key + key
    unique, inverse = np.unique(code, return_inverse=True)
    return unique // n_key, unique % n_key, np.bincount(inverse, weight, len(unique))


def round_towers(et, rng, step):
    """Whole units of ET_LSB by stochastic rounding, which keeps the mean energy: towers
    below twice the step (in units) become 0 or a multiple of the step, others round to 1."""
    step = np.where(et < 2 * step * ET_LSB, step, 1)
    return step * np.floor(et / (ET_LSB * step) + rng.random(len(et))).astype(np.int64)


def tower_entries(event, index, units):
    """Sorted towers as (gap to the previous index, ET) bytes, a quarter smaller when compressed than
    positions: a collision starts at index 0, an entry moves on by `gap` and adds `et` there. A gap
    above 255 takes entries with et 0, an ET above 255 units entries with gap 0."""
    first = np.concatenate([[True], event[1:] != event[:-1]])[: len(event)]
    gap = index - np.where(first, 0, np.concatenate([[0], index[:-1]])[: len(index)])
    moves, copies = np.maximum(-(-gap // 255) - 1, 0), -(-units // 255)
    n = moves + copies
    owner = np.repeat(np.arange(len(event)), n)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(n) - n, n)
    deposit = rank >= moves[owner]
    step = np.clip(gap[owner] - 255 * rank, 0, 255)
    et = np.where(deposit, np.clip(units[owner] - 255 * (rank - moves[owner]), 0, 255), 0)
    return event[owner], step.astype(np.uint8), et.astype(np.uint8)


def truncate(values, bits=8):
    """float32 with the mantissa rounded to `bits` bits."""
    shift = 23 - bits
    raw = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
    raw = ((raw + (1 << (shift - 1))) >> shift) << shift
    return raw.astype(np.uint32).view(np.float32)


def jagged(event, n_event, **columns):
    counts = np.bincount(event, minlength=n_event)
    return ak.zip({k: ak.unflatten(np.asarray(v), counts) for k, v in columns.items()})


def truth(flat, event, n_event):
    """Generator-level sums: anti-kT 0.4 jets of visible particles, |eta| < 5."""
    import fastjet

    keep = flat["visible"] & (np.abs(flat["eta"]) < 5)
    order = jagged(event[keep], n_event, px=flat["px"][keep], py=flat["py"][keep], pz=flat["pz"][keep],
                   E=flat["e"][keep])
    order = ak.with_name(order, "Momentum4D")
    cluster = fastjet.ClusterSequence(order, fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4))
    jets = cluster.inclusive_jets(min_pt=10)
    pt = np.hypot(jets.px, jets.py)
    eta = np.arcsinh(jets.pz / pt)
    lead = lambda a: ak.to_numpy(ak.fill_none(ak.max(a, axis=1), 0.0))
    central = (pt > 30) & (abs(eta) < 2.5)
    seen = ~flat["invisible"] & (np.abs(flat["eta"]) < 5)
    sums = [np.bincount(event[seen], flat[c][seen], n_event) for c in ("px", "py")]
    muon = (np.abs(flat["id"]) == 13) & (np.abs(flat["eta"]) < 2.4)
    eg = np.isin(np.abs(flat["id"]), (11, 22)) & (np.abs(flat["eta"]) < 2.5)

    def highest(mask):
        out = np.zeros(n_event)
        np.maximum.at(out, event[mask], flat["pt"][mask])
        return out

    return {"Gen_ht": truncate(ak.to_numpy(ak.sum(pt[central], axis=1))),
            "Gen_met": truncate(np.hypot(*sums)),
            "Gen_leadJetPt": truncate(lead(pt[abs(eta) < 5])),
            "Gen_leadMuPt": truncate(highest(muon)), "Gen_leadEGPt": truncate(highest(eg))}


def digest_batch(batch, charges, rng, coarse):
    """Reduce one batch of Pythia events to the library's columns."""
    prt = batch.prt[batch.prt.status > 0]
    n_event = len(prt)
    event = np.repeat(np.arange(n_event), ak.to_numpy(ak.num(prt)))
    f = ak.flatten(prt)
    get = lambda a: ak.to_numpy(a, allow_missing=False).astype(np.float64)
    flat = {"id": ak.to_numpy(f.id), "px": get(f.p.px), "py": get(f.p.py), "pz": get(f.p.pz), "e": get(f.p.e)}
    vertex = [ak.to_numpy(ak.fill_none(f.vProd[c], 0.0)) for c in ("px", "py", "pz")]
    flat["pt"] = np.maximum(np.hypot(flat["px"], flat["py"]), 1e-6)
    flat["eta"] = np.arcsinh(np.clip(flat["pz"] / flat["pt"], -1e6, 1e6))
    a_id = np.abs(flat["id"])
    flat["invisible"] = np.isin(a_id, (12, 14, 16)) | (a_id > 4_900_000)
    flat["visible"] = ~flat["invisible"] & (a_id != 13)
    eta, phi, reaches = propagate(flat["px"], flat["py"], flat["pz"], charges(flat["id"]), *vertex)
    phi = np.mod(phi, 2 * np.pi)
    out = truth(flat, event, n_event)

    # ET at the calorimeter: the energy seen from the origin.
    et = flat["e"] / np.cosh(np.clip(eta, -6, 6))
    calo = flat["visible"] & reaches & (np.abs(eta) < TOWER_ETA * N_RING)
    ring = np.floor(eta / TOWER_ETA).astype(np.int64) + N_RING
    column = np.minimum((phi * (N_PHI / (2 * np.pi))).astype(np.int64), N_PHI - 1)
    forward = np.abs(2 * ring + 1 - 2 * N_RING) > 2 * N_CENTRAL
    cell = ring * N_PHI + np.where(forward, column & ~1, column)
    ev, key, total = grouped(event[calo], cell[calo], et[calo], 2 * N_RING * N_PHI)
    forward = np.abs(2 * (key // N_PHI) + 1 - 2 * N_RING) > 2 * N_CENTRAL
    units = round_towers(total, rng, STEP[int(coarse)][forward.astype(np.int64)])
    ev, gap, units = tower_entries(ev[units > 0], key[units > 0], units[units > 0])
    out["Tower"] = jagged(ev, n_event, gap=gap, et=units)

    em = calo & np.isin(a_id, (11, 22)) & (np.abs(eta) < 3.0)
    n_fine = 72
    fine = (np.floor(eta / FINE_ETA).astype(np.int64) + 40) * n_fine + np.minimum(
        (phi / FINE_PHI).astype(np.int64), n_fine - 1)
    ev, key, total = grouped(event[em], fine[em], et[em], 80 * n_fine)
    keep = total > EG_MIN[coarse]
    ev, key, total = ev[keep], key[keep], total[keep]
    out["EG"] = jagged(ev, n_event, pt=np.minimum(total * 4 + 0.5, 65535).astype(np.uint16),
                       ieta=(key // n_fine - 40).astype(np.int8), iphi=(key % n_fine).astype(np.uint8))

    r0 = np.hypot(vertex[0], vertex[1])
    mu = (a_id == 13) & (flat["pt"] > MUON_MIN) & (r0 < R_MUON) & (np.abs(vertex[2]) < Z_MUON)
    mu &= np.abs(flat["eta"]) < 2.45
    phi_mu = np.mod(np.arctan2(flat["py"], flat["px"]), 2 * np.pi)
    dxy = np.abs(vertex[0] * flat["py"] - vertex[1] * flat["px"]) / flat["pt"]
    out["Muon"] = jagged(event[mu], n_event, pt=np.minimum(flat["pt"][mu] * 16 + 0.5, 65535).astype(np.uint16),
                         eta=np.round(flat["eta"][mu] / 0.010875).astype(np.int16),
                         phi=(np.floor(phi_mu[mu] * (576 / (2 * np.pi))).astype(np.int64) % 576).astype(np.uint16),
                         charge=-np.sign(flat["id"][mu]).astype(np.int8),
                         dxy=np.minimum(dxy[mu] / 10, 255).astype(np.uint8))
    return out


def make_chunk(job):
    name, seed, n_event = job
    pythia, charges = start_pythia(name, seed)
    rng = np.random.Generator(np.random.PCG64(seed))
    parts, done = [], 0
    while done < n_event:
        batch = pythia.nextBatch(min(BATCH, n_event - done) if name != "hardqcd" else BATCH)
        part = digest_batch(batch, charges, rng, name not in ("minbias", "hardqcd"))
        if name == "hardqcd":
            part["weight"] = truncate(ak.to_numpy(batch.info.weights[:, 0]))
            keep = np.flatnonzero(part["Gen_leadJetPt"] > HARD_JET)[: n_event - done]
            part = {k: v[keep] for k, v in part.items()}
        done += len(part["Gen_ht"])
        parts.append(part)
    return {k: ak.concatenate([p[k] for p in parts]) if not isinstance(parts[0][k], np.ndarray) else
            np.concatenate([p[k] for p in parts]) for k in parts[0]}


def write(path, chunks):
    import uproot

    columns = {}
    for k in chunks[0]:
        parts = [c[k] for c in chunks]
        columns[k] = np.concatenate(parts) if isinstance(parts[0], np.ndarray) else ak.concatenate(parts)
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        types = {k: v.dtype if isinstance(v, np.ndarray) else v.type.content for k, v in columns.items()}
        file.mktree("Collisions", types).extend(columns)
    return columns


def main():
    args = argparse.ArgumentParser(description="Make the collision library (Pythia 8).")
    args.add_argument("--out", default=HERE)
    args.add_argument("--workers", type=int, default=2)
    args.add_argument("--only", nargs="*", default=list(SAMPLES), choices=list(SAMPLES))
    args.add_argument("--events", type=int, help="events of every sample instead of the full numbers")
    args = args.parse_args()
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        for name in args.only:
            index, n_event = SAMPLES[name]
            n_event = args.events or n_event
            jobs = [(name, SEED + 1000 * index + k, min(CHUNK, n_event - k * CHUNK))
                    for k in range(-(-n_event // CHUNK))]
            start = time.time()
            chunks = []
            for chunk in pool.imap(make_chunk, jobs):
                chunks.append(chunk)
                print(f"{name}: {min(len(chunks) * CHUNK, n_event)}/{n_event} collisions, "
                      f"{time.time() - start:.0f} s", file=sys.stderr, flush=True)
            path = os.path.join(args.out, name + ".root")
            columns = write(path, chunks)
            towers = ak.num(columns["Tower"].et)
            print(f"{path}: {os.path.getsize(path)} bytes, {ak.mean(towers):.1f} towers, "
                  f"{ak.mean(ak.sum(columns['Tower'].et, axis=1)) * ET_LSB:.1f} GeV, "
                  f"{ak.mean(ak.num(columns['EG'].pt)):.2f} e/gamma, {ak.mean(ak.num(columns['Muon'].pt)):.3f} muons, "
                  f"HT {np.mean(columns['Gen_ht']):.0f} GeV, lead jet {np.mean(columns['Gen_leadJetPt']):.0f} GeV")


if __name__ == "__main__":
    main()
