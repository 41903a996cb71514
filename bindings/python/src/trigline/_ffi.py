"""The C library, declared: what of include/trigline/*.h this package calls, and nothing else.

`tests/interop/python_declarations_test.py` holds every structure, constant and function here against the headers with a
C compiler. Calls release the GIL: ctypes does so around every foreign call.
"""

from __future__ import annotations

import ctypes
import enum
import os
import pathlib
from ctypes import (POINTER, Structure, c_char, c_char_p, c_double, c_int, c_int16, c_int32, c_int64, c_size_t, c_uint,
                    c_uint8, c_uint32, c_uint64, c_void_p)
from typing import Any

NO_OFFSET = 2**64 - 1
NONE = 2**32 - 1
MAX_DIM = 4


class Status(enum.IntEnum):
    """What a call of the C library answers (base.h); the code of an `Error`."""

    TGL_OK = 0
    TGL_EUSAGE = -1
    TGL_ENOMEM = -2
    TGL_EIO = -3
    TGL_EFORMAT = -4
    TGL_EUNSUPPORTED = -5
    TGL_ENOTFOUND = -6
    TGL_EMISMATCH = -7
    TGL_ECANCELLED = -8
    TGL_ELIMIT = -9
    TGL_EMISSING = -10

    def __str__(self) -> str:
        return self.name


class Rounding(enum.IntEnum):
    """What happens to bits below the new binary point (fixed.h); names as in AMD's ap_fixed."""

    TRN = 0
    TRN_ZERO = 1
    RND = 2
    RND_ZERO = 3
    RND_INF = 4
    RND_MIN_INF = 5
    RND_CONV = 6


class Overflow(enum.IntEnum):
    """What happens to a rounded integer outside the type's range (fixed.h)."""

    WRAP = 0
    SAT = 1
    SAT_ZERO = 2
    SAT_SYM = 3


class Dtype(enum.IntEnum):
    """Types of a column's numbers (table.h)."""

    BOOL = 1
    I8 = 2
    U8 = 3
    I16 = 4
    U16 = 5
    I32 = 6
    U32 = 7
    I64 = 8
    U64 = 9
    F32 = 10
    F64 = 11
    STRING = 12


# Python's enumeration of each of C's; members carry C's prefix.
ENUMS: dict[str, tuple[type[enum.IntEnum], str]] = {
    "tgl_status": (Status, ""),
    "tgl_round": (Rounding, "TGL_"),
    "tgl_overflow": (Overflow, "TGL_"),
    "tgl_dtype": (Dtype, "TGL_"),
}
CONSTANTS = {"TGL_NO_OFFSET": NO_OFFSET, "TGL_NONE": NONE, "TGL_RUN_NONE": NONE, "TGL_MAX_DIM": MAX_DIM,
             "TGL_MAX_WHERE": 2, "TGL_GRAPH_INPUT": 1, "TGL_RUN_ALIGNMENT": 64, "TGL_MAX_WIDTH": 63}


# ---- opaque objects ----

class tgl_graph(Structure):
    pass


class tgl_convention(Structure):
    pass


class tgl_program(Structure):
    pass


class tgl_payload(Structure):
    pass


class tgl_emulator(Structure):
    pass


class tgl_emulator_options(Structure):
    pass


class tgl_run(Structure):
    pass


class tgl_table(Structure):
    pass


class tgl_source(Structure):
    pass


class tgl_store(Structure):
    pass


# ---- structures ----

class tgl_error(Structure):
    _fields_ = [("code", c_int), ("offset", c_uint64), ("message", c_char * 496)]


REPORT = ctypes.CFUNCTYPE(None, c_void_p, c_char_p, c_uint64, c_uint64)
CANCELLED = ctypes.CFUNCTYPE(c_int, c_void_p)


class tgl_progress(Structure):
    _fields_ = [("report", REPORT), ("cancelled", CANCELLED), ("user", c_void_p)]


class tgl_type(Structure):
    _fields_ = [("is_signed", c_uint8), ("width", c_uint8), ("frac", c_int16)]


class tgl_quant(Structure):
    _fields_ = [("type", tgl_type), ("round", c_uint), ("overflow", c_uint)]


class tgl_node(Structure):
    """The first members only: what says what goes in."""

    _fields_ = [("name", c_char_p), ("op", c_uint), ("n_input", c_uint32), ("inputs", POINTER(c_uint32)),
                ("n_element", c_uint32), ("out", POINTER(tgl_quant)), ("n_out", c_uint32)]


class tgl_input_where(Structure):
    _fields_ = [("column", c_char_p), ("value", c_int64)]


