"""What is timed: a program for every scope and pass, its arguments, and what it must return.

The forward pass gives states and outputs, the backward pass their vector-Jacobian product, and
train the value and gradient of a squared loss with respect to all parameters (in the recurrence
scope: to z, W_hh and h0). Gradients are held against BPTT at the states that the kernel itself
computes, which the forward pass holds against the oracle: where rounding turns a relu on or off,
that is no error of the gradient.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

import kernels
from bench.cases.case import Case
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import Inputs, check_alive, make_inputs
from kernels.contract import Kernel
from kernels.registry import KERNELS
from reference import oracle

Pairs = list[tuple[Any, Any, float]]  # got, expected, and the scale below which errors are absolute


@dataclass(frozen=True, eq=False)
class Program:
    """A function to compile, its arguments, and its results beside those expected."""

    run: Callable[..., PyTree]
    arguments: tuple[Any, ...]
    pairs: Callable[[PyTree], Pairs]


Model = Callable[..., tuple[Float[Array, "T B O"], Float[Array, "B H"]]]  # of params, x, h0


@dataclass(frozen=True, eq=False)
class Functions:
    """A kernel as users call it."""

    recurrence: Callable[..., Float[Array, "T B H"]]  # of z, w_hh, h0
    rnn: Model


def functions(case: Case, kernel: Kernel) -> Functions:
    """Those of a kernel of this tree, with the case's options."""
    options = {"activation": case.activation, "precision": FORMATS[case.dtype].precision}
    return Functions(
        partial(kernels.recurrence, kernel=kernel, **options),
        partial(kernels.rnn, kernel=kernel, **options),
    )


def program(case: Case, use: Functions | None = None) -> Program:
    """The case on its seeded inputs, computed by its kernel, or by other functions in its place."""
    inputs = make_inputs(case.workload, case.dtype)
    use = use or functions(case, KERNELS[case.kernel])
    return _PROGRAMS[case.scope, case.phase](case, inputs, use)


def _recurrence_forward(case: Case, inputs: Inputs, use: Functions) -> Program:
    def pairs(h):
        return [(h, _oracle(case.group).h, 1.0)]

    return Program(use.recurrence, (inputs.z, inputs.params.w_hh, inputs.h0), pairs)


def _model_forward(case: Case, inputs: Inputs, use: Functions) -> Program:
    return Program(use.rnn, (inputs.params, inputs.x, inputs.h0), partial(forward_pairs, case))


def forward_pairs(case: Case, outputs: tuple[Any, Any]) -> Pairs:
    """The model's y (T, B, O) and last state (B, H) beside the oracle's."""
    want = _oracle(case.group)
    return [(outputs[0], want.y, 1.0), (outputs[1], want.h[-1], 1.0)]


def _recurrence_backward(case: Case, inputs: Inputs, use: Functions) -> Program:
    arguments = inputs.z, inputs.params.w_hh, inputs.h0
    h, vjp = jax.vjp(use.recurrence, *arguments)
    dh = inputs.targets.h

    def pairs(gradients):
        return _against(gradients, _recurrence_bptt(case, inputs, h, dh))

    return Program(lambda vjp, dh: vjp(dh), (vjp, dh), pairs)


def _model_backward(case: Case, inputs: Inputs, use: Functions) -> Program:
    _, vjp = jax.vjp(lambda params: use.rnn(params, inputs.x, inputs.h0), inputs.params)
    cotangents = inputs.targets.y, inputs.targets.h[-1]

    def pairs(gradients):
        expected = _model_bptt(case, inputs, _states(inputs, use.rnn), *cotangents)
        return _against(gradients[0], expected)

    return Program(lambda vjp, cotangents: vjp(cotangents), (vjp, cotangents), pairs)


def _recurrence_train(case: Case, inputs: Inputs, use: Functions) -> Program:
    def loss(z, w_hh, h0, target):
        h = use.recurrence(z, w_hh, h0)
        return half_mean_square(h, target), h

    def pairs(results):
        (_, h), gradients = results
        dh = _slope_of_loss(h, inputs.targets.h)
        return [
            (h, _oracle(case.group).h, 1.0),
            *_against(gradients, _recurrence_bptt(case, inputs, h, dh)),
        ]

    run = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    return Program(run, (inputs.z, inputs.params.w_hh, inputs.h0, inputs.targets.h), pairs)


