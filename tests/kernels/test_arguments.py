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
from reference import Layer, Params

PARAMS = {
    cell: reference.init(jax.random.key(0), 5, 7, 3, cell=cell) for cell in ("relu", "gru", "lstm")
}
WEIGHTS, READOUT = PARAMS["relu"].layers[0].forward, PARAMS["relu"].readout
X = jnp.ones((9, 4, 5))
STATE = jnp.ones((4, 7))
WIDER = reference.init(jax.random.key(0), 5, 8, 3).layers[0].forward
STACK = reference.init(jax.random.key(0), 5, 7, 3, cell="lstm", layers=2, bidirectional=True)
ONE_WAY = Params((Layer(WEIGHTS), Layer(None, WIDER._replace(w_x=jnp.ones((7, 8))))))


def call(x=X, state=None, cell="relu", of=None, options=None, readout=READOUT, **replaced):
    """The model of a cell, with weights of the cell `of`, some of them replaced."""
    weights = PARAMS[of or cell if cell in PARAMS else "relu"].layers[0].forward
    params = reference.single(weights._replace(**replaced), readout)
    return kernels.rnn(params, x, state, cell=cell, **(options or {}))


IN_LAYER = "params.layers[0].forward."


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"x": X[0]}, ValueError, "x has shape (4, 5); expected (T, B, I)"),
        ({"x": X[:, :0]}, ValueError, "x has shape (9, 0, 5); expected B to be at least 1"),
        ({"x": X[:0, :0]}, ValueError, "x has shape (0, 0, 5); expected B to be at least 1"),
        ({"x": X[:, :0, :0]}, ValueError, "x has shape (9, 0, 0); expected B to be at least 1"),
        ({"x": X.astype(int)}, TypeError, "x has dtype int32; expected one of bfloat16, float16"),
        ({"x": None}, TypeError, "x is a NoneType; expected an array"),
        ({"x": [1.0]}, TypeError, "x is a list; expected an array"),
        ({"x": memoryview(b"x")}, TypeError, "x is a memoryview; expected an array"),
        (
            {"x": X[..., :4]},
            ValueError,
            f"{IN_LAYER}w_x has shape (5, 7); expected (I, H) = (4, 7)",
        ),
        (
            {"w_h": jnp.ones((7, 6))},
            ValueError,
            f"{IN_LAYER}w_h has shape (7, 6); expected (H, H) of cell",
        ),
        ({"b": jnp.ones((2, 7))}, ValueError, f"{IN_LAYER}b has shape (2, 7); expected (H) = (7)"),
        (
            {"readout": READOUT._replace(b=jnp.ones(4))},
            ValueError,
            "params.readout.b has shape (4,); expected (O) = (3)",
        ),
        (
            {"state": jnp.ones((3, 7))},
            ValueError,
            "state has shape (3, 7); expected (B, H) = (4, 7)",
        ),
        (
            {"readout": READOUT._replace(w=READOUT.w.astype(jnp.bfloat16))},
            TypeError,
            "params.readout.w has dtype bfloat16; expected float32, the dtype of x",
        ),
        (
            {"cell": "peephole"},
            ValueError,
            "cell is 'peephole'; expected one of 'relu', 'tanh', 'gru', 'lstm'",
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
        # Weights of another cell's width.
        (
            {"cell": "lstm", "of": "relu"},
            ValueError,
            f"{IN_LAYER}w_h has shape (7, 7); expected (H, 4H) of cell 'lstm'",
        ),
        (
            {"cell": "relu", "of": "gru"},
            ValueError,
            f"{IN_LAYER}w_h has shape (7, 21); expected (H, H) of cell 'relu'",
        ),
        (
            {"cell": "lstm", "w_x": jnp.ones((5, 7))},
            ValueError,
            f"{IN_LAYER}w_x has shape (5, 7); expected (I, 4H) = (5, 28) of cell 'lstm'",
        ),
        (
            {"cell": "gru", "b": jnp.ones(21)},
            ValueError,
            f"{IN_LAYER}b has shape (21,); expected (4H) = (28) of cell 'gru'",
        ),
        # A state of another cell.
        (
            {"cell": "lstm", "state": STATE},
            TypeError,
            "state is one array; expected (h, c), the state of cell 'lstm'",
        ),
        (
            {"cell": "lstm", "state": (STATE,)},
            TypeError,
            "state is 1 arrays; expected (h, c), the state of cell 'lstm'",
        ),
        (
            {"cell": "lstm", "state": (STATE, STATE[:, :6])},
            ValueError,
            "state.c has shape (4, 6); expected (B, H) = (4, 7)",
        ),
        ({"cell": "gru", "state": (STATE,)}, TypeError, "state is a tuple; expected an array"),
    ],
)
def test_sentence(arguments, error, sentence):
    with jax.default_device(jax.devices("cpu")[0]), pytest.raises(error, match=re.escape(sentence)):
        call(**arguments)


