"""Which kernel runs: what "auto" means, and where a kernel's limit lies."""

import jax.numpy as jnp
import pytest

import kernels
import reference
from bench.cases.inputs import make_inputs
from bench.cases.workloads import Workload
from kernels import api, registry, unrolled
from kernels.contract import Problem, current_platform


def problem(T=1, B=8, H=64, dtype="float32"):
    return Problem(T, B, H, jnp.dtype(dtype), "relu", "full", "cpu")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({}, "native"),  # 2**15 multiplications in the recurrent product
        ({"B": 7}, "scan"),
        ({"H": 63}, "scan"),
        ({"T": 2, "B": 4}, "native"),
        ({"dtype": "float64"}, "native"),
        ({"dtype": "bfloat16"}, "native"),
        ({"dtype": "float16", "B": 7, "H": 128}, "scan"),  # fewer than 8 rows
        ({"B": 7, "H": 128}, "native"),
    ],
)
def test_auto_is_native_from_where_a_call_pays(sizes, expected, monkeypatch):
    monkeypatch.setattr(registry, "why_not", lambda name, problem: None)
    assert registry.fastest(problem(**sizes)) == expected


def test_auto_is_scan_where_native_cannot_run(monkeypatch):
    monkeypatch.setattr(registry, "why_not", lambda name, problem: "no compiler")
    assert registry.fastest(problem(T=100)) == "scan"


def test_what_auto_prefers_does_not_depend_on_this_machine(monkeypatch):
    monkeypatch.setattr(registry, "why_not", lambda name, problem: "no compiler")
    assert registry.preferred(problem(T=100)) == ("native", "scan")
    assert registry.preferred(problem(B=7)) == ("scan",)


def test_auto_by_name_is_what_a_call_would_take(monkeypatch):
    asked = []
    monkeypatch.setattr(api, "fastest", lambda problem: asked.append(problem) or "some")
    sizes = {"T": 2, "B": 3, "H": 4}
    assert kernels.auto(**sizes, dtype="float32", cell="tanh", precision="tf32") == "some"
    here = current_platform()
    assert asked == [Problem(2, 3, 4, jnp.dtype("float32"), "tanh", "tf32", here)]


@pytest.mark.parametrize(
    "wrong", [{"T": 0}, {"B": -1}, {"dtype": "int8"}, {"cell": "gelu"}, {"precision": "x"}]
)
def test_auto_refuses_in_words(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} is .*; expected"):
        kernels.auto(**{"T": 2, "B": 3, "H": 4, "dtype": "float32"} | wrong)


def test_a_loop_is_unrolled_in_full_up_to_128_steps():
    full = unrolled.FULL
    assert full.unsupported(problem(T=128)) is None
    assert "up to T 128 only" in full.unsupported(problem(T=129))


def test_a_chunk_is_all_that_a_kernel_sees_of_a_sequence():
    inputs = make_inputs(Workload("long", T=130, B=1, I=2, H=3, O=1), "float32", "relu")
    got, _ = kernels.rnn(inputs.params, inputs.x, kernel="unrolled-full", chunk=2)
    want, _ = reference.rnn(inputs.params, inputs.x)
    assert jnp.allclose(got, want, atol=1e-5)
