"""XLA's sequence of launches, as it dumps it: an indented list, a loop's body beneath the loop.

004: kWhile [...]
  body:
    006: kCustomKernel [...] fusion grid: [896, 1, 1] threads: [64, 1, 1]  shared_memory: 768 bytes
"""

import re
from dataclasses import dataclass

# What holds others, or waits for them, launches nothing itself.
NO_LAUNCH = {
    "kWhile", "kConditional", "kSequential", "kCommandBuffer", "kDynamicSliceFusion",
    "kAsyncStart", "kAsyncDone", "kWaitForStreams",
}  # fmt: skip


@dataclass(frozen=True)
class Launches:
    """How many kernels and copies a call launches, and what each kernel needs."""

    count: int
    shared_bytes: dict[str, int]


def read(sequence: str, hlo: str) -> Launches:
    """From the dump, and the trip counts that XLA notes at the loops of the optimised program.

    A loop with a known trip count does not evaluate its condition. Raises ValueError for another.
    """
    trips = [int(n) for n in re.findall(r'"known_trip_count":\{"n":"(\d+)"', hlo)]
    if len(trips) != len(re.findall(r"\bwhile\(", hlo)) or len(set(trips)) > 1:
        raise ValueError("only loops over time, of one known trip count, are understood")
    once, looped = _split(sequence)
    count = _launched(once) + sum(trips[:1]) * _launched(looped)
    return Launches(count, _shared(sequence))


def _split(sequence: str) -> tuple[list[str], list[str]]:
    """The lines outside of loops, which are not indented, and those of the loops' bodies."""
    once, looped, section = [], [], ""
    for line in sequence.splitlines():
        if line.strip() in ("condition:", "body:"):
            section = line.strip()
        elif line[:1].isdigit():
            once.append(line)
        elif section == "body:":
            looped.append(line)
    return once, looped


def _launched(lines: list[str]) -> int:
    kinds = filter(None, (re.match(r"\s*\d+: (\w+)", line) for line in lines))
    return sum(kind[1] not in NO_LAUNCH for kind in kinds)


def _shared(sequence: str) -> dict[str, int]:
    kernels = re.findall(r"\] (\S+) grid: .*shared_memory: (\d+)", sequence)
    return {name: int(shared) for name, shared in kernels}
