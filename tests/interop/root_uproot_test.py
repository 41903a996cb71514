"""Every branch of every TTree in the shared ROOT files: the same type, shape, offsets and
bytes as uproot, or a line in root_refusals.txt. TGL_REFUSALS_OUT=FILE writes that list anew."""

import collections
import fnmatch
import glob
import hashlib
import json
import os
import subprocess
import sys
import warnings

here = os.path.dirname(os.path.abspath(__file__))
shared = os.path.join(os.environ.get("TGL_SHARED_DIR", ""), "testdata", "root")
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
if not os.path.isdir(shared):
    skip(f"no {shared}")

warnings.filterwarnings("ignore")

# What uproot reads wrongly or not at all although the layout is one of ours; how each is checked
# instead stands in check_uproot_wrong.
UPROOT_WRONG = {
    ("uproot-small-dy-nooffsets.root", "tree;1", "Jet_pt"): "does not rebuild offsets",
    ("uproot-small-dy-nooffsets.root", "tree;1", "Jet_jetId"): "does not rebuild offsets",
    ("uproot-issue501.root", "T;1", "point"): "mixes up the dimensions of a leaf list",
}
for name in ("Particle", "Track", "EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron"):
    UPROOT_WRONG[("uproot-issue513.root", "Delphes;1", f"{name}/{name}.fBits")] = (
        "takes the two more bytes of a referenced object's bits for bits"
    )


class Unlike(Exception):
    pass


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def ours_of(path, objects):
    """{object: answer} of one process."""
    run = subprocess.run([dump, path, *objects], capture_output=True, timeout=600)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{path}: root_dump died with {run.returncode}: {run.stderr.decode()}")
    return {d["object"]: d for d in map(json.loads, run.stdout.decode().splitlines())}


def flat_bytes(array):
    array = numpy.ascontiguousarray(array)
    if array.dtype.kind == "b":
        array = array.view("u1") != 0
    return array.astype(array.dtype.newbyteorder("=")).tobytes()


def expect(field, dtype, dims, jagged):
    theirs = (dtype, list(dims), int(jagged))
    mine = (field["dtype"], field["dim"], field["jagged"])
    if theirs != mine:
        raise Unlike(f"uproot has (dtype, dim, jagged) {theirs}, trigline {mine}")


def compare_bytes(field, offsets, values):
    if offsets is not None:
        offsets = numpy.asarray(offsets, dtype="i8")
        if sha((offsets - offsets[0]).tobytes()) != field.get("offsets"):
            raise Unlike("offsets differ")
    if sha(values) != field["values"]:
        raise Unlike("values differ")


def by_root_formula(branch, interpretation, dtype):
    """Double32_t and Float16_t with a range: ROOT's own formula (TBufferFile::ReadWithFactor) on the
    stored codes as uproot reads them: code / factor + low, factor = 2^bits / (high - low), at 32 bits
    (2^32 - 1) / (high - low). uproot itself multiplies by the inverse, which rounds otherwise."""
    jagged = isinstance(interpretation, uproot.AsJagged)
    rule = interpretation.content if jagged else interpretation
    codes = uproot.AsDtype(numpy.dtype((">u4", rule.to_dims)), numpy.dtype(("u4", rule.to_dims)))
    if jagged:
        codes = uproot.AsJagged(codes, header_bytes=interpretation.header_bytes)
        _, content = list_parts(branch, codes)
        codes = awkward.to_numpy(awkward.Array(content))
    else:
        codes = branch.array(codes, library="np")
    top = 2**rule.num_bits if rule.num_bits < 32 else 2**32 - 1
    return (codes.astype("f8") / (top / (rule.high - rule.low)) + rule.low).astype(dtype)


def list_parts(branch, interpretation=None):
    layout = branch.array(interpretation, library="ak").layout
    if isinstance(layout, awkward.contents.IndexedArray):
        layout = layout.project()
    if isinstance(layout, awkward.contents.ListArray):
        layout = layout.to_ListOffsetArray64(True)
    if isinstance(layout, awkward.contents.RegularArray):
        layout = layout.to_ListOffsetArray64(True)
    offsets = numpy.asarray(layout.offsets.data)
    if len(offsets) == 0:
        offsets = numpy.zeros(1, "i8")
    content = layout.content[int(offsets[0]) : int(offsets[-1])]
    return offsets, content


def compare(score, branch, interpretation, field):
    if "error" in field:
        raise Unlike("trigline: " + field["error"])
    if isinstance(interpretation, uproot.AsStrings):
        offsets, content = list_parts(branch)
        expect(field, "string", [], False)
        return compare_bytes(field, offsets, numpy.asarray(content.data).tobytes())
    rule = getattr(interpretation, "content", interpretation)
    scaled = isinstance(rule, uproot.interpretation.numerical.TruncatedNumerical) and not rule.is_truncated
    offsets = None
    if isinstance(interpretation, uproot.AsJagged):
        offsets, content = list_parts(branch)
        array = awkward.to_numpy(awkward.Array(content))
    else:
        array = branch.array(library="np")
    expect(field, array.dtype.name, array.shape[1:], offsets is not None)
    if scaled:
        array = by_root_formula(branch, interpretation, array.dtype)
        score.by_formula += 1
    return compare_bytes(field, offsets, flat_bytes(array))


