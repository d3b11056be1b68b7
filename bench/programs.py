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
from jaxtyping import Array, Float, PyTree

import kernels
from bench import inputs
from bench.formats import FORMATS
from bench.inputs import Inputs
from bench.plan import Case
from reference import oracle

Pairs = list[tuple[Any, Any, float]]  # got, wanted, and the scale below which errors are absolute


@dataclass(frozen=True, eq=False)
class Program:
    """A function to compile, its arguments, and its results beside those wanted."""

    run: Callable[..., PyTree]
    arguments: tuple[Any, ...]
    pairs: Callable[[PyTree], Pairs]


def program(case: Case) -> Program:
    """The case's program on its seeded inputs."""
    return _PROGRAMS[case.scope, case.phase](case, inputs.make(case.workload, case.dtype))


def _recurrence(case: Case) -> Callable[..., Float[Array, "T B H"]]:
    return partial(kernels.recurrence, **_options(case))


def _rnn(case: Case) -> Callable[..., tuple[Float[Array, "T B O"], Float[Array, "B H"]]]:
    return partial(kernels.rnn, **_options(case))


def _options(case: Case) -> dict[str, str]:
    precision = FORMATS[case.dtype].precision
    return {"activation": case.activation, "precision": precision, "kernel": case.kernel}


def _recurrence_forward(case: Case, made: Inputs) -> Program:
    def pairs(h):
        return [(h, _oracle(case.group).h, 1.0)]

    return Program(_recurrence(case), (made.z, made.params.w_hh, made.h0), pairs)


def _model_forward(case: Case, made: Inputs) -> Program:
    return Program(_rnn(case), (made.params, made.x, made.h0), partial(forward_pairs, case))


def forward_pairs(case: Case, outputs: tuple[Any, Any]) -> Pairs:
    """The model's y (T, B, O) and last state (B, H) beside the oracle's."""
    want = _oracle(case.group)
    return [(outputs[0], want.y, 1.0), (outputs[1], want.h[-1], 1.0)]


def _recurrence_backward(case: Case, made: Inputs) -> Program:
    arguments = made.z, made.params.w_hh, made.h0
    h, vjp = jax.vjp(_recurrence(case), *arguments)
    dh = made.targets.h

    def pairs(gradients):
        return _against(gradients, _recurrence_bptt(case, made, h, dh))

    return Program(lambda vjp, dh: vjp(dh), (vjp, dh), pairs)


def _model_backward(case: Case, made: Inputs) -> Program:
    _, vjp = jax.vjp(lambda params: _rnn(case)(params, made.x, made.h0), made.params)
    cotangents = made.targets.y, made.targets.h[-1]

    def pairs(gradients):
        wanted = _model_bptt(case, made, _states(case, made), *cotangents)
        return _against(gradients[0], wanted)

    return Program(lambda vjp, cotangents: vjp(cotangents), (vjp, cotangents), pairs)


def _recurrence_train(case: Case, made: Inputs) -> Program:
    def loss(z, w_hh, h0, target):
        h = _recurrence(case)(z, w_hh, h0)
        return _half_mean_square(h, target), h

    def pairs(results):
        (_, h), gradients = results
        dh = _slope_of_loss(h, made.targets.h)
        return [
            (h, _oracle(case.group).h, 1.0),
            *_against(gradients, _recurrence_bptt(case, made, h, dh)),
        ]

    run = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    return Program(run, (made.z, made.params.w_hh, made.h0, made.targets.h), pairs)


def _model_train(case: Case, made: Inputs) -> Program:
    def loss(params, x, h0, y_target, h_target):
        outputs = y, h_last = _rnn(case)(params, x, h0)
        return _half_mean_square(y, y_target) + _half_mean_square(h_last, h_target), outputs

    def pairs(results):
        (_, outputs), gradients = results
        return train_pairs(case, made, outputs, _states(case, made), gradients)

    run = jax.value_and_grad(loss, has_aux=True)
    arguments = made.params, made.x, made.h0, made.targets.y, made.targets.h[-1]
    return Program(run, arguments, pairs)


def train_pairs(
    case: Case, made: Inputs, outputs: tuple[Any, Any], h: Any, gradients: Any
) -> Pairs:
    """Outputs beside the oracle's, and five gradients beside BPTT at the states h (T, B, H)."""
    y, h_last = outputs
    slopes = _slope_of_loss(y, made.targets.y), _slope_of_loss(h_last, made.targets.h[-1])
    wanted = _model_bptt(case, made, h, *slopes)
    return [*forward_pairs(case, outputs), *_against(gradients, wanted)]


_PROGRAMS = {
    ("recurrence", "forward"): _recurrence_forward,
    ("recurrence", "backward"): _recurrence_backward,
    ("recurrence", "train"): _recurrence_train,
    ("model", "forward"): _model_forward,
    ("model", "backward"): _model_backward,
    ("model", "train"): _model_train,
}


def _half_mean_square(got: Float[Array, "*S"], target: Float[Array, "*S"]) -> Float[Array, ""]:
    """Over sequences and steps, summed over units; in float32 at least."""
    difference = got.astype(jnp.float32) - target
    return 0.5 * jnp.sum(difference**2) / max(np.prod(got.shape[:-1]), 1)


def _slope_of_loss(got: Float[Array, "*S"], target: Float[Array, "*S"]) -> Float[np.ndarray, "*S"]:
    """The derivative of `_half_mean_square`, rounded to the dtype that JAX hands it on in."""
    slope = (oracle.wide(got) - oracle.wide(target)) / max(np.prod(got.shape[:-1]), 1)
    return oracle.wide(slope.astype(got.dtype))


def _against(gradients: PyTree, wanted: PyTree) -> Pairs:
    leaves = zip(jax.tree.leaves(gradients), jax.tree.leaves(wanted), strict=True)
    return [(got, want, 0.0) for got, want in leaves]


def _recurrence_bptt(case: Case, made: Inputs, h: Any, dh: Any) -> tuple[Any, ...]:
    return oracle.recurrence_gradients(dh, h, made.params.w_hh, made.h0, activation=case.activation)


def _states(case: Case, made: Inputs) -> Float[Array, "T B H"]:
    """The kernel's own, from the model itself: read out by the identity."""
    H = case.workload.H
    seeing = made.params._replace(
        w_ho=jnp.eye(H, dtype=made.x.dtype), b_o=jnp.zeros(H, made.x.dtype)
    )
    return _rnn(case)(seeing, made.x, made.h0)[0]


def _model_bptt(case: Case, made: Inputs, h: Any, dy: Any, dh_last: Any) -> tuple[Any, ...]:
    """With respect to the parameters alone."""
    gradients = oracle.backward(
        made.params, made.x, made.h0, h, dy, dh_last, activation=case.activation
    )
    return gradients[: len(made.params)]


@lru_cache(maxsize=2)
def _oracle(group: Case) -> oracle.Forward:
    """States and outputs in float64; the recurrence's from the rounded z."""
    made, activation = inputs.make(group.workload, group.dtype), group.activation
    if group.scope == "model":
        want = oracle.forward(made.params, made.x, made.h0, activation=activation)
    else:
        h = oracle.recurrence(made.z, made.params.w_hh, made.h0, activation=activation)
        want = oracle.Forward(h, h[..., :0])
    inputs.check_alive(want.h, activation)
    return want
