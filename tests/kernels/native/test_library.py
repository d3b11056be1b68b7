"""The native kernel's library: built once, loaded only if it is intact, and not by looking."""

import _ctypes
import fcntl
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import kernels
from bench import cli
from bench.cases.inputs import make_inputs
from bench.cases.workloads import Workload
from kernels.native import cache, compiler, handlers
from kernels.native.compiler import BuildError
from kernels.registry import KERNELS

FIND = compiler.find.__wrapped__
TARGET = "some-cpu"  # its handlers have names of their own
CELL, DTYPE = "relu", "float32"
MADE = make_inputs(Workload("small", T=2, B=8, I=3, H=64, O=5), DTYPE, CELL)


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    """A cache of its own, and nothing remembered from before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "there"))
    for name in ("load", "missing"):
        monkeypatch.setattr(handlers, name, getattr(handlers, name).__wrapped__)
    return tmp_path / "not" / "there" / "recurrent-kernels"


def remove_compiler(monkeypatch):
    """Let none be found, however often one was."""
    monkeypatch.setattr(compiler, "NAMES", ("no-such-compiler",))
    monkeypatch.setattr(compiler, "find", FIND)


@pytest.fixture
def builds(monkeypatch):
    """What was built, by a compiler that only writes down for what."""
    built = []

    def compile_library(target, cell, dtype, output):
        built.append(target)
        output.write_text(f"library {len(built)}")

    monkeypatch.setattr(compiler, "compile_library", compile_library)
    monkeypatch.setattr(compiler, "find", lambda: "c++")
    monkeypatch.setattr(compiler, "version", lambda compiler: "c++ 1\nof some system")
    return built


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A library that can be loaded."""
    target = compiler.target()
    if reason := handlers.load(target, CELL, DTYPE):
        pytest.skip(reason)
    return shutil.copy(handlers.build(target, CELL, DTYPE), tmp_path_factory.mktemp("library"))


@pytest.fixture
def copies(builds, real, monkeypatch):
    """What was built, each a copy of a real library."""

    def compile_library(target, cell, dtype, output):
        builds.append(target)
        shutil.copy(real, output)

    monkeypatch.setattr(compiler, "compile_library", compile_library)
    return builds


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


DAMAGES = {
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "random": lambda content: os.urandom(len(content)),
    "foreign": lambda content: Path(_ctypes.__file__).read_bytes(),
    "longer": lambda content: content + b"0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_library_is_built_again_and_not_loaded(copies, damage):
    target = f"cpu-of-{damage}"  # what is registered once stays
    path = handlers.build(target, CELL, DTYPE)
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    assert handlers.load(target, CELL, DTYPE) is None
    assert copies == [target] * 2 and path.read_bytes() == whole


@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"7 bytes, SHA-256 0"])
def test_a_library_whose_manifest_is_damaged_is_built_again(builds, damage):
    path = handlers.build(TARGET, CELL, DTYPE)
    (manifest,) = path.parent.glob("*.txt")
    manifest.write_bytes(damage)
    assert handlers.build(TARGET, CELL, DTYPE) == path
    manifest.unlink()
    handlers.build(TARGET, CELL, DTYPE)
    assert builds == [TARGET] * 3


def test_a_library_is_used_where_the_compiler_is_gone(copies, monkeypatch):
    path = handlers.build(TARGET, CELL, DTYPE)
    remove_compiler(monkeypatch)
    assert handlers.missing(TARGET) is None and handlers.load(TARGET, CELL, DTYPE) is None
    path.unlink()  # what is loaded must stay as it is, or this process dies
    path.write_bytes(b"damaged")
    assert "no C++ compiler found" in handlers.missing(TARGET)
    assert "no C++ compiler found" in handlers.load(TARGET, CELL, DTYPE)
    assert copies == [TARGET]


def test_a_whole_library_without_our_functions_is_one_sentence(builds, monkeypatch):
    monkeypatch.setattr(
        compiler,
        "compile_library",
        lambda target, cell, dtype, output: shutil.copy(_ctypes.__file__, output),
    )
    assert "has no function recurrence_forward" in handlers.load(TARGET, CELL, DTYPE)


def test_two_that_build_at_once_build_once(empty_cache, builds, monkeypatch):
    build = compiler.compile_library

    def compile_library(target, cell, dtype, output):
        with (empty_cache / "lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        build(target, cell, dtype, output)

    monkeypatch.setattr(compiler, "compile_library", compile_library)
    with ThreadPoolExecutor(4) as pool:
        (path,) = set(pool.map(handlers.build, [TARGET] * 4, [CELL] * 4, [DTYPE] * 4))
    assert builds == [TARGET]
    assert names(empty_cache) == [path.name, path.with_suffix(".txt").name]


@pytest.mark.parametrize("synced", [0, 1])
def test_a_build_that_ends_halfway_leaves_no_half_library(builds, monkeypatch, synced):
    """The library, then its manifest: each is on the disk before it has its name."""
    path = handlers.build(TARGET, CELL, DTYPE)
    monkeypatch.setattr(compiler, "version", lambda compiler: "c++ 2")
    calls = iter([None] * synced)

    def fsync(handle):
        if next(calls, OSError) is OSError:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        handlers.build(TARGET, CELL, DTYPE)
    assert (cache.made_by(path) is None) == bool(synced)
    assert len(names(path.parent)) == 2


def test_another_cell_dtype_jaxlib_or_source_is_another_library(builds, monkeypatch, tmp_path):
    paths = [handlers.build("x86-64", CELL, DTYPE), handlers.build("x86-64-v3", CELL, DTYPE)]
    paths.append(handlers.build("x86-64", "lstm", DTYPE))
    paths.append(handlers.build("x86-64", CELL, "bfloat16"))
    monkeypatch.setattr(handlers.jaxlib, "__version__", "0.0.1")
    paths.append(handlers.build("x86-64", CELL, DTYPE))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "other.h").write_text("// other")
    monkeypatch.setattr(compiler, "SOURCE", tmp_path / "source")
    paths.append(handlers.build("x86-64", CELL, DTYPE))
    assert len(set(paths)) == len(paths)


