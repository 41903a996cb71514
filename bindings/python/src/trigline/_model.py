"""Models: graphs, the exact programs they lower to, payloads for their slots, packages."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _ffi
from ._errors import Handle, MismatchError, PathLike, UsageError, call, count, path_text, take_bytes, take_text, text
from ._fixed import Quant, Type, pointer, quant_of, type_of
from ._ffi import Overflow, Rounding, Status


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a model: a column of the code matrix.

    name   "jet0_pt", "score", "mean[3]"
    index  its column
    type   width and binary point: a code's value is code * 2^-type.frac
    quant  of an input, how a real number becomes its code; None where the model does not say
    """

    name: str
    index: int
    type: Type
    quant: Quant | None = None

    @property
    def shape(self) -> tuple[str]:
        """As ONNX Runtime says it: one number an event."""
        return ("n_event",)


def code_matrix(codes: ArrayLike, n_column: int, copy: bool | None) -> NDArray[np.int64]:
    """Codes (n_event, n_column) as a C-contiguous int64 matrix, the array itself where it is one.

    copy  None: other layouts and integer types are copied; False: they are refused (ValueError)
    """
    array = np.asarray(codes)
    if array.dtype == np.int64 and array.ndim == 2 and array.shape[1] == n_column:
        flags = array.flags
        if flags.c_contiguous and flags.aligned:
            return array
    if array.dtype.kind not in "iub" or not np.can_cast(array.dtype, np.int64, "safe"):
        raise TypeError(f"codes: expected integers that fit int64, found {array.dtype}; run_values takes real numbers")
    if array.ndim != 2 or array.shape[1] != n_column:
        raise UsageError(f"codes: expected the shape (n_event, {n_column}), found {array.shape}")
    if copy is False:
        raise UsageError(f"codes: expected C-contiguous int64, found {array.dtype} with strides {array.strides}")
    return np.require(array, np.int64, ["C", "A"])


def _type_text(value: str | Type | Quant | None) -> bytes | None:
    return text(None if value is None else str(value))


def convention_columns(convention: Any) -> list[str]:
    """The dataset columns a convention reads."""
    names = _ffi.lib.tgl_convention_columns(convention)
    columns: list[str] = []
    while names[len(columns)] is not None:
        columns.append(names[len(columns)].decode())
    return columns


def convention_quants(convention: Any) -> list[Quant]:
    """How each input's number becomes a code. A convention clamps, whatever overflow its types name."""
    rules = [_ffi.lib.tgl_convention_rule(convention, i).contents
             for i in range(_ffi.lib.tgl_convention_n_rule(convention))]
    return [dataclasses.replace(quant_of(rule.quant), overflow=Overflow.SAT) for rule in rules]


