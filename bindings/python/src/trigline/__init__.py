"""trigline: exact models for the LHC's hardware triggers, over the C library.

    import trigline
    graph = trigline.import_model("model.json", inputs="fixed<16,10>", scores="fixed<18,8,RND,SAT>")
    session = trigline.Session(graph, threads=2)
    scores = session.run(codes)          # (n_event, n_input) integer codes in, (n_event, n_output) out, every bit exact
    trigline.export(graph, "model.tglr")

Numbers are integer codes with a binary point: a port's type says the unit, 2^-frac. Failures are `trigline.Error`, by
kind also ValueError, FileNotFoundError and so on, with code and place. Calls release the GIL, objects but `Payload` are
immutable and may be shared by threads.
"""

from . import _ffi
from ._errors import (CancelledError, Error, FormatError, LimitError, MismatchError, MissingFileError, MissingPartError,
                      NotFoundError, OutOfMemoryError, SystemIOError, UnsupportedError, UsageError)
from ._ffi import Overflow, Rounding, Status
from ._fixed import Quant, Type
from ._model import Graph, Package, Payload, Port, Program, Slot, export, import_model, load_package, model_info
from ._session import Session, load
from ._table import Jagged, Strings, Table, fields, read

__version__: str = _ffi.lib.tgl_version().decode()


def code_digest() -> str:
    """The digest of the code the C library was built from (tgl_code_digest)."""
    return str(_ffi.lib.tgl_code_digest().decode())


__all__ = ["CancelledError", "Error", "FormatError", "Graph", "Jagged", "LimitError", "MismatchError",
           "MissingFileError", "MissingPartError", "NotFoundError", "OutOfMemoryError", "Overflow",
           "Package", "Payload", "Port", "Program", "Quant", "Rounding", "Session", "Slot", "Status",
           "Strings", "SystemIOError", "Table", "Type", "UnsupportedError", "UsageError", "code_digest",
           "export", "fields", "import_model", "load", "load_package", "model_info", "read"]