def compare_leaf_list(branch, name, fields):
    array = branch.array(library="np")
    for leaf in array.dtype.names:
        field = fields.get(f"{name}.{leaf}")
        if field is None or "refusal" in field:
            raise Unlike(f"leaf {leaf} is not read")
        if "error" in field:
            raise Unlike(field["error"])
        part = numpy.ascontiguousarray(array[leaf])
        expect(field, part.dtype.name, part.shape[1:], False)
        compare_bytes(field, None, flat_bytes(part))


def is_layout(interpretation):
    """Is it one of the layouts trigline is to read?"""
    if isinstance(interpretation, uproot.AsJagged):
        interpretation = interpretation.content
    return isinstance(
        interpretation,
        (uproot.AsDtype, uproot.AsStrings, uproot.AsDouble32, uproot.interpretation.numerical.AsFloat16),
    ) and not isinstance(interpretation, uproot.AsStridedObjects)


def why_not_uproot(interpretation):
    """Why uproot gives no column to compare with."""
    if interpretation is None or isinstance(interpretation, uproot.interpretation.identify.UnknownInterpretation):
        return "uproot has no interpretation"
    if isinstance(interpretation, uproot.AsGrouped):
        return "the item counts of a collection, which uproot shows as a group without values"
    if isinstance(interpretation, uproot.AsObjects):
        model = getattr(interpretation.model, "__name__", str(interpretation.model))
        if model.startswith("Unknown_"):
            return "a collection of a class whose layout the file does not tell uproot"
        return "uproot makes Python objects: " + model
    return "uproot's " + type(interpretation).__name__


class Score:
    def __init__(self):
        self.equal = self.listed = self.groups = self.repeated = 0
        self.uproot_wrong = self.by_formula = 0
        self.alone = collections.Counter()  # why uproot gives no such column
        self.seen = {}  # (file, tree, reason): names
        self.bad = []

    def refuse(self, file, tree, branch, field):
        reason = field["refusal"]
        if reason.endswith("holds sub-branches only"):
            self.groups += 1
            return
        self.seen.setdefault((file, tree, reason), []).append(branch)
        self.listed += 1


def one_branch(score, file, path, tree, name, branch, fields):
    try:
        interpretation = branch.interpretation
    except Exception:
        interpretation = None
    leaf_list = isinstance(interpretation, uproot.AsDtype) and interpretation.to_dtype.base.names
    field = fields.get(name)
    wrong = UPROOT_WRONG.get((file, tree, name))
    if wrong:
        mine = [f for n, f in fields.items() if n == name or n.startswith(name + ".")]
        if not mine or any("values" not in f for f in mine):
            raise Unlike("not read")
        print(f"uproot {wrong}: {file} {tree} {name}")
        score.uproot_wrong += 1
        return
    if leaf_list and field is None:
        compare_leaf_list(branch, name, fields)
        score.equal += 1
        return
    if field is None:
        if any(f.startswith(name + ".") for f in fields):
            score.alone["a leaf list uproot finds no interpretation for"] += 1
            return
        raise Unlike("no such field")
    if "refusal" in field:
        return score.refuse(file, tree, name, field)
    if not is_layout(interpretation):
        if "error" in field:
            raise Unlike("trigline: " + field["error"])
        score.alone[why_not_uproot(interpretation)] += 1
        return
    compare(score, branch, interpretation, field)
    score.equal += 1


def tree_keys(file):
    classes = file.classnames(recursive=True, cycle=True)
    trees = [k for k, c in classes.items() if c in ("TTree", "TNtuple", "TNtupleD")]
    return trees, [k for k, c in classes.items() if "RNTuple" in c]


def one_tree(score, file, path, key, opened, ours):
    if "error" in ours:
        score.bad.append(f"{file} {key}: {ours['error']}")
        return
    fields = {}
    for f in ours["fields"]:
        fields.setdefault(f["name"], f)
    seen = set()
    for name, branch in opened.iteritems(recursive=True, full_paths=True):
        if name in seen:  # trigline refuses the repetition, and no name reaches it in uproot
            score.repeated += 1
            continue
        seen.add(name)
        try:
            one_branch(score, file, path, key, name, branch, fields)
        except Unlike as e:
            score.bad.append(f"{file} {key} {name}: {e}")
        except Exception as e:
            text = str(e).replace("\n", " ")[:160]
            score.bad.append(f"{file} {key} {name}: uproot fails: {type(e).__name__}: {text}")


def one_file(score, path):
    file = os.path.basename(path)
    opened = uproot.open(path)
    trees, rntuples = tree_keys(opened)
    ours = ours_of(path, trees + rntuples) if trees or rntuples else {}
    for key in rntuples:
        if "RNTuple" not in ours[key].get("error", ""):
            score.bad.append(f"{file} {key}: an RNTuple is not refused by its name")
    for key in trees:
        try:
            tree = opened[key]
        except Exception as e:
            print(f"uproot cannot open {file} {key}: {str(e)[:100]!r}")
            continue
        one_tree(score, file, path, key, tree, ours[key])
    return len(trees), len(rntuples)


