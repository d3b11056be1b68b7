"""What is noted about a run beside its samples and its machine: source, conditions, ceilings."""

from dataclasses import dataclass, field
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from bench.cases.fields import Count, Quantity, Text

Kind = Literal["arithmetic", "bandwidth", "serial"]
Rate = Annotated[float, Field(gt=0, le=1e30, allow_inf_nan=False)]


@dataclass(frozen=True)
class Source:
    """The revision that was measured; None and False where there is no git checkout."""

    commit: Text | None
    dirty: bool

    @property
    def is_known(self) -> bool:
        """Whether the commit is all that was measured."""
        return self.commit is not None and not self.dirty


@dataclass(frozen=True)
class Settings:
    """How the system runs its cores, None where it does not say, as in most virtual machines; and
    how the process was set up.

    governor: of the first core. turbo: whether clocks may go beyond the nominal one.
    memory_pressure: the share of the last minute in which some process waited for memory.
    malloc: the environment's variables for the allocator. async_dispatch: whether JAX may run a
    program on a CPU in another thread than the one that calls it.
    """

    governor: Text | None = None
    turbo: bool | None = None
    memory_pressure: Quantity | None = None
    malloc: dict[Text, Text] = field(default_factory=dict)
    async_dispatch: bool = True

    @property
    def process(self) -> dict[str, str]:
        """What of this whoever starts a run chooses, by its name in a text; "" for the default."""
        allocator = " ".join(f"{name}={value}" for name, value in sorted(self.malloc.items()))
        return {"allocator": allocator, "dispatch": "" if self.async_dispatch else "synchronous"}


@dataclass(frozen=True)
class GpuConditions:
    """An NVIDIA GPU at work: its clocks as its tool prints them, and what holds them back."""

    clocks: Text
    throttled: tuple[Text, ...]


@dataclass(frozen=True)
class Conditions:
    """When a case's last turn had ended.

    others: the share of this process's cores that other processes, or other guests of the same
    host, took since the first turn of the case's group. load_average: over one minute, of this
    process too. cpu_mhz, gpu: None where they cannot be read. waited_s: for whole cores, before
    all of the case's turns together; None where nothing waits for them.
    """

    others: Quantity
    load_average: Quantity
    cpu_mhz: Quantity | None
    gpu: GpuConditions | None
    waited_s: Quantity | None = None


@dataclass(frozen=True)
class DeviceTime:
    """Of one call: first start to last end, time with anything running, kernels and copies."""

    span_s: Quantity
    busy_s: Quantity
    launches: Count


@dataclass(frozen=True)
class Ceiling:
    """The most of something a second that one program reached: the best of each round.

    kind: "arithmetic" in FLOP/s, "bandwidth" in bytes/s, "serial" in dependent steps/s.
    dtype: whose products it limits; "" those of all, because any may be computed in float32.
    footprint: bytes that the program goes over again and again; only of a bandwidth.
    cores: that it ran on; None: all that the run may use.
    """

    kind: Kind
    how: Text
    rounds: Annotated[tuple[Rate, ...], Field(min_length=1)]
    dtype: Text = ""
    footprint: Count = 0
    cores: Count | None = None

    @property
    def best(self) -> float:
        """The ceiling itself."""
        return max(self.rounds)

    @property
    def spread(self) -> float:
        """How far the best round is above the middle one, relatively: how sure the ceiling is."""
        return self.best / median(self.rounds) - 1


Ceilings = tuple[Ceiling, ...]
