"""The Python package, as installed: a wheel is built from the sources without a network and installed into a folder, then held against
the deployed network's recorded outputs, XGBoost's own leaves, exact fractions, NumPy, pyarrow, the graph's evaluator, and mypy."""
import ctypes
import gc
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import unittest
from fractions import Fraction

REQUIRED = os.environ.get("TGL_REQUIRE_SHARED") == "1"
try:
    import numpy as np
    import pyarrow as pa
    import xgboost as xgb
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(1 if REQUIRED else 77)

SOURCE = pathlib.Path(os.environ.get("TGL_SOURCE_DIR", ".")).resolve()
BUILD = pathlib.Path(os.environ.get("TGL_BUILD_DIR", "build/release")).resolve()
L1 = pathlib.Path(os.environ.get("TGL_SHARED_DIR", SOURCE.parent / "shared")) / "testdata/l1"
PACKAGE = SOURCE / "bindings/python"
FOLDER = tempfile.TemporaryDirectory()
HERE = pathlib.Path(FOLDER.name)
ENVIRONMENT = {**os.environ, "TRIGLINE_BUILD": str(BUILD), "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INDEX": "1",
               "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
INPUTS, SCORES = "fixed<16,10>", "fixed<18,8,RND,SAT>"


def pip(*arguments):
    done = subprocess.run([sys.executable, "-m", "pip", *map(str, arguments)], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def sources():
    return sorted(path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts)


def install():
    """The wheel twice, to compare, and its contents in a folder that imports look into first."""
    before = sources()
    wheels = []
    for name in ("one", "two"):
        pip("wheel", "-q", "--no-deps", "-w", HERE / name, PACKAGE)
        wheels += (HERE / name).iterdir()
    pip("install", "-q", "--no-deps", "--target", HERE / "site", wheels[0])
    assert sources() == before, "building leaves files beside the sources"
    return wheels


WHEELS = install()
os.environ.pop("TRIGLINE_BUILD", None)  # what is imported below is the installed package with the library it carries
sys.path.insert(0, str(HERE / "site"))
import trigline  # noqa: E402
from trigline import _ffi, _model  # noqa: E402


def shared(name):
    path = L1 / name
    if not path.exists():
        if REQUIRED:
            raise AssertionError(f"{path}: not there")
        raise unittest.SkipTest(f"{path}: not there")
    return path


def deployed(variant="halved"):
    return trigline.import_model(shared("axol1tl_v4.json"), variant=variant)


def small_graph(weight=3, rounding="RND,SAT", name="small"):
    """Two inputs, one of them with modes, a dense layer with a writable bias."""
    return json.dumps({
        "format": "trigline.graph", "version": 1, "name": name, "outputs": [{"name": "score", "node": "dense"}],
        "nodes": [{"name": "in", "op": "input", "inputs": [], "n_element": 2, "labels": ["pt", "eta"],
                   "out": ["ufixed<8,7,RND_CONV,SAT>", "fixed<6,4>"]},
                  {"name": "dense", "op": "dense", "inputs": ["in"], "n_element": 1, "out": [f"fixed<12,8,{rounding}>"],
                   "weights": [[weight, -5]], "weight_type": "fixed<6,3>", "bias": [1], "bias_type": "fixed<10,7>",
                   "term": "fixed<20,12>", "acc": "fixed<20,12>", "term_exact": False, "slots": ["bias"]}]})


def small_codes(n, seed=5):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, 256, n), rng.integers(-32, 32, n)], axis=1)


def exact(value, width, frac, signed, rounding, overflow):
    """One conversion by the definitions, in fractions."""
    x = Fraction(value) * Fraction(2) ** frac
    low = x.numerator // x.denominator
    rest = x - low
    half = {"RND": True, "RND_ZERO": x < 0, "RND_INF": x > 0, "RND_MIN_INF": False, "RND_CONV": low % 2 == 1}
    if rounding == "TRN_ZERO":
        low += x < 0 and rest > 0
    elif rounding != "TRN":
        low += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and half[rounding])
    least, most = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    if overflow == "WRAP":
        return (low - least) % 2**width + least
    if overflow == "SAT_ZERO":
        return low if least <= low <= most else 0
    if overflow == "SAT_SYM" and signed:
        least = -most
    return min(max(low, least), most)


