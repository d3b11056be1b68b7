"""What is timed: a program for every scope and pass, its arguments, and what it must return.

The forward pass gives states and outputs, the backward pass their vector-Jacobian product, and
train the value and gradient of a squared loss with respect to all parameters (in the recurrence
scope: to pre-activations, W_h, its bias and the initial state). Gradients are held against BPTT at
the states that the kernel itself computes, which the forward pass holds against the oracle: where
rounding turns a relu on or off, that is no error of the gradient. Of a stack they are the
outputs of every layer, each from the kernel itself, with the model cut off behind that layer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from bench.cases import divided
from bench.cases.case import Case
from bench.cases.divided import ROWS, SEQUENCES, WHOLE
from bench.cases.dtypes import FORMATS
from bench.cases.inputs import Inputs, Targets, check_alive, make_inputs
from kernels import face
from kernels.contract import Kernel, Problem, current_platform
from kernels.registry import KERNELS
from reference import CELLS, Params, Readout, gathered, oracle, spread

Pairs = list[tuple[Any, Any, float]]  # got, expected, and the scale below which errors are absolute


@dataclass(frozen=True, eq=False)
class Program:
    """A function to compile, its arguments, and its results beside those expected."""

    run: Callable[..., PyTree]
    arguments: tuple[Any, ...]
    pairs: Callable[[PyTree], Pairs]


StateAfter = tuple[Float[Array, "B H"], ...]
Model = Callable[..., tuple[Float[Array, "T B O"], PyTree]]  # of params, x, state, maybe lengths


@dataclass(frozen=True, eq=False)
class Functions:
    """A kernel as `kernels.face` offers it."""

    recurrence: Callable[..., tuple[Float[Array, "T B H"], StateAfter]]  # of pre, w_h, b_h, state
    rnn: Model


def functions(case: Case, kernel: str | Kernel) -> Functions:
    """Those of a kernel of this tree, with the case's options."""
    return Functions(
        **face.functions(kernel, cell=case.cell, precision=FORMATS[case.dtype].precision)
    )


def problem_of(case: Case) -> Problem:
    """The case as a kernel's predicates see it, on each device."""
    w, kind = case.share, FORMATS[case.dtype]
    dtype = jnp.dtype(kind.storage)
    return Problem(w.T, w.B, w.H, dtype, case.cell, kind.precision, current_platform())


def inputs_of(case: Case) -> Inputs:
    """The seeded inputs of its problem."""
    drawn = make_inputs(case.workload, case.dtype, case.cell)
    return _placed(drawn, case.devices) if case.devices else drawn


def program(case: Case, use: Functions | None = None) -> Program:
    """The case on its seeded inputs, computed by its kernel, or by other functions in its place."""
    use = use or functions(case, KERNELS[case.kernel])
    use = _divided(use, case.devices) if case.devices else use
    return _PROGRAMS[case.scope, case.phase](case, inputs_of(case), use)


_placed = lru_cache(maxsize=2)(divided.placed)  # or each program would have a copy of its own


def _divided(use: Functions, devices: int) -> Functions:
    """The same, each device on its rows of the batch."""
    return Functions(
        divided.divided(use.recurrence, (SEQUENCES, WHOLE, WHOLE, ROWS), devices),
        divided.divided(use.rnn, (WHOLE, SEQUENCES, ROWS, ROWS), devices),
    )


def _recurrence_forward(case: Case, inputs: Inputs, use: Functions) -> Program:
    def run(*arguments):
        return use.recurrence(*arguments)[0]

    def pairs(h):
        return [(h, _oracle(case.group).h[-1], 1.0)]

    return Program(run, inputs.recurrence, pairs)


def _model_forward(case: Case, inputs: Inputs, use: Functions) -> Program:
    return Program(use.rnn, inputs.model, partial(forward_pairs, case))


def forward_pairs(case: Case, outputs: tuple[Any, Any]) -> Pairs:
    """The model's y (T, B, O) and last states, arrays (B, H), beside the oracle's."""
    want = _oracle(case.group)
    last = zip(*map(jax.tree.leaves, (outputs[1], want.last)), strict=True)
    return [(outputs[0], want.y, 1.0), *((got, expected, 1.0) for got, expected in last)]


def _recurrence_backward(case: Case, inputs: Inputs, use: Functions) -> Program:
    h, vjp = jax.vjp(lambda *arguments: use.recurrence(*arguments)[0], *inputs.recurrence)
    dh = inputs.targets.h

    def pairs(gradients):
        return _against(gradients, _recurrence_bptt(case, inputs, h, dh))

    return Program(lambda vjp, dh: vjp(dh), (vjp, dh), pairs)


