"""The command line. `python -m bench COMMAND --help` describes each command."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console

from bench import campaign, compare, halves, machine
from bench.adding import cli as adding
from bench.contenders import DEFAULT, NAMES
from bench.ladder import cli as ladder
from bench.plan import PASSES
from bench.regress import cli as regress
from bench.regress import margins, selftest
from bench.regress.selftest import TRIALS
from bench.report import build
from bench.results import ROOT, ResultError
from bench.run import Request, Selection, run
from bench.workloads import SUITES, Workload, parse
from kernels.registry import KERNELS
from reference import ACTIVATIONS

MEASURED = ("bfloat16", "float16", "float32", "tf32")
DTYPES = {"cpu": ("float32",), "gpu": ("bfloat16", "float32")}  # measured unless told
PUBLISH = f"file under {ROOT}/ instead of {ROOT}/local/"
BUDGET = "of samples a case at most; fewer where its median is soon known (0.7)"
DEFAULT_PASSES = ("forward", "train")
WIDTH_OF_A_LOG = 120
LONGEST_BUDGET_S = 3600
PLATFORMS = {"cpu": "cpu", "gpu": "cuda"}


class _Distinct(argparse.Action):
    """An option of several values; neither it nor any of them may be given twice."""

    def __call__(self, parser, namespace, values, option_string=None):
        if getattr(namespace, self.dest) is not self.default:
            raise argparse.ArgumentError(self, "given twice; expected all its values at once")
        if repeated := [value for value in values if values.count(value) > 1]:
            raise argparse.ArgumentError(self, f"{repeated[0]!r} twice; expected each value once")
        setattr(namespace, self.dest, values)


SEVERAL = {"nargs": "+", "action": _Distinct}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; an error is one sentence and status 2."""
    argv = sys.argv[1:] if argv is None else list(argv)
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments, argv)
    except (ResultError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    _add_run(commands.add_parser("run", help="check and time kernels on this machine"))
    _add_regress(commands.add_parser("regress", help="this tree against a revision, with verdicts"))
    _add_adding(commands.add_parser("adding", help="train the adding problem with every kernel"))
    _add_ladder(commands.add_parser("ladder", help="the native kernel, one idea after the other"))
    _add_compare(commands.add_parser("compare", help="result files side by side"))
    _add_report(commands.add_parser("report", help="rebuild reports from the result files"))
    _add_campaign(commands.add_parser("campaign", help="all that a GPU host is asked"))
    return parser


def _add_selection(
    parser: argparse.ArgumentParser, suite: str, kernels: Sequence[str], default: Sequence[str]
) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--suite", choices=SUITES, default=suite, help=f"named shapes ({suite})")
    what.add_argument("--shape", type=_shape, help="one shape: T=200,B=32,I=64,H=384,O=10")
    parser.add_argument("--kernels", choices=kernels, default=default, **SEVERAL)
    parser.add_argument("--pass", dest="phases", choices=PASSES, default=DEFAULT_PASSES, **SEVERAL)
    parser.add_argument("--dtype", choices=MEASURED, **SEVERAL)
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu")
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.add_argument("--list", action="store_true", help="print the cases, measure nothing")


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser, "default", NAMES, DEFAULT)
    parser.add_argument("--seconds", type=_seconds, default=0.7, help=BUDGET)
    parser.add_argument("--backend", choices=PLATFORMS, help="default: every one there is")
    parser.set_defaults(command=_run)


def _add_regress(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser, "gate", tuple(KERNELS), tuple(KERNELS))
    parser.add_argument("--backend", choices=PLATFORMS, help="default: gpu where there is one")
    parser.add_argument("--base", default="HEAD", help="revision to compare with (HEAD)")
    percent = "percent that matter (5); for some: scan=10"
    parser.add_argument("--margin", default=(), help=percent, **SEVERAL)
    parser.add_argument("--budget", type=_seconds, default=900, help="seconds at most (900)")
    parser.add_argument("--strict", action="store_true", help="AMBIGUOUS fails too")
    parser.add_argument("--self-test", action="store_true", help="the gate's own error rates")
    parser.add_argument("--trials", type=_count, default=TRIALS, help=f"of a self-test ({TRIALS})")
    parser.set_defaults(command=_regress)


def _add_adding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=_adding)


