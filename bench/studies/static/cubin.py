"""What machine code uses, as NVIDIA's cuobjdump reads it: Triton's wheel brings one along."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

SHARED_LIMIT = 232_448  # bytes that one block may have on an H100 or H200
MATRIX, BARRIERS = ("HGMMA", "HMMA"), ("BAR", "SYNCS", "UCGABAR")


@dataclass(frozen=True)
class Usage:
    """One function of a cubin. `spill_bytes` is its stack and local memory, per thread."""

    function: str
    registers: int
    spill_bytes: int
    shared_bytes: int
    sass: tuple[str, ...]  # its instructions, in order

    def count(self, opcodes: tuple[str, ...]) -> dict[str, int]:
        """How often each of these opcodes occurs in the code, whatever its modifiers."""
        words = Counter(_opcode(instruction) for instruction in self.sass)
        return {opcode: words[opcode] for opcode in opcodes if words[opcode]}

    def with_shared(self, shared_bytes: int) -> "Usage":
        """The same, with the shared memory that only the launch decides."""
        return replace(self, shared_bytes=shared_bytes)


def read(files: Sequence[Path]) -> tuple[Usage, ...]:
    """Every function of these cubins, in their order. Half a second each, so in threads."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return tuple(usage for usages in threads.map(_read, files) for usage in usages)


def loop(sass: tuple[str, ...]) -> tuple[str, ...]:
    """The instructions of the longest backward jump: a kernel's loop over time."""
    addresses = {_address(line): i for i, line in enumerate(sass)}
    jumps = ((addresses.get(_target(line)), i) for i, line in enumerate(sass))
    spans = [(i - start, start, i) for start, i in jumps if start is not None and start < i]
    _, start, end = max(spans)
    return sass[start : end + 1]


_USAGE = re.compile(r"Function (\S+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)")
_INSTRUCTION = re.compile(r"/\*[0-9a-f]{4,}\*/\s+[^;]*?(?=\s*;)")


def _read(file: Path) -> list[Usage]:
    sass = _sass(_cuobjdump("--dump-sass", file))
    resources = _cuobjdump("--dump-resource-usage", file)
    return [_usage(match, sass) for match in _USAGE.finditer(resources)]


def _usage(match: re.Match, sass: dict[str, tuple[str, ...]]) -> Usage:
    registers, stack, shared, local = map(int, match.groups()[1:])
    return Usage(match[1], registers, stack + local, shared, sass[match[1]])


def _sass(code: str) -> dict[str, tuple[str, ...]]:
    _, *functions = re.split(r"Function : (\S+)\n", code)
    bodies = map(_INSTRUCTION.findall, functions[1::2])
    return dict(zip(functions[::2], map(tuple, bodies), strict=True))


def _opcode(instruction: str) -> str:
    """`HGMMA` of `/*0a10*/ @P0 HGMMA.64x16x16.F32 R24, ...`."""
    words = instruction.split()[1:]
    return words[words[0].startswith("@")].split(".")[0]


def _address(instruction: str) -> int:
    return int(instruction[2 : instruction.index("*", 2)], 16)


def _target(instruction: str) -> int | None:
    jump = re.search(r"\bBRA\b.*?\b0x([0-9a-f]+)", instruction)
    return int(jump[1], 16) if jump else None


def _cuobjdump(*arguments: str | Path) -> str:
    triton = Path(find_spec("triton").origin).parent
    tool = triton / "backends/nvidia/bin/cuobjdump"
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout
