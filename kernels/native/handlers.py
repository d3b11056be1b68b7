"""The compiled handlers of a cell: built once a machine, kept in the user's cache, loaded once.

The library's name holds a hash of what its code depends on: source, options, instruction set and
jaxlib, against whose headers it is built. One built for another of these is never found, so never
loaded: XLA refuses to start with a handler of newer headers than its own. The compiler is recorded
beside it. Another compiler builds it again; without any, the one that is there is used.
"""

import ctypes
import sys
from functools import cache, partial
from hashlib import sha256
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


def custom_calls(cell: str = "relu") -> list[str]:
    """What programs with the native kernel call, each of which `jax.export` has to be allowed.

    A process that runs such a program, exported by another on a CPU of the same instruction set,
    calls this first: it builds and loads the cell's library. Empty where the kernel does not run.
    """
    target = compiler.target()
    if load(target, cell):
        return []
    return [handler_name(handler, cell, dtype, target) for handler in HANDLERS for dtype in DTYPES]


class Layout(NamedTuple):
    """Of packed weights: the columns of a panel, the rows of a group, the bytes of a number."""

    columns: int
    rows: int
    bytes: int


@cache
def layout(target: str, cell: str, dtype: str) -> Layout:
    """How the forward pass reads weights of a dtype, once the cell's library is there."""
    library = ctypes.CDLL(str(build(target, cell)))
    return Layout(*(ctypes.c_int * len(Layout._fields)).in_dll(library, f"layout_{dtype}"))


@cache
def missing(target: str) -> str | None:
    """Why there is no library of any cell and none can be built, or None. Builds nothing."""
    if any(files.made_by(_path(target, cell)) is not None for cell in CELLS):
        return None
    try:
        compiler.find()
    except BuildError as error:
        return str(error)
    return None


@cache
def load(target: str, cell: str) -> str | None:
    """Build the library if need be, load it and register its handlers: None, or why not."""
    try:
        _register(ctypes.CDLL(str(build(target, cell))), target, cell)
    except (BuildError, OSError) as error:
        return str(error)
    return None


def build(target: str, cell: str) -> Path:
    """The library's path, built if it was not, is damaged, or was built by another compiler.

    Raises BuildError if the compiler cannot; OSError if the cache folder cannot be used.
    """
    path = _path(target, cell)
    if not _usable(path):
        with files.locked():
            if not _usable(path):  # another process may have built it meanwhile
                _build_at(path, target, cell)
    return path


def _usable(path: Path) -> bool:
    made_by = files.made_by(path)
    try:
        return made_by == compiler.version(compiler.find())
    except BuildError:
        return made_by is not None


def _build_at(path: Path, target: str, cell: str) -> None:
    message = f"Compiling the native CPU kernel for {cell} (once, about 25 s) ..."
    print(message, file=sys.stderr, flush=True)
    made_by = compiler.version(compiler.find())
    files.put(path, partial(compiler.compile_library, target, cell), made_by)


def _path(target: str, cell: str) -> Path:
    parts = [target, *compiler.options(target), *compiler.of_cell(cell), jaxlib.__version__]
    for source in sorted(compiler.SOURCE.rglob("*.*")):
        parts += [str(source.relative_to(compiler.SOURCE)), source.read_text()]
    digest = sha256("\0".join(parts).encode()).hexdigest()[:20]
    return files.folder() / f"native-{cell}-{digest}.so"


def _register(library: ctypes.CDLL, target: str, cell: str) -> None:
    for handler in HANDLERS:
        for dtype in DTYPES:
            symbol = jax.ffi.pycapsule(_function(library, f"{handler}_{dtype}"))
            name = handler_name(handler, cell, dtype, target)
            jax.ffi.register_ffi_target(name, symbol, platform="cpu")


def _function(library: ctypes.CDLL, name: str) -> object:
    try:
        return getattr(library, name)
    except AttributeError as error:
        raise BuildError(f"{library._name} has no function {name}: remove it") from error