class tgl_input_rule(Structure):
    _fields_ = [("name", c_char_p), ("column", c_char_p), ("index", c_uint32), ("n_where", c_uint32),
                ("where", tgl_input_where * 2), ("optional_where", c_uint8), ("add", c_int32), ("drop_bits", c_uint8),
                ("center", c_double), ("scale", c_double), ("quant", tgl_quant)]


class tgl_port(Structure):
    _fields_ = [("name", c_char_p), ("type", tgl_type), ("value", c_uint32)]


class tgl_slot(Structure):
    _fields_ = [("name", c_char_p), ("kind", c_uint), ("type", tgl_type), ("lo", c_int64), ("hi", c_int64),
                ("count", c_uint32)]


class tgl_import_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("format", c_char_p), ("variant", c_char_p), ("input_type", c_char_p),
                ("score_type", c_char_p), ("settings", c_char_p), ("weights", c_char_p), ("report", POINTER(c_char_p))]


class tgl_export_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("payload", POINTER(tgl_payload)), ("name", c_char_p), ("version", c_char_p),
                ("package", c_char_p), ("input_type", c_char_p), ("result_type", c_char_p)]


class tgl_run_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("payload", c_char_p), ("payload_size", c_size_t)]


class tgl_run_where(Structure):
    _fields_ = [("column", c_uint32), ("may_be_absent", c_uint8), ("value", c_int64)]


class tgl_run_rule(Structure):
    _fields_ = [("column", c_uint32), ("index", c_uint32), ("n_where", c_uint32), ("where", tgl_run_where * 2),
                ("add", c_int32), ("drop_bits", c_uint8), ("center", c_double), ("scale", c_double), ("round", c_uint)]


class tgl_run_port(Structure):
    _fields_ = [("name", c_char_p), ("type", tgl_type), ("rule", POINTER(tgl_run_rule))]


class tgl_column(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_uint), ("is_jagged", c_uint8), ("n_dim", c_uint8),
                ("dim", c_uint32 * MAX_DIM), ("n_row", c_uint64), ("n_value", c_uint64), ("offsets", POINTER(c_int64)),
                ("values", c_void_p)]


class tgl_field(Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_uint), ("is_jagged", c_uint8), ("n_dim", c_uint8),
                ("dim", c_uint32 * MAX_DIM), ("declared", c_char_p), ("refusal", c_char_p)]


class tgl_source_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("format", c_char_p), ("object", c_char_p), ("n_thread", c_size_t),
                ("no_verify", c_int)]


class tgl_write_options(Structure):
    _fields_ = [("struct_size", c_size_t), ("format", c_char_p), ("compression", c_int), ("n_thread", c_size_t)]


class ArrowSchema(Structure):
    _fields_ = [("format", c_char_p), ("name", c_char_p), ("metadata", c_void_p), ("flags", c_int64),
                ("n_children", c_int64), ("children", c_void_p), ("dictionary", c_void_p), ("release", c_void_p),
                ("private_data", c_void_p)]


