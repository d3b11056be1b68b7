"""The file that a run writes to: a new one, or that of a run that was cut short."""

from contextlib import suppress
from pathlib import Path

from bench.contenders import own, registry
from bench.measuring.selection import Request
from bench.records import store
from bench.records.facts import Source
from bench.records.run import SUITE, UNKNOWN, Run
from bench.timing import host
from bench.workers import together, unpacked


def opened(request: Request) -> tuple[Run, Path]:
    """The run so far and its file. Raises ResultError for a --resume without one to go on with."""
    if request.resumed:
        path = Path(request.resumed)
        return store.load(path), path
    run = _new(request)
    if request.resume:
        return _interrupted(run, request)
    if request.out:
        return run, store.create_at(request.out, run)
    kind = store.FILLED if run.harness else ""
    return run, store.create(run, publish=request.publish, kind=kind)


def _new(request: Request) -> Run:
    origin = host.origin(request.suite, request.command)
    origin["versions"] |= registry.versions(request.kernels)
    harness = None
    if files := own.files(request.kernels):  # it is their commit that results are compared by
        suite = origin["source"]
        origin["versions"][SUITE] = suite.commit if suite.is_known else UNKNOWN
        origin["source"] = host.source(next(iter(files.values())))
    if other := unpacked.measured():
        harness, origin["source"] = origin["source"], Source(other.commit, dirty=False)
    return Run(
        **origin,
        harness=harness,
        together=together.name(),
        narrowed=request.narrowed,
        unavailable=request.unavailable,
        seconds=0.0,
        complete=False,
    )


def _interrupted(now: Run, request: Request) -> tuple[Run, Path]:
    """The newest of its suite that was cut short."""
    folder = store.root(publish=request.publish) / now.machine.folder
    paths = sorted(folder.glob(store.FILES), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in paths:
        with suppress(store.ResultError):  # an older file that cannot be read
            run = store.load(path)
            if not run.complete and _belong_together(run, now, request):
                return run, path
    raise store.ResultError(
        f"--resume found no run of {now.suite} in {folder} that was cut short on this machine, of "
        "this commit without local changes, with these options"
    )


def _belong_together(run: Run, now: Run, request: Request) -> bool:
    """Whether the results of one may stand beside the other's."""
    return (
        run.source == now.source
        and resumable(now)
        and _circumstances(run) == _circumstances(now)
        and {result.case for result in run.cases} <= set(request.cases)
    )


def resumable(run: Run) -> bool:
    """Whether it is known what was measured: a commit, without local changes."""
    return run.source.is_known


def _circumstances(run: Run) -> tuple[object, ...]:
    machine, words = run.machine, set(run.command.split()) - {"--resume"}
    chosen = machine.xla_flags, run.settings.process
    return run.suite, machine.identity, chosen, run.versions, words
