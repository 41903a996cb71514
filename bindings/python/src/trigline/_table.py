"""Datasets as columns: NumPy arrays and Arrow over the C library's own memory, without copies."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _ffi
from ._errors import Handle, PathLike, UnsupportedError, UsageError, call, count, path_text, text
from ._ffi import Dtype
from ._progress import Progress, reporting

_NUMPY: dict[Dtype, np.dtype[Any]] = {
    Dtype.BOOL: np.dtype(np.bool_), Dtype.I8: np.dtype(np.int8), Dtype.U8: np.dtype(np.uint8),
    Dtype.I16: np.dtype(np.int16), Dtype.U16: np.dtype(np.uint16), Dtype.I32: np.dtype(np.int32),
    Dtype.U32: np.dtype(np.uint32), Dtype.I64: np.dtype(np.int64), Dtype.U64: np.dtype(np.uint64),
    Dtype.F32: np.dtype(np.float32), Dtype.F64: np.dtype(np.float64), Dtype.STRING: np.dtype(np.uint8)}
_DTYPES = {dtype: number for number, dtype in _NUMPY.items() if number != Dtype.STRING}


class Jagged(Sequence[Any]):
    """A column with any number of items a row: row i is values[offsets[i]:offsets[i + 1]].

    offsets  (n_row + 1) int64, the first 0
    values   (n_item, *dims) the items of all rows behind each other
    """

    __slots__ = ("offsets", "values")

    def __init__(self, offsets: ArrayLike, values: ArrayLike) -> None:
        bounds = np.asarray(offsets)
        if bounds.size and not np.can_cast(bounds.dtype, np.int64, "safe"):
            raise UsageError(f"jagged column: expected integer offsets, found {bounds.dtype}")
        self.offsets: NDArray[np.int64] = np.ascontiguousarray(bounds, dtype=np.int64)
        self.values: NDArray[Any] = np.ascontiguousarray(values)
        if self.offsets.ndim != 1 or len(self.offsets) == 0 or self.values.ndim == 0:
            raise UsageError("jagged column: expected offsets (n_row + 1) and values (n_item, ...)")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.values):
            raise UsageError(f"jagged column: expected offsets from 0 to {len(self.values)}, "
                             f"found {self.offsets[0]} to {self.offsets[-1]}")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        at = range(len(self))[row]
        return self.values[self.offsets[at]:self.offsets[at + 1]]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} rows, {len(self.values)} items of {self.values.dtype})"


class Strings(Jagged):
    """A column of byte strings: `values` holds their bytes; row i is a `bytes`."""

    __slots__ = ()

    def __getitem__(self, row: Any) -> Any:
        part = super().__getitem__(row)
        return part if isinstance(row, slice) else part.tobytes()


class ArrowStream(Protocol):
    """Anything that exports an Arrow stream: a pyarrow or polars table, an Awkward array's table, a Table of ours."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


class ArrowArray(Protocol):
    """Anything that exports an Arrow array: a pyarrow record batch."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...


Column = NDArray[Any] | Jagged
Columns = Mapping[str, ArrayLike | Jagged] | ArrowStream | ArrowArray


def _view(address: int | None, dtype: np.dtype[Any], count: int, owner: Handle) -> NDArray[Any]:
    """`count` numbers at an address of the library's as a read-only array that keeps their owner."""
    if count == 0 or address is None:
        return np.empty(0, dtype)
    memory: Any = (ctypes.c_uint8 * (count * dtype.itemsize)).from_address(address)
    memory.owner = owner
    array: NDArray[Any] = np.frombuffer(memory, dtype)
    array.flags.writeable = False
    return array


def _column_view(c: Any, owner: Handle) -> Column:
    dtype = _NUMPY[Dtype(c.dtype)]
    values = _view(c.values, dtype, int(c.n_value), owner)
    dims = tuple(c.dim[:c.n_dim])
    if dims:
        values = values.reshape(-1, *dims) if values.size else np.empty((0, *dims), dtype)
    if not c.offsets:
        return values
    offsets = _view(ctypes.cast(c.offsets, ctypes.c_void_p).value, np.dtype(np.int64), int(c.n_row) + 1, owner)
    return (Strings if c.dtype == Dtype.STRING else Jagged)(offsets, values)


