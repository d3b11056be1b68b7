"""The machine that a run was measured on: what tells it from others, and how it was that day."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bench.cases.fields import Count, Quantity, Text

GIB = 2**30
PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}  # backends, as JAX names them
VENDORS = {"AuthenticAMD": "amd", "GenuineIntel": "intel"}  # as a folder's name has them
DIGITS_OF_FOLDER = 6  # of the fingerprint: enough to keep apart what one person measures on


@dataclass(frozen=True)
class Cpu:
    """A processor, and as much of it as the process may use.

    family, model, stepping: None where the vendor does not number them. microarchitecture: None
    where its name is not known. features: the instruction sets that a kernel could use.
    cache_bytes: of one core, and of what cores share, by "L1d", "L2" and "L3". cores, threads:
    in use; two threads a core where it has SMT and both are.
    """

    name: Text  # as it calls itself
    vendor: Text
    family: Text | None
    model: Text | None
    stepping: Text | None
    microarchitecture: Text | None
    features: tuple[Text, ...]
    cache_bytes: dict[Text, Count]
    cores: Annotated[Count, Field(ge=1)]
    threads: Annotated[Count, Field(ge=1)]

    def __str__(self) -> str:
        known = f" ({self.microarchitecture})" if self.microarchitecture else ""
        return f"{self.name}{known}, {self.in_use}"

    @property
    def in_use(self) -> str:
        """For example "2 cores", or "2 cores, 4 threads"."""
        cores = f"{self.cores} core{'s' if self.cores > 1 else ''}"
        return cores if self.threads == self.cores else f"{cores}, {self.threads} threads"

    @property
    def short_name(self) -> str:
        """Vendor and microarchitecture; where that has no name, the vendor's numbers."""
        vendor = VENDORS.get(self.vendor, self.vendor)
        return f"{vendor} {self.microarchitecture or f'family {self.family} model {self.model}'}"


@dataclass(frozen=True)
class Gpu:
    """A GPU. memory_bytes, driver, clocks: None where its tool does not say."""

    name: Text
    memory_bytes: Count | None
    driver: Text | None
    clocks: Text | None  # at the start, as the tool prints them


@dataclass(frozen=True)
class Machine:
    """The device that ran, its host, and how that was at the start.

    fingerprint: of the identity; made from it where it is not given. load_average: over one
    minute. Raises ValueError for a fingerprint that is another machine's.
    """

    backend: Literal["cpu", "gpu"]
    cpu: Cpu
    memory_bytes: Count
    gpu: Gpu | None
    os: Text
    load_average: Quantity | None
    xla_flags: Text
    fingerprint: Text = ""

    def __post_init__(self) -> None:
        own = hashlib.sha256(json.dumps(self.identity).encode()).hexdigest()[:16]
        if self.fingerprint not in ("", own):
            raise ValueError(f"fingerprint {self.fingerprint}; that of this machine is {own}")
        object.__setattr__(self, "fingerprint", own)

    @property
    def identity(self) -> dict[str, object]:
        """Whatever changes a timing and stays from day to day, by the name it has in a text."""
        return dict(self._identity())

    def _identity(self) -> Iterator[tuple[str, object]]:
        yield "backend", self.backend
        yield "CPU", self.cpu.name
        for name in ("vendor", "family", "model", "stepping", "microarchitecture", "features"):
            yield f"CPU {name}", getattr(self.cpu, name)
        yield "caches", self.cpu.cache_bytes
        yield "cores", self.cpu.in_use
        # A kernel of another version keeps some megabytes more or less for itself.
        yield "memory", f"{round(self.memory_bytes / GIB)} GiB"
        if self.gpu:
            yield "GPU", self.gpu.name
            yield "GPU memory", self.gpu.memory_bytes
            yield "driver", self.gpu.driver

    def differing(self, other: "Machine") -> list[str]:
        """What of the identity is not the same, by name."""
        one, another = self.identity, other.identity
        return [name for name in {**one, **another} if one.get(name) != another.get(name)]

    @property
    def name(self) -> str:
        """Of what ran, for people."""
        return self.gpu.name if self.gpu else str(self.cpu)

    @property
    def folder(self) -> str:
        """Where its results are filed; no other machine has the name."""
        device = self.gpu.name if self.gpu else f"{self.cpu.short_name} {self.cpu.in_use}"
        readable = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
        return f"{readable}-{self.fingerprint[:DIGITS_OF_FOLDER]}"