def test_another_compiler_builds_it_again(builds, monkeypatch, capsys):
    path = handlers.build(TARGET, CELL, DTYPE)
    assert capsys.readouterr().err == (
        "Compiling the native CPU kernel for relu in float32 (once, about 8 s) ...\n"
    )
    assert handlers.build(TARGET, CELL, DTYPE) == path and builds == [TARGET]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(compiler, "version", lambda compiler: "c++ 2")
    assert handlers.build(TARGET, CELL, DTYPE) == path and builds == [TARGET] * 2


# Looking, and running.


def test_looking_builds_nothing(empty_cache, builds, capsys):
    shape = ("--shape", "T=2,B=8,I=3,H=64,O=5")
    assert kernels.available()["native"] is None
    assert cli.main(["run", "--list", *shape, "--kernels", "native", "--backend", "cpu"]) == 0
    assert capsys.readouterr().out.count("native") == 4
    assert not builds and not empty_cache.exists()


def test_a_failed_build_is_one_sentence_and_auto_does_without(empty_cache, monkeypatch, tmp_path):
    broken = tmp_path / "broken-c++"
    write_compiler(broken, '[ "$1" = --version ] && exit 0; echo "error: no luck" >&2; exit 1')
    monkeypatch.setattr(compiler, "find", lambda: str(broken))
    assert kernels.available()["native"] is None
    with pytest.raises(ValueError, match=r"kernel 'native' cannot run this problem: .*no luck"):
        kernels.rnn(MADE.params, MADE.x, kernel="native")
    assert kernels.rnn(MADE.params, MADE.x)[0].shape == (2, 8, 5)
    assert names(empty_cache) == []


def write_compiler(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (r"printf 'a note\nerror: first\nerror: second\n' >&2; exit 3", "failed: error: first"),
        ("echo 'a note' >&2; exit 3", "failed: exit status 3"),
    ],
)
def test_a_compilers_first_error_is_the_reason(tmp_path, script, sentence):
    write_compiler(tmp_path / "c++", script)
    with pytest.raises(BuildError) as caught:
        compiler.version(str(tmp_path / "c++"))
    assert str(caught.value) == f"{tmp_path / 'c++'} {sentence}"


def test_a_compiler_that_does_not_run_is_one_sentence(tmp_path):
    path = tmp_path / "c++"
    path.touch()
    with pytest.raises(BuildError) as caught:
        compiler.version(str(path))
    assert str(caught.value) == f"{path} does not run: Permission denied"


def test_the_compilers_are_looked_for_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    write_compiler(tmp_path / "clang++", "exit 0")
    assert FIND() == str(tmp_path / "clang++")
    write_compiler(tmp_path / "g++", "exit 0")
    assert FIND() == str(tmp_path / "g++")


def test_a_level_of_x86_is_compiled_for_and_no_other_machine():
    assert compiler.options("x86-64-v3") == ["-std=c++17", "-O3", "-march=x86-64-v3"]
    assert compiler.options("aarch64") == ["-std=c++17", "-O3"]


@pytest.mark.parametrize("flags", ["flags\t\t: fpu avx2 : fma\nflags : no\n", "no such line\n"])
def test_a_cpus_features_are_the_first_processors(flags, monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda self: f"processor : 0\n{flags}")
    assert compiler._cpu_features() == ({"fpu", "avx2", ":", "fma"} if "fpu" in flags else set())


def test_a_program_is_compiled_with_the_kernels_headers(tmp_path):
    """Of its own folder and of the kernel's."""
    try:
        FIND()
    except BuildError as error:
        pytest.skip(str(error))
    (tmp_path / "own.h").write_text("const int own = 4;")
    (tmp_path / "program.cc").write_text(
        '#include "own.h"\n#include "math/number.h"\nint main() { return own - MORE; }'
    )
    compiler.compile_program(tmp_path / "program.cc", tmp_path / "program", "-DMORE=1")
    assert subprocess.run([tmp_path / "program"]).returncode == 3


def test_without_a_compiler_the_rest_works(monkeypatch):
    remove_compiler(monkeypatch)
    assert "no C++ compiler found" in kernels.available()["native"]
    assert kernels.rnn(MADE.params, MADE.x)[0].shape == (2, 8, 5)
    with pytest.raises(ValueError, match="no C\\+\\+ compiler found"):
        kernels.rnn(MADE.params, MADE.x, kernel="native")
    assert KERNELS["native"].unavailable("gpu") == "runs on CPU only; this is gpu"