def _model_train(case: Case, inputs: Inputs, use: Functions) -> Program:
    def loss(params, x, h0, y_target, h_target):
        outputs = y, h_last = use.rnn(params, x, h0)
        return half_mean_square(y, y_target) + half_mean_square(h_last, h_target), outputs

    def pairs(results):
        (_, outputs), gradients = results
        return train_pairs(case, inputs, outputs, _states(inputs, use.rnn), gradients)

    run = jax.value_and_grad(loss, has_aux=True)
    arguments = inputs.params, inputs.x, inputs.h0, inputs.targets.y, inputs.targets.h[-1]
    return Program(run, arguments, pairs)


def train_pairs(
    case: Case, inputs: Inputs, outputs: tuple[Any, Any], h: Any, gradients: Any
) -> Pairs:
    """Outputs beside the oracle's, and five gradients beside BPTT at the states h (T, B, H)."""
    y, h_last = outputs
    slopes = _slope_of_loss(y, inputs.targets.y), _slope_of_loss(h_last, inputs.targets.h[-1])
    expected = _model_bptt(case, inputs, h, *slopes)
    return [*forward_pairs(case, outputs), *_against(gradients, expected)]


_PROGRAMS = {
    ("recurrence", "forward"): _recurrence_forward,
    ("recurrence", "backward"): _recurrence_backward,
    ("recurrence", "train"): _recurrence_train,
    ("model", "forward"): _model_forward,
    ("model", "backward"): _model_backward,
    ("model", "train"): _model_train,
}


def half_mean_square(got: Float[Array, "*S"], target: Float[Array, "*S"]) -> Float[Array, ""]:
    """Over sequences and steps, summed over units; in float32 at least."""
    difference = got.astype(jnp.float32) - target
    return 0.5 * jnp.sum(difference**2) / max(np.prod(got.shape[:-1]), 1)


def _slope_of_loss(
    got: Float[ArrayLike, "*S"], target: Float[Array, "*S"]
) -> Float[np.ndarray, "*S"]:
    """The derivative of `half_mean_square`, rounded to the dtype that JAX hands it on in."""
    slope = (oracle.wide(got) - oracle.wide(target)) / max(np.prod(got.shape[:-1]), 1)
    return oracle.wide(slope.astype(got.dtype))


def _against(gradients: PyTree, expected: PyTree) -> Pairs:
    leaves = zip(jax.tree.leaves(gradients), jax.tree.leaves(expected), strict=True)
    return [(got, want, 0.0) for got, want in leaves]


def _recurrence_bptt(case: Case, inputs: Inputs, h: Any, dh: Any) -> tuple[Any, ...]:
    return oracle.recurrence_gradients(
        dh, h, inputs.params.w_hh, inputs.h0, activation=case.activation
    )


def _states(inputs: Inputs, rnn: Model) -> Float[Array, "T B H"]:
    """The kernel's own, from the model itself: read out by the identity."""
    H, dtype = inputs.params.w_hh.shape[0], inputs.x.dtype
    seeing = inputs.params._replace(w_ho=jnp.eye(H, dtype=dtype), b_o=jnp.zeros(H, dtype))
    return rnn(seeing, inputs.x, inputs.h0)[0]


def _model_bptt(case: Case, inputs: Inputs, h: Any, dy: Any, dh_last: Any) -> tuple[Any, ...]:
    """With respect to the parameters alone."""
    gradients = oracle.backward(
        inputs.params, inputs.x, inputs.h0, h, dy, dh_last, activation=case.activation
    )
    return gradients[: len(inputs.params)]


@lru_cache(maxsize=2)
def _oracle(group: Case) -> oracle.Forward:
    """States and outputs in float64; the recurrence's from the rounded z."""
    inputs, activation = make_inputs(group.workload, group.dtype), group.activation
    if group.scope == "model":
        want = oracle.forward(inputs.params, inputs.x, inputs.h0, activation=activation)
    else:
        h = oracle.recurrence(inputs.z, inputs.params.w_hh, inputs.h0, activation=activation)
        want = oracle.Forward(h, h[..., :0])
    check_alive(want.h, activation)
    return want
