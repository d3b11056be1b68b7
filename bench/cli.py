"""The command line. `python -m bench COMMAND --help` describes each command.

Whatever a command needs is imported when it is called: JAX alone takes a second.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import commands
from bench.arguments import SEVERAL, count, seconds, shape
from bench.cases.case import CELLS, DEFAULT_PASSES, PASSES
from bench.cases.suites import SUITES
from bench.contenders.names import DEFAULT, NAMES
from bench.records.store import ROOT, ResultError
from kernels.names import KERNELS

MEASURED = ("bfloat16", "float16", "float32", "tf32")
BACKENDS = ("cpu", "gpu")
LENGTHS = ("uniform",)  # others than those of a shape
PUBLISH = f"file under {ROOT}/ instead of {ROOT}/local/"
BUDGET = "of the whole run, at most (default: what intervals need, then up to 12 a problem)"
Command = Callable[[argparse.Namespace], int]
ONLY_OF_A_RUN = {"cores": None, "devices": None, "groups": (), "sync_dispatch": False}
OWN = "kernels of your own: package.module:NAME, each a kernels.contract.Kernel"
DEVICES = "every problem on each of these numbers of GPUs, its batch divided (default: 1)"
CORES = "of a CPU, one thread each: every problem on each of these numbers (default: all)"
SYNC = "JAX runs a program of a CPU in the thread that calls it (jax_cpu_enable_async_dispatch)"
FLEET = "play rounds on the nodes of a cluster, of the kind of machine of which it has most"
ADDRESS = "HOST:PORT of a Ray cluster to join (default: one that is this machine)"
VERSIONS = "of JAX, two or more: measured on this machine in turn, and compared"
BUDGET_OF_A_TASK = "of the problems that a node takes at once, at most (default: what they need)"
FLEETS_FOLDER = "default: a new one under fleet/ of the results; with --resume the newest"
GROUPS = "only these problems, named as fleet --list prints them"
PATIENCE = "seconds to compile a case, after which it is given up as hanging (300)"
TRIALS = 6  # of the 18 cases that the suite "gate" has on a CPU: 108 comparisons of equals


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; an error is one sentence and status 2."""
    return run(sys.argv[1:] if argv is None else list(argv))


