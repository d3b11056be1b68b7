"""Runs the Triton programs in Triton's interpreter, which has to be chosen before Triton is loaded.

    python -m tests.helpers.triton_interpreted IN OUT

IN is a pickled list of (program, arguments, H, cell), the arguments NumPy arrays and sizes
with an array for the output last; OUT is the list of outputs.
"""

import os

os.environ["TRITON_INTERPRET"] = "1"

import pickle
import sys
from pathlib import Path

import numpy as np
import triton.language as tl

from kernels.triton import programs
from kernels.triton.config import choose, constants

TYPES = {"float16": "fp16", "float32": "fp32"}


class Tensor:
    """As much of a torch tensor as the interpreter asks for, over NumPy memory."""

    device = "cpu"

    def __init__(self, array: np.ndarray):
        self.array = array
        self.dtype = TYPES[array.dtype.name]

    def data_ptr(self) -> int:
        return self.array.ctypes.data

    def element_size(self) -> int:
        return self.array.itemsize

    def untyped_storage(self) -> "Tensor":
        return self

    def size(self) -> int:
        return self.array.nbytes

    def cpu(self) -> "Tensor":
        return self

    def copy_(self, other: "Tensor") -> None:
        assert other.array is self.array

    def new_empty(self, *_, **__) -> "Tensor":
        return self

    def set_(self, *_) -> None: ...

    def storage_offset(self) -> int:
        return 0

    def stride(self) -> None: ...


def passed(argument: np.ndarray | int) -> Tensor | tl.constexpr:
    """Sizes as constants: Triton 3.6 cannot count up to a variable under NumPy 2.5."""
    return Tensor(argument) if isinstance(argument, np.ndarray) else tl.constexpr(argument)


def run(program: str, arguments: list, H: int, cell: str) -> np.ndarray:
    """One launch; returns the last argument, which it has filled."""
    config, (_, B, _) = choose(H), arguments[0].shape
    launch = getattr(programs, program)[(-(-B // config.tile),)]
    launch(*map(passed, arguments), **constants(H, config, cell), num_warps=config.warps)
    return arguments[-1]


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    launches = pickle.loads(source.read_bytes())
    target.write_bytes(pickle.dumps([run(*launch) for launch in launches]))