def _add_column(table: Any, name: str, column: ArrayLike | Jagged, n_row: int) -> None:
    """Copy one column into a table that is being made."""
    values = column.values if isinstance(column, Jagged) else np.ascontiguousarray(column)
    dtype = Dtype.STRING if isinstance(column, Strings) else _DTYPES.get(values.dtype.newbyteorder("="))
    if dtype is None or values.ndim == 0 or values.ndim > 1 + _ffi.MAX_DIM:
        raise UnsupportedError(f"column '{name}': expected rows of bool, integers or floats with at most "
                               f"{_ffi.MAX_DIM} dimensions each, found {values.dtype} of shape {values.shape}")
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    dims = values.shape[1:]
    c = _ffi.tgl_column(name=text(name), dtype=dtype, n_dim=len(dims), n_row=n_row, n_value=values.size,
                        values=values.ctypes.data)
    c.dim[:len(dims)] = dims
    if isinstance(column, Jagged):
        c.is_jagged = dtype != Dtype.STRING
        c.offsets = column.offsets.ctypes.data_as(ctypes.POINTER(ctypes.c_int64))
    call("tgl_table_copy_column", table, ctypes.byref(c))


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype, _new_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def _capsule(structure: Any, name: bytes, destructor: str) -> tuple[Any, Any]:
    """A capsule with room for an Arrow structure, and a pointer to it; whoever lets the capsule go releases it."""
    memory = _ffi.capsules.tgl_capsule_memory(ctypes.sizeof(structure))
    if not memory:
        raise MemoryError
    function = ctypes.cast(getattr(_ffi.capsules, destructor), ctypes.c_void_p)
    return _new_capsule(memory, name, function), ctypes.cast(memory, ctypes.POINTER(structure))


def _opened(capsule: Any, structure: Any, name: bytes) -> Any:
    return ctypes.cast(_capsule_pointer(capsule, name), ctypes.POINTER(structure))