def bits_by_hand(branch):
    """TObject's fBits out of the baskets' bytes: 32 bits, then two bytes more (the process id) where
    bit 4, kIsReferenced, is set. (counts, values)."""
    counts, values = [], []
    for i in range(branch.num_baskets):
        basket = branch.basket(i)
        data, offsets = basket.data.tobytes(), basket.byte_offsets
        for begin, end in zip(offsets[:-1], offsets[1:]):
            at, before = int(begin), len(values)
            while at < end:
                values.append(int.from_bytes(data[at : at + 4], "big"))
                at += 6 if values[-1] & 16 else 4
            counts.append(len(values) - before)
    return counts, values


def check_uproot_wrong(score):
    """The branches without stored offsets, against the twin file that has them; bits of referenced
    objects, against a member beside them."""
    answers = []
    for kind in ("no", "with"):
        path = os.path.join(shared, f"uproot-small-dy-{kind}offsets.root")
        fields = ours_of(path, ["tree"])["tree"]["fields"]
        answers.append({f["name"]: f for f in fields if "values" in f})
    same = [n for n in answers[0] if answers[0][n] == answers[1].get(n)]
    if sorted(same) != sorted(answers[1]) or "Jet_pt" not in same:
        score.bad.append("uproot-small-dy-nooffsets.root differs from its twin")
    path = os.path.join(shared, "uproot-issue513.root")
    fields = {f["name"]: f for f in ours_of(path, ["Delphes;1"])["Delphes;1"]["fields"] if "values" in f}
    n_bits = 0
    tree = uproot.open(path)["Delphes;1"]
    for file, _, name in UPROOT_WRONG:
        if name.endswith(".fBits"):
            counts, values = bits_by_hand(tree[name])
            offsets = numpy.concatenate([[0], numpy.cumsum(counts)]).astype("i8")
            n_bits += len(values)
            if (sha(offsets.tobytes()), sha(numpy.array(values, "u4").tobytes())) != (
                fields[name].get("offsets"), fields[name].get("values")
            ):
                score.bad.append(f"{file} {name}: not what its bytes say")
    print(f"fBits of referenced objects: {n_bits} values equal what the baskets' bytes say")
    print(f"small-dy without stored offsets: {len(same)} columns equal the twin's that has them")


FEW = 24  # names written out; more are one digest


def names_text(names):
    names = sorted(names)
    if len(names) <= FEW:
        return " ".join(names)
    return f"{names[0]} .. {names[-1]}, {sha(chr(10).join(names).encode())[:23]}"


def refusal_lines(seen):
    return [f"{file}\t{tree}\t{reason}\t{len(names)}\t{names_text(names)}"
            for (file, tree, reason), names in sorted(seen.items())]


def check_refusals(score, path):
    with open(path) as f:
        listed = {line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")}
    now = set(refusal_lines(score.seen))
    score.bad += [f"refused, and not so in the list: {line}" for line in sorted(now - listed)]
    score.bad += [f"in the list, and not refused so: {line}" for line in sorted(listed - now)]


def write_refusals(path, seen):
    with open(path, "w") as f:
        f.write("# Branches of the shared ROOT files that trigline refuses, by file, tree and reason (which\n")
        f.write(f"# begins with the type as the file declares it): how many, and their names; of more than {FEW}\n")
        f.write("# the first, the last and a digest of all names, sorted, one a line.\n")
        f.write("# file\ttree\treason\tbranches\tnames\n")
        f.writelines(line + "\n" for line in refusal_lines(seen))


def main():
    list_path = os.path.join(here, "root_refusals.txt")
    score = Score()
    pattern = sys.argv[1] if len(sys.argv) > 1 else "*.root"
    files = [f for f in sorted(glob.glob(shared + "/*.root")) if fnmatch.fnmatch(os.path.basename(f), pattern)]
    n_tree = n_rntuple = 0
    for path in files:
        t, r = one_file(score, path)
        n_tree, n_rntuple = n_tree + t, n_rntuple + r
    if pattern == "*.root":
        check_uproot_wrong(score)
        if os.environ.get("TGL_REFUSALS_OUT"):
            write_refusals(os.environ["TGL_REFUSALS_OUT"], score.seen)
        else:
            check_refusals(score, list_path)
    for line in score.bad[:200]:
        print("BAD", line)
    print(f"{len(files)} files, {n_tree} trees, {n_rntuple} RNTuples (refused by name)")
    print(f"{score.equal} branches equal uproot's; {score.listed} refused as listed; {score.groups} only hold others; "
          f"{score.alone.total()} read by trigline alone; {score.uproot_wrong} where uproot is wrong")
    print(f"{score.repeated} branches repeat another's name and are left out by both")
    print(f"of the equal ones, {score.by_formula} by ROOT's formula on the codes uproot reads")
    for why, n in score.alone.most_common():
        print(f"read by trigline alone: {n}: {why}")
    print(f"{len(score.bad)} wrong")
    sys.exit(1 if score.bad or score.equal == 0 else 0)


main()
