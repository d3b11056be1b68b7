"""What the GPU did during one call, from JAX's profiler: the wall clock alone cannot tell a slow
kernel from a late launch, and the sum of kernel times hides the gaps between them.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jax
from jax.profiler import ProfileData

from bench.records.facts import DeviceTime

Interval = tuple[float, float]  # start and end, in nanoseconds


def measure(call: Callable[[], object]) -> DeviceTime | None:
    """Trace one call that waits for its result; None if the trace has no device in it."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            call()
        traces = Path(folder).rglob("*.xplane.pb")
        return summary(event for trace in traces for event in _on_streams(trace))


def summary(intervals: Iterable[Interval]) -> DeviceTime | None:
    """Span, busy time and count of intervals that may overlap; None if there are none."""
    ordered = sorted(intervals)
    if not ordered:
        return None
    busy, end = 0.0, ordered[0][0]
    for start, stop in ordered:
        busy += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return DeviceTime((end - ordered[0][0]) / 1e9, busy / 1e9, len(ordered))


def _on_streams(trace: Path) -> Iterator[Interval]:
    """What ran on any stream of a GPU; other lines of the trace group the same events again."""
    for plane in ProfileData.from_file(str(trace)).planes:
        for line in plane.lines if plane.name.startswith("/device:GPU") else ():
            if line.name.startswith("Stream"):
                yield from ((event.start_ns, event.end_ns) for event in line.events)
