"""Fixed-point types, and the conversions between real numbers and integer codes."""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _ffi
from ._errors import LimitError, call, text
from ._ffi import Overflow, Rounding


@dataclasses.dataclass(frozen=True, slots=True)
class Type:
    """A fixed-point type: integer codes of `width` bits (1 to 63), unit 2^-frac. `str()` gives "fixed<W,I>" or
    "ufixed<W,I>" with I = width - frac, ap_fixed's convention."""

    signed: bool
    width: int
    frac: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= _ffi.CONSTANTS["TGL_MAX_WIDTH"] and -(1 << 15) <= self.frac < 1 << 15):
            raise LimitError(f"type: expected a width of 1 to 63 and a frac of 16 bits, found {self.width} and "
                             f"{self.frac}")

    @property
    def min(self) -> int:
        """The smallest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """The largest code."""
        return (1 << (self.width - self.signed)) - 1

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.width - self.frac}>"


@dataclasses.dataclass(frozen=True, slots=True)
class Quant:
    """A conversion: round into `type`, then overflow. As text "fixed<W,I,RND_CONV,SAT>"."""

    type: Type
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    @classmethod
    def parse(cls, value: str) -> Quant:
        """Read "fixed<16,6>", "ap_ufixed<10, 6, AP_RND_CONV, AP_SAT>" and the like. Raises FormatError, LimitError."""
        quant = _ffi.tgl_quant()
        call("tgl_quant_parse", ctypes.byref(quant), text(value))
        return quant_of(quant)

    def __str__(self) -> str:
        if (self.rounding, self.overflow) == (Rounding.TRN, Overflow.WRAP):
            return str(self.type)
        return f"{str(self.type)[:-1]},{self.rounding.name},{self.overflow.name}>"

    def codes(self, values: ArrayLike) -> NDArray[np.int64]:
        """The codes of real numbers of any shape, each exactly converted. Raises FormatError for NaN and infinities,
        with the number of the value in `offset`."""
        array = np.asarray(values, dtype=np.float64)
        return quantise(array.reshape(-1, 1), [self]).reshape(array.shape)

    def values(self, codes: ArrayLike) -> NDArray[np.float64]:
        """The real numbers of codes: codes * 2^-frac, exact up to 53 bits."""
        return dequantise(np.asarray(codes), [self.type.frac])


def type_of(value: _ffi.tgl_type) -> Type:
    """A C type as ours."""
    return Type(bool(value.is_signed), int(value.width), int(value.frac))


def quant_of(value: _ffi.tgl_quant) -> Quant:
    """A C conversion as ours."""
    return Quant(type_of(value.type), Rounding(value.round), Overflow(value.overflow))


def c_quant(quant: Quant) -> _ffi.tgl_quant:
    """Our conversion for C."""
    inner = quant.type
    return _ffi.tgl_quant(_ffi.tgl_type(inner.signed, inner.width, inner.frac), quant.rounding, quant.overflow)


def pointer(array: NDArray[Any]) -> int:
    """An array's memory for C; the caller keeps the array."""
    return array.ctypes.data


def quantise(values: NDArray[Any], quants: Sequence[Quant]) -> NDArray[np.int64]:
    """(n_event, n) real numbers as codes, column j by quants[j] (tgl_quantise_doubles). Values are copied only when
    they are not C-contiguous doubles."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    codes = np.empty(values.shape, dtype=np.int64)
    table = (_ffi.tgl_quant * len(quants))(*map(c_quant, quants))
    call("tgl_quantise_doubles", pointer(codes), pointer(values), len(values), table, len(quants),
         unit="event")
    return codes


def dequantise(codes: NDArray[Any], fracs: Sequence[int]) -> NDArray[np.float64]:
    """Codes as real numbers: column j times 2^-fracs[j]; exact up to 53 bits."""
    return np.ldexp(codes.astype(np.float64), -np.asarray(fracs, dtype=np.int32))
