"""Kernels of one problem take turns."""

from collections import Counter, defaultdict

from bench.cases.case import PASSES
from bench.cases.suites import SUITES
from bench.contenders.combinations import cases
from bench.judging.precision import BLOCKS
from bench.measuring.effort import Effort
from bench.measuring.turns import turns

USUAL = defaultdict(Effort)
SMOKE = SUITES["smoke"].problems("cpu", ["float32", "bfloat16"], None)
CASES = cases(SMOKE, ("scan", "unrolled", "pallas"))


def test_every_case_has_its_turn_in_every_block():
    order = list(turns(CASES, USUAL))
    assert len(set(order)) == len(order) == BLOCKS * len(CASES)
    assert len(CASES) == 2 * 2 * 2 * 3


def test_a_group_may_have_fewer():
    few = USUAL | {CASES[0].group: Effort(blocks=2)}
    counts = Counter(case for case, _ in turns(CASES, few))
    assert [counts[case] for case in CASES[:4]] == [2, 2, 2, BLOCKS]


def test_a_kernel_named_twice_is_one_case():
    assert cases(SMOKE * 2, ("scan", "scan")) == cases(SMOKE, ("scan",))


def test_a_group_is_finished_before_the_next_and_alternates():
    first = [(case.kernel, block) for case, block in turns(CASES, USUAL)][: 3 * 3]
    assert [kernel for kernel, _ in first] == [
        *("scan", "unrolled", "pallas"),
        *("pallas", "unrolled", "scan"),
        *("scan", "unrolled", "pallas"),
    ]
    assert [block for _, block in first] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    groups = [case.group for case, _ in turns(CASES, USUAL)]
    assert len(set(groups)) == sum(a != b for a, b in zip(groups, [None, *groups], strict=False))


def test_peers_run_the_whole_model_only_and_both_halves_of_training():
    found = cases(SMOKE[:1], ("scan", "torch"), PASSES)
    passes = {(case.scope, case.phase) for case in found if case.kernel == "torch"}
    assert passes == {("model", "forward"), ("model", "train")}
    assert len(found) == 6 + 2
