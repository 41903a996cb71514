"""Sessions: a model ready to run, bit for bit, as ONNX Runtime's sessions are."""

from __future__ import annotations

import ctypes
import dataclasses
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _ffi
from ._errors import Error, Handle, NotFoundError, PathLike, UsageError, call, count, path_text, text
from ._ffi import Overflow, Rounding
from ._fixed import Quant, c_quant, dequantise, pointer, quantise, type_of
from ._model import (Graph, Package, Payload, Port, Program, code_matrix, convention_columns, convention_quants, group,
                     import_model, read_file)
from ._progress import Progress, reporting
from ._table import Columns, Table

Codes = NDArray[np.int64]


class _Emulator:
    """Runs a program."""

    def __init__(self, program: Program, payload: Payload | None) -> None:
        emulator = ctypes.POINTER(_ffi.tgl_emulator)()
        call("tgl_emulator_new", ctypes.byref(emulator), program._handle.pointer,
             payload._handle.pointer if payload is not None else None, None)
        self.handle = Handle(emulator, "tgl_emulator_free")
        self.inputs, self.outputs = program.inputs, program.outputs

    def run(self, out: Codes, codes: Codes, threads: int, progress: Progress | None) -> None:
        if progress is None:
            self._run(out, codes, threads, None)
            return
        with reporting(progress) as told:
            self._run(out, codes, threads, told)

    def _run(self, out: Codes, codes: Codes, threads: int, told: Any) -> None:
        call("tgl_emulator_run_parallel", pointer(out), self.handle.pointer, pointer(codes), len(codes), threads, told,
             unit="event")

    def describe(self) -> str:
        return str(_ffi.lib.tgl_emulator_describe(self.handle.pointer).decode())


