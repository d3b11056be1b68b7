"""The results of many tasks as one run, which every report, comparison and table can read."""

from collections.abc import Sequence
from functools import reduce
from itertools import zip_longest

from bench.fleet.results.folder import results
from bench.fleet.results.record import Fleet
from bench.judging.ceilings import merged
from bench.records.run import SCHEMA, Run


def run(fleet: Fleet, tasks: Sequence[Run], groups: Sequence[str]) -> Run:
    """One run of the tasks of nodes that are one machine, its problems in the order of the suite.

    Its visits are those of the task that had most: a problem's intervals come from its own task.
    """
    found = results(tasks)
    order = {name: number for number, name in enumerate(groups)}
    cases = sorted(found.values(), key=lambda result: order[result.case.problem])
    visits = zip_longest(*(task.visits_s for task in tasks), fillvalue=0.0)
    return Run(
        schema=SCHEMA,
        suite=fleet.suite,
        command=fleet.command,
        started=fleet.started,
        machine=tasks[0].machine,
        versions=tasks[0].versions,
        source=fleet.source,
        narrowed=fleet.narrowed,
        settings=tasks[0].settings,
        unavailable=reduce(dict.__or__, (task.unavailable for task in tasks)),
        seconds=sum(task.seconds for task in tasks),
        complete=order.keys() == {result.case.problem for result in cases},
        visits_s=tuple(map(sum, visits)),
        ceilings=reduce(merged, (task.ceilings for task in tasks)),
        cases=tuple(cases),
    )
