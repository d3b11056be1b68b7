"""A fleet from its request to its page, on nodes that only pretend."""

from dataclasses import replace
from math import exp

import pytest
from helpers import sample_runs
from helpers.sample_runs import machine, timed
from rich.console import Console

from bench.cases.workloads import mission
from bench.fleet import command, opening
from bench.fleet.dealing import Lost, Measured
from bench.fleet.nodes.node import Node
from bench.fleet.request import Request
from bench.fleet.results import choice, page
from bench.fleet.results import folder as filing
from bench.fleet.results.record import Fleet
from bench.records import store
from bench.records.store import ResultError, adapter
from bench.timing import host

WORKLOADS = [mission(T) for T in (1, 10, 50, 100, 500)]
GROUPS = {timed(each, "scan", 1.0).case.group: 12.0 for each in WORKLOADS}
SMALL, LARGE = machine(), machine(cores=8, threads=8)


class Cluster:
    """Nodes that measure at once; `times` gives milliseconds by machine, kernel and T."""

    def __init__(self, nodes, times, broken=()):
        self.nodes, self.times, self.broken = nodes, times, set(broken)
        self.given, self.results = [], {}

    def described(self):
        return list(self.nodes)

    def start(self, node, groups, limit_s):
        self.given.append((node, groups))
        ticket = len(self.given)
        (own,) = (each for each in self.nodes if each.place == node)
        self.results[ticket] = self.outcome(own, groups)
        return ticket

    def outcome(self, node, groups):
        if self.broken & set(groups):
            return Lost(f"{node.name}: it broke", node_is_there=True)
        cases = [
            timed(workload, kernel, self.times(node, kernel, workload.T))
            for workload in WORKLOADS
            for kernel in ("scan", "native")
            if timed(workload, kernel, 1.0).case.problem in groups
        ]
        run = sample_runs.run(*cases, machine=node.machine, versions=host.versions())
        return Measured(adapter(type(run)).dump_json(run))

    def ended(self, tickets, patience_s):
        return {ticket: self.results.pop(ticket) for ticket in tickets}

    def cancel(self, ticket):
        pass

    def now(self):
        return 0.0


def node(name, of=SMALL, **changed):
    return Node(name, of, {**host.versions(), **changed}, {})


def request(tmp_path, **changed):
    fields = {
        "suite": "default",
        "groups": {"cpu": GROUPS, "gpu": GROUPS},
        "kernels": ("scan", "native"),
        "words": ("--suite", "default"),
        "backend": None,
        "command": "python -m bench fleet",
        "narrowed": (),
        "publish": False,
        "out": tmp_path / "fleet",
        "resume": False,
    }
    return Request(**{**fields, **changed})


def equal(node, kernel, T):
    return T * (2.0 if kernel == "scan" else 1.0)


def run(tmp_path, cluster, **changed):
    status = command.main(request(tmp_path, **changed), cluster, Console(quiet=True))
    return status, page.read(tmp_path / "fleet")


def test_kinds_of_machine_get_all_problems_each(tmp_path):
    cluster = Cluster([node("a"), node("b", LARGE)], equal)
    status, found = run(tmp_path, cluster)
    assert status == 0 and found.fleet.complete
    assert [part.machine for part in found.fleet.parts] == [
        each.machine for each in sorted(cluster.nodes, key=lambda each: each.place)
    ]
    names = [group.problem for group in GROUPS]
    for each in found.runs:
        assert list(dict.fromkeys(result.case.problem for result in each.cases)) == names
        assert each.complete and each.whole
    assert (tmp_path / "fleet" / "fleet.html").exists()


def test_kinds_of_one_name_have_different_columns(tmp_path):
    more_memory = machine(memory_bytes=2**36)
    _, found = run(tmp_path, Cluster([node("a"), node("b", more_memory)], equal))
    assert len(set(found.labels)) == 2
    endings = {label.rpartition(" ")[2] for label in found.labels}
    assert endings == {each.folder.rpartition("-")[2] for each in (SMALL, more_memory)}


def test_equal_nodes_share_what_their_probes_left(tmp_path):
    cluster = Cluster([node("a"), node("b")], equal)
    _, found = run(tmp_path, cluster)
    (part,) = found.fleet.parts
    assert len(part.nodes) == 2
    given = [name for _, groups in cluster.given for name in groups]
    assert len(given) == len(GROUPS) + 3, "but for three probes, each problem is measured once"
    assert {each.node.split("/")[1] for each in found.fleet.shares} == {"a", "b"}