class _RunFile:
    """Runs a run-time file, by the library that the experiments' frameworks load."""

    def __init__(self, path: PathLike, payload: bytes | None) -> None:
        options = _ffi.tgl_run_options(ctypes.sizeof(_ffi.tgl_run_options), payload, len(payload or b""))
        run = ctypes.POINTER(_ffi.tgl_run)()
        call("tgl_run_open", ctypes.byref(run), path_text(path), ctypes.byref(options), path=str(path))
        self.handle = Handle(run, "tgl_run_close")
        lib = _ffi.lib
        self._inputs = [lib.tgl_run_input(run, i).contents for i in range(lib.tgl_run_n_input(run))]
        outputs = [lib.tgl_run_output(run, i).contents for i in range(lib.tgl_run_n_output(run))]
        self.inputs = [Port(p.name.decode(), i, type_of(p.type)) for i, p in enumerate(self._inputs)]
        self.outputs = [Port(p.name.decode(), i, type_of(p.type)) for i, p in enumerate(outputs)]

    def info(self, key: str) -> str:
        return str(_ffi.lib.tgl_run_info(self.handle.pointer, key.encode()).decode())

    def convention(self) -> Handle | None:
        """The file's input rules as a convention, which reads whole tables."""
        if not self._inputs or not self._inputs[0].rule:
            return None
        rules = (_ffi.tgl_input_rule * len(self._inputs))(*map(self._rule, self._inputs))
        convention = ctypes.POINTER(_ffi.tgl_convention)()
        call("tgl_convention_new", ctypes.byref(convention), self.info("convention").encode(), rules, len(rules))
        return Handle(convention, "tgl_convention_free")

    def _column(self, number: int) -> bytes | None:
        name: bytes | None = None if number == _ffi.NONE else _ffi.lib.tgl_run_column(self.handle.pointer, number)
        return name

    def _rule(self, port: Any) -> _ffi.tgl_input_rule:
        rule = port.rule.contents
        where = [_ffi.tgl_input_where(self._column(w.column), w.value) for w in rule.where[:rule.n_where]]
        return _ffi.tgl_input_rule(
            name=port.name, column=self._column(rule.column), index=rule.index,
            n_where=rule.n_where, where=(_ffi.tgl_input_where * 2)(*where), add=rule.add, drop_bits=rule.drop_bits,
            optional_where=sum(bool(w.may_be_absent) << i for i, w in enumerate(rule.where[:rule.n_where])),
            center=rule.center, scale=rule.scale, quant=_ffi.tgl_quant(port.type, rule.round, Overflow.SAT))

    def run(self, out: Codes, codes: Codes, threads: int, progress: Progress | None) -> None:
        threads = min(threads or len(os.sched_getaffinity(0)), len(codes)) or 1
        if threads == 1:
            self._run_part(out, codes)
            return
        bounds = [len(codes) * i // threads for i in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            parts = [pool.submit(self._run_part, out[a:b], codes[a:b]) for a, b in zip(bounds, bounds[1:])]
        if any(part.exception() is not None for part in parts):
            self._run_part(out, codes)  # names the first bad event of all, by its own number

    def _run_part(self, out: Codes, codes: Codes) -> None:
        size = _ffi.lib.tgl_run_scratch_size(self.handle.pointer)
        memory = np.empty(size + 64, np.uint8)
        scratch = memory.ctypes.data + -memory.ctypes.data % 64
        call("tgl_run_batch", pointer(out), self.handle.pointer, pointer(codes), len(codes), scratch, unit="event")

    def describe(self) -> str:
        return f"run-time file {self.info('name')}"


class Session:
    """A model ready to run. Immutable: threads share it, calls release the GIL, and nothing returned depends on it.

    model    a Graph, Program or Package; or a path: a run-time file (.tglr), a program (.tglp), else a model file,
             imported with `options` as `import_model` takes them
    payload  values for the slots: a Payload, or a payload file's bytes; None: the package's, else the model's own
    threads  of each `run`; 0: all processors

    Codes are integers, (n_event, n_input) in and (n_event, n_output) out; a column's unit is 2^-frac of its port's
    type.
    """

    def __init__(self, model: Graph | Program | Package | PathLike, payload: Payload | bytes | None = None,
                 threads: int = 1, **options: Any) -> None:
        self.threads = count(threads, "threads")
        self.graph: Graph | None = None
        self.program: Program | None = None
        self.payload: Payload | None = None
        self._convention: Handle | None = None
        self._backend: _Emulator | _RunFile
        if not isinstance(model, Graph | Program | Package):
            head = _head(model)
            if head == b"TGLR":
                self._open_run_file(model, payload, options)
                return
            model = (Program.from_bytes(read_file(model), path=str(model)) if head == b"TGLP" and not options
                     else import_model(model, **options))
        elif options:
            raise UsageError(f"{next(iter(options))}: options are for a model file that is imported")
        self._open_model(model, payload)

    def _open_run_file(self, path: PathLike, payload: Payload | bytes | None, options: Mapping[str, Any]) -> None:
        if options:
            raise UsageError(f"{next(iter(options))}: a run-time file leaves nothing open")
        self._backend = _RunFile(path, payload.to_bytes() if isinstance(payload, Payload) else payload)
        self._convention = self._backend.convention()
        self._inputs = self._backend.inputs
        if self._convention is not None:
            self._set_quants(convention_quants(self._convention.pointer))

    def _open_model(self, model: Graph | Program | Package, payload: Payload | bytes | None) -> None:
        if isinstance(model, Package):
            self.graph, self.program, self.payload = model.graph, model.program, model.payload
        elif isinstance(model, Graph):
            self.graph, self.program = model, model.lower()
        else:
            self.program = model
        if isinstance(payload, bytes):
            self.payload = Payload.from_bytes(payload, self.program)
        elif payload is not None:
            payload.check(self.program)
            self.payload = payload
        self._backend = _Emulator(self.program, self.payload)
        self._inputs = self._backend.inputs
        if self.graph is not None:
            self._set_quants(self.graph.input_quants())

    def _set_quants(self, quants: Sequence[Quant]) -> None:
        self._inputs = [dataclasses.replace(port, quant=quant)
                        for port, quant in zip(self._inputs, quants, strict=True)]

    # ---- what it is ----

    def get_inputs(self) -> list[Port]:
        """The inputs, in the order of a code matrix's columns."""
        return list(self._inputs)

    def get_outputs(self) -> list[Port]:
        """The outputs, in the order of a code matrix's columns."""
        return list(self._backend.outputs)

    def describe(self) -> str:
        """What it runs on: "avx512, 34 values in 16-bit lanes, 3 in 32-bit lanes"."""
        return self._backend.describe()

    def get_info(self, key: str) -> str:
        """What a run-time file says of itself: "name", "version", "convention", "package", "graph", "program",
        "payload"; "" where it does not say. UsageError for other sessions, which have `graph` and `program`."""
        if isinstance(self._backend, _RunFile):
            return self._backend.info(key)
        raise UsageError("get_info: expected a session of a run-time file")

    def _convention_pointer(self) -> Any:
        if self._convention is not None:
            return self._convention.pointer
        if self.graph is not None:
            return _ffi.lib.tgl_graph_convention(self.graph._handle.pointer)
        return None

    @property
    def columns(self) -> list[str]:
        """The dataset columns that the model's input convention reads; without one, the inputs' names."""
        convention = self._convention_pointer()
        return convention_columns(convention) if convention else [port.name for port in self._inputs]

    # ---- inputs ----

    def extract(self, columns: Columns) -> tuple[Codes, int]:
        """Input codes of a dataset: by the model's convention, or without one from a column of codes per input.

        columns  a Table, a mapping of names to arrays and `Jagged` columns, or Arrow data; others than `columns` names
                 are not looked at
        returns  codes (n_event, n_input), and how many of them the convention clamped to their type

        Raises NotFoundError for a missing column, UnsupportedError for floats where integers are meant.
        """
        convention = self._convention_pointer()
        if isinstance(columns, Mapping) and not isinstance(columns, Table):
            columns = {name: columns[name] for name in self.columns if name in columns}
        table = Table.of(columns)
        if not convention:
            return self._stack(table), 0
        codes = np.empty((table.n_row, len(self._inputs)), np.int64)
        saturated = ctypes.c_uint64()
        call("tgl_convention_extract", pointer(codes), ctypes.byref(saturated), convention, table._handle.pointer, 0,
             table.n_row, unit="row")
        return codes, saturated.value

    def _stack(self, table: Table) -> Codes:
        missing = [port.name for port in self._inputs if port.name not in table]
        if missing:
            raise NotFoundError(f"input '{missing[0]}': no such column ({len(missing)} of {len(self._inputs)} inputs "
                                f"are missing)")
        codes = np.empty((table.n_row, len(self._inputs)), np.int64)
        for port in self._inputs:
            column = np.asarray(table[port.name])
            codes[:, port.index] = code_matrix(column.reshape(len(column), -1), 1, None)[:, 0]
        return codes

    def quantise(self, values: ArrayLike, quant: Quant | str | None = None) -> Codes:
        """Codes (n_event, n_input) of real numbers, exactly as the inputs' quantisers convert them.

        quant  for every input; None: each port's own. A session of a program has none: there it must be given.

        The numbers are the inputs themselves: what a convention does before (dropped bits, centre, scale) is for
        `extract`. Raises FormatError for NaN and infinities, with the event in `offset`.
        """
        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] != len(self._inputs):
            raise UsageError(f"values: expected the shape (n_event, {len(self._inputs)}), found {array.shape}")
        if isinstance(quant, str):
            quant = Quant.parse(quant)
        quants = [quant or port.quant for port in self._inputs]
        if any(each is None for each in quants):
            raise UsageError("values: this model does not say how numbers become codes; give `quant`")
        return quantise(array, [each for each in quants if each is not None])

    def values(self, codes: ArrayLike) -> NDArray[np.float64]:
        """Output codes (n_event, n_output) as real numbers: exact up to 53 bits."""
        outputs = self._backend.outputs
        return dequantise(code_matrix(codes, len(outputs), None), [port.type.frac for port in outputs])

    # ---- running ----

    def run(self, inputs: ArrayLike | Columns, outputs: Sequence[str] | str | None = None, *,
            threads: int | None = None, out: Codes | None = None, copy: bool | None = None,
            progress: Progress | None = None) -> Codes:
        """Run a batch.

        inputs   codes (n_event, n_input), or (n_input) for one event; C-contiguous int64 is used in place. Or columns,
                 which `extract` turns into codes
        outputs  name or names of ports, or of whole tensors ("mean"); None: all
        threads  None: the session's
        out      (n_event, n_output) C-contiguous int64 to write into; not with `outputs`
        copy     None: other integer types and layouts are copied; False: they are refused
        progress  hears of events done; a run-time file's session tells nothing
        returns  codes (n_event, n_output), or (n_output) for one event

        Raises LimitError, with the event in `offset`, when an input code leaves its port's type; TypeError for floats.
        """
        array = inputs if isinstance(inputs, np.ndarray) else self._codes_of(inputs)
        single = array.ndim == 1
        codes = code_matrix(array[np.newaxis] if single else array, len(self._inputs), copy)
        picked = None if outputs is None else self._picked(outputs)
        result = self._output(out, len(codes), picked is not None)
        self._backend.run(result, codes, self.threads if threads is None else count(threads, "threads"), progress)
        if picked is not None:
            result = np.ascontiguousarray(result[:, picked])
        return result[0] if single and out is None else result

    def _codes_of(self, inputs: ArrayLike | Columns) -> NDArray[Any]:
        if isinstance(inputs, Mapping) or hasattr(inputs, "__arrow_c_stream__") or hasattr(inputs, "__arrow_c_array__"):
            return self.extract(inputs)[0]  # type: ignore[arg-type]
        return np.asarray(inputs)

    def _picked(self, names: Sequence[str] | str) -> list[int]:
        picked: list[int] = []
        for name in [names] if isinstance(names, str) else names:
            found = group(self._backend.outputs, name)
            if not found:
                raise NotFoundError(f"no output '{name}'; there are: "
                                    + ", ".join(port.name for port in self._backend.outputs))
            picked += found
        return picked

    def _output(self, out: Codes | None, n_event: int, picked: bool) -> Codes:
        shape = (n_event, len(self._backend.outputs))
        if out is None:
            return np.empty(shape, np.int64)
        usable = out.flags.c_contiguous and out.flags.aligned and out.flags.writeable
        if picked or out.shape != shape or out.dtype != np.int64 or not usable:
            raise UsageError(f"out: expected writable C-contiguous int64 of shape {shape} and every output, "
                             f"found {out.dtype} of shape {out.shape}")
        return out

    def run_values(self, values: ArrayLike, outputs: Sequence[str] | str | None = None, *,
                   quant: Quant | str | None = None, threads: int | None = None) -> NDArray[np.float64]:
        """Run real numbers (n_event, n_input): `quantise`, `run`, and the codes of the outputs as real numbers."""
        picked = range(len(self._backend.outputs)) if outputs is None else self._picked(outputs)
        codes = self.run(self.quantise(values, quant), threads=threads)
        return dequantise(codes[:, picked], [self._backend.outputs[i].type.frac for i in picked])

    def diff(self, other: Session | Graph | Program, codes: ArrayLike) -> dict[str, Any]:
        """`Graph.diff` of this session's graph against another session's graph (or program, with its payload). Raises
        UsageError when this session has no graph, or other values in its slots than the graph."""
        if self.graph is None:
            raise UsageError("diff: this session has no graph to hold another model against")
        if not self._has_defaults():
            raise UsageError("diff: this session's payload is not its graph's; diff from a session with the defaults")
        if not isinstance(other, Session):
            return self.graph.diff(other, codes)
        if other.graph is not None and other._has_defaults():
            return self.graph.diff(other.graph, codes)
        if other.program is not None:
            return self.graph.diff(other.program, codes, other.payload)
        raise UsageError("diff: a run-time file has neither graph nor program to look into; compare what run() gives")

    def _has_defaults(self) -> bool:
        """Whether the slots hold what the graph says."""
        if self.payload is None or self.program is None:
            return True
        return self.payload.to_bytes() == self.program.payload().to_bytes()

    def __repr__(self) -> str:
        return f"Session({len(self._inputs)} inputs, {len(self._backend.outputs)} outputs; {self.describe()})"


def _head(path: PathLike) -> bytes:
    """A file's first four bytes; nothing of a folder or a missing file, which the import then reports."""
    try:
        with open(path, "rb") as file:
            return file.read(4)
    except OSError:
        return b""


def load(path: PathLike, payload: Payload | bytes | None = None, threads: int = 1) -> Session:
    """A Session of a run-time file (.tglr), run by the library that the experiments' frameworks load. FormatError
    when it is anything else."""
    session = Session.__new__(Session)
    session.threads = count(threads, "threads")
    session.graph = session.program = session.payload = None
    session._open_run_file(path, payload, {})
    return session


__all__ = ["Error", "Rounding", "Session", "load"]