def _model_backward(case: Case, inputs: Inputs, use: Functions) -> Program:
    _, vjp = jax.vjp(lambda params: use.rnn(params, *inputs.model[1:]), inputs.params)
    cotangents = inputs.targets.y, inputs.targets.last

    def pairs(gradients):
        expected = _model_bptt(case, inputs, _outputs(inputs, use.rnn), *cotangents)
        return _against(gradients[0], expected)

    return Program(lambda vjp, cotangents: vjp(cotangents), (vjp, cotangents), pairs)


def _recurrence_train(case: Case, inputs: Inputs, use: Functions) -> Program:
    def loss(pre, w_h, b_h, initial, target):
        h, _ = use.recurrence(pre, w_h, b_h, initial)
        return half_mean_square(h, target), h

    def pairs(results):
        (_, h), gradients = results
        dh = _slope_of_loss(h, inputs.targets.h)
        return [
            (h, _oracle(case.group).h[-1], 1.0),
            *_against(gradients, _recurrence_bptt(case, inputs, h, dh)),
        ]

    run = jax.value_and_grad(loss, argnums=(0, 1, 2, 3), has_aux=True)
    return Program(run, (*inputs.recurrence, inputs.targets.h), pairs)


def _model_train(case: Case, inputs: Inputs, use: Functions) -> Program:
    def loss(params, x, initial, targets, *ends):
        outputs = use.rnn(params, x, initial, *ends)
        return loss_of(outputs, targets), outputs

    def pairs(results):
        (_, outputs), gradients = results
        return train_pairs(case, inputs, outputs, _outputs(inputs, use.rnn), gradients)

    arguments = inputs.params, inputs.x, inputs.initial, inputs.targets, *inputs.ends
    return Program(jax.value_and_grad(loss, has_aux=True), arguments, pairs)


def loss_of(outputs: tuple[Any, PyTree], targets: Targets) -> Float[Array, ""]:
    """What `train` differentiates: of y (T, B, O) and every last state (B, H)."""
    states = jax.tree.map(half_mean_square, outputs[1], targets.last)
    return half_mean_square(outputs[0], targets.y) + sum(jax.tree.leaves(states))


def train_pairs(
    case: Case, inputs: Inputs, outputs: tuple[Any, Any], h: tuple[Any, ...], gradients: Any
) -> Pairs:
    """Outputs beside the oracle's, and gradients of the params beside BPTT at the layers' h."""
    y, last = outputs
    slopes = jax.tree.map(_slope_of_loss, (y, last), (inputs.targets.y, inputs.targets.last))
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
    difference = got.astype(jnp.promote_types(got.dtype, jnp.float32)) - target
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
    cell, dlast = CELLS[case.cell], tuple(map(np.zeros_like, inputs.initial))
    return oracle.recurrence_gradients(cell, dh, dlast, h, *inputs.recurrence)


def _outputs(inputs: Inputs, rnn: Model) -> tuple[Float[Array, "T B D"], ...]:
    """The kernel's own of every layer, from the model cut off behind it.

    It is read out by the identity: every revision's kernels have a readout.
    """
    states, outputs = spread(inputs.params, inputs.initial), []
    for n in range(1, len(inputs.params.layers) + 1):
        cut = Params(inputs.params.layers[:n], _identity(inputs))
        outputs.append(rnn(cut, inputs.x, gathered(cut, states[:n]), *inputs.ends)[0])
    return tuple(outputs)


def _identity(inputs: Inputs) -> Readout:
    D, dtype = len(inputs.params.readout.w), inputs.x.dtype
    return Readout(w=jnp.eye(D, dtype=dtype), b=jnp.zeros(D, dtype))


def _model_bptt(
    case: Case, inputs: Inputs, h: tuple[Any, ...], dy: Any, dlast: Any
) -> tuple[Any, ...]:
    """With respect to the parameters alone."""
    arguments = inputs.params, inputs.x, inputs.initial, h, dy, dlast, *inputs.ends
    gradients = oracle.backward(CELLS[case.cell], *arguments)
    return gradients.layers, gradients.readout


@lru_cache(maxsize=2)
def _oracle(group: Case) -> oracle.Forward:
    """States and outputs in float64; the recurrence's from the rounded pre-activations."""
    inputs, cell = inputs_of(group), CELLS[group.cell]
    if group.scope == "model":
        want = oracle.forward(cell, *inputs.model)
    else:
        h, last = oracle.recurrence(cell, *inputs.recurrence)
        want = oracle.Forward((h,), last, h[..., :0])
    check_alive(_with_ends(want.h[-1], inputs.lengths), group.cell)
    return want


def _with_ends(h: Float[np.ndarray, "T B D"], lengths: Any) -> Float[np.ndarray, "N B D"]:
    """Every step, then once more each sequence's last, where that is not h[-1] already."""
    if lengths is None:
        return h
    return np.concatenate([h, h[np.asarray(lengths) - 1, np.arange(len(lengths))][None]])
