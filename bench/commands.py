"""What each command does with its arguments. Rooms are imported when a command needs them."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from bench import selecting
from bench.cases.case import BASELINE, DEFAULT_PASSES, Wanted
from bench.cases.suites import SUITES
from bench.contenders.names import NAMES
from bench.measuring.steps import Begin, Step
from bench.records.machine import PLATFORMS
from bench.records.run import Origin
from bench.records.store import ResultError

if TYPE_CHECKING:
    from bench.gate.spread.rounds import Spread
    from bench.measuring.selection import Selection
    from bench.report.kinds import Kind

WIDTH_OF_A_LOG = 120


def run(arguments: argparse.Namespace) -> int:
    """Check and time kernels, on every backend or the one that is named."""
    from bench.measuring import supervisor
    from bench.timing import host
    from bench.timing.interrupts import Interrupt

    if arguments.list:
        return _list(_selection(arguments, arguments.backend or host.backends()[-1]))
    backends = [arguments.backend] if arguments.backend else host.backends()
    if arguments.sync_dispatch and "gpu" in backends:
        raise ResultError("--sync-dispatch is for kernels on a CPU; expected --backend cpu")
    for option, given in (("--resume", arguments.resume), ("--out", arguments.out)):
        if given and len(backends) > 1:
            raise ResultError(
                f"{option} needs --backend here; expected one of {', '.join(backends)}"
            )
    status, interrupt = 0, Interrupt()
    for backend in backends:  # a process each: a backend started is never wholly left
        named = () if arguments.backend else ("--backend", backend)
        status = max(status, supervisor.run((*arguments.argv, *named), interrupt))
        if interrupt:
            return interrupt.status
    return status


def measure(arguments: argparse.Namespace, begin: Begin, resumed: str = "") -> Step:
    """What the supervised process of a run does: go on with the file `resumed`, or begin one."""
    from bench.measuring.run import run
    from bench.measuring.selection import Request

    _use(arguments.backend)
    if arguments.sync_dispatch:
        _dispatch_synchronously()
    request = Request(
        **selecting.fields(arguments, arguments.backend),
        budget_s=arguments.seconds,
        patience_s=arguments.patience,
        publish=arguments.publish,
        command=selecting.command_line(arguments.argv),
        narrowed=selecting.narrowed(arguments),
        resume=arguments.resume,
        resumed=resumed,
        out=arguments.out,
    )
    console = _console()
    return run(request, console, partial(_renew, console), begin)


def fleet(arguments: argparse.Namespace) -> int:
    """Measure a suite on every kind of machine of a cluster."""
    from bench.fleet import command
    from bench.fleet.nodes import engine, task
    from bench.fleet.request import Request

    if arguments.own:
        raise ResultError("fleet measures --kernels of this project; not --kernel")
    if arguments.jax:
        return _versions(arguments)
    groups = {backend: selecting.expected_seconds(arguments, backend) for backend in PLATFORMS}
    if arguments.list:
        print(*(group.problem for group in groups[arguments.backend or "cpu"]), sep="\n")
        return 0
    request = Request(
        suite=selecting.label(arguments),
        groups=groups,
        kernels=tuple(arguments.kernels),
        words=selecting.words_for_nodes(arguments.argv),
        backend=arguments.backend,
        command=selecting.command_line(arguments.argv),
        narrowed=selecting.narrowed(arguments),
        publish=arguments.publish,
        out=arguments.out,
        resume=arguments.resume,
        patience_s=arguments.patience,
    )
    with engine.connected(arguments.address):
        return command.main(
            request, engine.RayEngine(task.measured, "bench", request.words), _console()
        )


def _versions(arguments: argparse.Namespace) -> int:
    """The same suite under several versions of JAX on this machine."""
    from bench.fleet.versions import command

    for option, given in (("--resume", arguments.resume), ("--out", arguments.out)):
        if given:
            raise ResultError(f"--jax files its runs in a new folder; not {option}")
    if arguments.backend == "gpu":
        raise ResultError("--jax is for kernels on a CPU; expected --backend cpu")
    words = (*selecting.words_for_nodes(arguments.argv), "--backend", "cpu")
    return command.main(arguments.jax, words, _console(), publish=arguments.publish)


def regress(arguments: argparse.Namespace) -> int:
    """Compare the working tree with a revision, or measure the gate's own error rates."""
    from bench.gate import gate, margins, self_test
    from bench.gate.request import Request
    from bench.gate.tree import Tree, of_own_kernels
    from bench.timing import host

    if arguments.own:
        _leave_others_out(arguments)
    backend = arguments.backend or host.backends()[-1]
    selection = _selection(arguments, backend)
    if arguments.list:
        return _list(selection)
    selection.require_cases()
    request = Request(
        tree=of_own_kernels(arguments.own) if arguments.own else Tree(),
        suite=selection.suite,
        cases=selection.cases,
        platform=PLATFORMS[backend],
        base=arguments.base,
        margins=margins.parse(arguments.margin, selection.cases),
        budget_s=arguments.budget,
        strict=arguments.strict,
        bisect=arguments.bisect,
        publish=arguments.publish,
        command=selecting.command_line(arguments.argv),
        narrowed=selecting.narrowed(arguments),
    )
    console = _console()

    def compare(spread: "Spread | None" = None) -> int:
        if arguments.self_test:
            renew = partial(_renew, console)
            return self_test.main(request, arguments.trials, console, renew, spread)
        return gate.main(request, console, spread)

    return _on_fleet(arguments, backend, compare) if arguments.fleet else compare()