def _add_ladder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(
        command=lambda arguments, argv: ladder.main(_command_line(argv), publish=arguments.publish)
    )


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.set_defaults(command=lambda arguments, _: compare.main(arguments.files, _console()))


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="*", help="of machines (default: all)")
    parser.set_defaults(command=lambda arguments, _: build.main(arguments.folders))


def _add_campaign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for results and logs")
    parser.add_argument("--backend", choices=PLATFORMS, default="gpu", help="cpu: a dry run")
    parser.set_defaults(
        command=lambda arguments, _: campaign.main(arguments.out, arguments.backend)
    )


def _shape(text: str) -> Workload:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not text.isascii() or not 0 < seconds <= LONGEST_BUDGET_S:
        raise argparse.ArgumentTypeError(
            f"seconds is {text!r}; expected a number above 0, at most {LONGEST_BUDGET_S}"
        )
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number from 1 to 9999")
    return int(text)


def _run(arguments: argparse.Namespace, argv: list[str]) -> int:
    backends = [arguments.backend] if arguments.backend else machine.backends()
    if len(backends) > 1:  # a process each: a backend started is never wholly left
        each = ([sys.executable, "-m", "bench", *argv, "--backend", name] for name in backends)
        return halves.run(each)
    (backend,) = backends
    _use(backend)
    request = Request(
        **_selected(arguments, backend),
        seconds=arguments.seconds,
        publish=arguments.publish,
        command=_command_line(argv),
        narrowed=_narrowed(arguments, DEFAULT),
    )
    if arguments.list:
        return _list(request)
    return run(request, _console())


def _regress(arguments: argparse.Namespace, argv: list[str]) -> int:
    backend = arguments.backend or machine.backends()[-1]
    _use(backend)
    selection = Selection(**_selected(arguments, backend))
    if arguments.list:
        return _list(selection)
    selection.require_cases()
    request = regress.Request(
        suite=selection.suite,
        cases=selection.cases,
        platform=PLATFORMS[backend],
        base=arguments.base,
        margins=margins.parse(arguments.margin, selection.cases),
        budget_s=arguments.budget,
        strict=arguments.strict,
        publish=arguments.publish,
        command=_command_line(argv),
        narrowed=_narrowed(arguments, tuple(KERNELS)),
    )
    if arguments.self_test:
        return selftest.main(request, arguments.trials, _console())
    return regress.main(request, _console())


def _use(backend: str) -> None:
    """Raise ResultError for a backend that this machine lacks."""
    if backend not in machine.backends():
        raise ResultError("--backend gpu needs an NVIDIA GPU and the cuda extra")
    jax.config.update("jax_platforms", PLATFORMS[backend])


def _list(selection: Selection) -> int:
    print(*selection.cases, sep="\n")
    return 0


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)


def _adding(arguments: argparse.Namespace, argv: list[str]) -> int:
    return adding.main(_command_line(argv), publish=arguments.publish)


def _command_line(argv: list[str]) -> str:
    return " ".join(("python -m bench", *argv))


def _label(arguments: argparse.Namespace) -> str:
    """What a run is filed and reported under: runs of another kind do not replace it."""
    suite = f"shape-{arguments.shape.name}" if arguments.shape else arguments.suite
    flags = ("xla-flags",) if os.environ.get("XLA_FLAGS") else ()
    activation = (arguments.activation,) if arguments.activation != "relu" else ()
    return "-".join((suite, *(arguments.dtype or ()), *activation, *flags))


def _narrowed(arguments: argparse.Namespace, kernels: Sequence[str]) -> tuple[str, ...]:
    """The options that leave out some of what is measured by default.

    Other shapes, dtypes and activations are not among them: they are filed under another name.
    """
    chosen = {
        "--kernels": (arguments.kernels, kernels),
        "--pass": (arguments.phases, DEFAULT_PASSES),
    }
    return tuple(
        f"{option} {' '.join(given)}"
        for option, (given, default) in chosen.items()
        if not set(default) <= set(given)
    )


def _selected(arguments: argparse.Namespace, backend: str) -> dict[str, object]:
    """The fields of a `Selection`."""
    return {
        "suite": _label(arguments),
        "workloads": (arguments.shape,) if arguments.shape else SUITES[arguments.suite],
        "dtypes": tuple(arguments.dtype or DTYPES[backend]),
        "kernels": tuple(arguments.kernels),
        "phases": tuple(arguments.phases),
        "activation": arguments.activation,
    }
