"""The processor that this process runs on, as Linux describes it."""

import os
import re
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path

import archspec.cpu

from bench.records.machine import Cpu

CPUINFO = Path("/proc/cpuinfo")
CPUS = Path("/sys/devices/system/cpu")
# Of instruction sets that a kernel could use, how Linux names begin: avx512_bf16, amx_tile, sve2.
USEFUL = re.compile(r"s?sse|pni|avx|amx|fma|f16c|bmi|asimd|fp$|fphp|fcma|sve|sme|bf16|i8mm")
# And others that tell microarchitectures apart. Not every flag does: archspec lists tsc_adjust from
# Zen 5 on, and older processors have it.
TELLING = re.compile(rf"{USEFUL.pattern}|vaes|vpclmulqdq|gfni")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def threads() -> int:
    """How many this process may run at once: every library starts as many, JAX among them."""
    return len(os.sched_getaffinity(0))


def cores() -> int:
    """How many the process may use: with SMT fewer than its threads."""
    return len(_first_of_each())


@contextmanager
def starting_on(cores: int | None) -> Iterator[None]:
    """Processes started meanwhile by this thread run on as many cores, a thread each; None: on all.

    Every library asks the system for how many it has.
    """
    before = os.sched_getaffinity(0)
    if cores is not None:
        os.sched_setaffinity(0, _first_of_each()[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _first_of_each() -> list[int]:
    """One usable hardware thread of each core."""
    return list({_siblings(cpu): cpu for cpu in reversed(_usable())}.values())[::-1]


def describe() -> Cpu:
    """The processor, and the part of it that this process may use."""
    facts, closest = _facts(), archspec.cpu.host()
    flags = _either(facts, "flags", "Features") or ""
    telling = frozenset(filter(TELLING.match, flags.split()))
    known = closest.vendor != "generic" and _explains(closest, telling)
    return Cpu(
        name=facts.get("model name", closest.name),
        vendor=facts.get("vendor_id", closest.vendor),
        family=_either(facts, "cpu family", "CPU architecture"),
        model=_either(facts, "model", "CPU part"),
        stepping=_either(facts, "stepping", "CPU revision"),
        microarchitecture=closest.name if known else None,
        features=tuple(sorted(filter(USEFUL.match, flags.split()))),
        cache_bytes=dict(_caches()),
        cores=cores(),
        threads=threads(),
    )


def _facts() -> dict[str, str]:
    """Of the first processor listed."""
    first = CPUINFO.read_text().strip().partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _either(facts: Mapping[str, str], of_x86: str, of_arm: str) -> str | None:
    return facts.get(of_x86, facts.get(of_arm))


def _explains(closest: archspec.cpu.Microarchitecture, features: Set[str]) -> bool:
    """Whether the processor has no instruction set that came later.

    archspec goes by these sets on x86, and a virtual machine that hides one of them looks like an
    older processor. On Arm it goes by the part's number.
    """
    if closest.cpu_part:
        return True
    later = (each for each in archspec.cpu.TARGETS.values() if closest in each.ancestors)
    return not any(features & (each.features - closest.features) for each in later)


def _usable() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _siblings(cpu: int) -> str:
    """The hardware threads of its core; itself where Linux does not say."""
    try:
        return (CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


def _caches() -> Iterator[tuple[str, int]]:
    """Every cache but those of instructions, smallest first; none where Linux does not say."""
    for folder in sorted((CPUS / f"cpu{_usable()[0]}/cache").glob("index*")):
        level, kind, size = (
            (folder / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            yield f"L{level}{'d' if kind == 'Data' else ''}", int(size[:-1]) * UNITS[size[-1]]
