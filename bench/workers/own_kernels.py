"""A user's own kernels as they are in a folder, among the kernels of this tree."""

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from bench.contenders import registry
from bench.contenders.checking import Contenders
from kernels.registry import KERNELS


def contenders(root: Path, places: Mapping[str, str]) -> Contenders:
    """All kernels, of which these, by name, come from the folder; one that it lacks is unknown.

    Raises whatever a module raises that is there and does not import.
    """
    sys.path.insert(0, str(root))
    for name, place in places.items():
        module = place.partition(":")[0]
        try:
            found = Path(import_module(module).__file__)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise
            continue  # a revision from before the kernel
        if found.resolve().is_relative_to(root):  # else it is another copy, and not there
            KERNELS[name] = place
    return registry