def _on_fleet(
    arguments: argparse.Namespace, backend: str, compare: "Callable[[Spread], int]"
) -> int:
    """Compare on the nodes of a cluster. Raises ResultError for what only one machine can do."""
    from bench.fleet.nodes import engine
    from bench.gate.spread import node
    from bench.gate.spread.rounds import on_largest_kind

    for option, given in (("--bisect", arguments.bisect), ("--kernel", arguments.own)):
        if given:
            raise ResultError(f"--fleet compares --kernels with one revision; not {option}")
    with engine.connected(arguments.address):
        cluster = engine.RayEngine(node.played)
        return compare(on_largest_kind(cluster, backend, arguments.kernels))


def _leave_others_out(arguments: argparse.Namespace) -> None:
    """For the gate: when two revisions of a user's kernels are compared, ours are not."""
    if arguments.self_test:
        raise ResultError("--self-test measures the gate on this project's kernels; not --kernel")
    if arguments.kernels is not arguments.default_kernels:
        raise ResultError("regress compares --kernels of this project or --kernel, not both")
    arguments.kernels = arguments.default_kernels = ()


def adding(arguments: argparse.Namespace) -> int:
    """Train the adding problem with every kernel."""
    from bench.studies.adding import cli

    return _study(cli.main, arguments)


def ladder(arguments: argparse.Namespace) -> int:
    """Measure the native kernel, one idea after the other."""
    from bench.studies.ladder import cli

    return _study(cli.main, arguments)


def parts(arguments: argparse.Namespace) -> int:
    """Measure what a training step of the native kernel is made of, for every cell."""
    from bench.studies.parts import cli

    return _study(cli.main, arguments)


def dealing(arguments: argparse.Namespace) -> int:
    """How dealing to the nodes of a fleet grows with them."""
    from bench.studies.dealing import cli

    return _study(cli.main, arguments)


def turns(arguments: argparse.Namespace) -> int:
    """What makes one turn longer than the next."""
    from bench.studies.turns import cli

    return _study(cli.main, arguments)


def _study(main: Callable[..., int], arguments: argparse.Namespace) -> int:
    report = partial(_renew, Console(markup=False))
    return main(selecting.command_line(arguments.argv), report, publish=arguments.publish)


def compare(arguments: argparse.Namespace) -> int:
    """What changed between runs."""
    from bench.judging.verdicts import Verdict
    from bench.records import store
    from bench.report.compare import command, files
    from bench.timing import host

    paths = files.chosen(arguments.runs, lambda: host.machine().folder)
    fail_on = Verdict.SLOWER if arguments.fail_on else None
    folder = store.root(publish=arguments.publish) / command.PAGES.name
    return command.main(paths, _console(), _wanted(arguments), fail_on=fail_on, folder=folder)


