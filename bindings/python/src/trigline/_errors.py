"""Failures of the C library as exceptions that carry code and place, and the one way to call it."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from . import _ffi
from ._ffi import Status

PathLike = str | os.PathLike[str]


class Error(Exception):
    """A call failed. `str(error)` is one line: what, where, expected, found.

    code     why, as a `Status`: its name and its number
    message  the C library's line
    path     the file that was being read or written, or None
    offset   the byte of the file or text, or the event of the batch, or None
    where    path and offset in words, "model.json: byte 210", "event 5"; "" when neither is known
    """

    code: Status = Status.TGL_EUSAGE

    def __init__(self, message: str, *, path: str | None = None, offset: int | None = None, unit: str = "byte") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.offset = offset
        place = None if offset is None else f"{unit} {offset}"
        self.where = ": ".join(part for part in (path, place) if part is not None)

    def __str__(self) -> str:
        return self.message


class UsageError(Error, ValueError):
    """TGL_EUSAGE: the caller asked for something that makes no sense."""

    code = Status.TGL_EUSAGE


class OutOfMemoryError(Error, MemoryError):
    """TGL_ENOMEM: memory ran out."""

    code = Status.TGL_ENOMEM


class SystemIOError(Error, OSError):
    """TGL_EIO: the operating system refused: file, disk, process."""

    code = Status.TGL_EIO


class FormatError(Error, ValueError):
    """TGL_EFORMAT: a file, text or number is malformed, truncated or fails its checksum."""

    code = Status.TGL_EFORMAT


class UnsupportedError(Error, NotImplementedError):
    """TGL_EUNSUPPORTED: well-formed, but outside what this build handles."""

    code = Status.TGL_EUNSUPPORTED


class NotFoundError(Error, KeyError):
    """TGL_ENOTFOUND: a name, branch, stage or object does not exist."""

    code = Status.TGL_ENOTFOUND


class MissingFileError(Error, FileNotFoundError):
    """TGL_ENOTFOUND, and it is the file itself that is not there."""

    code = Status.TGL_ENOTFOUND


class MismatchError(Error, ValueError):
    """TGL_EMISMATCH: two things that must be equal are not."""

    code = Status.TGL_EMISMATCH


class CancelledError(Error, RuntimeError):
    """TGL_ECANCELLED: the caller's progress said stop."""

    code = Status.TGL_ECANCELLED


class LimitError(Error, OverflowError):
    """TGL_ELIMIT: a bound was exceeded: an input code outside its type, width, depth, count, size, time."""

    code = Status.TGL_ELIMIT


class MissingPartError(Error, RuntimeError):
    """TGL_EMISSING: an optional part or an outside tool is not installed."""

    code = Status.TGL_EMISSING


_CLASSES: dict[int, type[Error]] = {kind.code: kind for kind in (
    UsageError, OutOfMemoryError, SystemIOError, FormatError, UnsupportedError, NotFoundError, MismatchError,
    CancelledError, LimitError, MissingPartError)}


def make_error(err: _ffi.tgl_error, status: int, path: str | None, unit: str) -> Error:
    """The exception for a failed call."""
    kind: type[Error] = _CLASSES[status]
    if kind is NotFoundError and path is not None and not os.path.exists(path):
        kind = MissingFileError
    offset = None if err.offset == _ffi.NO_OFFSET else int(err.offset)
    return kind(err.message.decode(errors="replace"), path=path, offset=offset, unit=unit)


def call(name: str, *arguments: Any, path: str | None = None, unit: str = "byte", accept: int = 0) -> int:
    """Call a function of the C library that takes a tgl_error last; its status is 0 or `accept`, else this raises."""
    err = _ffi.tgl_error(offset=_ffi.NO_OFFSET)
    status: int = getattr(_ffi.lib, name)(*arguments, ctypes.byref(err))
    if status not in (0, accept):
        raise make_error(err, status, path, unit)
    return status


def text(value: str | None) -> bytes | None:
    """A text for C. A zero byte would cut it short there."""
    if value is None:
        return None
    if "\0" in value:
        raise UsageError(f"expected a text without zero characters, found {value!r}")
    return value.encode()


def path_text(path: PathLike) -> bytes:
    """A path for C."""
    value = os.fsencode(path)
    if b"\0" in value:
        raise UsageError(f"expected a path without zero characters, found {os.fspath(path)!r}")
    return value


def count(value: int, name: str) -> int:
    """A number for C, where a negative one would be a huge one."""
    if value < 0:
        raise UsageError(f"{name}: expected 0 or more, found {value}")
    return value


class Handle:
    """Owns an object of the C library: frees it when the last reference goes, whichever thread that is in."""

    __slots__ = ("pointer", "_free", "__weakref__")

    def __init__(self, pointer: Any, free: str) -> None:
        self.pointer = pointer
        self._free = getattr(_ffi.lib, free)

    def __del__(self) -> None:
        self._free(self.pointer)


def take_text(pointer: ctypes.c_char_p) -> str:
    """The text the library handed over, which is released."""
    try:
        return (pointer.value or b"").decode()
    finally:
        _ffi.lib.tgl_free(ctypes.cast(pointer, ctypes.c_void_p))


def take_bytes(pointer: Any, size: ctypes.c_size_t) -> bytes:
    """The bytes the library handed over, which are released."""
    try:
        return ctypes.string_at(pointer, size.value)
    finally:
        _ffi.lib.tgl_free(ctypes.cast(pointer, ctypes.c_void_p))
