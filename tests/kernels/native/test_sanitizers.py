"""The native kernel's C++ under sanitizers: against plain loops, alone and with many callers."""

import subprocess
from pathlib import Path

import pytest

from kernels.native import compiler

HERE = Path(__file__).parent
SANITIZERS = ("address,undefined", "thread")


@pytest.fixture(scope="module", autouse=True)
def compiler_with_sanitizers(tmp_path_factory):
    """Not every compiler has the sanitizers' libraries."""
    source = tmp_path_factory.mktemp("nothing") / "nothing.cc"
    source.write_text("int main() {}")
    try:
        for sanitizers in SANITIZERS:
            compiler.compile_program(source, source.with_suffix(""), f"-fsanitize={sanitizers}")
    except compiler.BuildError as error:
        pytest.skip(str(error))


# Between them the cells have all that a cell can have; threads divide the work of all alike.
@pytest.mark.parametrize(
    ("sanitizers", "cell"),
    [
        ("address,undefined", "relu"),
        ("address,undefined", "gru"),
        ("address,undefined", "lstm"),
        ("thread", "lstm"),
    ],
)
def test_driver_is_clean(sanitizers, cell, tmp_path):
    program = tmp_path / "driver"
    options = [
        "-O1",
        "-g",
        f"-fsanitize={sanitizers}",
        "-fno-sanitize-recover=all",
        *compiler.of_cell(cell),
    ]
    compiler.compile_program(HERE / "driver.cc", program, *options)
    ran = subprocess.run([program], capture_output=True, text=True, timeout=200, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "all right"), ran.stdout + ran.stderr
