"""`python -m bench regress --self-test`: how often the gate is wrong, found by trying.

A trial is what a user of the gate gets: the same rounds of fresh processes, the same looks and the
same budget, on a copy of the working tree's own kernels as the base. Every case is compared once
as it is, where only SAME is right, and in every other trial once more with extra work planted in
its head. Trials share nothing but the machine; the cases of one trial share processes, as a user's
do.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic

from rich.console import Console
from rich.status import Status

from bench.cases.case import Case
from bench.gate import error_rates, playing, revision
from bench.gate.record import SelfTest
from bench.gate.request import SEED, Request, counts
from bench.gate.rounds import Setup
from bench.gate.spread.rounds import Spread
from bench.records import store
from bench.report import tables
from bench.timing import host
from bench.timing.interrupts import ENDING, Interrupt, raise_if, remembered
from bench.workers.client import HARNESS
from bench.workers.messages import Item

# Cases go through this from trial to trial. Most often it is the size that the gate must not miss.
PLANTED = (0.10, 0.02, 0.10, 0.05, 0.10, 0.20)


def main(
    request: Request,
    trials: int,
    console: Console,
    report: Callable[[Path], None],
    spread: Spread | None = None,
) -> int:
    """Run the trials and show the rates: 1 if the gate does not keep what it promises.

    `report` renews the report of a machine's folder. With `spread` rounds are played on its nodes.
    """
    where = f"-on-{len(spread.nodes)}-nodes" if spread else ""
    empty = SelfTest(
        **host.origin(f"self-test-{request.suite}{where}", request.command),
        seconds=0.0,
        complete=False,
        narrowed=request.narrowed,
        trials=(),
    )
    path = store.create(empty, publish=request.publish, folder="gate")
    interrupted = Interrupt()
    with remembered(interrupted, *ENDING), revision.copied(HARNESS) as base:
        found = _run(request, trials, base, empty, path, console, interrupted, spread)
    if not found.trials:
        console.print("Cut short before the first trial was finished.")
        return interrupted.status
    found_rates = error_rates.rates(row for rows in found.trials for row in rows)
    shown = error_rates.table(found_rates).without("comparisons")
    console.print(tables.terminal_table(shown, "", ""))
    console.print(f"Rows: {path}")
    report(path.parent.parent)
    if not found.complete:
        console.print("Cut short: the rates are those of the trials that were finished.")
        return interrupted.status
    promises = error_rates.promises(found_rates)
    console.print(*(promise.sentence for promise in promises), sep="\n")
    return int(not all(promise.kept for promise in promises))


def items(cases: Sequence[Case], trial: int) -> list[Item]:
    """Each case as it is, and every other with the extra work that is its turn in this trial."""
    planted = [
        Item(case, PLANTED[number // 2 % len(PLANTED)])
        for number, case in enumerate(cases, start=trial)
        if number % 2 == 0
    ]
    return [*map(Item, cases), *planted]


def _run(
    request: Request,
    trials: int,
    base: Path,
    empty: SelfTest,
    path: Path,
    console: Console,
    interrupted: Interrupt,
    spread: Spread | None,
) -> SelfTest:
    """The record, saved after every trial; not complete if Ctrl-C or SIGTERM cut it short."""
    found, begin, random = empty, monotonic(), Random(SEED)
    with (
        TemporaryDirectory(prefix="bench-regress-") as caches,
        console.status("trial 1") as status,
    ):
        setup = Setup(base, HARNESS, Path(caches), request.platform)
        try:
            for trial in range(trials):
                announce = partial(_show, status, trial + 1, interrupted)
                *_, rows = playing.results(
                    request, items(request.cases, trial), setup, random, announce, spread
                )
                raise_if(interrupted)
                seconds = monotonic() - begin
                found = replace(found, trials=(*found.trials, rows), seconds=seconds)
                store.save(found, path)
                console.print(f"trial {trial + 1} of {trials}, {seconds:.0f} s: {counts(rows)}")
        except KeyboardInterrupt:
            return found
    found = replace(found, complete=True)
    store.save(found, path)
    return found


def _show(status: Status, trial: int, interrupted: Interrupt, number: int, of: int) -> None:
    raise_if(interrupted)
    status.update(f"trial {trial}, round {number} of {of}")
