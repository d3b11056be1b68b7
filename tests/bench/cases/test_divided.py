"""A case on several devices: the same numbers, each device's rows where they belong."""

import re
from dataclasses import replace

import jax
import pytest

from bench.cases.case import Case
from bench.cases.programs import program
from bench.cases.tolerance import deviation, tolerance
from bench.cases.workloads import Workload
from bench.contenders import registry

SHAPE = Workload("any", T=6, B=8, I=3, H=8, O=2)
PADDED = replace(SHAPE, layers=2, bidirectional=True, lengths="uniform")
PLACES = {"recurrence": SHAPE, "model": PADDED}


@pytest.mark.parametrize("phase", ["forward", "backward", "train"])
@pytest.mark.parametrize("scope", PLACES)
@pytest.mark.parametrize("cell", ["relu", "lstm"])
@pytest.mark.parametrize("kernel", ["scan", "native"])
def test_what_four_devices_compute(kernel, cell, scope, phase):
    """Every output and gradient: those of weights are summed over the devices."""
    case = Case(PLACES[scope], scope, phase, "float32", cell, kernel, devices=4)
    if reason := registry.unavailable(kernel):
        pytest.skip(reason)
    made = program(case)
    compiled = jax.jit(made.run).lower(*made.arguments).compile()
    error = max(deviation(*pair) for pair in made.pairs(compiled(*made.arguments)))
    assert error <= tolerance(case.workload, case.dtype, cell, phase)
    assert not re.search("all-gather|all-to-all|collective-permute", compiled.as_text())


def test_each_device_has_its_rows_and_all_weights():
    made = program(Case(SHAPE, "model", "forward", "float32", "relu", "scan", devices=2))
    params, x, (h_first,) = made.arguments
    rows = {shard.device: shard.data.shape for shard in x.addressable_shards}
    assert list(rows) == jax.devices()[:2] and set(rows.values()) == {(6, 4, 3)}
    assert {shard.data.shape for shard in h_first.addressable_shards} == {(4, 8)}
    assert all(leaf.is_fully_replicated for leaf in jax.tree.leaves(params))
    y, (h_last,) = jax.jit(made.run)(*made.arguments)
    assert {shard.data.shape for shard in y.addressable_shards} == {(6, 4, 2)}
    assert {shard.data.shape for shard in h_last.addressable_shards} == {(4, 8)}


def test_what_does_not_run_on_several_devices():
    def reason(kernel, devices):
        case = Case(SHAPE, "model", "forward", "float32", "relu", kernel, devices=devices)
        return registry.unsupported(case)

    assert reason("scan", 4) is None
    assert reason("scan", 3) == "8 rows do not divide evenly over 3 devices"
    assert reason("flax", 4) == reason("native-prepared", 4) == "runs on one device"
