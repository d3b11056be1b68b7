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


def install(session: nox.Session, *groups: str) -> None:
    """Install the project, with CUDA where there is an NVIDIA GPU, and these dependency groups."""
    extra = "[cuda]" if shutil.which("nvidia-smi") else ""
    session.install("-e", f".{extra}", *nox.project.dependency_groups(PROJECT, *groups))


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
