"""The native kernel's C++ on aarch64: compiled here for there, and run by an emulator.

Python and JAX are not part of it: what is emulated is the driver that the sanitizers run.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from kernels.contract import DTYPES
from kernels.native import compiler
from reference import CELLS

HERE = Path(__file__).parent
CROSS, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
AARCH64 = 183  # the machine in an ELF file's header

pytestmark = pytest.mark.skipif(
    not (shutil.which(CROSS) and shutil.which(EMULATOR)),
    reason="needs Debian's g++-aarch64-linux-gnu and qemu-user",
)


@pytest.fixture(autouse=True)
def cross_compiler(monkeypatch):
    monkeypatch.setattr(compiler, "find", lambda: CROSS)
    monkeypatch.setattr(compiler, "target", lambda: "aarch64")


@pytest.mark.parametrize("cell", CELLS)
def test_the_driver_is_right(cell, tmp_path):
    program = tmp_path / "driver"
    compiler.compile_program(HERE / "driver.cc", program, "-static", *compiler.of_cell(cell))
    command = [EMULATOR, program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "all right"), ran.stdout + ran.stderr


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", CELLS)
def test_what_xla_calls_compiles(cell, dtype, tmp_path):
    library = tmp_path / "library.so"
    compiler.compile_library("aarch64", cell, dtype, library)
    assert int.from_bytes(library.read_bytes()[18:20], "little") == AARCH64
