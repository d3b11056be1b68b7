"""Sessions: each only installs, then calls a command that also runs without nox."""

import shutil
import sys

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests"]
PYTHON = f"3.{max(sys.version_info.minor, 12)}"
PROJECT = nox.project.load_toml("pyproject.toml")
# One environment for all sessions that need JAX: it is 2 GB.
SUITE = {"python": PYTHON, "reuse_venv": True, "venv_location": ".nox/suite"}

H200_STACK = ("jax==0.11.2", "jaxlib==0.11.2", "jax-triton==0.3.1", "triton==3.6.0")
GPU_KERNEL_TESTS = [f"tests/test_{name}.py" for name in ("mosaic", "triton", "pallas_gpu")]


def install(session: nox.Session, *groups: str) -> None:
    """Install the project, with CUDA where there is an NVIDIA GPU, and these dependency groups."""
    extra = "[cuda]" if shutil.which("nvidia-smi") else ""
    session.install("-e", f".{extra}", *nox.project.dependency_groups(PROJECT, *groups))


def cuda_for_compilers(session: nox.Session) -> None:
    """What XLA needs to compile for a GPU that is not there: 1 GB less than the cuda extra."""
    jax = session.run("python", "-c", "import jax; print(jax.__version__)", silent=True).strip()
    plugins = (f"jax-cuda13-plugin=={jax}", f"jax-cuda13-pjrt=={jax}")
    session.install("--no-deps", *plugins, "nvidia-cuda-nvcc", "nvidia-nvvm", "nvidia-cuda-crt")


@nox.session(python=PYTHON, reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(**SUITE)
def tests(session: nox.Session) -> None:
    """Correctness."""
    install(session, "test")
    session.run("pytest", *(session.posargs or ["-n", "2"]))


@nox.session(**SUITE)
def bench(session: nox.Session) -> None:
    """Check and time the kernels on whatever this machine has."""
    install(session)
    session.run("python", "-m", "bench", "run", *session.posargs)


@nox.session(python=PYTHON, reuse_venv=True)
def h200_stack(session: nox.Session) -> None:
    """The GPU kernels' offline tests on the versions that an H200 host without network has."""
    session.install("-e", ".", *H200_STACK, *nox.project.dependency_groups(PROJECT, "test"))
    cuda_for_compilers(session)
    session.run("pytest", "-n", "2", *(session.posargs or GPU_KERNEL_TESTS))


@nox.session(python=PYTHON, reuse_venv=True)
def static(session: nox.Session) -> None:
    """Compile every kernel for the H200, without one: registers, spills, shared memory."""
    session.install("-e", ".")
    cuda_for_compilers(session)
    session.run("python", "-m", "bench.static", *session.posargs)


@nox.session(**SUITE)
def adding(session: nox.Session) -> None:
    """Train the adding problem with every kernel."""
    install(session)
    session.run("python", "-m", "bench", "adding", *session.posargs)


@nox.session(**SUITE)
def compare(session: nox.Session) -> None:
    """Two result files side by side."""
    install(session)
    session.run("python", "-m", "bench", "compare", *session.posargs)


@nox.session(**SUITE)
def report(session: nox.Session) -> None:
    """Rebuild reports and figures from the result files."""
    install(session)
    session.run("python", "-m", "bench", "report", *session.posargs)
