"""The package's build backend (PEP 517): a wheel of the Python files and the C library.

It needs the standard library alone, so that `pip install ./bindings/python` works without a network, and it writes
nothing beside the sources. The library comes from the build folder named by TRIGLINE_BUILD, or is built from the tree's
root by CMake. The same files and library give the same bytes: members carry no time.
"""

import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sysconfig
import tempfile
import tomllib
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARIES = {"libtrigline.so": "libtrigline.so", "libtrigline_capsule.so": "bindings/python/libtrigline_capsule.so"}


def get_requires_for_build_wheel(config_settings=None):
    return []


def get_requires_for_build_sdist(config_settings=None):
    return []


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("the C library's sources lie outside this folder: install from a clone of the tree")


def version():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(trigline VERSION ([0-9.]+)", text).group(1)


def metadata():
    """METADATA of the wheel, from pyproject.toml."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {version()}",
             f"Summary: {project['description']}", f"License: {project['license']['text']}",
             f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {name}" for name in project["dependencies"]]
    lines += [f"Classifier: {name}" for name in project["classifiers"]]
    return "\n".join(lines) + "\n"


def tag():
    """Any Python 3, since nothing is compiled against one; this machine's platform."""
    return "py3-none-" + re.sub(r"[-.]", "_", sysconfig.get_platform())


def build_libraries(folder):
    """Build the two libraries with CMake in `folder`."""
    if not (ROOT / "CMakeLists.txt").is_file():
        raise FileNotFoundError(f"{ROOT}: no CMakeLists.txt; build in a clone of the tree or name a build folder in TRIGLINE_BUILD")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF", *generator], check=True)
    subprocess.run(["cmake", "--build", folder, "--parallel", "--target", "trigline_shared", "trigline_capsule"], check=True)


def library_files(scratch):
    """{name in the wheel: path}, from TRIGLINE_BUILD or a build of our own in `scratch`."""
    folder = os.environ.get("TRIGLINE_BUILD")
    if folder is None:
        folder = scratch
        build_libraries(folder)
    files = {name: pathlib.Path(folder).resolve() / path for name, path in LIBRARIES.items()}
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(f"{path}: not there; build the targets trigline_shared and trigline_capsule in {folder}")
    return files


def record_line(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}"


def write_wheel(path, members):
    """A zip of {name: bytes}, members in order of name, RECORD last."""
    info = next(name.split("/")[0] for name in members if ".dist-info/" in name)
    lines = [record_line(name, members[name]) for name in sorted(members)]
    record = f"{info}/RECORD"
    members = {**dict(sorted(members.items())), record: "\n".join([*lines, f"{record},,\n"]).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)


def dist_info():
    return f"trigline-{version()}.dist-info"


def info_members():
    wheel = f"Wheel-Version: 1.0\nGenerator: trigline\nRoot-Is-Purelib: false\nTag: {tag()}\n"
    return {f"{dist_info()}/METADATA": metadata().encode(), f"{dist_info()}/WHEEL": wheel.encode(),
            f"{dist_info()}/LICENSE": (ROOT / "LICENSE").read_bytes()}


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory) / dist_info()
    folder.mkdir()
    for name, data in info_members().items():
        (folder / pathlib.Path(name).name).write_bytes(data)
    return folder.name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    source = HERE / "src"
    members = info_members()
    for path in sorted((source / "trigline").iterdir()):
        if path.suffix == ".py" or path.name == "py.typed":
            members[path.relative_to(source).as_posix()] = path.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in library_files(scratch).items():
            members[f"trigline/_native/{name}"] = path.read_bytes()
    name = f"trigline-{version()}-{tag()}.whl"
    write_wheel(os.path.join(wheel_directory, name), members)
    return name