class Graph:
    """A model as typed tensors and operators; immutable, threads may share it. Made by `import_model`."""

    def __init__(self, handle: Handle, report: dict[str, Any] | None = None) -> None:
        self._handle = handle
        self.report = report
        """Of an imported graph: {"format", "source", "choices": [{"place", "choice"}]}, whatever had to be chosen."""

    @classmethod
    def from_json(cls, document: str, source: str = "graph") -> Graph:
        """Read a graph's JSON; `source` names it in messages. Raises FormatError with the byte in `offset`."""
        data = document.encode()
        graph = ctypes.POINTER(_ffi.tgl_graph)()
        call("tgl_graph_parse", ctypes.byref(graph), data, len(data), text(source), path=source)
        return cls(Handle(graph, "tgl_graph_free"))

    def to_json(self) -> str:
        """Canonical JSON: the same graph gives the same text."""
        out, size = ctypes.c_char_p(), ctypes.c_size_t()
        call("tgl_graph_print", ctypes.byref(out), ctypes.byref(size), self._handle.pointer)
        return take_text(out)

    @property
    def name(self) -> str:
        """The model's name."""
        return str(_ffi.lib.tgl_graph_name(self._handle.pointer).decode())

    @property
    def convention(self) -> str | None:
        """The input convention's name and version, "axol1tl/halved@2", or None."""
        convention = _ffi.lib.tgl_graph_convention(self._handle.pointer)
        return _ffi.lib.tgl_convention_name(convention).decode() if convention else None

    def lower(self) -> Program:
        """The exact program of this graph (tgl_lower)."""
        program = ctypes.POINTER(_ffi.tgl_program)()
        call("tgl_lower", ctypes.byref(program), self._handle.pointer)
        return Program(Handle(program, "tgl_program_free"))

    def info(self) -> dict[str, Any]:
        """Layers, types, parameters, slots, digests of graph and program (tgl_model_info)."""
        out = ctypes.c_char_p()
        call("tgl_model_info", ctypes.byref(out), self._handle.pointer)
        info: dict[str, Any] = json.loads(take_text(out))
        return info

    def _nodes(self) -> list[Any]:
        lib = _ffi.lib
        return [lib.tgl_graph_node(self._handle.pointer, i).contents
                for i in range(lib.tgl_graph_n_node(self._handle.pointer))]

    def input_quants(self) -> list[Quant]:
        """How a real number becomes each input's code: by the convention's rules, else by the INPUT node's types."""
        convention = _ffi.lib.tgl_graph_convention(self._handle.pointer)
        if convention:
            return convention_quants(convention)
        quants: list[Quant] = []
        for node in self._nodes():
            if node.op == _ffi.CONSTANTS["TGL_GRAPH_INPUT"]:
                quants += [quant_of(node.out[0 if node.n_out == 1 else j]) for j in range(node.n_element)]
        return quants

    def evaluate(self, codes: ArrayLike) -> NDArray[np.int64]:
        """The graph's own slow evaluator, which knows nothing of programs: what a Session is held against.

        codes    (n_event, n_input)
        returns  (n_event, n_output) codes, the outputs' elements in the order of a Session's
        """
        nodes, lib = self._nodes(), _ffi.lib
        first = np.cumsum([0, *(node.n_element for node in nodes)])
        picked: list[int] = []
        for i in range(lib.tgl_graph_n_output(self._handle.pointer)):
            number = ctypes.c_uint32()
            lib.tgl_graph_output(self._handle.pointer, i, ctypes.byref(number))
            picked += range(first[number.value], first[number.value + 1])
        matrix = code_matrix(codes, len(self.input_quants()), None)
        out = np.empty((len(matrix), len(picked)), np.int64)
        values = np.empty(int(first[-1]), np.int64)
        for event, row in enumerate(matrix):
            call("tgl_graph_eval", pointer(values), self._handle.pointer, pointer(row))
            out[event] = values[picked]
        return out

    def diff(self, other: Graph | Program, codes: ArrayLike, payload: Payload | None = None) -> dict[str, Any]:
        """Run both over the same events and name the first differing layer, element, type and event.

        other    another graph, or a program to be held against this graph node by node, with `payload` in its slots
        codes    (n_event, n_input)
        returns  the report; report["equal"] says it shortly
        """
        matrix = code_matrix(codes, len(self.input_quants()), None)
        out = ctypes.c_char_p()
        events = (pointer(matrix), len(matrix))
        if isinstance(other, Graph):
            call("tgl_model_diff", ctypes.byref(out), self._handle.pointer, other._handle.pointer, *events,
                 unit="event", accept=Status.TGL_EMISMATCH)
        else:
            call("tgl_model_check", ctypes.byref(out), self._handle.pointer, other._handle.pointer,
                 payload._handle.pointer if payload is not None else None, *events,
                 unit="event", accept=Status.TGL_EMISMATCH)
        report: dict[str, Any] = json.loads(take_text(out))
        return report

    def __repr__(self) -> str:
        return f"Graph({self.name!r})"


class Program:
    """A model as exact integer operations; immutable, threads may share it."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @classmethod
    def from_bytes(cls, data: bytes, path: str | None = None) -> Program:
        """Read and verify a program's binary form (.tglp). Raises FormatError with the byte in `offset`."""
        program = ctypes.POINTER(_ffi.tgl_program)()
        call("tgl_program_decode", ctypes.byref(program), _bytes(data), len(data), path=path)
        return cls(Handle(program, "tgl_program_free"))

    def to_bytes(self) -> bytes:
        """The binary form; its SHA-256 is the digest."""
        out, size = ctypes.POINTER(ctypes.c_uint8)(), ctypes.c_size_t()
        call("tgl_program_encode", ctypes.byref(out), ctypes.byref(size), self._handle.pointer)
        return take_bytes(out, size)

    def to_text(self) -> str:
        """The text form, for reading."""
        out = ctypes.c_char_p()
        call("tgl_program_print", ctypes.byref(out), self._handle.pointer)
        return take_text(out)

    @property
    def name(self) -> str:
        """The model's name."""
        return str(_ffi.lib.tgl_program_name(self._handle.pointer).decode())

    @property
    def digest(self) -> str:
        """ "sha256:..." of the binary form."""
        out = ctypes.create_string_buffer(72)
        call("tgl_model_program_digest", None, out, self._handle.pointer)
        return out.value.decode()

    @property
    def inputs(self) -> list[Port]:
        """Inputs in the order of codes in memory."""
        lib = _ffi.lib
        return _ports(lib.tgl_program_n_input, lib.tgl_program_input, self._handle.pointer)

    @property
    def outputs(self) -> list[Port]:
        """Outputs in the order of codes in memory."""
        lib = _ffi.lib
        return _ports(lib.tgl_program_n_output, lib.tgl_program_output, self._handle.pointer)

    def payload(self) -> Payload:
        """The default values of every slot."""
        digest = (ctypes.c_uint8 * 32)()
        call("tgl_model_program_digest", digest, None, self._handle.pointer)
        payload = ctypes.POINTER(_ffi.tgl_payload)()
        call("tgl_payload_new", ctypes.byref(payload), self._handle.pointer, digest)
        return Payload(Handle(payload, "tgl_payload_free"), self)

    def __repr__(self) -> str:
        return f"Program({self.name!r}, {_ffi.lib.tgl_program_n_op(self._handle.pointer)} operations)"


