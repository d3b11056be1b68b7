"""What a result must say of where it came from: machine, versions, source."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil

from bench.records import git
from bench.records.facts import Settings, Source
from bench.records.machine import Gpu, Machine
from bench.records.run import SCHEMA
from bench.timing import processor

MEASURED_FROM = (":/", ":(top,exclude)results")  # a report made anew changes no kernel
CORES = "sys/devices/system/cpu"
MALLOC = ("MALLOC_", "GLIBC_TUNABLES")  # what variables of an allocator begin with
ASYNC_DISPATCH = "jax_cpu_enable_async_dispatch"
PACKAGES = ("jax", "jaxlib", "jax-triton", "triton", "numpy", "pytest-benchmark")


def machine() -> Machine:
    """Describe this machine as the process sees it now."""
    import jax  # here, for a run's supervisor does without

    device = jax.devices()[0]
    return Machine(
        backend=device.platform,
        cpu=processor.describe(),
        memory_bytes=psutil.virtual_memory().total,
        gpu=_gpu(device.device_kind) if device.platform == "gpu" else None,
        os=platform.platform(),
        load_average=psutil.getloadavg()[0],
        xla_flags=os.environ.get("XLA_FLAGS", ""),
    )


def _gpu(name: str) -> Gpu:
    mebibytes = _nvidia_smi("memory.total")
    return Gpu(
        name=name,
        memory_bytes=int(mebibytes) * 2**20 if mebibytes and mebibytes.isdigit() else None,
        driver=_nvidia_smi("driver_version"),
        clocks=_nvidia_smi("clocks.sm,clocks.mem,clocks.max.sm"),
    )


def backends() -> tuple[str, ...]:
    """The backends that JAX can use here, found out without starting any of them."""
    cuda = find_spec("jax_cuda13_plugin") or find_spec("jax_cuda12_plugin")
    return ("cpu", "gpu") if cuda and shutil.which("nvidia-smi") else ("cpu",)


def versions() -> dict[str, str]:
    """Python's and every package's that can change a timing."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def settings(root: Path = Path("/")) -> Settings:
    """How the system runs its cores, by Linux's files below `root`, and this process's own."""
    cores = root / CORES
    pressure = re.search(r"some .*avg60=([\d.]+)", _text(root / "proc/pressure/memory"))
    return Settings(
        governor=_text(cores / "cpu0/cpufreq/scaling_governor") or None,
        turbo=_turbo(cores),
        memory_pressure=float(pressure[1]) / 100 if pressure else None,
        malloc=malloc(),
        async_dispatch=async_dispatch(),
    )


def async_dispatch() -> bool:
    """Whether JAX may run a program on a CPU in another thread than the one that calls it."""
    import jax

    return jax.config.read(ASYNC_DISPATCH)


def malloc() -> dict[str, str]:
    """The environment's variables for the allocator."""
    return {name: value for name, value in os.environ.items() if value and name.startswith(MALLOC)}


def _turbo(cores: Path) -> bool | None:
    """Intel's own driver has a file that forbids it, others one that allows it."""
    forbidden, allowed = _text(cores / "intel_pstate/no_turbo"), _text(cores / "cpufreq/boost")
    return {"0": True, "1": False}.get(forbidden, {"1": True, "0": False}.get(allowed))


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def source(file: Path | None = None) -> Source:
    """The checkout that a file belongs to, as it stands; by default this suite's."""
    file = file or Path(__file__)
    ask = partial(git.output, file.parent)
    if not ask("ls-files", "--error-unmatch", file.name):
        return Source(None, dirty=False)
    changed = ask("status", "--porcelain", "--untracked-files=no", "--", *MEASURED_FROM)
    return Source(ask("rev-parse", "HEAD"), dirty=changed != "")  # None: git cannot say


def _nvidia_smi(fields: str) -> str | None:
    return (
        _output("nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits", "--id=0")
        or None
    )


def _output(*command: str) -> str | None:
    """What a command prints, or None if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def origin(suite: str, command: str) -> dict[str, object]:
    """The fields of `Origin`, here and now."""
    return {
        "schema": SCHEMA,
        "suite": suite,
        "command": command,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "source": source(),
        "settings": settings(),
    }
