"""The compiled handlers of a cell and a dtype: built and kept in the user's cache, loaded once.

The library's name holds a hash of what its code depends on: source, options, instruction set and
jaxlib, against whose headers it is built. One built for another of these is never found, so never
loaded: XLA refuses to start with a handler of newer headers than its own. The compiler is recorded
beside it. Another compiler builds it again; without any, the one that is there is used.
"""

import ctypes
import sys
from functools import cache, partial
from hashlib import sha256
from itertools import product, starmap
from pathlib import Path
from typing import NamedTuple

import jax
import jaxlib

from kernels.contract import DTYPES
from kernels.native import cache as files
from kernels.native import compiler
from kernels.native.compiler import BuildError
from reference import CELLS

HANDLERS = (
    "recurrence_forward",
    "recurrence_backward",
    "layer_forward",
    "layer_backward",
    "packed_forward",
)


def handler_name(handler: str, cell: str, dtype: str, target: str) -> str:
    """Under which XLA knows a handler."""
    return f"recurrent_kernels.{handler}.{cell}.{dtype}.{target}"


def custom_calls(cell: str = "relu", dtype: str = "float32") -> list[str]:
    """What programs with the native kernel call, each of which `jax.export` has to be allowed.

    A process that runs such a program, exported by another on a CPU of the same instruction set,
    calls this first: it builds and loads the library. Empty where the kernel does not run.
    Raises ValueError for a cell or a dtype that there is not.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; expected one of {', '.join(map(repr, DTYPES))}")
    known, target = CELLS[cell].name, compiler.target()
    if load(target, known, dtype):
        return []
    return [handler_name(handler, known, dtype, target) for handler in HANDLERS]


class Layout(NamedTuple):
    """Of packed weights: the columns of a panel, the rows of a group, the bytes of a number."""

    columns: int
    rows: int
    bytes: int


@cache
def layout(target: str, cell: str, dtype: str) -> Layout:
    """How the forward pass reads weights, once the library is there."""
    library = ctypes.CDLL(str(build(target, cell, dtype)))
    return Layout(*(ctypes.c_int * len(Layout._fields)).in_dll(library, "layout"))


@cache
def missing(target: str) -> str | None:
    """Why there is no library at all and none can be built, or None. Builds nothing."""
    paths = starmap(partial(_path, target), product(CELLS, DTYPES))
    if any(files.made_by(path) is not None for path in paths):
        return None
    try:
        compiler.find()
    except BuildError as error:
        return str(error)
    return None


@cache
def load(target: str, cell: str, dtype: str) -> str | None:
    """Build the library if need be, load it and register its handlers: None, or why not."""
    try:
        _register(ctypes.CDLL(str(build(target, cell, dtype))), target, cell, dtype)
    except (BuildError, OSError) as error:
        return str(error)
    return None


def build(target: str, cell: str, dtype: str) -> Path:
    """The library's path, built if it was not, is damaged, or was built by another compiler.

    Raises BuildError if the compiler cannot; OSError if the cache folder cannot be used.
    """
    path = _path(target, cell, dtype)
    if not _usable(path):
        with files.locked():
            if not _usable(path):  # another process may have built it meanwhile
                _build_at(path, target, cell, dtype)
    return path


def _usable(path: Path) -> bool:
    made_by = files.made_by(path)
    try:
        return made_by == compiler.version(compiler.find())
    except BuildError:
        return made_by is not None


def _build_at(path: Path, target: str, cell: str, dtype: str) -> None:
    message = f"Compiling the native CPU kernel for {cell} in {dtype} (once, about 8 s) ..."
    print(message, file=sys.stderr, flush=True)
    made_by = compiler.version(compiler.find())
    files.put(path, partial(compiler.compile_library, target, cell, dtype), made_by)


def _path(target: str, cell: str, dtype: str) -> Path:
    options = *compiler.options(target), *compiler.of_cell(cell), *compiler.of_dtype(dtype)
    parts = [target, *options, jaxlib.__version__]
    for source in sorted(compiler.SOURCE.rglob("*.*")):
        parts += [str(source.relative_to(compiler.SOURCE)), source.read_text()]
    digest = sha256("\0".join(parts).encode()).hexdigest()[:20]
    return files.folder() / f"native-{cell}-{dtype}-{digest}.so"


def _register(library: ctypes.CDLL, target: str, cell: str, dtype: str) -> None:
    for handler in HANDLERS:
        symbol = jax.ffi.pycapsule(_function(library, handler))
        name = handler_name(handler, cell, dtype, target)
        jax.ffi.register_ffi_target(name, symbol, platform="cpu")


def _function(library: ctypes.CDLL, name: str) -> object:
    try:
        return getattr(library, name)
    except AttributeError as error:
        raise BuildError(f"{library._name} has no function {name}: remove it") from error
