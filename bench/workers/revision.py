"""The kernels of any tree, through the face that it has: `kernels.face`.

Inputs, programs, oracle and clock are this tree's, which are imported before: the other tree's
`kernels` and `reference` then take the place of these in the list of modules.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import kernels
from bench.cases import divided
from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.programs import Functions, program
from bench.contenders import limits
from bench.contenders.subject import Subject, compiled
from bench.workers.faceless import Faceless
from bench.workers.first_face import FirstFace
from kernels.registry import KERNELS

PACKAGES = ("kernels", "reference")  # what a revision brings along
# By the version of a face: what makes it the latest one.
FACES: Mapping[int, Callable[[Any], Any]] = {
    1: FirstFace,
    2: lambda face: face,  # which `program` asks for nothing that it lacks
    3: lambda face: face,
}
WITH_SEQUENCES = 3  # the first whose `rnn` takes layers, directions and lengths


class Revision:
    """The same questions as `bench.contenders.registry` answers, to the kernels of a tree."""

    def __init__(self, root: Path):
        """Import them. Raises ImportError if they are not the tree's, or have another face."""
        self._face, self._version = _face(root)

    def known(self, name: str) -> bool:
        """Whether there is a kernel of this name."""
        return name in self._face.names()

    def unsupported(self, case: Case) -> str | None:
        """Why it cannot run this case here, or None: it can, and is prepared."""
        w, kind = case.share, FORMATS[case.dtype]
        if self._version < WITH_SEQUENCES and not w.plain:
            return "this revision is timed without layers, directions and lengths only"
        sizes = {"T": w.T, "B": w.B, "H": w.H}
        options = {"cell": case.cell, "precision": kind.precision}
        reason = self._face.why_not(case.kernel, **sizes, dtype=kind.storage, **options)
        return divided.uneven(case) or reason or limits.too_large(case)

    def emulated(self, case: Case) -> str | None:
        """Why timing it would mean nothing, or None."""
        return divided.shared(case) or self._face.emulated(case.kernel)

    def prepare(self, case: Case) -> Subject:
        """The case made runnable."""
        options = {"cell": case.cell, "precision": FORMATS[case.dtype].precision}
        functions = self._face.functions(case.kernel, **options)
        return compiled(program(case, Functions(**functions)))


def _face(root: Path) -> tuple[ModuleType | FirstFace, int]:
    """In the shape of the latest one, and its version."""
    # What is left of our own kernels would now load the other tree's, by their names.
    kernels.__getattr__ = _refuse
    KERNELS.data.clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    sys.path.insert(0, str(root))
    for package in map(import_module, PACKAGES):
        if not Path(package.__file__).is_relative_to(root):
            raise ImportError(
                f"{package.__name__} was imported from {package.__file__}, not from {root}"
            )
    try:
        face = import_module("kernels.face")
    except ModuleNotFoundError as error:
        if error.name != "kernels.face":
            raise
        return FirstFace(Faceless()), 1
    if face.VERSION not in FACES:
        *others, last = map(str, FACES)
        known = f"{', '.join(others)} and {last}"
        raise ImportError(f"{root} has face {face.VERSION}; this gate understands {known}")
    return FACES[face.VERSION](face), face.VERSION


def _refuse(name: str) -> object:
    raise AttributeError(f"kernels.{name} is not to be used beside another tree's kernels")