def run(argv: list[str], command: Command | None = None) -> int:
    """The same for these words; `command` replaces the one that they name."""
    arguments = _parser().parse_args(argv)
    arguments.argv = argv
    try:
        return (command or arguments.command)(arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (ResultError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(parsers.add_parser("run", help="check and time kernels on this machine"))
    _add_fleet(parsers.add_parser("fleet", help="a suite on every kind of machine of a cluster"))
    _add_regress(parsers.add_parser("regress", help="this tree against a revision, with verdicts"))
    _add_adding(parsers.add_parser("adding", help="train the adding problem with every kernel"))
    _add_ladder(parsers.add_parser("ladder", help="the native kernel, one idea after the other"))
    _add_parts(parsers.add_parser("parts", help="what a step of the native kernel is made of"))
    _add_dealing(parsers.add_parser("dealing", help="how a fleet's dealing grows with it"))
    _add_turns(parsers.add_parser("turns", help="what makes one turn longer than the next"))
    _add_compare(parsers.add_parser("compare", help="what changed between runs"))
    _add_history(parsers.add_parser("history", help="times over the commits, steps marked"))
    _add_export(parsers.add_parser("export", help="measurements as a table for other tools"))
    _add_report(parsers.add_parser("report", help="rebuild reports from the result files"))
    _add_campaign(parsers.add_parser("campaign", help="everything to measure on a GPU host"))
    return parser


def _add_selection(
    parser: argparse.ArgumentParser, suite: str, kernels: Sequence[str], default: Sequence[str]
) -> None:
    what = parser.add_mutually_exclusive_group()
    suites = f"named shapes: {', '.join(SUITES)} (default: {suite})"
    what.add_argument("--suite", choices=SUITES, default=suite, metavar="SUITE", help=suites)
    one = "one shape: T=200,B=32,I=64,H=384,O=10, and layers=2, bidirectional"
    what.add_argument("--shape", type=shape, help=one)
    lengths = "of the sequences: uniform, evenly up to T (default: the suite's, T each of a shape)"
    parser.add_argument("--lengths", choices=LENGTHS, metavar="LENGTHS", help=lengths)
    parser.add_argument(
        "--kernels",
        **SEVERAL,
        choices=kernels,
        default=default,
        metavar="KERNEL",
        help=f"some of {', '.join(kernels)}",
    )
    parser.add_argument("--kernel", **SEVERAL, dest="own", default=(), metavar="PLACE", help=OWN)
    parser.add_argument(
        "--pass",
        **SEVERAL,
        dest="phases",
        choices=PASSES,
        default=DEFAULT_PASSES,
        metavar="PASS",
        help=f"some of {', '.join(PASSES)} (default: {' '.join(DEFAULT_PASSES)})",
    )
    dtypes = f"some of {', '.join(MEASURED)} (default: float32, on a GPU bfloat16 too)"
    parser.add_argument("--dtype", **SEVERAL, choices=MEASURED, metavar="DTYPE", help=dtypes)
    cells = (
        f"some of {', '.join(CELLS)} (default: relu; suite default: fewer shapes of gru, lstm too)"
    )
    parser.add_argument(
        "--cell", **SEVERAL, dest="cells", choices=CELLS, metavar="CELL", help=cells
    )
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.add_argument("--list", action="store_true", help="print the cases, measure nothing")
    parser.set_defaults(default_kernels=default)


def _add_narrowing(parser: argparse.ArgumentParser) -> None:
    """Of what there is; a result may be of a kernel that is not here."""
    parser.add_argument("--kernels", **SEVERAL, metavar="KERNEL", help="only these")
    passes = f"only some of {', '.join(PASSES)}"
    parser.add_argument(
        "--pass", **SEVERAL, dest="phases", choices=PASSES, metavar="PASS", help=passes
    )
    dtypes = f"only some of {', '.join(MEASURED)}"
    parser.add_argument("--dtype", **SEVERAL, choices=MEASURED, metavar="DTYPE", help=dtypes)
    cells = f"only some of {', '.join(CELLS)}"
    parser.add_argument(
        "--cell", **SEVERAL, dest="cells", choices=CELLS, metavar="CELL", help=cells
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser, "default", NAMES, DEFAULT)
    parser.add_argument("--seconds", type=seconds, help=BUDGET)
    places = parser.add_mutually_exclusive_group()
    places.add_argument("--cores", **SEVERAL, type=count, metavar="N", help=CORES)
    places.add_argument("--devices", **SEVERAL, type=count, metavar="N", help=DEVICES)
    parser.add_argument("--backend", choices=BACKENDS, help="default: every one there is")
    parser.add_argument("--patience", type=seconds, default=300.0, help=PATIENCE)
    parser.add_argument("--sync-dispatch", action="store_true", help=SYNC)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    where.add_argument("--out", type=Path, metavar="FILE", help="write this file, and no report")
    parser.add_argument(
        "--group", **SEVERAL, dest="groups", default=(), metavar="NAME", help=GROUPS
    )
    parser.set_defaults(command=commands.run)


def _add_fleet(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser, "default", NAMES, DEFAULT)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--address", help=ADDRESS)
    where.add_argument("--jax", **SEVERAL, metavar="VERSION", default=(), help=VERSIONS)
    parser.add_argument("--seconds", type=seconds, help=BUDGET_OF_A_TASK)
    parser.add_argument("--backend", choices=BACKENDS, help="default: every one that a node has")
    parser.add_argument("--patience", type=seconds, default=300.0, help=PATIENCE)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=FLEETS_FOLDER)
    parser.add_argument("--resume", action="store_true", help="go on where a fleet was cut short")
    parser.set_defaults(command=commands.fleet, **ONLY_OF_A_RUN)


def _add_regress(parser: argparse.ArgumentParser) -> None:
    _add_selection(parser, "gate", tuple(KERNELS), tuple(KERNELS))
    parser.add_argument("--backend", choices=BACKENDS, help="default: gpu where there is one")
    parser.add_argument("--base", default="HEAD", help="revision to compare with (HEAD)")
    percent = "percent that matter (5); for some: scan=10"
    parser.add_argument("--margin", **SEVERAL, default=(), help=percent)
    parser.add_argument(
        "--budget",
        type=seconds,
        default=900,
        help="seconds at most (900); with --bisect, for each commit tried",
    )
    parser.add_argument("--strict", action="store_true", help="AMBIGUOUS fails too")
    parser.add_argument(
        "--bisect", action="store_true", help="name the first commit that is slower"
    )
    parser.add_argument("--self-test", action="store_true", help="the gate's own error rates")
    parser.add_argument("--fleet", action="store_true", help=FLEET)
    parser.add_argument("--address", help=ADDRESS)
    parser.add_argument("--trials", type=count, default=TRIALS, help=f"of a self-test ({TRIALS})")
    parser.set_defaults(command=commands.regress, **ONLY_OF_A_RUN)


def _add_adding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=commands.adding)


def _add_ladder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=commands.ladder)


def _add_parts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=commands.parts)


def _add_dealing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=commands.dealing)


def _add_turns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=commands.turns)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    latest = (
        "two or more result files, folders, names of runs, or commits as A..B (default: this "
        "machine's latest two whole runs of one suite)"
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help=latest)
    _add_narrowing(parser)
    parser.add_argument("--fail-on", choices=("slower",), help="exit status 1 if a case is")
    parser.add_argument("--publish", action="store_true", help=PUBLISH)
    parser.set_defaults(command=commands.compare)


def _add_history(parser: argparse.ArgumentParser) -> None:
    suite = "of the runs, with dtype and cell as in their files (default: the most frequent)"
    parser.add_argument("--suite", help=suite)
    _add_narrowing(parser)
    span = "first measure the kernels of these commits, those that are not filled in yet"
    parser.add_argument("--measure", metavar="A..B", help=span)
    parser.set_defaults(command=commands.history)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="a name that ends in .csv or .parquet"
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--samples", action="store_true", help="a row a sample, not a turn")
    parser.set_defaults(command=commands.export)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="*", help="of machines (default: all)")
    parser.set_defaults(command=commands.report)


def _add_campaign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for results and logs")
    parser.add_argument("--backend", choices=BACKENDS, default="gpu", help="cpu: a dry run")
    parser.set_defaults(command=commands.campaign)
