"""XGBoost's own trees against the imported model, as float32 decisions and as fixed-point sums: classification, several classes,
regression and ranking, depths 1 to 8, pruned and lopsided trees. XGBoost says which leaf of each tree an event ends in; the leaves'
values, converted and summed in exact integers here, are what the graph's evaluator and the emulator must give, code for code. As a
check of the check, XGBoost's own margin lies within one unit a tree."""
import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import xgboost as xgb
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(1 if os.environ.get("TGL_REQUIRE_SHARED") == "1" else 77)

BUILD = os.environ.get("TGL_BUILD_DIR", "build/release")
N_TRAIN, N_EVENT = 3000, 4000
WIDTH, FRAC = 12, 5             # inputs: fixed<12,7>
SCORE_WIDTH, SCORE_FRAC = 20, 11  # scores: fixed<20,9,RND,SAT>
CASES = [
    ("binary", {"objective": "binary:logistic", "max_depth": 4, "base_score": 0.3}, 40),
    ("hundred", {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1}, 100),
    ("stumps", {"objective": "reg:squarederror", "max_depth": 1, "base_score": 1.25}, 25),
    ("lopsided", {"objective": "binary:logitraw", "max_depth": 8, "min_child_weight": 30, "grow_policy": "lossguide", "max_leaves": 12}, 12),
    ("classes", {"objective": "multi:softprob", "num_class": 5, "max_depth": 3}, 15),
    ("forest", {"objective": "binary:logistic", "max_depth": 5, "num_parallel_tree": 4, "subsample": 0.6, "eta": 1.0}, 3),
    ("counts", {"objective": "count:poisson", "max_depth": 3, "base_score": 2.5}, 10),
    ("pruned", {"objective": "binary:logistic", "max_depth": 6, "gamma": 8.0}, 20),
]


def call(function, *arguments):
    error = ctypes.create_string_buffer(512)
    if function(*arguments, error) != 0:
        raise RuntimeError(error.raw[16:].split(b"\0")[0].decode())


class Model:
    """The graph's evaluator and the emulator, from the graph's JSON."""

    def __init__(self, lib, text):
        self.lib, self.graph, program, self.emulator = lib, ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        call(lib.tgl_graph_parse, ctypes.byref(self.graph), text, ctypes.c_size_t(len(text)), b"graph")
        call(lib.tgl_lower, ctypes.byref(program), self.graph)
        call(lib.tgl_emulator_new, ctypes.byref(self.emulator), program, None, None)
        self.n_element = sum(node["n_element"] for node in json.loads(text)["nodes"])

    def emulate(self, codes, n_out):
        out = np.zeros((len(codes), n_out), np.int64)
        call(self.lib.tgl_emulator_run_parallel, out.ctypes.data_as(ctypes.c_void_p), self.emulator,
             codes.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(codes)), ctypes.c_size_t(1), None)
        return out

    def evaluate(self, codes, n_out):
        """The margin is the last node."""
        values = np.zeros(self.n_element, np.int64)
        out = np.zeros((len(codes), n_out), np.int64)
        for i, event in enumerate(codes):
            call(self.lib.tgl_graph_eval, values.ctypes.data_as(ctypes.c_void_p), self.graph,
                 np.ascontiguousarray(event).ctypes.data_as(ctypes.c_void_p))
            out[i] = values[-n_out:]
        return out


def convert(value):
    """float32 to fixed<20,9,RND,SAT>: exact in double, half upwards."""
    code = np.floor(np.float64(value) * 2.0**SCORE_FRAC + 0.5).astype(np.int64)
    return np.clip(code, -(2 ** (SCORE_WIDTH - 1)), 2 ** (SCORE_WIDTH - 1) - 1)


def expected_codes(model, leaves, base, n_class):
    """Sums in the order of the trees, each saturated."""
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    classes = model["learner"]["gradient_booster"]["model"]["tree_info"]
    out = np.tile(convert(base), (len(leaves), 1))
    for t, tree in enumerate(trees):
        values = convert(np.array(tree["split_conditions"], np.float32))[leaves[:, t]]
        column = out[:, classes[t]] + values
        out[:, classes[t]] = np.clip(column, -(2 ** (SCORE_WIDTH - 1)), 2 ** (SCORE_WIDTH - 1) - 1)
    assert out.shape[1] == n_class
    return out