def _ports(count: Any, get: Any, owner: Any) -> list[Port]:
    found = [get(owner, i).contents for i in range(count(owner))]
    return [Port(port.name.decode(), i, type_of(port.type)) for i, port in enumerate(found)]


def _bytes(data: bytes) -> Any:
    return ctypes.cast(ctypes.c_char_p(data), ctypes.POINTER(ctypes.c_uint8))


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """A value or array of values that stays writable: `count` codes of `type`, each in [lo, hi]."""

    name: str
    type: Type
    lo: int
    hi: int
    count: int


class Payload:
    """Values for a program's slots. One thread at a time while it is changed; sessions copy what they need."""

    def __init__(self, handle: Handle, program: Program) -> None:
        self._handle = handle
        self._program = program

    @classmethod
    def from_bytes(cls, data: bytes, program: Program, path: str | None = None) -> Payload:
        """Read a payload file (.tgls) for a program. Raises MismatchError for another program's, FormatError."""
        payload = ctypes.POINTER(_ffi.tgl_payload)()
        call("tgl_payload_decode", ctypes.byref(payload), program._handle.pointer, _bytes(data), len(data), path=path)
        found = cls(Handle(payload, "tgl_payload_free"), program)
        found.check(program, path)
        return found

    def check(self, program: Program, path: str | None = None) -> None:
        """Raise MismatchError unless this was made for `program`: slots alike are not enough."""
        made_for = self.program_digest
        if made_for != program.digest:
            raise MismatchError(f"payload: expected one for {program.digest}, found one for {made_for}", path=path)

    def to_bytes(self) -> bytes:
        """The payload file's bytes."""
        out, size = ctypes.POINTER(ctypes.c_uint8)(), ctypes.c_size_t()
        call("tgl_payload_encode", ctypes.byref(out), ctypes.byref(size), self._handle.pointer)
        return take_bytes(out, size)

    @property
    def program_digest(self) -> str:
        """ "sha256:..." of the program it was made for."""
        digest = _ffi.lib.tgl_payload_program_digest(self._handle.pointer)
        return "sha256:" + bytes(digest[:32]).hex()

    @property
    def slots(self) -> dict[str, Slot]:
        """The slots by name."""
        program = self._program._handle.pointer
        found = [_ffi.lib.tgl_program_slot(program, i).contents for i in range(_ffi.lib.tgl_program_n_slot(program))]
        return {slot.name.decode(): Slot(slot.name.decode(), type_of(slot.type), slot.lo, slot.hi, slot.count)
                for slot in found}

    def __getitem__(self, slot: str) -> NDArray[np.int64]:
        """A copy of a slot's (count) codes."""
        slots = self.slots
        if slot not in slots:
            raise KeyError(f"no slot '{slot}'; there are: {', '.join(slots) or 'none'}")
        codes = _ffi.lib.tgl_payload_get(self._handle.pointer, list(slots).index(slot))
        return np.ctypeslib.as_array(codes, (slots[slot].count,)).copy()

    def __setitem__(self, slot: str, codes: ArrayLike) -> None:
        """Set all of a slot's codes, or one code where the slot has one."""
        self.set(slot, codes)

    def set(self, slot: str, codes: ArrayLike, first: int = 0) -> None:
        """Change elements of a slot from `first` on. Raises NotFoundError, LimitError outside the slot's bounds."""
        row = code_matrix(np.atleast_1d(np.asarray(codes))[np.newaxis], np.size(codes), None)
        call("tgl_payload_set", self._handle.pointer, text(slot), count(first, "first"), row.size, pointer(row))


@dataclasses.dataclass(frozen=True, slots=True)
class Package:
    """A model in a store: its graph, program, payload (None: the defaults) and digest."""

    graph: Graph
    program: Program
    payload: Payload | None
    digest: str