def history(arguments: argparse.Namespace) -> int:
    """Every kernel's time over the commits."""
    from bench.report.history import collect, command
    from bench.timing import host

    machine, console, suite = host.machine(), _console(), arguments.suite
    if arguments.measure:
        from bench.gate import fill

        words = _filling(arguments, machine.backend)
        suite = "-".join((suite, *selecting.fewer_passes(arguments.phases or DEFAULT_PASSES)))
        now = Origin(**host.origin(suite, selecting.command_line(words)))
        if status := fill.main(arguments.measure, collect.filled(now), words, console):
            return status
    return command.main(machine.folder, suite, _wanted(arguments), console)


def _wanted(arguments: argparse.Namespace) -> Wanted:
    return Wanted(arguments.kernels, arguments.phases, arguments.dtype, arguments.cells)


def _filling(arguments: argparse.Namespace, backend: str) -> list[str]:
    """The run that measures a commit for a history. Raises ResultError where there is none such."""
    if backend != "cpu":
        raise ResultError("--measure is for kernels on a CPU; this process is on a GPU")
    if variables := selecting.tuning():  # with which runs are of another suite
        raise ResultError(f"--measure expects an environment without {', '.join(variables)}")
    if arguments.suite not in SUITES or arguments.dtype or arguments.cells:
        suites = ", ".join(SUITES)
        raise ResultError(f"--measure needs --suite, one of {suites}, no --dtype, and no --cell")
    if unknown := set(arguments.kernels or ()) - set(NAMES):
        raise ResultError(f"--measure got --kernels {min(unknown)!r}; expected {', '.join(NAMES)}")
    words = ["run", "--suite", arguments.suite, "--backend", backend]
    if arguments.kernels:  # the baseline is what they are held against
        words += ["--kernels", *dict.fromkeys((BASELINE, *arguments.kernels))]
    return [*words, *(["--pass", *arguments.phases] if arguments.phases else [])]


def export(arguments: argparse.Namespace) -> int:
    """Write runs' measurements as a table."""
    from bench.report import export

    rows = export.write(arguments.out, arguments.files, samples=arguments.samples)
    print(f"{arguments.out}: {rows} {'samples' if arguments.samples else 'turns'}")
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Rebuild the reports of machines' folders. Raises ResultError if there are none."""
    from bench.records.store import ROOT
    from bench.report import build

    every = kinds()
    folders = arguments.folders or build.machine_folders(every)
    if not folders:
        raise ResultError(f"{ROOT}: no result files there; `bench run` makes some")
    for folder in folders:
        print(*build.write(folder, every), sep="\n")
    return 0


def campaign(arguments: argparse.Namespace) -> int:
    """Run everything that should be measured on a GPU host."""
    from bench.studies import campaign

    return campaign.main(arguments.out, arguments.backend)


def kinds() -> "tuple[Kind, ...]":
    """What a report shows beside runs. To add a study's section, add its kind here."""
    from bench.gate import section as gate
    from bench.studies.adding import section as adding
    from bench.studies.dealing import section as dealing
    from bench.studies.ladder import section as ladder
    from bench.studies.parts import section as parts
    from bench.studies.turns import cold_section as cold
    from bench.studies.turns import disturbed_section as disturbed

    native = ladder.KIND, parts.KIND
    return adding.KIND, *native, gate.KIND, cold.KIND, disturbed.KIND, dealing.KIND


def _renew(console: Console, folder: Path) -> None:
    """Rebuild a machine's report. An older file that cannot be read costs only the report."""
    from bench.report import build

    try:
        console.print("Report:", *build.write(folder, kinds()))
    except (ResultError, OSError) as error:
        console.print(f"No report: {error}", markup=False)


def _use(backend: str) -> None:
    """Raise ResultError for a backend that this machine lacks."""
    import jax

    from bench.timing import host

    if backend not in host.backends():
        raise ResultError("--backend gpu needs an NVIDIA GPU and the cuda extra")
    jax.config.update("jax_platforms", PLATFORMS[backend])


def _dispatch_synchronously() -> None:
    """Only before JAX starts its backend."""
    import jax

    from bench.timing import host

    jax.config.update(host.ASYNC_DISPATCH, False)


def _selection(arguments: argparse.Namespace, backend: str) -> "Selection":
    from bench.measuring.selection import Selection

    _use(backend)
    return Selection(**selecting.fields(arguments, backend))


def _list(selection: "Selection") -> int:
    print(*selection.cases, sep="\n")
    return 0


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)