class ArrowArray(Structure):
    _fields_ = [("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64),
                ("n_children", c_int64), ("buffers", c_void_p), ("children", c_void_p), ("dictionary", c_void_p),
                ("release", c_void_p), ("private_data", c_void_p)]


class ArrowArrayStream(Structure):
    _fields_ = [("get_schema", c_void_p), ("get_next", c_void_p), ("get_last_error", c_void_p), ("release", c_void_p),
                ("private_data", c_void_p)]


OPAQUE: list[type[Structure]] = [tgl_graph, tgl_convention, tgl_program, tgl_payload, tgl_emulator,
                                 tgl_emulator_options, tgl_run, tgl_table, tgl_source, tgl_store]
# Where the whole of a structure stands here, its size is C's as well.
WHOLE: list[type[Structure]] = [tgl_error, tgl_progress, tgl_type, tgl_quant, tgl_input_where, tgl_input_rule, tgl_port,
                                tgl_slot, tgl_run_options, tgl_run_where, tgl_run_rule, tgl_run_port, tgl_column,
                                tgl_field, tgl_source_options, tgl_write_options, ArrowSchema, ArrowArray,
                                ArrowArrayStream]
# C may have further members behind: nodes are only looked at, and of these options the library is told the size.
BEGUN: list[type[Structure]] = [tgl_node, tgl_import_options, tgl_export_options]


# ---- functions: name -> (result, arguments) ----

_graph, _convention, _program, _payload = (POINTER(tgl_graph), POINTER(tgl_convention), POINTER(tgl_program),
                                           POINTER(tgl_payload))
_emulator, _run, _table, _source, _store = (POINTER(tgl_emulator), POINTER(tgl_run), POINTER(tgl_table),
                                            POINTER(tgl_source), POINTER(tgl_store))
_err, _progress, _size, _codes = POINTER(tgl_error), POINTER(tgl_progress), POINTER(c_size_t), POINTER(c_int64)
_text, _bytes, _names = POINTER(c_char_p), POINTER(c_uint8), POINTER(c_char_p)
_schema, _array, _stream = POINTER(ArrowSchema), POINTER(ArrowArray), POINTER(ArrowArrayStream)

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # base.h
    "tgl_version": (c_char_p, []),
    "tgl_code_digest": (c_char_p, []),
    "tgl_free": (None, [c_void_p]),
    # fixed.h
    "tgl_quant_parse": (c_int, [POINTER(tgl_quant), c_char_p, _err]),
    "tgl_quantise_doubles": (c_int, [_codes, POINTER(c_double), c_size_t, POINTER(tgl_quant), c_size_t, _err]),
    # graph.h
    "tgl_graph_free": (None, [_graph]),
    "tgl_graph_name": (c_char_p, [_graph]),
    "tgl_graph_n_node": (c_uint32, [_graph]),
    "tgl_graph_node": (POINTER(tgl_node), [_graph, c_uint32]),
    "tgl_graph_n_output": (c_uint32, [_graph]),
    "tgl_graph_output": (c_char_p, [_graph, c_uint32, POINTER(c_uint32)]),
    "tgl_graph_convention": (_convention, [_graph]),
    "tgl_graph_print": (c_int, [_text, _size, _graph, _err]),
    "tgl_graph_parse": (c_int, [POINTER(_graph), c_char_p, c_size_t, c_char_p, _err]),
    "tgl_graph_eval": (c_int, [_codes, _graph, _codes, _err]),
    "tgl_convention_new": (c_int, [POINTER(_convention), c_char_p, POINTER(tgl_input_rule), c_uint32, _err]),
    "tgl_convention_free": (None, [_convention]),
    "tgl_convention_name": (c_char_p, [_convention]),
    "tgl_convention_n_rule": (c_uint32, [_convention]),
    "tgl_convention_rule": (POINTER(tgl_input_rule), [_convention, c_uint32]),
    "tgl_convention_columns": (_names, [_convention]),
    "tgl_convention_may_lack": (c_int, [_convention, c_char_p]),
    "tgl_convention_extract": (c_int, [_codes, POINTER(c_uint64), _convention, _table, c_uint64, c_uint64, _err]),
    # lower.h
    "tgl_lower": (c_int, [POINTER(_program), _graph, _err]),
    # program.h
    "tgl_program_free": (None, [_program]),
    "tgl_program_name": (c_char_p, [_program]),
    "tgl_program_n_op": (c_uint32, [_program]),
    "tgl_program_n_input": (c_uint32, [_program]),
    "tgl_program_input": (POINTER(tgl_port), [_program, c_uint32]),
    "tgl_program_n_output": (c_uint32, [_program]),
    "tgl_program_output": (POINTER(tgl_port), [_program, c_uint32]),
    "tgl_program_n_slot": (c_uint32, [_program]),
    "tgl_program_slot": (POINTER(tgl_slot), [_program, c_uint32]),
    "tgl_program_encode": (c_int, [POINTER(_bytes), _size, _program, _err]),
    "tgl_program_decode": (c_int, [POINTER(_program), _bytes, c_size_t, _err]),
    "tgl_program_print": (c_int, [_text, _program, _err]),
    "tgl_payload_new": (c_int, [POINTER(_payload), _program, _bytes, _err]),
    "tgl_payload_free": (None, [_payload]),
    "tgl_payload_set": (c_int, [_payload, c_char_p, c_uint32, c_uint32, _codes, _err]),
    "tgl_payload_get": (_codes, [_payload, c_uint32]),
    "tgl_payload_program_digest": (_bytes, [_payload]),
    "tgl_payload_encode": (c_int, [POINTER(_bytes), _size, _payload, _err]),
    "tgl_payload_decode": (c_int, [POINTER(_payload), _program, _bytes, c_size_t, _err]),
    # emulate.h
    "tgl_emulator_new": (c_int, [POINTER(_emulator), _program, _payload, POINTER(tgl_emulator_options), _err]),
    "tgl_emulator_free": (None, [_emulator]),
    "tgl_emulator_run_parallel": (c_int, [_codes, _emulator, _codes, c_size_t, c_size_t, _progress, _err]),
    "tgl_emulator_describe": (c_char_p, [_emulator]),
    # model.h
    "tgl_model_import": (c_int, [POINTER(_graph), c_char_p, POINTER(tgl_import_options), _err]),
    "tgl_model_info": (c_int, [_text, _graph, _err]),
    "tgl_model_diff": (c_int, [_text, _graph, _graph, _codes, c_size_t, _err]),
    "tgl_model_check": (c_int, [_text, _graph, _program, _payload, _codes, c_size_t, _err]),
    "tgl_model_program_digest": (c_int, [_bytes, c_char_p, _program, _err]),
    "tgl_model_export": (c_int, [c_char_p, c_char_p, _program, _graph, POINTER(tgl_export_options), _err]),
    "tgl_model_from_package": (c_int, [POINTER(_graph), POINTER(_program), POINTER(_payload), c_char_p, _store,
                                       c_char_p, _err]),
    "tgl_store_open": (c_int, [POINTER(_store), c_char_p, c_int, _err]),
    "tgl_store_close": (None, [_store]),
    # run.h
    "tgl_run_open": (c_int, [POINTER(_run), c_char_p, POINTER(tgl_run_options), _err]),
    "tgl_run_close": (None, [_run]),
    "tgl_run_info": (c_char_p, [_run, c_char_p]),
    "tgl_run_n_input": (c_uint32, [_run]),
    "tgl_run_n_output": (c_uint32, [_run]),
    "tgl_run_input": (POINTER(tgl_run_port), [_run, c_uint32]),
    "tgl_run_output": (POINTER(tgl_run_port), [_run, c_uint32]),
    "tgl_run_column": (c_char_p, [_run, c_uint32]),
    "tgl_run_scratch_size": (c_size_t, [_run]),
    "tgl_run_batch": (c_int, [_codes, _run, _codes, c_size_t, c_void_p, _err]),
    # table.h
    "tgl_table_new": (c_int, [POINTER(_table), c_uint64, _err]),
    "tgl_table_free": (None, [_table]),
    "tgl_table_copy_column": (c_int, [_table, POINTER(tgl_column), _err]),
    "tgl_table_n_row": (c_uint64, [_table]),
    "tgl_table_n_column": (c_size_t, [_table]),
    "tgl_table_column": (POINTER(tgl_column), [_table, c_size_t]),
    "tgl_table_find": (c_int, [POINTER(POINTER(tgl_column)), _table, c_char_p, _err]),
    "tgl_table_meta": (c_char_p, [_table, c_char_p]),
    "tgl_table_set_meta": (c_int, [_table, c_char_p, c_char_p, _err]),
    "tgl_column_digest": (c_int, [c_char_p, POINTER(tgl_column), _err]),
    "tgl_table_export": (c_int, [_schema, _array, _table, _err]),
    "tgl_table_adopt": (c_int, [POINTER(_table), _schema, _array, _err]),
    "tgl_table_export_stream": (c_int, [_stream, _table, _err]),
    "tgl_table_import_stream": (c_int, [POINTER(_table), _stream, _err]),
    # data.h
    "tgl_source_open": (c_int, [POINTER(_source), c_char_p, POINTER(tgl_source_options), _err]),
    "tgl_source_close": (None, [_source]),
    "tgl_source_n_row": (c_uint64, [_source]),
    "tgl_source_n_field": (c_size_t, [_source]),
    "tgl_source_field": (POINTER(tgl_field), [_source, c_size_t]),
    "tgl_source_read": (c_int, [POINTER(_table), _source, _names, c_size_t, c_uint64, c_uint64, _progress, _err]),
    "tgl_data_write": (c_int, [c_char_p, _table, POINTER(tgl_write_options), _progress, _err]),
}


def _folder() -> pathlib.Path:
    """Where the shared objects lie: in the package, or in the build folder named by TRIGLINE_BUILD."""
    native = pathlib.Path(__file__).parent / "_native"
    if native.is_dir():
        return native
    build = os.environ.get("TRIGLINE_BUILD")
    if build is None:
        raise ImportError(f"{native}: no libtrigline.so; install the package, or name a build folder in TRIGLINE_BUILD")
    return pathlib.Path(build)


def _load() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    folder = _folder()
    library = ctypes.CDLL(str(folder / "libtrigline.so"))
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        # arrays are handed over by address: making a typed pointer takes longer than a small model's event
        function.restype = result
        function.argtypes = [c_void_p if kind in (_codes, POINTER(c_double)) else kind for kind in arguments]
    capsule = folder / "libtrigline_capsule.so"
    if not capsule.exists():
        capsule = folder / "bindings" / "python" / "libtrigline_capsule.so"
    capsules = ctypes.CDLL(str(capsule))
    capsules.tgl_capsule_memory.restype, capsules.tgl_capsule_memory.argtypes = c_void_p, [c_size_t]
    return library, capsules


lib, capsules = _load()