class Wheel(unittest.TestCase):
    def test_installed_and_reproducible(self):
        self.assertTrue(trigline.__file__.startswith(str(HERE / "site")), trigline.__file__)
        self.assertEqual([wheel.name for wheel in WHEELS], [WHEELS[0].name] * 2)
        self.assertEqual(WHEELS[0].read_bytes(), WHEELS[1].read_bytes())
        self.assertIn("-py3-none-linux_", WHEELS[0].name)
        version = re.search(r"VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text().split("project(")[1]).group(1)
        self.assertEqual(trigline.__version__, version)
        self.assertRegex(trigline.code_digest(), "^sha256:[0-9a-f]{64}$")
        self.assertTrue((HERE / "site/trigline/py.typed").exists())

    def test_missing_library_is_said(self):
        done = subprocess.run([sys.executable, "-c", "import trigline"], capture_output=True, text=True, check=False,
                              env={**os.environ, "PYTHONPATH": str(PACKAGE / "src"), "PYTHONDONTWRITEBYTECODE": "1"})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("name a build folder in TRIGLINE_BUILD", done.stderr)

    def test_types(self):
        try:
            import mypy  # noqa: F401
        except ImportError:
            if REQUIRED:
                raise
            self.skipTest("mypy is not installed")
        user = HERE / "user.py"
        user.write_text("import trigline\n"
                        "session = trigline.Session('m.json', threads=2)\n"
                        "reveal_type(session.run([[1, 2]]))\n"
                        "reveal_type(trigline.read('x.npz')['a'])\n"
                        "session.run_values(3, outputs=5)\n")
        command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(HERE / "mypy")]
        done = subprocess.run([*command, str(PACKAGE / "src")], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        done = subprocess.run([*command, str(user)], capture_output=True, text=True, check=False,
                              env={**os.environ, "MYPYPATH": str(HERE / "site")})
        self.assertRegex(done.stdout, r":3: note: .*ndarray\[.*signedinteger")
        self.assertRegex(done.stdout, r':5: error: Argument "outputs"')
        self.assertIn("Found 1 error", done.stdout)

    def test_readme(self):
        """The README's five lines, run where its files are."""
        block = re.search(r"```python\n(import numpy, trigline\n.*?)```", (SOURCE / "README.md").read_text(), re.DOTALL).group(1)
        self.assertEqual(len(block.strip().splitlines()), 5)
        folder = HERE / "readme"
        folder.mkdir()
        x, booster, codes = Trees.train(objective="binary:logistic")
        booster.save_model(folder / "model.json")
        np.save(folder / "events.npy", codes / 64)
        names = {}
        was = os.getcwd()
        os.chdir(folder)
        try:
            exec(block, names)
        finally:
            os.chdir(was)
        np.testing.assert_array_equal(names["scores"], Trees.expected(booster, codes) / 1024)
        np.testing.assert_array_equal(trigline.load(folder / "model.tglr").run(codes), Trees.expected(booster, codes))


class Deployed(unittest.TestCase):
    def test_recorded_outputs(self):
        events = 0
        for variant in ("halved", "firmware"):
            graph = deployed(variant)
            trigline.export(graph, HERE / f"{variant}.tglr", name="axol1tl", version="4")
            sessions = [trigline.Session(graph), trigline.Session(graph.lower()), trigline.Session(HERE / f"{variant}.tglr", threads=3)]
            for sample in ("data", "ttbar"):
                table = trigline.read(shared(f"ugt_2025_v1_0_1_{sample}.txt"))
                recorded = np.loadtxt(shared(f"axol1tl_v4_{sample}_{variant}.txt"), dtype=np.int64)[:, 1:]
                codes, saturated = sessions[0].extract(table)
                self.assertEqual(saturated, 0)
                np.testing.assert_array_equal(sessions[2].extract(table)[0], codes)
                np.testing.assert_array_equal(graph.evaluate(codes[:100])[:, :9], recorded[:100])
                for session in sessions:
                    np.testing.assert_array_equal(session.run(codes, ["mean", "score"]), recorded)
                for source in (table, dict(table), pa.table(table), pa.record_batch(table)):
                    np.testing.assert_array_equal(sessions[2].run(source, ["mean", "score"]), recorded)
                events += len(codes)
        print(f"deployed network: {events} events, 9 codes each, three sessions: 0 differing")

    def test_random_reals(self):
        session = trigline.Session(shared("axol1tl_v4.json"), variant="unscaled", threads=2)
        lines = [line.split("|") for line in shared("axol1tl_v4_random.txt").read_text().splitlines()]
        reals = np.array([line[0].split() for line in lines], dtype=np.float64) / 2
        recorded = np.array([line[1].split() for line in lines], dtype=np.int64)
        found = session.run_values(reals, ["mean", "score"])
        np.testing.assert_array_equal(found[:, :8] * 8, recorded[:, :8])
        np.testing.assert_array_equal(found[:, 8] * 16, recorded[:, 8])

    def test_ports_and_info(self):
        graph = deployed()
        session = trigline.Session(graph)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        self.assertEqual([len(inputs), len(outputs)], [57, 16])
        self.assertEqual((inputs[0].name, str(inputs[0].type), inputs[0].shape), ("etm_pt", "ufixed<11,11>", ("n_event",)))
        self.assertEqual((outputs[8].name, outputs[8].type.width, outputs[8].type.frac), ("score", 18, 4))
        self.assertIn("L1EG_hwPt", session.columns)
        info = trigline.model_info(graph)
        self.assertEqual(info["convention"], "axol1tl/halved@2")
        self.assertEqual(info["program"]["digest"], graph.lower().digest)
        trigline.export(graph, HERE / "ports.tglr")
        loaded = trigline.load(HERE / "ports.tglr")
        self.assertEqual(loaded.get_info("program"), graph.lower().digest)
        self.assertEqual(loaded.get_inputs(), inputs)
        self.assertEqual(loaded.get_outputs(), outputs)
        self.assertEqual(loaded.columns, session.columns)

    def test_missing_column_and_floats(self):
        session = trigline.Session(deployed())
        table = dict(trigline.read(shared("ugt_2025_v1_0_1_data.txt"), end=10))
        gone = {name: column for name, column in table.items() if name != "L1Jet_hwPt"}
        with self.assertRaises(trigline.NotFoundError) as caught:
            session.run(gone)
        self.assertIn("L1Jet_hwPt", str(caught.exception))
        pt = table["L1Jet_hwPt"]
        with self.assertRaises(trigline.UnsupportedError):
            session.run({**table, "L1Jet_hwPt": trigline.Jagged(pt.offsets, pt.values.astype(np.float32))})


class Trees(unittest.TestCase):
    """XGBoost JSON made here; expected codes from XGBoost's own leaves, summed in exact integers."""

    @staticmethod
    def train(**parameters):
        rng = np.random.default_rng(11)
        x = rng.normal(0, 4, (2000, 5)).astype(np.float32)
        y = x[:, 0] * x[:, 1] + x[:, 2] > 0
        booster = xgb.train({"max_depth": 4, "seed": 3, "tree_method": "hist", "base_score": 0.4, **parameters}, xgb.DMatrix(x, y), 20)
        codes = np.clip(rng.normal(0, 300, (4000, 5)), -32768, 32767).astype(np.int64)
        return x, booster, codes

    @staticmethod
    def expected(booster, codes):
        model = json.loads(bytes(booster.save_raw("json")))
        leaves = booster.predict(xgb.DMatrix((codes / 64).astype(np.float32)), pred_leaf=True).astype(int)
        base = float(re.findall(r"[-+.0-9eE]+", model["learner"]["learner_model_param"]["base_score"])[0])
        if model["learner"]["objective"]["name"].startswith("binary"):
            base = float(np.float32(-np.log(np.float32(1) / np.float32(base) - np.float32(1))))
        convert = lambda value: np.clip(np.floor(np.float64(value) * 1024 + 0.5), -(2**17), 2**17 - 1).astype(np.int64)
        out = np.full(len(codes), convert(base))
        for t, tree in enumerate(model["learner"]["gradient_booster"]["model"]["trees"]):
            out = np.clip(out + convert(np.array(tree["split_conditions"], np.float32))[leaves[:, t]], -(2**17), 2**17 - 1)
        return out[:, np.newaxis]

    def test_trees(self):
        for objective in ("binary:logistic", "reg:squarederror"):
            _, booster, codes = self.train(objective=objective)
            path = HERE / "trees.json"
            booster.save_model(path)
            session = trigline.Session(path, inputs=trigline.Quant.parse(INPUTS), scores=SCORES)
            np.testing.assert_array_equal(session.run(codes), self.expected(booster, codes))
            np.testing.assert_array_equal(session.graph.evaluate(codes[:50]), session.run(codes[:50]))
            one = session.run(codes[7])
            self.assertEqual(one.shape, (1,))
            report = session.graph.report
            self.assertEqual((report["format"], report["source"]), ("xgboost", str(path)))
            self.assertTrue(all(set(choice) == {"place", "choice"} for choice in report["choices"]))
            np.testing.assert_array_equal(one, session.run(codes)[7])
        with self.assertRaises(trigline.UsageError) as caught:
            trigline.import_model(path)
        self.assertEqual(caught.exception.path, str(path))


class Numbers(unittest.TestCase):
    def test_every_mode_against_fractions(self):
        rng = np.random.default_rng(2)
        reals = np.concatenate([np.arange(-80, 80) / 16, rng.normal(0, 8, 100), rng.normal(0, 1, 20) * 2.0 ** rng.integers(-60, 60, 20),
                                [0.0, -0.0, 5e-324, 1.7e308, -1.7e308]])
        n = 0
        for text in ("fixed<6,3", "ufixed<5,4", "fixed<4,7", "fixed<63,31"):
            for rounding in trigline.Rounding:
                for overflow in trigline.Overflow:
                    quant = trigline.Quant.parse(f"{text},{rounding.name},{overflow.name}>")
                    t = quant.type
                    want = [exact(x, t.width, t.frac, t.signed, rounding.name, overflow.name) for x in reals.tolist()]
                    np.testing.assert_array_equal(quant.codes(reals), want, err_msg=str(quant))
                    self.assertTrue(all(t.min <= code <= t.max for code in want))
                    self.assertEqual(trigline.Quant.parse(str(quant)), quant)
                    n += len(want)
        print(f"real numbers to codes: {n} conversions, 28 modes, 0 differing")

    def test_far_binary_points(self):
        for frac in (-2000, -1100, 1100, 2000):
            for overflow in ("SAT", "WRAP"):
                quant = trigline.Quant(trigline.Type(True, 20, frac), trigline.Rounding.RND, trigline.Overflow[overflow])
                reals = [0.0, 1.0, -1.5, 5e-324, -1.7e308]
                np.testing.assert_array_equal(quant.codes(reals), [exact(x, 20, frac, True, "RND", overflow) for x in reals], err_msg=str(quant))
        for wrong in ((True, 0, 0), (True, 64, 0), (False, 300, 2), (True, 8, 1 << 15)):
            with self.assertRaises(trigline.LimitError):
                trigline.Type(*wrong)

    def test_values_back(self):
        quant = trigline.Quant.parse("fixed<16,6>")
        codes = np.array([[-(2**15), 0, 77, 2**15 - 1]])
        np.testing.assert_array_equal(quant.codes(quant.values(codes)), codes)
        self.assertEqual(quant.values(codes)[0, 2], 77 / 1024)

    def test_session_quantises_as_the_input_node(self):
        session = trigline.Session(trigline.Graph.from_json(small_graph()))
        reals = np.array([[1.25, -7.99], [200.0, 8.0], [0.75, -9.0]])  # ties, saturation of pt, wrapping of eta
        np.testing.assert_array_equal(session.quantise(reals), [[2, -32], [255, -32], [2, 28]])
        codes = session.quantise(reals)
        np.testing.assert_array_equal(session.run_values(reals), session.values(session.run(codes)))
        np.testing.assert_array_equal(session.values(session.run(codes)), session.run(codes) / 16)
        program = trigline.Session(session.program)
        with self.assertRaises(trigline.UsageError):
            program.run_values(reals)
        np.testing.assert_array_equal(program.quantise(reals, "ufixed<8,7,RND_CONV,SAT>")[:, 0], codes[:, 0])
        with self.assertRaises(trigline.FormatError) as caught:
            session.run_values([[1, 2], [3, float("nan")]])
        self.assertEqual((caught.exception.offset, caught.exception.where), (1, "event 1"))


class Arrays(unittest.TestCase):
    def setUp(self):
        self.session = trigline.Session(trigline.Graph.from_json(small_graph()))
        self.codes = small_codes(1000)
        self.expected = self.session.graph.evaluate(self.codes)

    def test_in_place_where_possible(self):
        self.assertIs(_model.code_matrix(self.codes, 2, False), self.codes)
        np.testing.assert_array_equal(self.session.run(self.codes, copy=False), self.expected)
        out = np.empty((1000, 1), np.int64)
        self.assertIs(self.session.run(self.codes, out=out), out)
        np.testing.assert_array_equal(out, self.expected)

    def test_other_layouts_are_copied_or_refused(self):
        wide = np.zeros((1000, 4), np.int64)
        wide[:, ::2] = self.codes
        unaligned = np.frombuffer(bytearray(1) + self.codes.tobytes(), np.int64, offset=1).reshape(1000, 2)
        self.assertFalse(unaligned.flags.aligned)
        for other in (wide[:, ::2], np.asfortranarray(self.codes), self.codes.astype(np.int16), self.codes.astype(">i8"), unaligned):
            np.testing.assert_array_equal(self.session.run(other), self.expected)
            with self.assertRaises(ValueError):
                self.session.run(other, copy=False)
        np.testing.assert_array_equal(self.session.run(self.codes[::-1]), self.expected[::-1])
        np.testing.assert_array_equal(self.session.run(self.codes.tolist()), self.expected)
        self.assertEqual(self.session.run(np.empty((0, 2), np.int64)).shape, (0, 1))

    def test_refused(self):
        for wrong in (self.codes.astype(float), self.codes.astype(np.uint64), np.array([["a", "b"]]), self.codes.astype(object)):
            with self.assertRaises(TypeError):
                self.session.run(wrong)
        for wrong in (self.codes[:, :1], self.codes[0, 0], self.codes[np.newaxis]):
            with self.assertRaises(trigline.UsageError):
                self.session.run(wrong)
        readonly = np.empty((1000, 1), np.int64)
        readonly.flags.writeable = False
        for out in (np.empty((999, 1), np.int64), np.empty((1000, 1)), np.empty((1000, 2), np.int64)[:, :1], readonly):
            with self.assertRaises(trigline.UsageError):
                self.session.run(self.codes, out=out)
        for threads in (-1, -(2**63)):
            with self.assertRaises(trigline.UsageError):
                self.session.run(self.codes, threads=threads)

    def test_named_inputs_and_outputs(self):
        named = {"eta": self.codes[:, 1], "pt": self.codes[:, 0].astype(np.uint8)}
        np.testing.assert_array_equal(self.session.run(named, ["score"]), self.expected)
        np.testing.assert_array_equal(self.session.run(named, "score"), self.expected)
        with self.assertRaises(trigline.NotFoundError):
            self.session.run({"pt": self.codes[:, 0]})
        with self.assertRaises(KeyError):
            self.session.run(self.codes, ["scores"])

    def test_threads_share_a_session(self):
        trigline.export(self.session.graph, HERE / "small.tglr")
        codes = small_codes(20000)
        expected = self.session.run(codes)
        for session in (self.session, trigline.load(HERE / "small.tglr")):
            found, failures = [None] * 8, []

            def work(i, session=session, found=found, failures=failures):
                try:
                    for k in range(5):
                        found[i] = session.run(codes, threads=(i + k) % 3)
                        np.testing.assert_array_equal(found[i], expected)
                        with np.testing.assert_raises(trigline.LimitError):
                            session.run(np.full((3, 2), 999))
                except BaseException as error:
                    failures.append(error)

            workers = [threading.Thread(target=work, args=(i,)) for i in range(8)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            self.assertEqual(failures, [])
            self.assertTrue(all(part is not None for part in found))

    def test_outputs_outlive_the_session(self):
        session = trigline.Session(trigline.Graph.from_json(small_graph()))
        out = session.run(self.codes)
        ports = session.get_outputs()
        del session
        gc.collect()
        np.testing.assert_array_equal(out, self.expected)
        self.assertEqual(ports[0].name, "score")

    def test_calls_release_the_gil(self):
        """ctypes releases it around every call of a CDLL, never for a PyDLL."""
        self.assertIsInstance(_ffi.lib, ctypes.CDLL)
        self.assertNotIsInstance(_ffi.lib, ctypes.PyDLL)

    def test_progress_stops_a_run(self):
        codes, seen = small_codes(200000), []
        self.session.run(codes, progress=lambda label, done, total: seen.append((label, done, total)))
        self.assertEqual(seen[-1], ("emulate", 200000, 200000))

        def interrupt(_label, _done, _total):
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.session.run(codes, progress=interrupt)


class Errors(unittest.TestCase):
    def check(self, kinds, code, function, *arguments, where=None, message=".", **named):
        with self.assertRaises(trigline.Error) as caught:
            function(*arguments, **named)
        error = caught.exception
        for kind in kinds:
            self.assertIsInstance(error, kind)
        self.assertEqual((error.code.name, int(error.code)), code)
        self.assertRegex(str(error), message)
        self.assertNotIn("\n", str(error))
        self.assertEqual(str(error), error.message)
        if where is not None:
            self.assertEqual(error.where, where)
        return error

    def test_files(self):
        gone, broken, folder = HERE / "gone.json", HERE / "broken.json", HERE / "folder"
        folder.mkdir()
        broken.write_text('{"format": "trigline.graph", ')
        for function in (trigline.import_model, trigline.Session, trigline.read, trigline.load, trigline.model_info):
            self.check([trigline.MissingFileError, FileNotFoundError, OSError], ("TGL_ENOTFOUND", -6), function, gone, where=str(gone))
        error = self.check([trigline.FormatError, ValueError], ("TGL_EFORMAT", -4), trigline.import_model, broken)
        self.assertEqual(error.path, str(broken))
        self.assertIsNotNone(error.offset)
        self.assertEqual(error.where, f"{broken}: byte {error.offset}")
        self.check([trigline.Error], ("TGL_EFORMAT", -4), trigline.load, broken, message="run-time file")
        self.check([trigline.UsageError, ValueError], ("TGL_EUSAGE", -1), trigline.import_model, "a\0b", message="zero characters")
        graph, good = trigline.Graph.from_json(small_graph()), HERE / "good.json"
        good.write_text(graph.to_json())
        self.check([trigline.NotFoundError, KeyError], ("TGL_ENOTFOUND", -6), trigline.import_model, good, format="grap", message="graph")
        self.check([trigline.Error], ("TGL_EUSAGE", -1), trigline.export, graph, HERE / "x.unknown", message="format to export to")
        self.check([OSError], ("TGL_ENOTFOUND", -6), trigline.export, graph, HERE / "no" / "x.tglr")
        self.check([trigline.FormatError], ("TGL_EFORMAT", -4), trigline.import_model, folder, message="another directory")
        self.check([trigline.UsageError], ("TGL_EUSAGE", -1), trigline.import_model, good, settings=broken)

    def test_damaged_run_file(self):
        """Every byte of a run-time file flipped: FormatError or another Error, never a crash."""
        path = HERE / "flip.tglr"
        trigline.export(trigline.Graph.from_json(small_graph()), path)
        whole = path.read_bytes()
        for i in range(0, len(whole), 7):
            damaged = bytearray(whole)
            damaged[i] ^= 0x41
            path.write_bytes(damaged)
            with self.assertRaises(trigline.Error):
                trigline.load(path)

    def test_values(self):
        graph = trigline.Graph.from_json(small_graph())
        session = trigline.Session(graph)
        codes = small_codes(5000)
        codes[4321, 1] = 77
        trigline.export(graph, HERE / "values.tglr")
        for each in (session, trigline.load(HERE / "values.tglr")):
            for threads in (1, 2):
                error = self.check([trigline.LimitError, OverflowError], ("TGL_ELIMIT", -9), each.run, codes, threads=threads,
                                   where="event 4321", message="event 4321: input 'eta': expected a code in")
                self.assertEqual(error.offset, 4321)
        self.check([trigline.LimitError], ("TGL_ELIMIT", -9), trigline.Quant.parse, "fixed<64,6>")
        self.check([trigline.FormatError], ("TGL_EFORMAT", -4), trigline.Quant.parse, "fixed<8;6>")
        self.check([trigline.FormatError], ("TGL_EFORMAT", -4), trigline.Graph.from_json, "{")
        self.check([trigline.FormatError], ("TGL_EFORMAT", -4), trigline.Program.from_bytes, b"TGLPxxxx")
        self.check([trigline.UsageError], ("TGL_EUSAGE", -1), trigline.Session, graph, threads=-1)
        self.check([trigline.UsageError], ("TGL_EUSAGE", -1), trigline.Session, graph, variant="halved")

    def test_every_status_has_a_class(self):
        codes = {kind.code for kind in vars(trigline).values() if isinstance(kind, type) and issubclass(kind, trigline.Error)}
        self.assertEqual(codes, set(trigline.Status) - {trigline.Status.TGL_OK})

    def test_they_travel_between_processes(self):
        for kind in vars(trigline).values():
            if isinstance(kind, type) and issubclass(kind, trigline.Error):
                error = pickle.loads(pickle.dumps(kind("what went wrong", path="a.json", offset=7)))
                self.assertIs(type(error), kind)
                self.assertEqual((str(error), error.where, error.offset, error.code), ("what went wrong", "a.json: byte 7", 7, kind.code))


class Models(unittest.TestCase):
    def test_forms_round_trip(self):
        graph = trigline.Graph.from_json(small_graph())
        self.assertEqual(trigline.Graph.from_json(graph.to_json()).to_json(), graph.to_json())
        program = graph.lower()
        again = trigline.Program.from_bytes(program.to_bytes())
        self.assertEqual(again.digest, program.digest)
        self.assertIn("AFFINE", program.to_text().upper())
        (HERE / "small.tglp").write_bytes(program.to_bytes())
        codes = small_codes(100)
        np.testing.assert_array_equal(trigline.Session(HERE / "small.tglp").run(codes), graph.evaluate(codes))
        trigline.export(program, HERE / "small.c")
        self.assertIn(program.digest, (HERE / "small.c").read_text())

    def test_payload(self):
        graph = trigline.Graph.from_json(small_graph())
        program, codes = graph.lower(), small_codes(500)
        payload = program.payload()
        self.assertEqual(payload.slots["dense.bias"].count, 1)
        payload["dense.bias"] = -40
        np.testing.assert_array_equal(payload["dense.bias"], [-40])
        data = payload.to_bytes()
        changed = json.loads(small_graph())
        changed["nodes"][1]["bias"] = [-40]
        expected = trigline.Graph.from_json(json.dumps(changed)).evaluate(codes)
        self.assertTrue((expected != graph.evaluate(codes)).any())
        trigline.export(graph, HERE / "payload.tglr", payload=payload)
        trigline.export(graph, HERE / "default.tglr")
        for session in (trigline.Session(graph, payload), trigline.Session(program, data), trigline.load(HERE / "payload.tglr"),
                        trigline.load(HERE / "default.tglr", payload), trigline.load(HERE / "default.tglr", data)):
            np.testing.assert_array_equal(session.run(codes), expected)
        with self.assertRaises(trigline.LimitError):
            payload["dense.bias"] = 4000
        with self.assertRaises(KeyError):
            payload["dense.weights"] = 1
        with self.assertRaises(KeyError):
            payload["bias"]
        other = trigline.Graph.from_json(small_graph(weight=4)).lower()
        with self.assertRaises(trigline.MismatchError):
            trigline.Payload.from_bytes(data, other)
        with self.assertRaises(trigline.MismatchError):
            trigline.Session(other, payload)

    def test_diff_names_the_difference(self):
        a, b, codes = trigline.Graph.from_json(small_graph()), trigline.Graph.from_json(small_graph(weight=4)), small_codes(200)
        session = trigline.Session(a)
        self.assertTrue(session.diff(trigline.Session(a), codes)["equal"])
        report = session.diff(b, codes)
        self.assertFalse(report["equal"])
        self.assertEqual(report["differing_events"], int((a.evaluate(codes) != b.evaluate(codes)).any(axis=1).sum()))
        self.assertIn("dense", json.dumps(report))
        self.assertTrue(session.diff(a.lower(), codes)["equal"])
        self.assertFalse(session.diff(b.lower(), codes)["equal"])
        payload = a.lower().payload()
        payload["dense.bias"] = 100
        self.assertFalse(session.diff(trigline.Session(a, payload), codes)["equal"])
        self.assertTrue(session.diff(trigline.Session(a, a.lower().payload()), codes)["equal"])
        with self.assertRaises(trigline.UsageError):
            trigline.Session(a, payload).diff(a, codes)
        with self.assertRaises(trigline.UsageError):
            trigline.Session(a.lower()).diff(a, codes)

    def test_package(self):
        graph = trigline.Graph.from_json(small_graph())
        program = graph.lower()
        payload = program.payload()
        payload["dense.bias"] = 9
        digest = store_package(HERE / "store", "small", {"graph.json": graph.to_json().encode(), "program.tglp": program.to_bytes(),
                                                         "payload.tgls": payload.to_bytes()})
        package = trigline.load_package("small", store=HERE / "store")
        self.assertEqual(package.digest, digest)
        codes = small_codes(300)
        expected = trigline.Session(graph, payload).run(codes)
        np.testing.assert_array_equal(trigline.Session(package).run(codes), expected)
        trigline.export(package, HERE / "package.tglr")
        loaded = trigline.load(HERE / "package.tglr")
        self.assertEqual(loaded.get_info("package"), digest)
        np.testing.assert_array_equal(loaded.run(codes), expected)
        with self.assertRaises(trigline.NotFoundError):
            trigline.load_package("large", store=HERE / "store")


def store_package(directory, name, members):
    """A package, by the C library's own call, which the Python package leaves to pipelines."""
    class Member(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("media_type", ctypes.c_char_p), ("bytes", ctypes.c_char_p),
                    ("size", ctypes.c_size_t), ("file_path", ctypes.c_char_p)]

    store, digest = ctypes.POINTER(_ffi.tgl_store)(), ctypes.create_string_buffer(72)
    table = (Member * len(members))(*(Member(key.encode(), None, data, len(data), None) for key, data in sorted(members.items())))
    assert _ffi.lib.tgl_store_open(ctypes.byref(store), str(directory).encode(), 1, None) == 0
    assert _ffi.lib.tgl_store_package(digest, store, name.encode(), table, ctypes.c_size_t(len(members)), None, None, None) == 0
    _ffi.lib.tgl_store_close(store)
    return digest.value.decode()


def sample_columns(n=1000):
    rng = np.random.default_rng(8)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 5, n))])
    columns = {np.dtype(kind).name: rng.integers(0, 2 if kind == np.bool_ else 100, n).astype(kind) for kind in
               (np.bool_, np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64)}
    columns["matrix"] = rng.normal(size=(n, 3, 2)).astype(np.float32)
    columns["jets"] = trigline.Jagged(offsets, rng.normal(size=offsets[-1]))
    columns["pairs"] = trigline.Jagged(offsets, rng.integers(0, 9, (offsets[-1], 2)))
    columns["words"] = trigline.Strings(offsets, rng.integers(65, 90, offsets[-1]).astype(np.uint8))
    return columns


