"""What a command line selects to be measured, and under which name it is filed."""

import argparse
import os
from collections.abc import Sequence

from bench.cases.case import DEFAULT_PASSES, PASSES, Case, Place
from bench.cases.suites import SUITES, Suite
from bench.records.store import ResultError

# What a node spends on a case: to compile it and call it briefly, and calls as long as its check.
SECONDS_A_CASE, CALLS_A_CASE = 10.0, 20
MOST_FORCED = 64  # devices that a CPU stands for: each has threads of its own


def command_line(words: Sequence[str]) -> str:
    """As a result names it."""
    return " ".join(("python -m bench", *words))


def label(arguments: argparse.Namespace) -> str:
    """What a run is filed and reported under: runs of another kind do not replace it."""
    name = f"shape-{arguments.shape.name}" if arguments.shape else arguments.suite
    dispatch = ("sync-dispatch",) if arguments.sync_dispatch else ()
    cells = suite(arguments).label(arguments.cells)
    lengths = (arguments.lengths,) if arguments.lengths else ()
    cores = ("cores", *map(str, arguments.cores)) if arguments.cores else ()
    devices = ("devices", *map(str, arguments.devices)) if arguments.devices else ()
    passes = fewer_passes(arguments.phases)
    what = *lengths, *(arguments.dtype or ()), *cells, *passes, *cores, *devices
    return "-".join((name, *what, *dispatch, *dict.fromkeys(tuning().values())))


def tuning() -> dict[str, str]:
    """Variables of the environment that change timings, each with its word in a label."""
    from bench.timing import host

    found = {"XLA_FLAGS": "xla-flags"} if os.environ.get("XLA_FLAGS") else {}
    return found | dict.fromkeys(host.malloc(), "malloc")


def fewer_passes(phases: Sequence[str]) -> tuple[str, ...]:
    """As a label names passes: all of them, where one is missing that is measured by default."""
    if set(DEFAULT_PASSES) <= set(phases):
        return ()
    return tuple(phase for phase in PASSES if phase in phases)


def narrowed(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The options that leave out some of what is measured by default.

    Other shapes, dtypes, cells, passes, cores and devices are not among them: they are filed under
    another name.
    """
    every = set(arguments.default_kernels) <= set(arguments.kernels)
    kernels = [] if every else [f"--kernels {' '.join(arguments.kernels)}"]
    groups = [f"--group with {len(arguments.groups)}"] if arguments.groups else []
    return (*kernels, *groups)


def fields(arguments: argparse.Namespace, backend: str) -> dict[str, object]:
    """The fields of a `Selection`. Raises ResultError for a --kernel that is none, or a number that
    this machine does not have of --cores or --devices.
    """
    from bench.contenders import own

    return {
        "suite": label(arguments),
        "problems": suite(arguments).problems(backend, arguments.dtype, arguments.cells),
        "kernels": (*arguments.kernels, *own.registered(arguments.own)),
        "phases": tuple(arguments.phases),
        "places": _places(arguments, backend),
        "groups": tuple(arguments.groups),
    }


def expected_seconds(arguments: argparse.Namespace, backend: str) -> dict[Case, float]:
    """Every problem, and about how many seconds all its kernels take, in every visit."""
    from bench.contenders import limits
    from bench.contenders.combinations import cases

    problems = suite(arguments).problems(backend, arguments.dtype, arguments.cells)
    found: dict[Case, float] = {}
    for case in cases(problems, arguments.kernels, arguments.phases):
        expected_s = SECONDS_A_CASE + CALLS_A_CASE * limits.expected_seconds(case, threads=1)
        found[case.group] = found.get(case.group, 0.0) + expected_s
    return found


def words_for_nodes(argv: Sequence[str]) -> tuple[str, ...]:
    """A fleet's command line without what is for its driver."""
    drivers = argparse.ArgumentParser(add_help=False)
    for option in ("--address", "--backend", "--out"):
        drivers.add_argument(option)
    drivers.add_argument("--jax", nargs="+")
    for option in ("--publish", "--resume"):
        drivers.add_argument(option, action="store_true")
    return tuple(drivers.parse_known_args(argv)[1][1:])


def suite(arguments: argparse.Namespace) -> Suite:
    """The one named, or that of one shape."""
    found = Suite((arguments.shape,)) if arguments.shape else SUITES[arguments.suite]
    return found.with_lengths(arguments.lengths) if arguments.lengths else found


def _places(arguments: argparse.Namespace, backend: str) -> tuple[Place, ...]:
    """Of cases: of every problem, on so many cores or devices."""
    if arguments.cores:
        return tuple(Place(cores=count) for count in _cores(arguments.cores, backend))
    if arguments.devices:
        return tuple(Place(devices=count) for count in _devices(arguments.devices, backend))
    return (Place(),)


def _devices(counts: Sequence[int], backend: str) -> tuple[int | None, ...]:
    """None stands for one. A CPU stands for as many as anyone wants: it is not timed there."""
    import jax

    here = MOST_FORCED if backend == "cpu" else jax.device_count()
    if max(counts) > here:
        raise ResultError(f"--devices is {max(counts)}; expected at most {here}")
    return tuple(None if count == 1 else count for count in counts)


def _cores(counts: Sequence[int], backend: str) -> tuple[int | None, ...]:
    """None stands for all that this process may use."""
    from bench.timing import processor

    if backend != "cpu":
        raise ResultError("--cores is for kernels on a CPU; expected --backend cpu")
    here = processor.cores()
    if max(counts) > here:
        raise ResultError(f"--cores is {max(counts)}; expected at most {here}, of this process")
    return tuple(None if count == processor.threads() else count for count in counts)
