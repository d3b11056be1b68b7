"""Sessions: each only installs, then calls a command that also runs without nox."""

import shutil
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]
PYTHON = f"3.{max(sys.version_info.minor, 12)}"
PROJECT = nox.project.load_toml("pyproject.toml")
SUITE = "suite"
H200_STACK = ("jax==0.11.2", "jaxlib==0.11.2", "jax-triton==0.3.1", "triton==3.6.0")
GPU_KERNEL_TESTS = [
    f"tests/kernels/gpu/test_{name}.py" for name in ("mosaic", "triton", "pallas_gpu")
]
SANITIZED = "tests/kernels/native/test_sanitizers.py"
AARCH64 = "tests/kernels/native/test_aarch64.py"
ONNX_TESTS = "tests/kernels/onnx_format"
PEER_TESTS = ("tests/bench/contenders/test_peers.py", "tests/kernels/convert", ONNX_TESTS)
HAS_GPU = shutil.which("nvidia-smi") is not None
own = nox.session(python=PYTHON, reuse_venv=True, default=False)
shared = nox.session(venv_backend="none", requires=[SUITE], default=False)


@own
def suite(session: nox.Session) -> None:
    """The environment that most sessions share, for it is 2 GB; with CUDA where there is a GPU."""
    extra = "[cuda]" if HAS_GPU else ""
    session.install("-e", f".{extra}", *nox.project.dependency_groups(PROJECT, "test"))


@own
def peers(session: nox.Session) -> None:
    """Time what a user would pick instead of our kernels beside them; with torch it is 8 GB.

    A peer that cannot be installed is left out: the report says so.
    """
    extra = "[cuda]" if HAS_GPU else ""
    session.install("-e", f".{extra}", *nox.project.dependency_groups(PROJECT, "test"))
    for requirement in nox.project.dependency_groups(PROJECT, "peers"):
        try:
            session.install(requirement)
        except CommandFailed:
            session.warn(f"{requirement} cannot be installed here")
    session.run("pytest", "-q", *PEER_TESTS)
    suites = ("default", "deepbench" if HAS_GPU else "deepbench-short")
    for named in [()] if "--suite" in session.posargs else [("--suite", each) for each in suites]:
        session.run("python", "-m", "bench", "run", *named, *session.posargs)


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the shared environment."""
    folder = Path(".nox", SUITE, "bin")
    session.run(str(folder / program), *arguments, external=True)


def cuda_for_compilers(session: nox.Session) -> None:
    """What XLA needs to compile for a GPU that is not there: far less than the cuda extra."""
    jax = session.run("python", "-c", "import jax; print(jax.__version__)", silent=True).strip()
    plugins = (f"jax-cuda13-plugin=={jax}", f"jax-cuda13-pjrt=={jax}")
    session.install("--no-deps", *plugins, "nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-crt")


@own
def lint(session: nox.Session) -> None:
    """Style, format, and which way imports point."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")


@shared
def tests(session: nox.Session) -> None:
    """Correctness; what the sessions `sanitize` and `aarch64` run is left to them."""
    others = (f"--ignore={path}" for path in (SANITIZED, AARCH64))
    everything = ["-n", "2", "--dist", "worksteal", *others]
    run(session, "pytest", *(session.posargs or everything))


@own
def h200_stack(session: nox.Session) -> None:
    """The GPU kernels' offline tests on the versions that an H200 host without network has."""
    session.install("-e", ".", *H200_STACK, *nox.project.dependency_groups(PROJECT, "test"))
    cuda_for_compilers(session)
    session.run("pytest", "-n", "2", *(session.posargs or GPU_KERNEL_TESTS))


@own
def static(session: nox.Session) -> None:
    """Compile every kernel for the H200, without one: registers, spills, shared memory."""
    session.install("-e", ".")
    cuda_for_compilers(session)
    session.run("python", "-m", "bench.studies.static", *session.posargs)