class Tables(unittest.TestCase):
    def assert_equal(self, a, b):
        self.assertEqual(list(a), list(b))
        for name in a:
            if isinstance(a[name], trigline.Jagged):
                self.assertIs(type(a[name]), type(b[name]))
                np.testing.assert_array_equal(a[name].offsets, b[name].offsets)
                np.testing.assert_array_equal(a[name].values, b[name].values)
                self.assertEqual(a[name].values.dtype, b[name].values.dtype)
            else:
                np.testing.assert_array_equal(a[name], b[name])
                self.assertEqual((a[name].dtype, a[name].shape), (b[name].dtype, b[name].shape))

    def test_columns_in_and_out(self):
        columns = sample_columns()
        table = trigline.Table.from_columns(columns)
        self.assert_equal(columns, table)
        self.assertEqual((table.n_row, len(table)), (1000, len(columns)))
        self.assertEqual(table["words"][3], columns["words"].values[columns["words"].offsets[3]:columns["words"].offsets[4]].tobytes())
        np.testing.assert_array_equal(table["jets"][-1], columns["jets"][999])
        self.assertEqual(len(table["pairs"][2:5]), 3)
        self.assertNotIn("jet", table)
        with self.assertRaises(KeyError) as caught:
            table["jet"]
        self.assertIn("did you mean 'jets'", str(caught.exception))
        with self.assertRaises(ValueError):
            table["int64"][0] = 1
        for name in ("npz", "h5"):
            table.write(HERE / f"sample.{name}")
            back = trigline.read(HERE / f"sample.{name}")
            self.assert_equal(table, back)
            self.assertEqual(back.digest("pairs"), table.digest("pairs"))
        self.assertEqual(trigline.read(HERE / "sample.npz", ["*int8"], begin=10, end=20)["int8"].tolist(), columns["int8"][10:20].tolist())
        self.assertIn("jets", trigline.fields(HERE / "sample.npz"))
        with self.assertRaises(KeyError):
            trigline.read(HERE / "sample.npz", ["in8"])
        self.assert_equal(trigline.Table.from_columns({}), {})
        self.assert_equal(trigline.Table.from_columns(sample_columns(0)), sample_columns(0))

    def test_refused(self):
        for wrong in ({"a": np.array(["x"])}, {"a": np.zeros(3, complex)}, {"a": np.zeros((1,) * 6)}):
            with self.assertRaises(trigline.UnsupportedError):
                trigline.Table.from_columns(wrong)
        for wrong in ({"a": [1, 2], "b": [1]}, {"a\0b": [1]}):
            with self.assertRaises(trigline.UsageError):
                trigline.Table.from_columns(wrong)
        for offsets in ([0, 3], [1, 2], [], [0.5, 2], [[0, 2]]):
            with self.assertRaises(trigline.UsageError):
                trigline.Jagged(offsets, [5, 6])
        with self.assertRaises(trigline.Error):
            trigline.Table.from_columns({"a": trigline.Jagged([0, 2, 1, 2], [5, 6])})
        with self.assertRaises(TypeError):
            trigline.Table.from_arrow(5)
        trigline.Table.from_columns({"abc": np.arange(3)}).write(HERE / "abc.npz")
        self.assertEqual(list(trigline.read(HERE / "abc.npz", "abc")), ["abc"])
        for wrong in ({"begin": -1}, {"end": -1}, {"threads": -1}):
            with self.assertRaises(trigline.UsageError):
                trigline.read(HERE / "abc.npz", **wrong)

    def test_arrow_shares_memory(self):
        table = trigline.Table.from_columns(sample_columns())
        for arrow in (pa.table(table), pa.table(pa.record_batch(table))):
            arrow.validate(full=True)
            for name in table:
                if name == "bool":  # packed to bits there
                    continue
                leaf, column = arrow[name].chunk(0), table[name]
                if isinstance(column, trigline.Jagged):
                    self.assertEqual(leaf.buffers()[1].address, column.offsets.ctypes.data, name)
                    column = column.values
                self.assertEqual(leaf.buffers()[-1].address, column.ctypes.data, name)
            self.assert_equal(table, trigline.Table.from_arrow(arrow))
        self.assertEqual(arrow["jets"].to_pylist()[5], table["jets"][5].tolist())
        self.assertEqual(pa.schema(table).names, list(table))
        kept = pa.table(table)
        values = table["jets"].values.copy()
        del table, arrow
        gc.collect()
        np.testing.assert_array_equal(kept["jets"].chunk(0).values, values)

    def test_arrow_is_used_in_place(self):
        columns = sample_columns()
        jets = columns["jets"]
        arrow = pa.table({"flat": pa.array(columns["int64"]), "small": pa.array([[1, 2], [], [3]] * 333 + [[4]]),
                          "jets": pa.LargeListArray.from_arrays(pa.array(jets.offsets), pa.array(jets.values)),
                          "bool": pa.array(columns["bool"])})
        for source in (arrow, arrow.to_batches()[0], arrow.slice(100)):
            first = 1000 - source.num_rows
            table = trigline.Table.from_arrow(source)
            self.assertEqual(table["flat"].ctypes.data, arrow["flat"].chunk(0).buffers()[1].address + 8 * first)
            self.assertEqual(table["jets"].values.ctypes.data, arrow["jets"].chunk(0).values.buffers()[1].address + 8 * jets.offsets[first])
            self.assertEqual(table["jets"].offsets.ctypes.data == arrow["jets"].chunk(0).buffers()[1].address, first == 0)
            self.assertEqual([row.tolist() for row in table["jets"]], source["jets"].to_pylist())
            self.assertEqual([row.tolist() for row in table["small"]], source["small"].to_pylist())
            np.testing.assert_array_equal(table["bool"], columns["bool"][first:])
        held = pa.total_allocated_bytes()
        view = table["jets"].values
        expected = view.copy()
        del arrow, source, table
        gc.collect()
        np.testing.assert_array_equal(view, expected)
        self.assertLessEqual(pa.total_allocated_bytes(), held)
        del view
        gc.collect()
        self.assertLess(pa.total_allocated_bytes(), held)

    def test_arrow_in(self):
        rows = {"a": [1, 2, 3, 4], "b": [[1.5], [], [2.5, 3.5], [4.5]], "s": ["x", "yy", "", "z"]}
        whole = pa.table(rows)
        chunked = pa.concat_tables([whole.slice(0, 1), whole.slice(1, 2), whole.slice(3)])
        self.assertEqual(chunked["a"].num_chunks, 3)
        for source in (whole, chunked, pa.RecordBatch.from_pydict(rows)):
            table = trigline.Table.from_arrow(source)
            self.assertEqual(table["a"].tolist(), rows["a"])
            self.assertEqual([row.tolist() for row in table["b"]], rows["b"])
            self.assertEqual([row.decode() for row in table["s"]], rows["s"])
        self.assert_equal(trigline.Table.from_arrow(whole.schema.empty_table()), trigline.Table.from_arrow(whole.slice(0, 0)))
        self.assertEqual(trigline.Table.from_arrow(whole.schema.empty_table()).n_row, 0)
        with self.assertRaises(trigline.UnsupportedError) as caught:
            trigline.Table.from_arrow(pa.table({"a": [1, None]}))
        self.assertIn("row 1 is null", str(caught.exception))

        def failing():
            yield from whole.to_batches()
            raise RuntimeError("the disk is gone")

        with self.assertRaises(trigline.SystemIOError) as caught:
            trigline.Table.from_arrow(pa.RecordBatchReader.from_batches(whole.schema, failing()))
        self.assertIn("the disk is gone", str(caught.exception))

    def test_capsules_while_an_exception_flies(self):
        table = trigline.Table.from_columns({"a": np.arange(5)})

        def raising(*_capsules):
            raise ZeroDivisionError

        for _ in range(100):
            with self.assertRaises(ZeroDivisionError):
                raising(*table.__arrow_c_array__(), table.__arrow_c_stream__())
            with self.assertRaises(ValueError):  # wrong capsules, refused inside pyarrow while they die
                pa.RecordBatch._import_from_c_capsule(*reversed(table.__arrow_c_array__()))

    def test_views_outlive_the_table_and_nothing_leaks(self):
        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        big = np.arange(1 << 18)
        big_jets = trigline.Jagged(np.arange((1 << 18) + 1), big)
        before = None
        for i in range(150):
            table = trigline.Table.from_columns({"big": big, "jets": big_jets})  # 8 MiB
            view, row, stream, arrays = table["big"], table["jets"][77], table.__arrow_c_stream__(), table.__arrow_c_array__()
            arrow = pa.table(table) if i % 3 == 0 else None
            del table, stream, arrays
            gc.collect()
            self.assertEqual((view[-1], row[0], view.flags.writeable), (big[-1], 77, False))
            if arrow is not None:
                self.assertEqual(arrow["big"][3].as_py(), 3)
            if i == 10:
                before = resident()
        self.assertLess(resident() - before, 64 << 20)

    def test_progress_stops_reading(self):
        trigline.Table.from_columns({"a": np.arange(1 << 16)}).write(HERE / "progress.npz")

        def stop(_label, _done, _total):
            raise ZeroDivisionError

        seen = []
        trigline.read(HERE / "progress.npz", progress=lambda *told: seen.append(told))
        self.assertTrue(seen)
        with self.assertRaises(ZeroDivisionError):
            trigline.read(HERE / "progress.npz", progress=stop)


if __name__ == "__main__":
    outcome = unittest.main(exit=False).result
    FOLDER.cleanup()
    ran = outcome.testsRun - len(outcome.skipped)
    sys.exit(0 if outcome.wasSuccessful() and ran else 77 if outcome.wasSuccessful() else 1)
