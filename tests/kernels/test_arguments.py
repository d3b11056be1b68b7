"""Bad arguments: one sentence that names the argument, what it was and what was expected."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernels
import reference
from kernels import scan
from kernels.contract import Kernel

PARAMS = reference.init(jax.random.key(0), 5, 7, 3)
X = jnp.ones((9, 4, 5))
Z = jnp.ones((9, 4, 7))


def call(x=X, h0=None, options=None, **replaced):
    return kernels.rnn(PARAMS._replace(**replaced), x, h0, **(options or {}))


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"x": X[0]}, ValueError, "x has shape (4, 5); expected (T, B, I)"),
        ({"x": X[:, :0]}, ValueError, "x has shape (9, 0, 5); expected B to be at least 1"),
        ({"x": X[:0, :0]}, ValueError, "x has shape (0, 0, 5); expected B to be at least 1"),
        ({"x": X[:, :0, :0]}, ValueError, "x has shape (9, 0, 0); expected B to be at least 1"),
        ({"x": X.astype(int)}, TypeError, "x has dtype int32; expected one of bfloat16, float16"),
        ({"x": [1.0]}, TypeError, "x is a list; expected an array"),
        ({"x": memoryview(b"x")}, TypeError, "x is a memoryview; expected an array"),
        ({"x": X[..., :4]}, ValueError, "w_xh has shape (5, 7); expected (I, H) = (4, H)"),
        ({"w_hh": jnp.ones((7, 6))}, ValueError, "w_hh has shape (7, 6); expected (H, H) = (7, 7)"),
        ({"b_h": jnp.ones((2, 7))}, ValueError, "b_h has shape (2, 7); expected (H) = (7)"),
        ({"b_o": jnp.ones(4)}, ValueError, "b_o has shape (4,); expected (O) = (3)"),
        ({"h0": jnp.ones((3, 7))}, ValueError, "h0 has shape (3, 7); expected (B, H) = (4, 7)"),
        (
            {"w_ho": PARAMS.w_ho.astype(jnp.bfloat16)},
            TypeError,
            "w_ho has dtype bfloat16; expected float32, the dtype of x",
        ),
        (
            {"options": {"activation": "gelu"}},
            ValueError,
            "activation is 'gelu'; expected one of 'relu', 'tanh'",
        ),
        (
            {"options": {"kernel": "fast"}},
            ValueError,
            "kernel is 'fast'; expected 'auto' or one of",
        ),
        (
            {"options": {"precision": "low"}},
            ValueError,
            "precision is 'low'; expected one of 'full'",
        ),
        (
            {"options": {"kernel": "scan", "precision": "tf32"}},
            ValueError,
            "kernel 'scan' cannot run this problem: precision 'tf32' needs an NVIDIA GPU",
        ),
        (
            {"x": jnp.ones((129, 4, 5)), "options": {"kernel": "unrolled-full"}},
            ValueError,
            "kernel 'unrolled-full' cannot run this problem: T 129",
        ),
    ],
)
def test_sentence(arguments, error, sentence):
    with jax.default_device(jax.devices("cpu")[0]), pytest.raises(error, match=re.escape(sentence)):
        call(**arguments)


def test_float64_is_not_narrowed_in_silence():
    with pytest.raises(TypeError, match="z has dtype float64; expected JAX's jax_enable_x64"):
        kernels.recurrence(np.zeros((3, 2, 4)), np.zeros((4, 4)))


def test_before_anything_is_traced(monkeypatch):
    monkeypatch.setattr("kernels.api.model", lambda *_: pytest.fail("reached the computation"))
    with pytest.raises(ValueError, match="w_hh has shape"):
        call(w_hh=jnp.ones((2, 2)))


def test_recurrence_checks_too():
    with pytest.raises(
        ValueError, match=re.escape("w_hh has shape (6, 6); expected (H, H) = (7, 7)")
    ):
        kernels.recurrence(Z, jnp.ones((6, 6)))


def test_numpy_arrays_are_arrays():
    got = kernels.recurrence(np.asarray(Z), np.zeros((7, 7), np.float32))
    np.testing.assert_array_equal(got, Z)


def test_available_names_every_kernel():
    assert kernels.available().keys() >= {"scan", "unrolled", "unrolled-full", "pallas"}
    assert kernels.available()["scan"] is None


def test_a_kernel_need_not_be_registered():
    own = Kernel(scan.forward, backward=None, unsupported=lambda problem: f"T {problem.T} is odd")
    with pytest.raises(ValueError, match="this kernel cannot run this problem: T 9 is odd"):
        call(options={"kernel": own})
    got, _ = call(options={"kernel": replace(own, unsupported=scan.unsupported)})
    np.testing.assert_array_equal(got, call(options={"kernel": "scan"})[0])
