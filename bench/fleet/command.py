"""`python -m bench fleet`: a suite over the nodes of a cluster, and one page of what came of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from rich.console import Console

from bench.fleet import opening
from bench.fleet.dealing import Deck, Task, deal
from bench.fleet.nodes.node import Node
from bench.fleet.request import Cluster, Request
from bench.fleet.results import equality, merging, page
from bench.fleet.results import folder as filing
from bench.fleet.results.record import Failure, Fleet, Part, Share
from bench.records import store
from bench.records.machine import Machine
from bench.records.run import Run
from bench.timing.interrupts import ENDING, Interrupt, remembered

Kept = Mapping[str, Sequence[Run]]  # what each place has measured


@dataclass(frozen=True)
class _Kind:
    """Machines of one identity: where nodes are, or were, and those that are there now."""

    machine: Machine
    places: Sequence[str]
    present: Sequence[str]


def main(request: Request, cluster: Cluster, console: Console) -> int:
    """Deal, file and show. The exit status is 1 if a problem was given up, or an answer is wrong.

    Raises ResultError for a folder in use, a cluster that cannot measure, or a --resume without a
    fleet to go on with.
    """
    folder, interrupted = opening.place(request), Interrupt()
    with filing.held(folder), remembered(interrupted, *ENDING):
        nodes = opening.usable(request, cluster.described())
        fleet = opening.record(request, folder)
        console.print(f"Results: {folder}", markup=False)
        work = _Work(request, fleet, folder, cluster, console)
        try:
            parts = work.parts(nodes)
        except KeyboardInterrupt:
            console.print(f"Cut short. {opening.how_to_go_on(fleet)}")
            return interrupted.status
        return work.conclude(parts)


@dataclass
class _Work:
    """A fleet under way."""

    request: Request
    fleet: Fleet
    folder: Path
    cluster: Cluster
    console: Console
    begin: float = field(default_factory=monotonic)
    lost: dict[str, int] = field(default_factory=dict)  # tasks, by place
    gone: set[str] = field(default_factory=set)  # places that died

    def parts(self, nodes: Sequence[Node]) -> list[Part]:
        """First every node measures a few problems, then nodes that are alike share the rest."""
        kept = filing.kept(self.folder)
        kinds = _kinds(nodes, kept)
        self._deal([deck for kind in kinds for deck in self._probing(kind, kept)])
        kept = filing.kept(self.folder)
        found = [part for kind in kinds for part in self._divided(kind, kept)]
        decks = [self._rest(part, nodes, kept) for part in found]
        self._deal(decks)
        kept = filing.kept(self.folder)
        return [self._filed(part, deck, kept) for part, deck in zip(found, decks, strict=True)]

    def _probing(self, kind: _Kind, kept: Kept) -> Iterator[Deck]:
        """A deck for each node, where there are several; all have the same problems."""
        if len(kind.places) > 1:
            expected_s = self._expected_s(kind.machine)
            probes = {name: expected_s[name] for name in equality.probes([*expected_s])}
            for place in kind.present:
                done = _measured(kept.get(place, ()))
                yield Deck.of([place], probes, done, self.request.patience_s)

    def _divided(self, kind: _Kind, kept: Kept) -> Iterator[Part]:
        """The nodes of one identity, by what is one machine as far as times tell.

        One that is gone counts only if it has measured every probe, or is the last of its kind.
        """
        probes = set(equality.probes([*self._expected_s(kind.machine)]))
        here = [place for place in kind.present if place not in self.gone]
        measured = {place: probes & _measured(kept.get(place, ())) for place in kind.places}
        places = [
            place
            for place in kind.places
            if measured[place] and (place in here or measured[place] == probes)
        ]
        if len(kind.places) == 1 or not places:
            places = (here or kind.places)[:1]
        results = {place: filing.results(kept.get(place, ())) for place in places}
        for together, differences in equality.parts(results, [*probes]).items():
            yield Part(kind.machine, together, differences, failures=(), file="")

    def _expected_s(self, machine: Machine) -> dict[str, float]:
        """The problems of a machine's backend in order, and what each should take."""
        return {
            group.problem: expected_s
            for group, expected_s in self.request.groups[machine.backend].items()
        }

    def _rest(self, part: Part, nodes: Sequence[Node], kept: Kept) -> Deck:
        """What the part's nodes have not measured yet, for those of them that are there."""
        present = {node.place for node in nodes} - self.gone
        there = [place for place in part.nodes if place in present]
        done = _measured(_of(part, kept))
        return Deck.of(there, self._expected_s(part.machine), done, self.request.patience_s)

    def _deal(self, decks: Sequence[Deck]) -> None:
        """Deal, saying what has come."""
        whole, come = sum(len(deck.groups) for deck in decks), 0
        before = {place for deck in decks for place in deck.nodes}
        for task, reason in deal(self.cluster, decks, self._keep):
            if reason:
                self.lost[task.node] = self.lost.get(task.node, 0) + 1
                self._say(task, f"lost: {reason}")
            else:
                come += len(task.groups)
                self._say(task, f"{come} of {whole}: {', '.join(task.groups)}")
        self.gone |= before - {place for deck in decks for place in deck.nodes}

    def _keep(self, task: Task, text: bytes) -> set[str]:
        every = (group for groups in self.request.groups.values() for group in groups)
        groups = {group for group in every if group.problem in task.groups}
        run = filing.received(text, task.node, groups)
        filing.keep(self.folder, task.node, run)
        return _measured([run])

    def _say(self, task: Task, what: str) -> None:
        seconds = int(monotonic() - self.begin)
        node = task.node.partition("/")[2]
        line = f"{seconds // 60}:{seconds % 60:02} {node}: {what}"
        self.console.print(line, markup=False, highlight=False)

    def _filed(self, part: Part, deck: Deck, kept: Kept) -> Part:
        """With its results as one run, and what was given up."""
        failures = tuple(Failure(name, reason) for name, reason in deck.failures.items())
        tasks = _of(part, kept)
        if not tasks:
            return replace(part, failures=failures)
        groups = [*self._expected_s(part.machine)]
        stamp = self.fleet.started[:19].replace(":", "").replace("-", "")
        file = f"{part.nodes[0]}/{stamp}-{self.fleet.suite}.json"
        store.save(merging.run(self.fleet, tasks, groups), self.folder / file)
        return replace(part, failures=failures, file=file)

    def conclude(self, parts: Sequence[Part]) -> int:
        """File the record, write the page, and say what it says first."""
        failures = [failure for part in parts for failure in part.failures]
        kept = filing.kept(self.folder)
        fleet = replace(
            self.fleet,
            seconds=self.fleet.seconds + monotonic() - self.begin,
            complete=not failures,
            parts=tuple(parts),
            shares=tuple(
                Share(place, len(_measured(kept.get(place, ()))), self.lost.get(place, 0))
                for part in parts
                for place in part.nodes
            ),
        )
        store.save(fleet, self.folder / filing.RECORD)
        found, written = page.write(self.folder)
        for line in page.answer(found):
            self.console.print(line, markup=False)
        for failure in failures:
            self.console.print(f"FAILED {failure.problem}: {failure.reason}", markup=False)
        self.console.print(f"Page: {written}", markup=False)
        status = {result.status for run in found.runs for result in run.cases}
        return int(bool(failures or status & {"wrong", "failed"}))


def _kinds(nodes: Sequence[Node], kept: Kept) -> list[_Kind]:
    """Of nodes that are there, and of those that were when a fleet was cut short."""
    machines = {place: runs[0].machine for place, runs in kept.items()}
    machines |= {node.place: node.machine for node in nodes}
    present = {node.place for node in nodes}
    kinds: dict[str, list[str]] = {}
    for place in sorted(machines):
        kinds.setdefault(machines[place].folder, []).append(place)
    return [
        _Kind(machines[places[0]], places, [place for place in places if place in present])
        for places in kinds.values()
    ]


def _of(part: Part, kept: Kept) -> list[Run]:
    return [run for place in part.nodes for run in kept.get(place, ())]


def _measured(runs: Iterable[Run]) -> set[str]:
    return {case.problem for case in filing.results(runs)}