class Table(Mapping[str, Column]):
    """Columns by name, in the C library's memory. A flat column is an array (n_row, *dims), a jagged one a `Jagged`,
    strings are `Strings`.

    Arrays are read-only views: nothing is copied, and they stay valid when the table is gone. Tables never change;
    threads may share them. Arrow consumers take one as it is: `pyarrow.table(table)`, `polars.DataFrame(table)`; bool
    columns alone are copied then, since Arrow packs them to bits.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        lib = _ffi.lib
        columns = [lib.tgl_table_column(handle.pointer, i).contents
                   for i in range(lib.tgl_table_n_column(handle.pointer))]
        self._columns = {c.name.decode(): c for c in columns}

    @classmethod
    def from_columns(cls, columns: Mapping[str, ArrayLike | Jagged]) -> Table:
        """Copy arrays (n_row, *dims) and `Jagged` columns. Raises UnsupportedError for other types, UsageError when
        the numbers of rows differ."""
        lengths = {name: len(column) if isinstance(column, Jagged) else len(np.atleast_1d(column))
                   for name, column in columns.items()}
        n_row = next(iter(lengths.values()), 0)
        for name, length in lengths.items():
            if length != n_row:
                raise UsageError(f"column '{name}': expected {n_row} rows, found {length}")
        table = ctypes.POINTER(_ffi.tgl_table)()
        call("tgl_table_new", ctypes.byref(table), n_row)
        handle = Handle(table, "tgl_table_free")
        for name, column in columns.items():
            _add_column(table, name, column, n_row)
        return cls(handle)

    @classmethod
    def from_arrow(cls, source: ArrowStream | ArrowArray) -> Table:
        """What an Arrow producer exports, in the producer's memory: struct arrays of numbers, lists, fixed-size lists
        and strings. Copied are bool columns (bits there), 32-bit offsets, and the arrays of a stream of several. Raises
        UnsupportedError for nulls, dictionaries and other types."""
        table = ctypes.POINTER(_ffi.tgl_table)()
        if hasattr(source, "__arrow_c_stream__"):
            capsule = source.__arrow_c_stream__()
            call("tgl_table_import_stream", ctypes.byref(table),
                 _opened(capsule, _ffi.ArrowArrayStream, b"arrow_array_stream"))
        elif hasattr(source, "__arrow_c_array__"):
            schema, array = source.__arrow_c_array__()
            call("tgl_table_adopt", ctypes.byref(table), _opened(schema, _ffi.ArrowSchema, b"arrow_schema"),
                 _opened(array, _ffi.ArrowArray, b"arrow_array"))
        else:
            raise TypeError(f"expected an Arrow producer (__arrow_c_stream__ or __arrow_c_array__), "
                            f"found {type(source).__name__}")
        return cls(Handle(table, "tgl_table_free"))

    @classmethod
    def of(cls, columns: Columns) -> Table:
        """A table as it is, Arrow data in place, or columns copied."""
        if isinstance(columns, cls):
            return columns
        if isinstance(columns, Mapping):
            return cls.from_columns(columns)
        return cls.from_arrow(columns)

    @property
    def n_row(self) -> int:
        """Rows of every column."""
        return int(_ffi.lib.tgl_table_n_row(self._handle.pointer))

    def __getitem__(self, name: str) -> Column:
        c = self._columns.get(name)
        return _column_view(self._find(name).contents if c is None else c, self._handle)

    def _find(self, name: str) -> Any:
        """A column by the library's own search: NotFoundError, a KeyError, names a near one."""
        found = ctypes.POINTER(_ffi.tgl_column)()
        call("tgl_table_find", ctypes.byref(found), self._handle.pointer, text(name))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of columns."""
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Table({self.n_row} rows: {', '.join(self)})"

    def meta(self, key: str) -> str | None:
        """The metadata text under a key, or None."""
        value = _ffi.lib.tgl_table_meta(self._handle.pointer, text(key))
        return None if value is None else value.decode()

    @property
    def provenance(self) -> Any:
        """Where the rows come from: the JSON document under "trigline.provenance", or None."""
        value = self.meta("trigline.provenance")
        return None if value is None else json.loads(value)

    def digest(self, name: str) -> str:
        """ "sha256:..." over a column's name, type, shape, offsets and values: the same from any file format."""
        out = ctypes.create_string_buffer(72)
        call("tgl_column_digest", out, self._find(name))
        return out.value.decode()

    def write(self, path: PathLike, *, format: str | None = None, compression: int = -1, threads: int = 0,
              progress: Progress | None = None) -> None:
        """Write a dataset ("npz", "hdf5"; None: by the name's ending). It appears at `path` only when complete."""
        options = _ffi.tgl_write_options(ctypes.sizeof(_ffi.tgl_write_options), text(format), compression,
                                          count(threads, "threads"))
        name = path_text(path)
        with reporting(progress) as told:
            call("tgl_data_write", name, self._handle.pointer, ctypes.byref(options), told, path=str(path))

    # ---- Arrow's PyCapsule interface ----

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]:
        """The columns as one Arrow struct array that shares their memory; a requested schema is not heeded."""
        schema, schema_pointer = _capsule(_ffi.ArrowSchema, b"arrow_schema", "tgl_capsule_free_schema")
        array, array_pointer = _capsule(_ffi.ArrowArray, b"arrow_array", "tgl_capsule_free_array")
        call("tgl_table_export", schema_pointer, array_pointer, self._handle.pointer)
        return schema, array

    def __arrow_c_schema__(self) -> Any:
        """The columns' types."""
        return self.__arrow_c_array__()[0]

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The columns as an Arrow stream of one struct array; a requested schema is not heeded."""
        capsule, pointer = _capsule(_ffi.ArrowArrayStream, b"arrow_array_stream", "tgl_capsule_free_stream")
        call("tgl_table_export_stream", pointer, self._handle.pointer)
        return capsule


def _open(path: PathLike, format: str | None, object: str | None, threads: int) -> Handle:
    options = _ffi.tgl_source_options(ctypes.sizeof(_ffi.tgl_source_options), text(format), text(object),
                                       count(threads, "threads"), 0)
    source = ctypes.POINTER(_ffi.tgl_source)()
    call("tgl_source_open", ctypes.byref(source), path_text(path), ctypes.byref(options), path=str(path))
    return Handle(source, "tgl_source_close")


def read(path: PathLike, columns: Sequence[str] | str | None = None, *, begin: int = 0, end: int | None = None,
         format: str | None = None, object: str | None = None, threads: int = 0,
         progress: Progress | None = None) -> Table:
    """Read a dataset: ROOT trees, NPZ, HDF5, Level-1 test vectors.

    path     may end in ":dir/tree" for formats with several objects, as `object` says too
    columns  names or globs ("Jet_*"); None: every readable column
    begin, end  rows; None: to the last
    format   "root", "npz", "hdf5", "l1"; None: by content, then by name
    threads  that decode; 0: all processors

    Raises MissingFileError, FormatError (with the byte where known), NotFoundError for an unknown column (with a near
    one), UnsupportedError for a column that cannot be read.
    """
    source = _open(path, format, object, threads)
    names = [text(name) for name in ([columns] if isinstance(columns, str) else columns or [])]
    table = ctypes.POINTER(_ffi.tgl_table)()
    with reporting(progress) as told:
        call("tgl_source_read", ctypes.byref(table), source.pointer, (ctypes.c_char_p * len(names))(*names),
             len(names), count(begin, "begin"), _ffi.NO_OFFSET if end is None else count(end, "end"), told,
             path=str(path))
        handle = Handle(table, "tgl_table_free")
    return Table(handle)


def fields(path: PathLike, *, format: str | None = None, object: str | None = None) -> dict[str, str]:
    """A dataset's columns and their types in the file's own words: {"Jet_pt": "Float_t[nJet]"}. Nothing is read."""
    source = _open(path, format, object, 1)
    found = [_ffi.lib.tgl_source_field(source.pointer, i).contents
             for i in range(_ffi.lib.tgl_source_n_field(source.pointer))]
    return {field.name.decode(): (field.declared or b"").decode() for field in found}
