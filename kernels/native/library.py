"""The compiled handlers: built once a machine, kept in the user's cache, loaded once a process.

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

import jax
import jaxlib

from kernels.contract import DTYPES
from kernels.native import cache as files
from kernels.native import compiler
from kernels.native.compiler import BuildError

HANDLERS = ("recurrence_forward", "recurrence_backward", "layer_forward", "layer_backward")
STORED = tuple(dtype for dtype in DTYPES if dtype != "float16")


def handler_name(handler: str, dtype: str, target: str) -> str:
    """Under which XLA knows a handler."""
    return f"recurrent_kernels.{handler}.{dtype}.{target}"


def custom_calls() -> list[str]:
    """What programs with the native kernel call, each of which `jax.export` has to be allowed.

    A process that runs such a program, exported by another on a CPU of the same instruction set,
    calls this first: it builds and loads the library. Empty where the kernel does not run.
    """
    target = compiler.target()
    if load(target):
        return []
    return [handler_name(handler, dtype, target) for handler in HANDLERS for dtype in STORED]


@cache
def missing(target: str) -> str | None:
    """Why there is no library and none can be built, or None. Builds nothing."""
    if files.made_by(_path(target)) is not None:
        return None
    try:
        compiler.find()
    except BuildError as error:
        return str(error)
    return None


@cache
def load(target: str) -> str | None:
    """Build the library if need be, load it and register its handlers: None, or why not."""
    try:
        _register(ctypes.CDLL(str(build(target))), target)
    except (BuildError, OSError) as error:
        return str(error)
    return None


def build(target: str) -> Path:
    """The library's path, built if it was not, is damaged, or was built by another compiler.

    Raises BuildError if the compiler cannot; OSError if the cache folder cannot be used.
    """
    path = _path(target)
    if not _usable(path):
        with files.locked():
            if not _usable(path):  # another process may have built it meanwhile
                _build_at(path, target)
    return path


def _usable(path: Path) -> bool:
    made_by = files.made_by(path)
    try:
        return made_by == compiler.version(compiler.find())
    except BuildError:
        return made_by is not None


def _build_at(path: Path, target: str) -> None:
    print("Compiling the native CPU kernel (once, about 20 s) ...", file=sys.stderr, flush=True)
    made_by = compiler.version(compiler.find())
    files.put(path, partial(compiler.compile_library, target), made_by)


def _path(target: str) -> Path:
    parts = [target, *compiler.options(target), jaxlib.__version__]
    for source in sorted(compiler.SOURCE.rglob("*.*")):
        parts += [str(source.relative_to(compiler.SOURCE)), source.read_text()]
    return files.folder() / f"native-{sha256('\0'.join(parts).encode()).hexdigest()[:20]}.so"


def _register(library: ctypes.CDLL, target: str) -> None:
    for handler in HANDLERS:
        for dtype in STORED:
            symbol = jax.ffi.pycapsule(_function(library, f"{handler}_{dtype}"))
            name = handler_name(handler, dtype, target)
            jax.ffi.register_ffi_target(name, symbol, platform="cpu")


def _function(library: ctypes.CDLL, name: str) -> object:
    try:
        return getattr(library, name)
    except AttributeError as error:
        raise BuildError(f"{library._name} has no function {name}: remove it") from error
