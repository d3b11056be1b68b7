"""Kernels that are none of this project: `--kernel package.module:NAME`, timed like all others."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

from bench.contenders.names import NAMES
from bench.records import git
from bench.records.run import UNKNOWN
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

    Raises ResultError for a place that is no `kernels.contract.Kernel`, or does not import, and
    for places in two folders: a result is filed under one commit.
    """
    for place in places:
        _check(place)
        KERNELS[name(place)] = place
    if len(folders := {folder(place) for place in places}) > 1:
        listed = ", ".join(sorted(map(str, folders)))
        raise ResultError(f"--kernel names kernels in {listed}; expected one folder")
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


def file(place: str) -> Path:
    """The file of its module."""
    return Path(find_spec(_module(place)).origin).resolve()


def folder(place: str) -> Path:
    """The folder on the search path that its module was found in."""
    found = file(place)
    return found.parents[_module(place).count(".") + (found.name == "__init__.py")]


def places(names: Sequence[str]) -> dict[str, str]:
    """Of the kernels among these that are not ours."""
    return {each: KERNELS.data[each] for each in names if each not in NAMES}


def files(names: Sequence[str]) -> dict[str, Path]:
    """The same, but the file of each."""
    return {each: file(place) for each, place in places(names).items()}


def versions(names: Sequence[str]) -> dict[str, str]:
    """The commit of each kernel among these that is not ours."""
    return {each: _commit(found.parent) for each, found in files(names).items()}


def _commit(place: Path) -> str:
    return git.output(place, "describe", "--always", "--dirty") or UNKNOWN


def _module(place: str) -> str:
    return place.partition(":")[0]
