"""Trying mutants: each in a process forked from one that has imported all that is not ours.

Importing jax and the rest takes 4 s, a fork 0.01 s. It is safe because this process has neither
started a backend of JAX nor any other thread. Compiled programs are kept: XLA's cache finds one by
its whole text, so a mutant that changes a program never gets the old one.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep

IMPORTED = (
    *("jax.numpy", "jax.experimental.mosaic.gpu", "jax.experimental.pallas.mosaic_gpu"),
    *("jax.experimental.pallas.triton", "jaxtyping", "beartype", "hypothesis", "psutil"),
    *("numpy", "scipy.stats", "scipy.optimize", "pandas", "matplotlib.figure", "matplotlib.pyplot"),
    *("pytest", "pytest_benchmark.plugin", "pytest_timeout", "xdist", "optax", "tabulate"),
    *("pydantic", "jinja2", "markdown_it", "rich.console", "rich.table", "rich.progress"),
    *("archspec.cpu", "triton"),
)
OPTIONS = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:unraisableexception")
SLOWER = 3.0  # times what the unmutated module takes, and then its tests hang
SPARE_S = 10.0
ENVIRONMENT = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "JAX_PLATFORMS": "cpu",
    "OPENBLAS_NUM_THREADS": "1",
    "NPROC": "64",  # as tests/conftest.py says
}


@dataclass(frozen=True)
class Trial:
    """pytest's arguments with one module's text replaced, or with none."""

    arguments: tuple[str, ...]
    limit_s: float
    module: str = ""
    text: str = ""


@dataclass(frozen=True)
class Ending:
    """How a trial ended: pytest's exit status, None if it had to be stopped."""

    status: int | None
    seconds: float
    output: str


def prepare(caches: Path) -> None:
    """Import what children share. Call it once, before the first trial.

    A mutant must not leave a library in the user's cache either.
    """
    programs, libraries = str(caches / "programs"), str(caches / "libraries")
    os.environ |= ENVIRONMENT
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": programs, "XDG_CACHE_HOME": libraries}
    for name in IMPORTED:
        import_module(name)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise RuntimeError(f"{threads} threads; expected one, for a fork has but the one")


def copied(root: Path, into: Path) -> Path:
    """The working tree without what git ignores."""
    command = ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).exists():  # deleted, but not committed
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, into / name)
    return into


def played[Label](
    trials: Iterable[tuple[Label, Trial]], trees: list[Path], until: float
) -> Iterator[tuple[Label, Ending]]:
    """The endings as they come, one trial at a time in each tree; past `until` none begins."""
    waiting, idle, busy = iter(trials), [_Running(tree) for tree in trees], []
    while True:
        while idle and monotonic() < until and (following := next(waiting, None)):
            slot = idle.pop()
            slot.label, trial = following
            slot.start(trial)
            busy.append(slot)
        if not busy:
            return
        sleep(0.01)
        for slot in [slot for slot in busy if slot.ended()]:
            busy.remove(slot)
            idle.append(slot)
            yield slot.label, slot.ending


class _Running:
    """A tree, and the trial that is running in it."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.label = self.ending = None

    def start(self, trial: Trial) -> None:
        self.trial, self.begin = trial, monotonic()
        if trial.module:
            self.original = _swap(self.tree / trial.module, trial.text)
        self.output = self.tree.with_suffix(".txt")
        self.pid = os.fork() or _child(self.tree, self.output, trial)

    def ended(self) -> bool:
        """Whether it has; its process group is then gone and the tree as it was."""
        pid, status, _ = os.wait4(self.pid, os.WNOHANG)
        late = monotonic() - self.begin > self.trial.limit_s
        if not pid and not late:
            return False
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        if not pid:
            os.waitpid(self.pid, 0)
        if self.trial.module:
            _restore(self.tree / self.trial.module, self.original)
        code = os.waitstatus_to_exitcode(status) if pid else None
        self.ending = Ending(
            code, monotonic() - self.begin, self.output.read_text(errors="replace")
        )
        return True


def _swap(path: Path, text: str) -> tuple[str, float]:
    """Replace the text, as of 1970: what Python compiled of the old one, it keeps by its time."""
    original = path.read_text(), path.stat().st_mtime
    path.write_text(text)
    os.utime(path, (1, 1))
    return original


def _restore(path: Path, original: tuple[str, float]) -> None:
    text, time = original
    path.write_text(text)
    os.utime(path, (time, time))


def _child(tree: Path, output: Path, trial: Trial) -> int:
    """Run the tests in the tree, as the leader of a process group. Never returns."""
    status = 70  # the tests' own machinery broke
    try:
        os.setsid()
        os.chdir(tree)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        file = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(file, stream)
        sys.path.insert(0, str(tree))
        os.environ["PYTHONPATH"] = str(tree)
        # Only what is compiled of the unmutated code may be found again.
        sys.dont_write_bytecode = bool(trial.module)
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1" if trial.module else ""
        status = import_module("pytest").main([*OPTIONS, *trial.arguments])
        sys.stdout.flush()
    finally:
        os._exit(status)
