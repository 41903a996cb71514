"""The Python package's declarations of the C library against the public headers, by a C compiler: every structure's members, offsets
and sizes, every enumeration in both directions, every constant, every function's type. As a check of the check, one wrong declaration
of each kind must be refused."""
import ctypes
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get("TGL_SOURCE_DIR", "."))
os.environ["TRIGLINE_BUILD"] = os.environ.get("TGL_BUILD_DIR", "build/release")
spec = importlib.util.spec_from_file_location("trigline_ffi", SOURCE / "bindings/python/src/trigline/_ffi.py")
ffi = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ffi)

HEADERS = ["base", "fixed", "graph", "lower", "program", "emulate", "model", "store", "run", "table", "data"]
# Python has no const: the headers are read without. Their enumerations are int or unsigned int to the compiler.
PREAMBLE = "#include <stddef.h>\n#include <stdint.h>\n#define const\n" + "".join(f"#include <trigline/{name}.h>\n" for name in HEADERS)
SCALARS = {ctypes.c_int: "int", ctypes.c_uint: "unsigned int", ctypes.c_double: "double", ctypes.c_size_t: "unsigned long",
           ctypes.c_int64: "long", ctypes.c_uint8: "unsigned char", ctypes.c_char_p: "char *", ctypes.c_void_p: "void *", None: "void"}


def c_struct(kind):
    return ("struct " if kind.__name__.startswith("Arrow") else "") + kind.__name__


def c_type(kind):
    """A ctypes type in C's words."""
    if kind in SCALARS:
        return SCALARS[kind]
    if issubclass(kind, ctypes.Structure):
        return c_struct(kind)
    return c_type(kind._type_) + " *"


def struct_lines(kind, whole):
    for name, member in kind._fields_:
        field = getattr(kind, name)
        yield f"offsetof({c_struct(kind)}, {name}) == {field.offset}"
        yield f"sizeof((({c_struct(kind)} *)0)->{name}) == {ctypes.sizeof(member)}"
    if whole:
        yield f"sizeof({c_struct(kind)}) == {ctypes.sizeof(kind)}"


def function_line(name, result, arguments):
    return f"{c_type(result)} (*check_{name})({', '.join(map(c_type, arguments)) or 'void'}) = {name};"


def program():
    """C text that compiles where the declarations agree, and how many statements it makes."""
    claims = [f"{name} == {value}u" for name, value in ffi.CONSTANTS.items()]
    for kind, prefix in ffi.ENUMS.values():
        claims += [f"{prefix}{member.name} == {member.value}" for member in kind]
    for kind in ffi.WHOLE + ffi.BEGUN:
        claims += struct_lines(kind, kind in ffi.WHOLE)
    lines = [f'_Static_assert({claim}, "{claim}");' for claim in claims]
    lines += [function_line(name, *types) for name, types in ffi.FUNCTIONS.items()]
    return PREAMBLE + "\n".join(lines) + "\n", len(lines)


def compiles(text):
    done = subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-Werror", "-Wno-unused-variable", f"-I{SOURCE / 'include'}",
                           "-fsyntax-only", "-x", "c", "-"], input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


def enumerators(name):
    """The names of a public enumeration, from the header's text."""
    for header in HEADERS:
        text = (SOURCE / f"include/trigline/{header}.h").read_text()
        found = re.search(rf"typedef enum {name} {{(.*?)}} {name};", text, re.DOTALL)
        if found:
            body = re.sub(r"/\*.*?\*/", "", found.group(1), flags=re.DOTALL)
            return set(re.findall(r"\b(TGL_\w+)\b\s*(?==|,|$)", body))
    raise AssertionError(f"{name}: no such enumeration in the headers")


def main():
    text, n = program()
    good, complaint = compiles(text)
    assert good, complaint
    for name, (kind, prefix) in ffi.ENUMS.items():
        ours = {prefix + member.name for member in kind}
        assert enumerators(name) == ours, (name, enumerators(name) ^ ours)
    structures = {kind.__name__ for kind in ffi.WHOLE + ffi.BEGUN + ffi.OPAQUE}
    declared = {name for name, kind in vars(ffi).items()
                if isinstance(kind, type) and issubclass(kind, ctypes.Structure) and kind is not ctypes.Structure}
    assert structures == declared, structures ^ declared
    wrong = ['_Static_assert(offsetof(tgl_column, dtype) == 4, "");', '_Static_assert(TGL_EFORMAT == -5, "");',
             '_Static_assert(sizeof(tgl_run_rule) == 88, "");', function_line("tgl_lower", None, ffi.FUNCTIONS["tgl_lower"][1]),
             function_line("tgl_table_new", ctypes.c_int, [ctypes.POINTER(ffi.tgl_graph), ctypes.c_uint8, ctypes.c_void_p])]
    assert ctypes.sizeof(ffi.tgl_run_rule) != 88
    for line in wrong:
        assert not compiles(PREAMBLE + line)[0], line
    print(f"{n} declarations of {len(ffi.FUNCTIONS)} functions and {len(structures)} structures agree; {len(wrong)} wrong ones are refused")


main()