def codes_of(rng, thresholds, n):
    """Random events; half of them with an input exactly on, or one code beside, some tree's threshold."""
    codes = rng.integers(-(2 ** (WIDTH - 1)), 2 ** (WIDTH - 1), (n, 6))
    codes[: n // 2] = np.clip(rng.normal(0, 40, (n // 2, 6)), -2000, 2000).astype(np.int64)
    for i in range(0, n, 2):
        feature, threshold = thresholds[rng.integers(len(thresholds))]
        codes[i, feature] = np.clip(int(np.floor(threshold * 2**FRAC)) + rng.integers(-1, 2), -(2 ** (WIDTH - 1)), 2 ** (WIDTH - 1) - 1)
    return np.ascontiguousarray(codes.astype(np.int64))


def run_case(lib, directory, rng, name, parameters, rounds):
    x = rng.normal(0, 1.5, (N_TRAIN, 6)).astype(np.float32)  # off the grid: thresholds lie between codes
    hidden = x[:, 0] * x[:, 1] + np.abs(x[:, 2]) - 0.5 * x[:, 3]
    n_class = parameters.get("num_class", 1)
    objective = parameters["objective"]
    if n_class > 1:
        y = np.digitize(hidden, np.quantile(hidden, np.arange(1, n_class) / n_class))
    elif objective.startswith("count"):
        y = rng.poisson(np.exp(np.clip(hidden / 2, -2, 2)))
    else:
        y = hidden if objective.startswith("reg:sq") else (hidden > 0.3).astype(int)
    booster = xgb.train({"tree_method": "hist", "seed": 7, **parameters}, xgb.DMatrix(x, y), rounds)
    path, graph_path = os.path.join(directory, f"{name}.json"), os.path.join(directory, f"{name}.graph.json")
    booster.save_model(path)
    with open(path) as f:
        model = json.load(f)
    begin = time.perf_counter()
    subprocess.run([os.path.join(BUILD, "trigline"), "model", "import", path, graph_path, "--inputs", f"fixed<{WIDTH},{WIDTH - FRAC}>",
                    "--scores", f"fixed<{SCORE_WIDTH},{SCORE_WIDTH - SCORE_FRAC},RND,SAT>"], check=True, capture_output=True)
    import_ms = 1e3 * (time.perf_counter() - begin)  # the process and its output, too
    trees = model["learner"]["gradient_booster"]["model"]["trees"]
    thresholds = [(f, t) for tree in trees for f, t, left in zip(tree["split_indices"], tree["split_conditions"], tree["left_children"]) if left != -1]
    codes = codes_of(rng, thresholds, N_EVENT)
    events = xgb.DMatrix((codes / 2.0**FRAC).astype(np.float32))
    leaves = booster.predict(events, pred_leaf=True).reshape(N_EVENT, len(trees)).astype(np.int64)
    margin = booster.predict(events, output_margin=True).reshape(N_EVENT, n_class)
    # the margin that no tree adds to, by XGBoost itself
    base = booster.predict(events, output_margin=True, iteration_range=(0, 1)).reshape(N_EVENT, n_class)[0].astype(np.float64)
    first = [t for t, c in enumerate(model["learner"]["gradient_booster"]["model"]["tree_info"])
             if t < n_class * parameters.get("num_parallel_tree", 1)]
    for t in first:
        base[model["learner"]["gradient_booster"]["model"]["tree_info"][t]] -= np.float32(trees[t]["split_conditions"][leaves[0, t]])
    wanted = expected_codes(model, leaves, base, n_class)
    with open(graph_path, "rb") as f:
        ours = Model(lib, f.read())
    found = ours.emulate(codes, n_class)
    oracle = ours.evaluate(codes[:500], n_class)
    # one unit for base margins that lie within float32's rounding of a half
    slack = np.abs(found - wanted).max() if n_class else 0
    differing = int((found != wanted).any(axis=1).sum())
    by_oracle = int((oracle != found[:500]).any(axis=1).sum())
    distance = np.abs(found / 2.0**SCORE_FRAC - margin).max() * 2**SCORE_FRAC
    print(f"{name}: {len(trees)} trees, {len(thresholds)} splits, {N_EVENT} events: {differing} differ, evaluator {by_oracle}; "
          f"XGBoost's float margin within {distance:.2f} units")
    print(f"MODEL importer=xgboost model={name} import_ms={import_ms:.1f} operators={len(trees)} events={N_EVENT} differing={differing}")
    assert differing == 0 and by_oracle == 0, (name, slack)
    assert distance <= 0.5 * (len(trees) / n_class + 1) + 0.01
    assert len(np.unique(found)) > 3


def refusals(directory):
    """What cannot be taken over is refused in one line, with exit code 3."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (200, 3))
    path = os.path.join(directory, "refused.json")
    for parameters, message in (({"booster": "gblinear"}, "expected booster 'gbtree', found 'gblinear'"),
                                ({"objective": "survival:cox"}, "objective 'survival:cox' is not supported")):
        xgb.train({"verbosity": 0, **parameters}, xgb.DMatrix(x, np.abs(x[:, 0])), 2).save_model(path)
        run = subprocess.run([os.path.join(BUILD, "trigline"), "model", "import", path, os.path.join(directory, "never.json"),
                              "--inputs", "fixed<8,4>", "--scores", "fixed<8,4>"], capture_output=True, text=True)
        assert run.returncode == 3 and message in run.stderr and len(run.stderr.splitlines()) == 1, run.stderr
        assert not os.path.exists(os.path.join(directory, "never.json"))


def main():
    lib = ctypes.CDLL(os.path.join(BUILD, "libtrigline.so"))
    rng = np.random.default_rng(20261127)
    with tempfile.TemporaryDirectory() as directory:
        for name, parameters, rounds in CASES:
            run_case(lib, directory, rng, name, parameters, rounds)
        refusals(directory)


if __name__ == "__main__":
    main()
