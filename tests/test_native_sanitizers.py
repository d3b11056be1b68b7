"""The native kernel's C++ under sanitizers: against plain loops, alone and with many callers."""

import subprocess
from pathlib import Path

import pytest

from kernels.native import compiler

HERE = Path(__file__).with_name("native")


@pytest.fixture(scope="module")
def cxx():
    try:
        return compiler.find()
    except compiler.BuildError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_driver_is_clean(cxx, sanitizers, tmp_path):
    program = tmp_path / "driver"
    target = [option for option in compiler.options(compiler.target()) if "march" in option]
    options = ["-std=c++17", "-O1", "-g", "-pthread", f"-fsanitize={sanitizers}", *target]
    folders = [f"-I{HERE}", f"-I{compiler.SOURCE}"]
    strict = "-fno-sanitize-recover=all"
    source = str(HERE / "driver.cc")
    subprocess.run([cxx, *options, strict, *folders, source, "-o", str(program)], check=True)
    ran = subprocess.run([program], capture_output=True, text=True, timeout=200, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, "all right"), ran.stdout + ran.stderr
