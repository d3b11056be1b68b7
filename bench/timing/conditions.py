"""What else went on in the machine while a case was timed."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import psutil

from bench.records.facts import Conditions, GpuConditions

# Bits of clocks_throttle_reasons.active (nvml.h, nvmlClocksThrottleReasons). Left out are an idle
# GPU, clocks that someone set and the display's: none of them is held back by a limit.
THROTTLED = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal limit",
    0x40: "hardware thermal limit",
    0x80: "power brake",
}
GPU_FIELDS = "clocks.sm,clocks.mem,clocks_throttle_reasons.active"


@dataclass(frozen=True)
class Moment:
    """Seconds so far: on the wall, of all that kept our cores busy, of this process and its own."""

    wall: float
    busy: float
    own: float


def now() -> Moment:
    """From which to count others' share."""
    process = psutil.Process()
    cores, times = set(process.cpu_affinity()), psutil.cpu_times(percpu=True)
    busy = sum(map(_busy, (each for core, each in enumerate(times) if core in cores)))
    own = (process, *process.children())  # a peer's process is ours
    return Moment(perf_counter(), busy, sum(sum(each.cpu_times()[:4]) for each in own))


def _busy(core: object) -> float:
    """Seconds neither idle nor waiting for a disk; those that a host's other guests stole too."""
    names = ("user", "nice", "system", "irq", "softirq", "steal")
    return sum(getattr(core, name, 0.0) for name in names)


def others(start: Moment, end: Moment, cores: int) -> float:
    """The share of the cores' time between two moments that was not this process's, 0 to 1."""
    available = cores * (end.wall - start.wall)
    taken = (end.busy - start.busy) - (end.own - start.own)
    return min(max(taken / available, 0.0), 1.0) if available > 0 else 0.0


def since(start: Moment, call: Callable[[], object], *, on_gpu: bool) -> Conditions:
    """The conditions from `start` to now; a GPU is queried while `call` keeps it busy."""
    return Conditions(
        others=others(start, now(), len(psutil.Process().cpu_affinity())),
        load_average=psutil.getloadavg()[0],
        cpu_mhz=_cpu_mhz(),
        gpu=_gpu(call) if on_gpu else None,
    )


def _cpu_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return frequency.current if frequency and frequency.current else None


def _gpu(call: Callable[[], object]) -> GpuConditions | None:
    command = ("nvidia-smi", f"--query-gpu={GPU_FIELDS}", "--format=csv,noheader", "--id=0")
    try:
        query = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except OSError:
        return None
    while query.poll() is None:
        call()
    return parse(query.stdout.read())


def processes_on_gpu() -> int:
    """How many compute there now; 0 where there is no GPU, or its tool does not say."""
    command = ("nvidia-smi", "--query-compute-apps=pid", "--format=csv,noheader", "--id=0")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return len(done.stdout.splitlines())


def parse(line: str) -> GpuConditions | None:
    """The tool's answer, "1980 MHz, 2619 MHz, 0x0000000000000004"; None if it is none."""
    clocks, _, mask = line.strip().rpartition(", ")
    try:
        active = int(mask, 16)
    except ValueError:
        return None
    return GpuConditions(clocks, tuple(name for bit, name in THROTTLED.items() if active & bit))