def load_package(name: str, store: PathLike = ".trigline") -> Package:
    """A package by its name, its digest or at least 8 digits of it. Raises NotFoundError, FormatError."""
    opened = ctypes.POINTER(_ffi.tgl_store)()
    call("tgl_store_open", ctypes.byref(opened), path_text(store), 0, path=str(store))
    handle = Handle(opened, "tgl_store_close")
    graph, program = ctypes.POINTER(_ffi.tgl_graph)(), ctypes.POINTER(_ffi.tgl_program)()
    payload, digest = ctypes.POINTER(_ffi.tgl_payload)(), ctypes.create_string_buffer(72)
    call("tgl_model_from_package", ctypes.byref(graph), ctypes.byref(program), ctypes.byref(payload), digest,
         handle.pointer, text(name), path=str(store))
    owned = Program(Handle(program, "tgl_program_free"))
    values = Payload(Handle(payload, "tgl_payload_free"), owned) if payload else None
    return Package(Graph(Handle(graph, "tgl_graph_free")), owned, values, digest.value.decode())


def import_model(path: PathLike, *, inputs: str | Type | Quant | None = None, scores: str | Type | Quant | None = None,
                 variant: str | None = None, settings: PathLike | None = None, weights: PathLike | None = None,
                 format: str | None = None) -> Graph:
    """Import a model, a file or a folder, as a graph with exact types. Nothing is guessed: what a format leaves open is
    named here (docs/model.md), and what the importer had to choose stands in the graph's `report`.

    inputs   XGBoost: the type of every input, "fixed<16,10>"
    scores   XGBoost: leaves are converted to it and summed in it, "fixed<18,8,RND,SAT>"
    variant  Level-1 JSON: the input convention, "halved"
    settings  a YAML or JSON file that names the rest
    weights  the file of the weights, where they are apart
    format   "graph", "l1json", "xgboost" ...; None: by content

    Raises MissingFileError, FormatError with the byte in `offset`, UnsupportedError naming what cannot be imported,
    UsageError naming what the format needs.
    """
    report = ctypes.c_char_p()
    options = _ffi.tgl_import_options(
        ctypes.sizeof(_ffi.tgl_import_options), text(format), text(variant), _type_text(inputs), _type_text(scores),
        None if settings is None else path_text(settings), None if weights is None else path_text(weights),
        ctypes.pointer(report))
    graph = ctypes.POINTER(_ffi.tgl_graph)()
    call("tgl_model_import", ctypes.byref(graph), path_text(path), ctypes.byref(options), path=str(path))
    return Graph(Handle(graph, "tgl_graph_free"), json.loads(take_text(report)))


def model_info(model: Graph | PathLike, **options: Any) -> dict[str, Any]:
    """`Graph.info` of a graph, or of a file imported with `import_model`'s options."""
    return (model if isinstance(model, Graph) else import_model(model, **options)).info()


def export(model: Graph | Program | Package, path: PathLike, format: str | None = None, *,
           payload: Payload | None = None, name: str | None = None, version: str | None = None,
           input_type: str | None = None, result_type: str | None = None) -> None:
    """Write a model for others to run (tgl_model_export).

    format   "run": a run-time file for libtrigline-run; "c": one C file; "plugin": a folder for CMSSW's loader, with
             `input_type` and `result_type` in C++. None: by the name's ending (.tglr, .c)
    payload  values for the slots; None: the package's, else the defaults
    name     what the frameworks will call it; None: the graph's name (a program needs one)
    """
    graph = model if isinstance(model, Graph) else model.graph if isinstance(model, Package) else None
    program = model if isinstance(model, Program) else model.program if isinstance(model, Package) else None
    values = payload if payload is not None or not isinstance(model, Package) else model.payload
    options = _ffi.tgl_export_options(
        ctypes.sizeof(_ffi.tgl_export_options), values._handle.pointer if values is not None else None,
        text(name if name is not None or graph is not None else program.name if program is not None else None),
        text(version), text(model.digest if isinstance(model, Package) else None), text(input_type), text(result_type))
    call("tgl_model_export", path_text(path), text(format), program._handle.pointer if program is not None else None,
         graph._handle.pointer if graph is not None else None, ctypes.byref(options), path=str(path))


def group(ports: Sequence[Port], name: str) -> list[int]:
    """The columns of a port, or of all elements of a tensor: "mean" stands for "mean[0]", "mean[1]" ..."""
    found = [port.index for port in ports if port.name == name]
    return found or [port.index for port in ports if port.name.startswith((name + "[", name + "."))]


def read_file(path: PathLike) -> bytes:
    """A file's bytes."""
    with open(os.fspath(path), "rb") as file:
        return file.read()


__all__ = ["Graph", "Overflow", "Package", "Payload", "Port", "Program", "Rounding", "Slot", "export", "group",
           "import_model", "load_package", "model_info"]
