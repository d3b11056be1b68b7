"""The compiled handlers: built once a machine, kept in the user's cache, loaded once a process.

The library's name holds a hash of everything it depends on: source, options, instruction set,
compiler and jaxlib, against whose headers it is built. One built for another of these is never
found, so never loaded: XLA refuses to start with a handler of newer headers than its own.
"""

import ctypes
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path

import jax
import jaxlib

from kernels.contract import DTYPES
from kernels.native import compiler
from kernels.native.compiler import BuildError

HANDLERS = ("recurrence_forward", "recurrence_backward", "layer_forward", "layer_backward")
STORED = tuple(dtype for dtype in DTYPES if dtype != "float16")


def handler_name(handler: str, dtype: str, target: str) -> str:
    """Under which XLA knows a handler."""
    return f"recurrent_kernels.{handler}.{dtype}.{target}"


def custom_calls() -> list[str]:
    """What programs with the native kernel call, as `jax.export` must be told to allow.

    A process that runs such a program, exported by another on a CPU of the same instruction set,
    calls this first: it loads the library. Empty where the kernel does not run.
    """
    target = compiler.target()
    if obstacle(target):
        return []
    return [handler_name(handler, dtype, target) for handler in HANDLERS for dtype in STORED]


@cache
def obstacle(target: str) -> str | None:
    """Why the handlers cannot run here, or None: they are built, loaded and registered."""
    try:
        _register(ctypes.CDLL(str(build(target))), target)
    except (BuildError, OSError) as error:
        return str(error)
    return None


def build(target: str) -> Path:
    """The library's path, built if it was not.

    Raises BuildError if the compiler cannot; OSError if the cache folder cannot be used.
    """
    folder = _cache_folder()
    path = folder / f"native-{_key(target)}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _only_one(folder / "lock"):
            if not path.exists():  # another process may have built it meanwhile
                _build_at(path, target)
    return path


def _build_at(path: Path, target: str) -> None:
    """Compile beside the path, then move there: no one sees half a library."""
    print("Compiling the native CPU kernel (once, about 20 s) ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch, path.name)
        compiler.compile_library(target, built)
        built.replace(path)


def _key(target: str) -> str:
    parts = [target, *compiler.options(target), compiler.version(compiler.find())]
    parts.append(jaxlib.__version__)
    for source in sorted(compiler.SOURCE.iterdir()):
        parts += [source.name, source.read_text()]
    return sha256("\0".join(parts).encode()).hexdigest()[:20]


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "recurrent-kernels")


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """One process at a time; the system lets go of the lock of one that dies."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _register(library: ctypes.CDLL, target: str) -> None:
    for handler in HANDLERS:
        for dtype in STORED:
            symbol = jax.ffi.pycapsule(getattr(library, f"{handler}_{dtype}"))
            name = handler_name(handler, dtype, target)
            jax.ffi.register_ffi_target(name, symbol, platform="cpu")
