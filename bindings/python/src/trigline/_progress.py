"""Progress of a long call: a Python function that hears of it and can stop it by raising."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from . import _ffi
from ._errors import CancelledError

Progress = Callable[[str, int, int], object]
"""Called with a label, units done and units in all (0: unknown), from any thread, one at a time. What it raises stops
the call, which then raises the same."""


@contextlib.contextmanager
def reporting(function: Progress | None) -> Iterator[Any]:
    """A tgl_progress to hand over (None without a function); what the function raised is raised again here."""
    if function is None:
        yield None
        return
    raised: list[BaseException] = []

    def report(_user: object, label: bytes, done: int, total: int) -> None:
        try:
            function(label.decode(), done, total)
        except BaseException as error:  # even KeyboardInterrupt: it may not pass through C
            raised.append(error)

    def cancelled(_user: object) -> int:
        return len(raised)

    progress = _ffi.tgl_progress(_ffi.REPORT(report), _ffi.CANCELLED(cancelled), None)
    try:
        yield ctypes.byref(progress)
    except CancelledError:
        if not raised:
            raise
    if raised:
        raise raised[0]