def test_a_slower_node_is_a_column_of_its_own(tmp_path):
    cluster = Cluster(
        [node("a"), node("b")],
        lambda node, kernel, T: equal(node, kernel, T) * (1.5 if node.name == "b" else 1.0),
    )
    _, found = run(tmp_path, cluster)
    assert [part.nodes[0].split("/")[1] for part in found.fleet.parts] == ["a", "b"]
    assert all(len(run.cases) == 2 * len(GROUPS) for run in found.runs)
    assert [label.split("(")[1] for label in found.labels] == ["a)", "b)"]
    differing = (tmp_path / "fleet" / "fleet.md").read_text()
    assert "How far nodes of a kind differ" in differing and "SLOWER" in differing


def test_a_node_that_dies_while_nodes_are_compared_costs_nothing(tmp_path):
    class Dying(Cluster):
        def outcome(self, node, groups):
            if node.name == "b":
                return Lost("b died", node_is_there=False)
            return super().outcome(node, groups)

    status, found = run(tmp_path, Dying([node("a"), node("b"), node("c")], equal))
    assert status == 0 and found.fleet.complete
    (part,) = found.fleet.parts
    assert [place.split("/")[1] for place in part.nodes] == ["a", "c"]


def test_a_probe_that_never_comes_leaves_the_others_to_compare_by(tmp_path):
    name = next(iter(GROUPS)).problem
    status, found = run(tmp_path, Cluster([node("a"), node("b")], equal, broken=[name]))
    (part,) = found.fleet.parts
    assert status == 1 and len(part.nodes) == 2
    assert [failure.problem for failure in part.failures] == [name]


@pytest.mark.parametrize("count", [1, 2])
def test_a_kind_whose_nodes_all_die_is_named(tmp_path, count):
    class Dead(Cluster):
        def outcome(self, node, groups):
            if node.machine == LARGE:
                return Lost("it died", node_is_there=False)
            return super().outcome(node, groups)

    nodes = [node("a"), *(node(name, LARGE) for name in "bc"[:count])]
    status, found = run(tmp_path, Dead(nodes, equal))
    assert status == 1 and len(found.runs) == 1
    failures = {part.machine.folder: part.failures for part in found.fleet.parts}
    assert not failures[SMALL.folder]
    assert {each.problem for each in failures[LARGE.folder]} == {each.problem for each in GROUPS}


def test_a_group_is_never_put_together_from_two_nodes():
    one = sample_runs.run(timed(mission(1), "scan", 1.0))
    other = sample_runs.run(
        timed(mission(1), "scan", 2.0),
        timed(mission(1), "torch", 2.0),
        timed(mission(50), "scan", 1.0),
    )
    found = filing.results([one, other])
    assert [(case.kernel, case.workload.T) for case in found] == [("scan", 1), ("scan", 50)]
    assert found[one.cases[0].case] is one.cases[0]


def test_a_problem_that_never_comes_is_a_named_failure_and_is_tried_again(tmp_path):
    name = next(iter(GROUPS)).problem
    status, found = run(tmp_path, Cluster([node("a")], equal, broken=[name]))
    assert status == 1 and not found.fleet.complete
    ((failure,),) = (part.failures for part in found.fleet.parts)
    assert failure.problem == name and "it broke" in failure.reason
    assert "Given up" in (tmp_path / "fleet" / "fleet.md").read_text()
    with pytest.raises(ResultError, match="there already"):
        run(tmp_path, Cluster([node("a")], equal))


@pytest.fixture
def committed(monkeypatch):
    monkeypatch.setattr(host, "source", lambda: sample_runs.TYPICAL.source)


def test_resuming_measures_only_what_is_left(tmp_path, committed):
    name = next(iter(GROUPS)).problem
    run(tmp_path, Cluster([node("a")], equal, broken=[name]))
    again = Cluster([node("a")], equal)
    status, found = run(tmp_path, again, resume=True)
    assert status == 0 and found.fleet.complete
    assert [groups for _, groups in again.given] == [(name,)]


def test_resuming_keeps_a_kind_that_is_no_longer_there(tmp_path, committed):
    name = next(iter(GROUPS)).problem
    run(tmp_path, Cluster([node("a"), node("b", LARGE)], equal, broken=[name]))
    _, found = run(tmp_path, Cluster([node("a")], equal), resume=True)
    left = {part.machine.folder: part.failures for part in found.fleet.parts}
    assert left.keys() == {SMALL.folder, LARGE.folder} and not left[SMALL.folder]
    assert [each.reason for each in left[LARGE.folder]] == ["no node of this kind is left"]


def test_resuming_refuses_other_options_and_local_changes(tmp_path, committed, monkeypatch):
    run(tmp_path, Cluster([node("a")], equal, broken=[next(iter(GROUPS)).problem]))
    with pytest.raises(ResultError, match="other options"):
        run(tmp_path, Cluster([node("a")], equal), resume=True, words=("--suite", "smoke"))
    dirty = replace(sample_runs.TYPICAL.source, dirty=True)
    monkeypatch.setattr(host, "source", lambda: dirty)
    with pytest.raises(ResultError, match="local changes"):
        run(tmp_path, Cluster([node("a")], equal), resume=True)


