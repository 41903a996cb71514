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


def our_values(path, tree, name, dtype):
    run = subprocess.run([dump, "--values", path, tree, name], capture_output=True, check=True)
    return numpy.frombuffer(run.stdout, dtype)


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


def close_enough(field, path, tree, array, interpretation):
    """Double32_t and Float16_t: uproot multiplies by the step where ROOT (and trigline) divide by
    the factor, so the last bits of the sum may differ; and at 32 bits ROOT's factor is 2^32 - 1."""
    array = numpy.ascontiguousarray(array).reshape(-1)
    mine = our_values(path, tree, field["name"], field["dtype"])
    if len(mine) != len(array):
        raise Unlike(f"uproot has {len(array)} values, trigline {len(mine)}")
    if len(mine) == 0:
        return
    rule = getattr(interpretation, "content", interpretation)
    size = numpy.max(numpy.abs(array))
    if hasattr(rule, "low") and not rule.is_truncated:
        size = max(abs(rule.low), abs(rule.high), rule.high - rule.low)
        if rule.num_bits == 32:
            array = (array - rule.low) * (2**32 / (2**32 - 1)) + rule.low
    unit = 2 * numpy.spacing(numpy.array(size, mine.dtype))
    if not (numpy.abs(mine - array) <= unit).all():
        raise Unlike(f"values differ by {numpy.max(numpy.abs(mine - array))}, more than {unit}")


def list_parts(branch):
    layout = branch.array(library="ak").layout
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


def compare(branch, interpretation, field, path, tree):
    if "error" in field:
        raise Unlike("trigline: " + field["error"])
    if isinstance(interpretation, uproot.AsStrings):
        offsets, content = list_parts(branch)
        expect(field, "string", [], False)
        return compare_bytes(field, offsets, numpy.asarray(content.data).tobytes())
    truncated = "Double32" in str(interpretation) or "Float16" in str(interpretation)
    if isinstance(interpretation, uproot.AsJagged):
        offsets, content = list_parts(branch)
        array = awkward.to_numpy(awkward.Array(content))
        expect(field, array.dtype.name, array.shape[1:], True)
        if truncated:
            return close_enough(field, path, tree, array, interpretation)
        return compare_bytes(field, offsets, flat_bytes(array))
    array = branch.array(library="np")
    expect(field, array.dtype.name, array.shape[1:], False)
    if truncated:
        return close_enough(field, path, tree, array, interpretation)
    return compare_bytes(field, None, flat_bytes(array))


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


class Score:
    def __init__(self, refusals):
        self.refusals = refusals
        self.equal = self.listed = self.groups = self.alone = 0
        self.uproot_wrong = 0
        self.seen = collections.Counter()
        self.bad = []

    def refuse(self, file, tree, branch, field):
        reason = field["refusal"]
        if reason.endswith("holds sub-branches only"):
            self.groups += 1
            return
        key = (file, tree, reason)
        self.seen[key] += 1
        self.listed += 1
        if key not in self.refusals and "TGL_REFUSALS_OUT" not in os.environ:
            self.bad.append(f"{file} {tree} {branch}: refused and not in the list: {reason}")


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
            score.alone += 1
            return
        raise Unlike("no such field")
    if "refusal" in field:
        return score.refuse(file, tree, name, field)
    if not is_layout(interpretation):
        if "error" in field:
            raise Unlike("trigline: " + field["error"])
        score.alone += 1
        return
    compare(branch, interpretation, field, path, tree)
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
        if name in seen:
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
    fields = {f["name"]: f for f in ours_of(path, ["Delphes;1"])["Delphes;1"]["fields"]}
    for file, _, name in UPROOT_WRONG:
        if name.endswith(".fBits"):
            other = name.replace(".fBits", ".fUniqueID")
            if fields[name].get("offsets") != fields[other].get("offsets"):
                score.bad.append(f"{file} {name}: other counts than {other}")
    print(f"small-dy without stored offsets: {len(same)} columns equal the twin's that has them")


def read_refusals(path):
    out = {}
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                file, tree, count, reason = line.rstrip("\n").split("\t")
                out[(file, tree, reason)] = int(count)
    return out


def write_refusals(path, seen):
    with open(path, "w") as f:
        f.write("# Branches of the shared ROOT files that trigline refuses, by file and tree:\n")
        f.write("# how many, and the reason, which begins with the type as the file declares it.\n")
        f.write("# file\ttree\tbranches\treason\n")
        for (file, tree, reason), n in sorted(seen.items()):
            f.write(f"{file}\t{tree}\t{n}\t{reason}\n")


def main():
    list_path = os.path.join(here, "root_refusals.txt")
    refusals = read_refusals(list_path) if os.path.exists(list_path) else {}
    score = Score(refusals)
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
            for key, n in refusals.items():
                if score.seen.get(key, 0) != n:
                    score.bad.append(f"{key}: the list says {n} branches, {score.seen.get(key, 0)} are refused")
    for line in score.bad[:200]:
        print("BAD", line)
    print(f"{len(files)} files, {n_tree} trees, {n_rntuple} RNTuples (refused by name)")
    print(f"{score.equal} branches equal uproot's; {score.listed} refused as listed; {score.groups} only hold others; "
          f"{score.alone} read by trigline alone; {score.uproot_wrong} where uproot is wrong")
    print(f"{len(score.bad)} wrong")
    sys.exit(1 if score.bad or score.equal == 0 else 0)


main()