@pytest.mark.parametrize(
    ("params", "error", "sentence"),
    [
        (WEIGHTS, TypeError, "params is a Weights; expected a reference.Params"),
        (
            Params(Layer(WEIGHTS)),
            TypeError,
            "params.layers[0] is a Weights; expected a reference.L",
        ),
        (
            Params((Layer(()),)),
            TypeError,
            "params.layers[0].forward is a tuple; expected a reference.Weights",
        ),
        (
            Params((Layer(WEIGHTS),), []),
            TypeError,
            "params.readout is a list; expected a reference.Readout",
        ),
        (Params(()), ValueError, "params.layers is empty; expected at least one layer"),
        (
            Params((Layer(WEIGHTS), Layer(None))),
            ValueError,
            "params.layers[1] has no weights; expected them for a direction",
        ),
        (
            Params((Layer(WEIGHTS), Layer(WEIGHTS))),
            ValueError,
            "params.layers[1].forward.w_x has shape (5, 7); expected (I, H) = (7, 7) of cell",
        ),
        (
            Params((Layer(WEIGHTS, WIDER),)),
            ValueError,
            "params.layers[0].reverse.w_h has shape (8, 8); expected (H, H) = (7, 7) of cell",
        ),
        (
            Params((Layer(WEIGHTS, WEIGHTS),), READOUT),
            ValueError,
            "params.readout.w has shape (7, 3); expected (2H, O) = (14, O)",
        ),
    ],
    ids=[
        "no params",
        "no tuple",
        "no weights",
        "no readout",
        "no layer",
        "no direction",
        "a layer's inputs",
        "hidden size",
        "readout",
    ],
)
def test_another_structure(params, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        kernels.rnn(params, X)


@pytest.mark.parametrize(
    ("params", "cell", "state", "error", "sentence"),
    [
        (STACK, "lstm", STATE, TypeError, "expected a tuple of 2 reference.Layer, as many as"),
        (STACK, "lstm", (STATE, STATE), TypeError, "state is 2 arrays or tuples; expected a tuple"),
        (STACK, "lstm", (((STATE, STATE),) * 2,), TypeError, "state is 1 arrays or tuples"),
        (
            STACK,
            "lstm",
            (((STATE, STATE), (STATE, STATE)), ((STATE, STATE), (STATE, STATE[:, 1:]))),
            ValueError,
            "state[1].reverse.c has shape (4, 6); expected (B, H) = (4, 7)",
        ),
        (
            ONE_WAY,
            "relu",
            (Layer(STATE), Layer(STATE)),
            TypeError,
            "state[1].forward is given; expected None, for params has no such direction",
        ),
    ],
    ids=["an array", "two arrays", "one layer", "a part", "no such direction"],
)
def test_states_of_several(params, cell, state, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        kernels.rnn(params, X, state, cell=cell)


@pytest.mark.parametrize(
    ("lengths", "error", "sentence"),
    [
        ([9, 9, 9, 9], TypeError, "lengths is a list; expected an array of whole numbers"),
        (np.ones(4), TypeError, "lengths has dtype float64; expected an integer"),
        (np.ones(3, int), ValueError, "lengths has shape (3,); expected (B,) = (4,)"),
        (np.array([9, 0, 10, 1]), ValueError, "lengths[2] is 10; expected 0 to T = 9"),
        (jnp.array([9, -1, 1, 1]), ValueError, "lengths[1] is -1; expected 0 to T = 9"),
    ],
    ids=["list", "dtype", "shape", "too long", "negative"],
)
def test_lengths(lengths, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        call(options={"lengths": lengths})


def test_any_tuples_of_the_structure_will_do():
    plain = ((tuple(WEIGHTS), None),), tuple(READOUT)
    for got, want in zip(kernels.rnn(plain, X), call(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_float64_is_not_narrowed_in_silence():
    with pytest.raises(TypeError, match="dtype float64; expected JAX's jax_enable_x64"):
        kernels.recurrence(np.zeros((3, 2, 4)), np.zeros((4, 4)))


def test_before_anything_is_traced(monkeypatch):
    monkeypatch.setattr("kernels.api.stack", lambda *_: pytest.fail("reached the computation"))
    with pytest.raises(ValueError, match="w_h has shape"):
        call(w_h=jnp.ones((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"pre": jnp.ones((9, 4, 7)), "w_h": jnp.ones((6, 6))},
            "pre has shape (9, 4, 7); expected (T, B, H) = (T, B, 6) of cell 'relu'",
        ),
        (
            {"pre": jnp.ones((9, 4, 7)), "w_h": jnp.ones((7, 28)), "cell": "lstm"},
            "pre has shape (9, 4, 7); expected (T, B, 4H) = (T, B, 28) of cell 'lstm'",
        ),
        (
            {
                "pre": jnp.ones((9, 4, 21)),
                "w_h": jnp.ones((7, 21)),
                "b_h": jnp.ones(6),
                "cell": "gru",
            },
            "b_h has shape (6,); expected (H) = (7) of cell 'gru'",
        ),
        (
            {
                "pre": jnp.ones((9, 4, 28)),
                "w_h": jnp.ones((7, 28)),
                "b_h": jnp.ones(7),
                "cell": "lstm",
            },
            "b_h has shape (7,); expected (0H) = (0) of cell 'lstm'",
        ),
    ],
    ids=["H", "slots", "bias", "no bias"],
)
def test_recurrence_checks_too(arguments, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        kernels.recurrence(**arguments)


def test_numpy_arrays_are_arrays():
    pre = np.ones((9, 4, 7), np.float32)
    got, _ = kernels.recurrence(pre, np.zeros((7, 7), np.float32))
    np.testing.assert_array_equal(got, pre)


def test_available_names_every_kernel():
    assert kernels.available().keys() >= {"scan", "unrolled", "unrolled-full", "pallas"}
    assert kernels.available()["scan"] is None


def test_a_kernel_need_not_be_registered():
    own = Kernel(scan.forward, backward=None, unsupported=lambda problem: f"T {problem.T} is odd")
    with pytest.raises(ValueError, match="this kernel cannot run this problem: T 9 is odd"):
        call(options={"kernel": own})
    got, _ = call(options={"kernel": replace(own, unsupported=scan.unsupported)})
    np.testing.assert_array_equal(got, call(options={"kernel": "scan"})[0])
