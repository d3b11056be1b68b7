"""Kernels that are none of this project: `--kernel package.module:NAME`, timed like all others."""

import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

from bench.contenders.names import NAMES
from bench.records.store import ResultError
from kernels.contract import Kernel
from kernels.registry import KERNELS

USUAL = "KERNEL"  # as ours are called in their modules; it is left out of a kernel's name


def name(place: str) -> str:
    """`package.module` of `package.module:KERNEL`, else `package.module.NAME`."""
    module, _, attribute = place.partition(":")
    return module if attribute == USUAL else f"{module}.{attribute}"


def registered(places: Sequence[str]) -> tuple[str, ...]:
    """Their names, under which they are now kernels as all others.

    Raises ResultError for a place that is no `kernels.contract.Kernel`, or does not import.
    """
    for place in places:
        _check(place)
        KERNELS[name(place)] = place
    return tuple(map(name, places))


def _check(place: str) -> None:
    expected = f"--kernel is {place!r}; expected package.module:NAME of a kernels.contract.Kernel"
    module, colon, attribute = place.partition(":")
    if not (colon and attribute.isidentifier() and all(map(str.isidentifier, module.split(".")))):
        raise ResultError(expected)
    if name(place) in NAMES:
        raise ResultError(f"{expected} under a name of its own")
    try:
        found = resolve_name(place)
    except Exception as error:  # whatever the module raises
        raise ResultError(f"{expected}: {type(error).__name__}: {error}") from error
    if not isinstance(found, Kernel):
        raise ResultError(f"{expected}: it is a {type(found).__name__}")


def folder(place: str) -> Path:
    """The folder on the search path that its module was found in."""
    module = place.partition(":")[0]
    origin = Path(find_spec(module).origin).resolve()
    inside = module.count(".") + (origin.name == "__init__.py")
    return origin.parents[inside]


def folders(names: Sequence[str]) -> dict[str, Path]:
    """Where each of these kernels that is not ours was found."""
    places = {each: KERNELS.data[each] for each in names if each not in NAMES}
    return {each: folder(place) for each, place in places.items()}


def versions(names: Sequence[str]) -> dict[str, str]:
    """The commit of each of these kernels that is not ours."""
    return {each: _commit(found) or "unknown commit" for each, found in folders(names).items()}


def _commit(place: Path) -> str:
    ask = ("git", "--no-optional-locks", "-C", str(place), "describe", "--always", "--dirty")
    return subprocess.run(ask, capture_output=True, text=True).stdout.strip()