@own
def onnx(session: nox.Session) -> None:
    """Nodes and models of ONNX against ONNX Runtime, apart from what benchmarks run in."""
    session.install("-e", ".", *nox.project.dependency_groups(PROJECT, "test", "onnx"))
    session.run("pytest", "-n", "2", *(session.posargs or [ONNX_TESTS]))


@shared
def bench(session: nox.Session) -> None:
    """Check and time the kernels on whatever this machine has."""
    run(session, "python", "-m", "bench", "run", *session.posargs)


@own
def fleet(session: nox.Session) -> None:
    """Time a suite on every kind of machine of a Ray cluster; without an address, on this one."""
    extras = "[cuda,fleet]" if HAS_GPU else "[fleet]"
    session.install("-e", f".{extras}")
    session.run("python", "-m", "bench", "fleet", *session.posargs)


@shared
def repeat(session: nox.Session) -> None:
    """Run a suite three times on this tree; the report then says how far the runs agree."""
    for _ in range(3):
        run(session, "python", "-m", "bench", "run", *session.posargs)


@shared
def adding(session: nox.Session) -> None:
    """Train the adding problem with every kernel."""
    run(session, "python", "-m", "bench", "adding", *session.posargs)


@shared
def regress(session: nox.Session) -> None:
    """Compare the working tree with a revision: faster, the same, slower or undecided."""
    run(session, "python", "-m", "bench", "regress", *session.posargs)


@shared
def ladder(session: nox.Session) -> None:
    """Measure the native kernel, one idea after the other."""
    run(session, "python", "-m", "bench", "ladder", *session.posargs)


@shared
def parts(session: nox.Session) -> None:
    """Measure what a training step of the native kernel is made of, for every cell."""
    run(session, "python", "-m", "bench", "parts", *session.posargs)


@shared
def turns(session: nox.Session) -> None:
    """What makes one turn longer than the next: cold starts, and others on the same cores."""
    run(session, "python", "-m", "bench", "turns", *session.posargs)


@shared
def sanitize(session: nox.Session) -> None:
    """The native kernel's C++ under the address, undefined behaviour and thread sanitizers."""
    run(session, "pytest", SANITIZED, *session.posargs)


@shared
def aarch64(session: nox.Session) -> None:
    """The native kernel's C++ for aarch64, under an emulator: right or wrong, never how fast."""
    if not (shutil.which("aarch64-linux-gnu-g++") and shutil.which("qemu-aarch64")):
        session.error("needs Debian's packages g++-aarch64-linux-gnu and qemu-user")
    run(session, "pytest", AARCH64, *session.posargs)


@own
def mutants(session: nox.Session) -> None:
    """Whether a test notices when a line is wrong: of the Python code, then of the C++ kernel."""
    groups = nox.project.dependency_groups(PROJECT, "test", "mutants")
    session.install("-e", ".", *groups)
    # Both halves run, whatever the first one finds.
    halves = (["python.py", *session.posargs], ["native.py"])
    failed = [half[0] for half in halves if not _passes(session, half)]
    if failed:
        session.error(f"not every mutant is accounted for: {', '.join(failed)}")


def _passes(session: nox.Session, half: list[str]) -> bool:
    program, *arguments = half
    try:
        session.run("python", f"tests/mutants/{program}", *arguments)
    except CommandFailed:
        return False
    return True


@shared
def compare(session: nox.Session) -> None:
    """What changed between this machine's latest two runs, or those that are named."""
    run(session, "python", "-m", "bench", "compare", *session.posargs)


@shared
def history(session: nox.Session) -> None:
    """Every kernel's time over the commits, on this machine, with the steps marked."""
    run(session, "python", "-m", "bench", "history", *session.posargs)


@shared
def report(session: nox.Session) -> None:
    """Rebuild reports and figures from the result files."""
    run(session, "python", "-m", "bench", "report", *session.posargs)


@shared
def release(session: nox.Session) -> None:
    """Run every command that is too slow for .ci/run, before a release."""
    session.run(sys.executable, ".ci/release.py", *session.posargs, external=True)