def test_two_drivers_do_not_share_a_folder(tmp_path):
    second = filing.held(tmp_path)
    with filing.held(tmp_path), pytest.raises(ResultError, match="another driver"), second:
        pass


@pytest.mark.parametrize(
    ("nodes", "changed", "message"),
    [
        ([node("a", jax="0.0.1")], {}, r"node a has jax 0\.0\.1, this driver"),
        ([node("a", python="3.9.1")], {}, r"node a has python 3\.9\.1, this driver"),
        ([node("a")], {"backend": "gpu"}, "--backend is gpu, which no node"),
        ([], {}, "no node"),
        (
            [node("a"), replace(node("b"), unavailable={"native": "it is not installed"})],
            {},
            "node b lacks native, which node a of its kind has: it is not installed",
        ),
        (
            [node("a", torch="2.1"), node("b", torch="2.2")],
            {},
            r"node b has torch 2\.2, node a 2\.1; install the same",
        ),
        ([replace(node("a"), niceness=15)], {}, r"node a .* niceness 15.*RAY_worker_niceness=0"),
        (
            [replace(node("a"), unavailable={"native": "no C++ compiler found (looked for g++)"})],
            {},
            r"node a cannot build the kernel native: .*install g\+\+",
        ),
    ],
)
def test_nodes_that_cannot_measure_are_refused(tmp_path, nodes, changed, message):
    with pytest.raises(ResultError, match=message):
        run(tmp_path, Cluster(nodes, equal), **changed)
    lacking = [replace(node("a"), unavailable={"native": "no C++ compiler found"})]
    assert opening.usable(request(tmp_path, kernels=("scan",)), lacking) == lacking
    assert not (tmp_path / "fleet" / filing.RECORD).exists(), "the same command can be tried again"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lambda run: b"{}", "not a result file"),
        (lambda run: run(machine=LARGE), "another machine"),
        (lambda run: run(complete=False), "cut short"),
        (lambda run: run(cases=(timed(mission(7), "scan", 1.0),)), "was not given"),
    ],
)
def test_what_a_node_sends_is_checked(text, message):
    def changed(**fields):
        run = replace(sample_runs.run(timed(WORKLOADS[0], "scan", 1.0)), **fields)
        return adapter(type(run)).dump_json(run)

    groups = set(GROUPS)
    place = f"{SMALL.folder}/a"
    assert filing.received(changed(), place, groups).complete
    with pytest.raises(ResultError, match=message):
        filing.received(text(changed), place, groups)


def test_a_node_cannot_file_elsewhere():
    for name in ("../x", "a/b", ".hidden"):
        text = adapter(Node).dump_json(replace(node("a"), name=name))
        with pytest.raises(ValueError, match="name"):
            adapter(Node).validate_json(text)


def test_the_safe_choice_is_timed_everywhere_and_is_best_at_its_worst():
    one = sample_runs.run(
        timed(mission(1), "scan", 1.0),
        timed(mission(1), "native", 1.3),
        timed(mission(1), "torch", 0.9),
        timed(mission(50), "scan", 9.0),
        timed(mission(50), "native", 3.0),
    )
    ((field, scores),) = choice.scores([one]).items()
    assert [score.kernel for score in scores] == ["native", "scan", "torch"]
    native, scan, torch = scores
    assert (
        native.worst == pytest.approx(1.3 / 0.9, rel=0.02) and native.where == "mission-T1, model"
    )
    assert native.mean == pytest.approx(exp(sum_log(native) / 2), rel=0.02)
    assert scan.worst == pytest.approx(3.0, rel=0.02)
    assert (torch.timed, torch.of, torch.worst) == (1, 2, 1.0)
    assert choice.sentence(field, scores).startswith("relu, forward, float32: native, which takes")
    assert "no kernel" in choice.sentence(field, [torch])


def sum_log(score):
    from math import log

    return log(score.worst)


def test_a_machine_without_the_safe_choice_has_no_shade():
    one, other = (
        sample_runs.run(timed(mission(1), kernel, 1.0), machine=each)
        for kernel, each in (("scan", SMALL), ("native", LARGE))
    )
    (matrix,) = choice.matrices(["a", "b"], [one, other], choice.scores([one, other]))
    ((first, second),) = matrix.rows.values()
    assert first.text == "scan" and second.text == "native"
    assert {first.shade, second.shade} == {0, None}


def test_the_record_is_what_was_asked(tmp_path):
    run(tmp_path, Cluster([node("a")], equal))
    fleet = store.load(tmp_path / "fleet" / filing.RECORD, Fleet)
    assert (
        fleet.words == ("--suite", "default", "every backend") and fleet.versions == host.versions()
    )
